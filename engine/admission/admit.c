#include "engine/admission/admit.h"

void admit(const struct key_ring *ring, struct admission *admissions, uint32_t cnt)
{
	struct tag_job jobs[TAG_BURST_MAX];
	uint32_t known_cnt = 0;
	uint64_t right = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		struct admission *this = &admissions[i];
		const struct wire_header *header = (const struct wire_header *)this->datagram;

		this->key = keys_find(ring, header->key_id);
		if (this->key != NULL)
			jobs[known_cnt++] = (struct tag_job){
				.datagram = (uint8_t *)this->datagram, /* only read */
				.key = this->key->bytes,
				.bytes = this->bytes,
			};
	}
	if (known_cnt > 0)
		right = tag_verify_burst(jobs, known_cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		struct admission *this = &admissions[i];

		if (this->key == NULL) {
			this->reason = DROP_UNKNOWN_KEY;
			continue;
		}
		this->reason = (right & 1) != 0 ? DROP_NONE : DROP_BAD_TAG;
		right >>= 1;
	}
}

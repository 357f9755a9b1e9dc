/*
 * fuzz_decode: arbitrary bytes as a frame. What decode accepts must lie inside the frame, survive
 * being answered, and never be accepted as a request again.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/sale/dated.h"
#include "net/decode.h"
#include "net/reply.h"
#include "net/tag.h"

static const uint64_t NOW_NS = UINT64_C(1800000000000000000);
static const uint32_t SALE = 7;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const uint8_t key[WIRE_KEY_BYTES];
	struct frame_view view;
	uint8_t *frame;

	if (bytes == 0 || bytes > UINT16_MAX)
		return 0;
	/* A block of its own: AddressSanitizer sees the first byte behind it. */
	frame = malloc(bytes);
	CHECK(frame != NULL);
	memcpy(frame, data, bytes);
	if (decode_frame(frame, (uint32_t)bytes, 0, UINT16_MAX, &view) == DROP_NONE) {
		uint8_t *datagram = frame + view.payload_offset;

		CHECK((size_t)view.payload_offset + view.payload_bytes <= bytes);
		if (decode_datagram(datagram, view.payload_bytes) == DROP_NONE) {
			CHECK(wire_bytes(datagram) == view.payload_bytes);
			memset(wire_replies(datagram), 0,
			       ((struct wire_header *)datagram)->count * sizeof(struct wire_reply));
			if (wire_is_dated(datagram)) {
				/* Whatever it says, it was asked by now or it is stale. */
				const uint64_t asked_ns =
					dated_asked_ns(wire_date_of(datagram), NOW_NS, SALE);

				CHECK(asked_ns <= NOW_NS || asked_ns == ASKED_STALE);
				*wire_date(datagram) = (struct wire_date){NOW_NS, 1, SALE};
			}
			reply_header(datagram, 0, 1);
			tag_sign(datagram, view.payload_bytes, key);
			reply_frame(frame, &view);
			CHECK(decode_datagram(datagram, view.payload_bytes) == DROP_BAD_KIND);
		}
	}
	free(frame);
	return 0;
}

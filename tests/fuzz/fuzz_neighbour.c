/*
 * fuzz_neighbour: arbitrary bytes as a neighbour's question. An answer is never longer than its
 * question.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "net/neighbour.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static const struct neighbour_address self = {
		.mac = {2, 0xdb, 5, 0, 0, 1},
		.ipv4 = {198, 18, 0, 1},
		.ipv6 = {0x20, 0x01, 0, 2, [15] = 1},
	};
	uint32_t answer_bytes = (uint32_t)bytes;
	uint8_t *frame;

	if (bytes == 0 || bytes > UINT16_MAX)
		return 0;
	frame = malloc(bytes);
	CHECK(frame != NULL);
	memcpy(frame, data, bytes);
	if (neighbour_answer(&self, frame, &answer_bytes))
		CHECK(answer_bytes <= bytes && memcmp(frame + 6, self.mac, 6) == 0);
	else
		CHECK(memcmp(frame, data, bytes) == 0);
	free(frame);
	return 0;
}

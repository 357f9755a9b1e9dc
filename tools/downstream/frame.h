/*
 * frame: the place of a block, where no file's name and offset give it: 64 bytes before each block
 * of `relay --to -`, and the text of a message's header at a broker.
 */
#ifndef DB_TOOLS_DOWNSTREAM_FRAME_H
#define DB_TOOLS_DOWNSTREAM_FRAME_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/journal/lane_tailer.h"

enum {
	FRAME_MAGIC = 0x4d524644, /* "DFRM" */
	FRAME_BYTES = 64,
	FRAME_TEXT_BYTES = 128,
};

/* Little-endian; the block of block_bytes follows. */
struct frame {
	uint32_t magic;
	uint16_t format; /* 1 */
	uint16_t lane;
	uint64_t journal_id;
	uint64_t segment;
	uint64_t offset;
	uint64_t segment_bytes;
	uint32_t block_bytes;
	uint32_t reserved[5]; /* 0 */
};
static_assert(sizeof(struct frame) == FRAME_BYTES, "no padding");

void frame_fill(struct frame *frame, uint64_t journal_id, uint16_t lane,
		const struct lane_block *block);

/* `1 JOURNAL LANE SEGMENT OFFSET SEGMENT-BYTES`, the id in hex. */
void frame_to_text(const struct frame *frame, char out[FRAME_TEXT_BYTES]);

/* block_bytes stays 0. False: not such a text. */
bool frame_from_text(const char *text, struct frame *out);

/*
 * What is wrong with a block of `bytes` bytes that came with a frame, as a static text; NULL: it is
 * whole, belongs to this journal and lane, and to the place that the frame says.
 */
const char *frame_block_wrong(const struct frame *frame, uint64_t journal_id, uint16_t lane,
			      const void *block, uint64_t bytes);

#endif

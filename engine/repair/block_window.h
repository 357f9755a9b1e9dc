/*
 * block_window: finds valid blocks of a lane at any place, as after damage no block leads to the
 * next one. It reads in windows, as callers ask for one place after the other.
 *
 * Never writes. Cold calls, one thread.
 */
#ifndef DB_ENGINE_REPAIR_BLOCK_WINDOW_H
#define DB_ENGINE_REPAIR_BLOCK_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/format.h"
#include "engine/repair/mended_files.h"

struct block_window {
	const struct mended_files *mended;
	struct lane_files *view;
	uint8_t *bytes;
	struct lane_place place;
	uint64_t byte_cnt; /* 0: nothing in it */
	struct error *error;
};

/* Opens a window on these files, which must stay open; error lines go to `error`. 0 or -ENOMEM with
 * a line; call block_window_close after both. */
int block_window_open(struct block_window *window, const struct mended_files *mended,
		      struct error *error);

/* The bytes of a segment at a place: at most BLOCK_BYTES_MAX, and the segment must have that many
 * there. Valid until the next call. NULL with a line if they cannot be read. */
const uint8_t *block_window_at(struct block_window *window, uint64_t segment, uint64_t offset,
			       uint64_t bytes);

/* *block: the valid block at a place, with its records after it, or NULL; valid until the next
 * call. 0, or -EIO with a line. */
int block_window_block(struct block_window *window, const struct mended_segment *segment,
		       uint64_t offset, const struct block_header **block);

void block_window_close(struct block_window *window);

#endif

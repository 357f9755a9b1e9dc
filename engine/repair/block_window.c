#include "engine/repair/block_window.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"

enum {
	WINDOW_BYTES = 1 << 20,
};

static_assert((int)WINDOW_BYTES >= (int)BLOCK_BYTES_MAX, "a block fits into the window");

int block_window_open(struct block_window *window, const struct mended_files *mended,
		      struct error *error)
{
	*window = (struct block_window){.mended = mended,
					.view = mended_files_view(mended),
					.bytes = aligned_alloc(BLOCK_ALIGN_BYTES, WINDOW_BYTES),
					.error = error};
	if (window->bytes != NULL)
		return 0;
	return error_say(error, -ENOMEM, "%s: no memory to read it", mended->path);
}

const uint8_t *block_window_at(struct block_window *window, uint64_t segment, uint64_t offset,
			       uint64_t bytes)
{
	struct lane_files *view = window->view;
	int64_t got;

	CHECK(bytes > 0 && bytes <= BLOCK_BYTES_MAX);
	if (window->byte_cnt > 0 && window->place.segment == segment &&
	    window->place.offset <= offset &&
	    offset + bytes <= window->place.offset + window->byte_cnt)
		return window->bytes + (offset - window->place.offset);
	window->byte_cnt = 0;
	got = view->ops->read(view, segment, window->bytes, WINDOW_BYTES, offset);
	if (got < (int64_t)bytes) {
		error_set(window->error,
			  "%s: segment %" PRIu64 ", offset %" PRIu64 ": cannot be read: %s",
			  view->path, segment, offset, safe_strerror(got < 0 ? (int)got : -EIO));
		return NULL;
	}
	window->place.segment = segment;
	window->place.offset = offset;
	window->byte_cnt = (uint64_t)got;
	return window->bytes;
}

int block_window_block(struct block_window *window, const struct mended_segment *segment,
		       uint64_t offset, const struct block_header **block)
{
	const struct mended_files *mended = window->mended;
	const uint64_t room_bytes = segment->bytes - offset;
	const struct block_header *header;

	CHECK(offset + BLOCK_ALIGN_BYTES <= segment->bytes);
	*block = NULL;
	header = (const struct block_header *)block_window_at(window, segment->number, offset,
							      BLOCK_ALIGN_BYTES);
	if (header == NULL)
		return -EIO;
	if (block_shape_wrong(header, mended->lane, room_bytes) != NULL)
		return 0;
	header = (const struct block_header *)block_window_at(window, segment->number, offset,
							      header->block_bytes);
	if (header == NULL)
		return -EIO;
	if (header->checksum ==
	    block_checksum(header, block_seed(mended->journal_id, mended->lane, segment->number,
					      offset, header->first_lsn)))
		*block = header;
	return 0;
}

void block_window_close(struct block_window *window)
{
	CHECK(window->view != NULL);
	window->view->ops->close(window->view);
	free(window->bytes);
}

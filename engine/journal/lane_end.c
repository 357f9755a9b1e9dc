#include "engine/journal/lane_end.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/journal/format.h"

enum {
	/* How far before the end the header of the last block may lie; a torn tail may lie between
	 * them. */
	UNITS_BACK_MAX = 4 * BLOCK_BYTES_MAX / BLOCK_ALIGN_BYTES,
};
static_assert((int)UNITS_BACK_MAX * (int)BLOCK_ALIGN_BYTES > (int)BLOCK_BYTES_MAX,
	      "the longest block's header is found");

/* Reads one unit. 1: it is not all zeros; 0: it is, or it is not there; or -errno. */
static int look(struct lane_files *files, uint64_t segment, uint64_t offset, uint8_t *unit)
{
	const int64_t got = files->ops->read(files, segment, unit, BLOCK_ALIGN_BYTES, offset);

	CHECK((uintptr_t)unit % BLOCK_ALIGN_BYTES == 0 && offset % BLOCK_ALIGN_BYTES == 0);
	CHECK(got <= BLOCK_ALIGN_BYTES);
	if (got < 0)
		return (int)got;
	return got == BLOCK_ALIGN_BYTES &&
	       (unit[0] != 0 || memcmp(unit, unit + 1, BLOCK_ALIGN_BYTES - 1) != 0);
}

/* The last of the segments first .. last that has a block. */
static int find_segment(struct lane_files *files, uint64_t first, uint64_t last, uint8_t *unit,
			uint64_t *segment)
{
	CHECK(first <= last);
	*segment = first;
	while (first < last) {
		const uint64_t middle = last - (last - first) / 2;
		const int used = look(files, middle, BLOCK_ALIGN_BYTES, unit);

		if (used < 0)
			return used;
		if (used)
			first = middle;
		else
			last = middle - 1;
	}
	*segment = first;
	return 0;
}

/* The first unit of a segment from which on all is zero. */
static int find_offset(struct lane_files *files, uint64_t segment, uint64_t bytes, uint8_t *unit,
		       uint64_t *offset)
{
	uint64_t low = 1;
	uint64_t high = bytes / BLOCK_ALIGN_BYTES;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;
		const int used = look(files, segment, middle * BLOCK_ALIGN_BYTES, unit);

		if (used < 0)
			return used;
		if (used)
			low = middle + 1;
		else
			high = middle;
	}
	*offset = low * BLOCK_ALIGN_BYTES;
	return 0;
}

/* Finds the next LSN in the header of the last block before the end. */
static int find_lsn(struct lane_files *files, uint16_t lane, uint8_t *unit, struct lane_end *extent)
{
	const struct block_header *header = (const struct block_header *)unit;
	uint64_t offset = extent->place.offset;

	for (int i = 0; i < UNITS_BACK_MAX && offset > BLOCK_ALIGN_BYTES; i++) {
		int used;

		offset -= BLOCK_ALIGN_BYTES;
		CHECK(offset < extent->segment_bytes);
		used = look(files, extent->place.segment, offset, unit);
		if (used < 0)
			return used;
		if (block_shape_wrong(header, lane, extent->segment_bytes - offset) != NULL)
			continue;
		extent->next_lsn = header->first_lsn + header->record_cnt;
		CHECK(extent->next_lsn > 0 && extent->next_lsn <= LSN_MAX);
		return 0;
	}
	return 0;
}

int lane_end_find(struct lane_files *files, uint16_t lane, struct lane_end *extent)
{
	uint8_t *unit = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	uint64_t *numbers = NULL;
	const int64_t cnt = files->ops->list(files, &numbers);
	int64_t bytes = 0;
	int rc = unit == NULL ? -ENOMEM : 0;

	*extent = (struct lane_end){0};
	if (cnt < 0)
		rc = (int)cnt;
	if (cnt > 0 && rc == 0) {
		extent->first_segment = numbers[0];
		rc = find_segment(files, numbers[0], numbers[cnt - 1], unit,
				  &extent->place.segment);
	}
	if (cnt > 0 && rc == 0) {
		bytes = files->ops->size(files, extent->place.segment);
		rc = bytes < 0 ? (int)bytes : 0;
	}
	CHECK(rc != 0 || extent->place.segment >= extent->first_segment);
	if (bytes > 0) {
		extent->segment_bytes = (uint64_t)bytes;
		rc = find_offset(files, extent->place.segment, extent->segment_bytes, unit,
				 &extent->place.offset);
	}
	if (bytes > 0 && rc == 0)
		rc = find_lsn(files, lane, unit, extent);
	free(numbers);
	free(unit);
	return rc;
}

#include "engine/lane_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/segment_file.h"

struct lane_reader {
	char dir[600];
	uint64_t journal_id;
	uint16_t lane;
	bool loaded;
	int64_t highest; /* segment number there is, -1: none */
	uint8_t *bytes;  /* the segment being read, whole */
	uint64_t blocks;
	struct lane_tail tail; /* where the next block is expected */
};

int lane_reader_open(struct lane_reader **out, const char *data_dir, uint64_t journal_id,
		     uint16_t lane, char *error, size_t error_bytes)
{
	struct lane_reader *reader = calloc(1, sizeof(*reader));

	if (reader != NULL)
		reader->bytes = aligned_alloc(BLOCK_ALIGN_BYTES, SEGMENT_BYTES);
	if (reader == NULL || reader->bytes == NULL) {
		free(reader);
		snprintf(error, error_bytes, "lane %u: no memory to read it", lane);
		return -ENOMEM;
	}
	snprintf(reader->dir, sizeof(reader->dir), "%s/lane-%03u", data_dir, lane);
	reader->journal_id = journal_id;
	reader->lane = lane;
	reader->tail = (struct lane_tail){.next_lsn = 1, .offset = BLOCK_ALIGN_BYTES};
	reader->highest = segment_highest(reader->dir);
	if (reader->highest < -1) {
		const int rc = (int)(reader->highest + 1);

		snprintf(error, error_bytes, "%s: %s", reader->dir, strerror(-rc));
		lane_reader_close(reader);
		return rc;
	}
	*out = reader;
	return 0;
}

void lane_reader_close(struct lane_reader *reader)
{
	if (reader == NULL)
		return;
	free(reader->bytes);
	free(reader);
}

/* Reads a whole segment into reader->bytes and checks its header. */
static enum lane_read load(struct lane_reader *reader, uint64_t segment, char *error,
			   size_t error_bytes)
{
	const struct segment_header *header = (const struct segment_header *)reader->bytes;
	char path[SEGMENT_PATH_BYTES];
	uint64_t got_bytes = 0;

	reader->loaded = false;
	segment_path(reader->dir, segment, path, sizeof(path));

	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		snprintf(error, error_bytes, "%s: %s", path,
			 errno == ENOENT ? "missing, but later segments are there"
					 : strerror(errno));
		return errno == ENOENT ? LANE_CORRUPT : LANE_ERROR;
	}
	while (got_bytes < SEGMENT_BYTES) {
		const ssize_t got = read(fd, reader->bytes + got_bytes, SEGMENT_BYTES - got_bytes);

		if (got < 0) {
			snprintf(error, error_bytes, "%s: offset %" PRIu64 ": %s", path, got_bytes,
				 strerror(errno));
			close(fd);
			return LANE_ERROR;
		}
		if (got == 0)
			break;
		got_bytes += (uint64_t)got;
	}
	close(fd);
	if (got_bytes < SEGMENT_BYTES) {
		snprintf(error, error_bytes,
			 "%s: ends after %" PRIu64 " bytes, a segment has %" PRIu64, path,
			 got_bytes, SEGMENT_BYTES);
		return LANE_CORRUPT;
	}
	if (header->magic != SEGMENT_MAGIC || header->checksum != segment_checksum(header)) {
		snprintf(error, error_bytes, "%s: offset 0: not the header of a segment", path);
		return LANE_CORRUPT;
	}
	if (header->format != JOURNAL_FORMAT || header->journal_id != reader->journal_id ||
	    header->lane != reader->lane || header->segment != segment ||
	    header->segment_bytes != SEGMENT_BYTES) {
		snprintf(error, error_bytes,
			 "%s: offset 0: belongs to journal %016" PRIx64 " lane %u segment %" PRIu64
			 " format %u, expected journal %016" PRIx64 " lane %u segment %" PRIu64,
			 path, header->journal_id, header->lane, header->segment, header->format,
			 reader->journal_id, reader->lane, segment);
		return LANE_CORRUPT;
	}
	reader->loaded = true;
	return LANE_BLOCK;
}

/* The block at an offset of the loaded segment if it is one that was written there, else NULL. */
static const struct block_header *block_at(const struct lane_reader *reader, uint64_t segment,
					   uint64_t offset)
{
	const struct block_header *block = (const struct block_header *)(reader->bytes + offset);

	if (block->magic != BLOCK_MAGIC || block->format != JOURNAL_FORMAT ||
	    block->lane != reader->lane || block->record_cnt > BLOCK_RECORDS_MAX ||
	    block->block_bytes != block_bytes_of(block->record_cnt) ||
	    offset + block->block_bytes > SEGMENT_BYTES)
		return NULL;

	const uint64_t seed =
		block_seed(reader->journal_id, reader->lane, segment, offset, block->first_lsn);

	return block->checksum == block_checksum(block, seed) ? block : NULL;
}

static bool all_zero(const uint8_t *bytes, uint64_t cnt)
{
	return cnt == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, cnt - 1) == 0);
}

/*
 * Looks behind the place where a block should have been: for one that knows it was durable.
 * Destroys what is loaded: the lane ends here in any case.
 */
static enum lane_read judge_rest(struct lane_reader *reader, char *error, size_t error_bytes)
{
	const struct lane_tail tail = reader->tail;
	bool zero = true;

	for (int64_t segment = (int64_t)tail.segment; segment <= reader->highest; segment++) {
		uint64_t offset = BLOCK_ALIGN_BYTES;

		if (segment == (int64_t)tail.segment) {
			offset = tail.offset;
		} else {
			const enum lane_read read =
				load(reader, (uint64_t)segment, error, error_bytes);

			if (read != LANE_BLOCK)
				return read;
		}
		if (all_zero(reader->bytes + offset, SEGMENT_BYTES - offset))
			continue;
		zero = false;
		for (; offset < SEGMENT_BYTES; offset += BLOCK_ALIGN_BYTES) {
			const struct block_header *block =
				block_at(reader, (uint64_t)segment, offset);

			if (block == NULL || block->durable_lsn < tail.next_lsn)
				continue;
			snprintf(error, error_bytes,
				 "%s/seg-%012" PRIu64 ": offset %" PRIu64
				 ": the block of LSN %" PRIu64
				 " is damaged; the block at segment %" PRId64 " offset %" PRIu64
				 " says that it once was on disk (LSN %" PRIu64 ")",
				 reader->dir, tail.segment, tail.offset, tail.next_lsn, segment,
				 offset, block->durable_lsn);
			return LANE_CORRUPT;
		}
	}
	return zero ? LANE_END : LANE_TORN;
}

/* Whether the writer left the last bytes of the loaded segment unused and went on to the next one.
 */
static bool moved_on(const struct lane_reader *reader)
{
	const uint64_t left = SEGMENT_BYTES - reader->tail.offset;

	return left <= BLOCK_ALIGN_BYTES && (int64_t)reader->tail.segment < reader->highest &&
	       all_zero(reader->bytes + reader->tail.offset, left);
}

enum lane_read lane_reader_next(struct lane_reader *reader, const struct block_header **block,
				const struct record **records, char *error, size_t error_bytes)
{
	struct lane_tail *tail = &reader->tail;

	if (reader->highest < (int64_t)tail->segment)
		return LANE_END;
	if (reader->loaded && moved_on(reader)) {
		tail->segment++;
		tail->offset = BLOCK_ALIGN_BYTES;
		reader->loaded = false;
	}
	if (!reader->loaded) {
		const enum lane_read read = load(reader, tail->segment, error, error_bytes);

		if (read != LANE_BLOCK)
			return read;
	}

	const struct block_header *found =
		tail->offset < SEGMENT_BYTES ? block_at(reader, tail->segment, tail->offset) : NULL;

	if (found == NULL || found->first_lsn != tail->next_lsn ||
	    found->prev_checksum != tail->prev_checksum || found->durable_lsn >= found->first_lsn) {
		const enum lane_read rest = judge_rest(reader, error, error_bytes);

		reader->loaded = false;
		reader->highest = -1; /* the lane has ended; asking again says so */
		return rest;
	}
	*block = found;
	*records = (const struct record *)(found + 1);
	tail->next_lsn += found->record_cnt;
	tail->offset += found->block_bytes;
	tail->prev_checksum = found->checksum;
	/* Whoever applies the records makes sure that instants never fall within a lane. */
	if (found->record_cnt > 0)
		tail->last_at_ns = (*records)[found->record_cnt - 1].at_ns;
	reader->blocks++;
	return LANE_BLOCK;
}

void lane_reader_tail(const struct lane_reader *reader, struct lane_tail *tail)
{
	*tail = reader->tail;
}

uint64_t lane_reader_blocks(const struct lane_reader *reader)
{
	return reader->blocks;
}

/*
 * The journal on disk, formats 1 to 3. JOURNAL.md is the prose.
 *
 * DATA/journal          identity: format version, journal id, number of shards (text)
 * DATA/lock             flock: one engine a data directory
 * DATA/lane-NNN/seg-NNNNNNNNNNNN    segments, zero-filled ahead; the header of each has its size,
 *                       SEGMENT_BYTES unless `serve --segment-mib` says otherwise
 *
 * A segment is a segment header (BLOCK_ALIGN_BYTES), then blocks back to back, then zeros. A block
 * is a block header, record_cnt records, zeros up to a multiple of BLOCK_ALIGN_BYTES. A block never
 * crosses a segment. All little-endian, no padding, checksums XXH3-64 (xxHash 0.8).
 */
#ifndef DB_ENGINE_JOURNAL_FORMAT_H
#define DB_ENGINE_JOURNAL_FORMAT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/sale/record.h"

enum {
	JOURNAL_FORMAT = 1,
	/* Of a block that begins with a CLOCK record, and of the identity of a journal that may
	 * have one: programs that know format 1 only refuse it. */
	JOURNAL_FORMAT_CLOCK = 2,
	/* The same of a block with a record that record_is_new. */
	JOURNAL_FORMAT_HOLDS = 3,
	JOURNAL_FORMAT_MAX = JOURNAL_FORMAT_HOLDS,
	SEGMENT_MAGIC = 0x47534244, /* "DBSG" */
	BLOCK_MAGIC = 0x4b4c4244,   /* "DBLK" */
};

/* Where something lies in a lane. Not a form on disk. */
struct lane_place {
	uint64_t segment;
	uint64_t offset; /* in the segment's file */
};

static inline bool lane_place_before(struct lane_place a, struct lane_place b)
{
	return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

/* First BLOCK_ALIGN_BYTES of a segment; the rest of them is zero. */
struct segment_header {
	uint32_t magic;
	uint16_t format;
	uint16_t lane;
	uint64_t checksum; /* over the bytes after it, seed mix64(the 8 bytes before it) */
	uint64_t journal_id;
	uint64_t segment; /* 0, 1, 2, ... */
	uint64_t segment_bytes;
	uint64_t reserved[3]; /* 0 */
};

struct block_header {
	uint32_t magic;
	uint16_t format;
	uint16_t lane;
	/* Over the block from offset 16 on, seed mix64(block_seed() ^ the 8 bytes before it):
	 * neither a recycled nor a misplaced block passes. */
	uint64_t checksum;
	uint64_t prev_checksum; /* of the block before in the lane; 0 for the first */
	uint64_t first_lsn;     /* of its first record; of the next record if record_cnt is 0 */
	uint64_t durable_lsn;   /* watermark: all records up to it were on disk when this was
				   submitted */
	uint64_t written_at_ns; /* lane clock at submission */
	uint32_t record_cnt;    /* 0: a closing block, which carries a watermark only */
	uint32_t block_bytes;   /* multiple of BLOCK_ALIGN_BYTES, at most BLOCK_BYTES_MAX */
	uint64_t reserved;      /* 0 */
};

enum {
	BLOCK_HEADER_BYTES = 64,
	BLOCK_RECORDS_MAX = (BLOCK_BYTES_MAX - BLOCK_HEADER_BYTES) / RECORD_BYTES,
	/* Of the shortest block: wherever a block begins, so many fit into it. */
	BLOCK_RECORDS_MIN = (BLOCK_ALIGN_BYTES - BLOCK_HEADER_BYTES) / RECORD_BYTES,
};

static_assert(sizeof(struct segment_header) == 64, "segment header size");
static_assert(offsetof(struct segment_header, checksum) == 8, "checksum offset");
static_assert(offsetof(struct segment_header, journal_id) == 16, "journal_id offset");
static_assert(offsetof(struct segment_header, segment_bytes) == 32, "segment_bytes offset");
/* Older programs look for it there, to say that they are too old. */
static_assert(offsetof(struct segment_header, format) == 4, "format offset");
static_assert(offsetof(struct block_header, format) == 4, "format offset");
static_assert(sizeof(struct block_header) == BLOCK_HEADER_BYTES, "block header size");
static_assert(offsetof(struct block_header, checksum) == 8, "checksum offset");
static_assert(offsetof(struct block_header, first_lsn) == 24, "first_lsn offset");
static_assert(offsetof(struct block_header, durable_lsn) == 32, "durable_lsn offset");
static_assert(offsetof(struct block_header, written_at_ns) == 40, "written_at_ns offset");
static_assert(offsetof(struct block_header, record_cnt) == 48, "record_cnt offset");
static_assert(offsetof(struct block_header, block_bytes) == 52, "block_bytes offset");
static_assert(BLOCK_HEADER_BYTES % RECORD_BYTES == 0, "no record lies across two cache lines");
static_assert(BLOCK_HEADER_BYTES + BLOCK_RECORDS_MAX * RECORD_BYTES == BLOCK_BYTES_MAX,
	      "a full block has no zeros");

/* Bytes of a block of record_cnt records. */
static inline uint32_t block_bytes_of(uint32_t record_cnt)
{
	const uint32_t used = BLOCK_HEADER_BYTES + record_cnt * RECORD_BYTES;

	DCHECK(record_cnt <= BLOCK_RECORDS_MAX);
	return (used + BLOCK_ALIGN_BYTES - 1) & ~(uint32_t)(BLOCK_ALIGN_BYTES - 1);
}

/* Seed of a block's checksum: where in which journal it belongs. */
uint64_t block_seed(uint64_t journal_id, uint16_t lane, uint64_t segment, uint64_t offset,
		    uint64_t first_lsn);

/* Checksum of a whole block as it would be stored; the field itself is left out. Only for a block
 * whose block_bytes may be trusted (block_shape_wrong). Any thread. */
uint64_t block_checksum(const struct block_header *block, uint64_t seed);

/* Checksum of a segment header as it would be stored. */
uint64_t segment_checksum(const struct segment_header *header);

/*
 * What is wrong with a block header's fields by themselves, before its checksum can be computed, as
 * a static text; NULL if nothing is. room_bytes: from the block to the end of its segment. A block
 * that passes lies within room_bytes and its block_bytes may be trusted.
 */
const char *block_shape_wrong(const struct block_header *block, uint16_t lane, uint64_t room_bytes);

/* The format of a block with these records; 0: no block may have them, as one that begins with a
 * CLOCK record has no new ones. Reads them all. */
uint16_t block_format_of(const struct record *records, uint32_t record_cnt);

/* What is wrong with a whole block whose checksum is right, as a static text; NULL: nothing. */
const char *block_records_wrong(const struct block_header *block);

/* What is wrong with a segment header, as a static text; NULL if nothing is. */
const char *segment_header_wrong(const struct segment_header *header, uint64_t journal_id,
				 uint16_t lane, uint64_t segment);

void segment_header_fill(struct segment_header *header, uint64_t journal_id, uint16_t lane,
			 uint64_t segment, uint64_t segment_bytes);

/* A header, at least one block, and the room for a closing block that a writer always keeps. */
#define SEGMENT_BYTES_MIN (UINT64_C(3) * BLOCK_ALIGN_BYTES)
#define SEGMENT_BYTES_MAX (UINT64_C(1) << 32)
static_assert(SEGMENT_BYTES >= SEGMENT_BYTES_MIN && SEGMENT_BYTES <= SEGMENT_BYTES_MAX, "range");
static_assert(SEGMENT_BYTES_MAX % BLOCK_ALIGN_BYTES == 0, "the longest segment is valid");

static inline bool segment_bytes_valid(uint64_t bytes)
{
	return bytes >= SEGMENT_BYTES_MIN && bytes <= SEGMENT_BYTES_MAX &&
	       bytes % BLOCK_ALIGN_BYTES == 0;
}

#endif

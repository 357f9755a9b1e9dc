/*
 * A checkpoint on disk, formats 1 to 3: the state of a shard after a block of its lane.
 * JOURNAL.md is the prose.
 *
 * DATA/lane-NNN/ckpt-NNNNNNNNNNNNNNN    the number is the next LSN
 *
 * A header, then chunks of offers in the order they were put on sale, chunks of orders, of holds,
 * of changes, of links and of prepared lines, each in lane order. In format 2 there are CLOCK
 * records among the offers, where they were in the lane. Format 3 is for a state with anything that
 * a format 3 block brought: holds, changes, new offers, PLACED records, which are after the offers,
 * baskets over several shards. A chunk is a chunk header and up to CHECKPOINT_CHUNK_ENTRIES entries
 * of 64 bytes, a hold or a prepared line takes two; all but the last of a kind are full, so that
 * the counts give the size. All little-endian, no padding, checksums XXH3-64. Buyers' counts are
 * not stored: they follow from orders, holds and prepared lines. What has left no trace but in
 * these is not stored: EXPIRE records, and PREPARED ones that became something, or nothing.
 */
#ifndef DB_ENGINE_CHECKPOINT_FORMAT_H
#define DB_ENGINE_CHECKPOINT_FORMAT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/sale/record.h"
#include "engine/sale/snapshot.h"

enum {
	CHECKPOINT_FORMAT = 1,
	CHECKPOINT_FORMAT_CLOCK = 2,   /* of a lane whose clock was set back */
	CHECKPOINT_FORMAT_HOLDS = 3,   /* of a lane with a record that record_is_new */
	CHECKPOINT_MAGIC = 0x50434244, /* "DBCP" */
	CHUNK_MAGIC = 0x4b484344,      /* "DCHK" */

	/* 1 MiB: read as one, and checked before any of it is used. */
	CHECKPOINT_CHUNK_ENTRIES = 16384,
};

struct checkpoint_header {
	uint32_t magic;
	uint16_t format;
	uint16_t lane;
	uint64_t checksum; /* as a segment header's */
	uint64_t journal_id;
	uint64_t next_lsn;   /* 2 or more: all records before it are in here, and were on disk */
	uint64_t last_at_ns; /* of the last record */
	/* The last block before it: where reading continues, and what the lane's end depends on. */
	uint64_t segment;
	uint64_t block_offset;
	uint64_t offset; /* after the block */
	uint64_t prev_checksum;
	uint64_t watermark_lsn;
	uint64_t clock_ns; /* the lane's: highest instant up to here, after the last CLOCK record */
	uint64_t block_cnt;
	/* The content. */
	uint64_t offer_cnt; /* with CLOCK and PLACED records */
	uint64_t order_cnt;
	uint64_t units_ordered; /* that are sold now */
	uint64_t state_hash[2]; /* shard_hash: low, high */
	uint16_t shards;
	uint16_t reserved_16;
	/* Format 3; 0 in the others. */
	uint32_t prepared_cnt;
	uint64_t hold_cnt;
	uint64_t change_cnt;
	uint64_t placed_cnt; /* of the offers */
	uint64_t bought_cnt; /* holds that are bought orders, which are among the orders too */
	uint64_t units_written_off;
	uint64_t link_cnt;
};

/* The header of a chunk of another checkpoint, or from another place, does not pass the check. */
struct chunk_header {
	uint32_t magic;
	/* RECORD_OFFER, also of CLOCK and PLACED records; RECORD_ORDER; RECORD_HOLD;
	 * RECORD_CONFIRM: changes of any kind; RECORD_LINK; RECORD_PREPARED. In this order. */
	uint16_t kind;
	uint16_t lane;
	uint64_t checksum;  /* over the chunk from offset 16 on, seed chunk_seed() */
	uint64_t number;    /* of the chunk in the file, from 0 on */
	uint32_t entry_cnt; /* of CHECKPOINT_ENTRY_BYTES each */
	uint32_t reserved_32;
	uint64_t reserved[4]; /* 0 */
};

enum {
	CHECKPOINT_HEADER_BYTES = 192,
	CHUNK_HEADER_BYTES = 64,
	CHECKPOINT_ENTRY_BYTES = 64,
	CHECKPOINT_HOLD_ENTRIES = 2,     /* that a hold takes */
	CHECKPOINT_PREPARED_ENTRIES = 2, /* that a prepared line takes */
	CHUNK_BYTES_MAX = CHUNK_HEADER_BYTES + CHECKPOINT_CHUNK_ENTRIES * CHECKPOINT_ENTRY_BYTES,
};

static_assert(sizeof(struct checkpoint_header) == CHECKPOINT_HEADER_BYTES, "header size");
static_assert(offsetof(struct checkpoint_header, checksum) == 8, "checksum offset");
static_assert(offsetof(struct checkpoint_header, segment) == 40, "position offset");
static_assert(offsetof(struct checkpoint_header, state_hash) == 120, "hash offset");
static_assert(offsetof(struct checkpoint_header, prepared_cnt) == 140, "format 3's part");
static_assert(sizeof(struct chunk_header) == CHUNK_HEADER_BYTES, "chunk header size");
static_assert(offsetof(struct chunk_header, checksum) == 8, "chunk checksum offset");
/* An offer is its OFFER record. */
static_assert((int)RECORD_BYTES == (int)CHECKPOINT_ENTRY_BYTES, "offer size");
static_assert(sizeof(struct snapshot_hold) == CHECKPOINT_HOLD_ENTRIES * CHECKPOINT_ENTRY_BYTES,
	      "hold size");
static_assert(CHECKPOINT_CHUNK_ENTRIES % CHECKPOINT_HOLD_ENTRIES == 0,
	      "no hold lies across two chunks");
static_assert(sizeof(struct snapshot_prepared) ==
		      CHECKPOINT_PREPARED_ENTRIES * CHECKPOINT_ENTRY_BYTES,
	      "prepared line's size");
static_assert(CHECKPOINT_CHUNK_ENTRIES % CHECKPOINT_PREPARED_ENTRIES == 0,
	      "no prepared line lies across two chunks");
static_assert(sizeof(struct snapshot_link) == CHECKPOINT_ENTRY_BYTES, "link size");
static_assert((int)SNAPSHOT_ORDER_BYTES == (int)CHECKPOINT_ENTRY_BYTES, "order size");

/* The kind of the record that an order's or change's entry was. */
static inline uint8_t checkpoint_entry_kind(const struct snapshot_order *entry)
{
	const uint8_t kind = entry->offer >> SNAPSHOT_KIND_SHIFT & 15;

	return kind == 0 ? RECORD_ORDER : kind;
}

/* Bytes of a checkpoint with this header's counts. */
uint64_t checkpoint_bytes(const struct checkpoint_header *header);

/* Chunks that cnt entries of a kind take. */
static inline uint64_t checkpoint_chunks(uint64_t cnt)
{
	return (cnt + CHECKPOINT_CHUNK_ENTRIES - 1) / CHECKPOINT_CHUNK_ENTRIES;
}

uint64_t checkpoint_checksum(const struct checkpoint_header *header);

/* The checksum of a chunk that is complete except for it. */
uint64_t chunk_checksum(const struct chunk_header *chunk, const struct checkpoint_header *header);

/* What is wrong with a header by itself, as a static text; NULL if nothing is. */
const char *checkpoint_header_wrong(const struct checkpoint_header *header, uint64_t journal_id,
				    uint16_t lane, uint16_t shards);

/* Whether a wrong header is whole, but of another journal or lane. */
bool checkpoint_header_foreign(const struct checkpoint_header *header, uint64_t journal_id,
			       uint16_t lane, uint16_t shards);

/* What is wrong with the header that should be that of chunk `number`; NULL if nothing is. Asked
 * before the checksum: a chunk that passes has the size that the file's counts give it. */
const char *chunk_header_wrong(const struct chunk_header *chunk,
			       const struct checkpoint_header *header, uint64_t number);

/* Kind and entries of chunk `number` by the header's counts. 0 entries: there is no such chunk. */
uint32_t chunk_entries(const struct checkpoint_header *header, uint64_t number, uint16_t *kind);

/* The number of the first chunk of this kind, or where it would be. */
uint64_t chunk_first(const struct checkpoint_header *header, uint16_t kind);

/* LSNs of the lane that the entries do not account for: its EXPIRE and ABORTED records, and
 * PREPARED ones of lines that no longer wait. Only for a header that passed. */
static inline uint64_t checkpoint_unsaved_cnt(const struct checkpoint_header *header)
{
	return header->next_lsn - 1 - header->offer_cnt - header->order_cnt -
	       (header->hold_cnt - header->bought_cnt) - header->change_cnt - header->link_cnt -
	       header->prepared_cnt;
}

#endif

/*
 * journal: the writer of one lane. Records go into the block being filled, which is written when it
 * is full, or before if hardly anything else is on its way: group commit that adapts to load by
 * itself, lone records at once and full blocks side by side under load.
 *
 * Guarantees: LSNs without a gap; a record counts as durable only when its block and all before it
 * are on disk; after a failed write nothing more is ever reported durable. Never: waits, retries a
 * write, allocates after journal_open.
 *
 * All calls from the worker that owns the lane, unless noted. Another thread may take over only
 * while the lane is idle (asserted in debug builds).
 */
#ifndef DB_ENGINE_JOURNAL_JOURNAL_H
#define DB_ENGINE_JOURNAL_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/disk.h"
#include "engine/journal/format.h"

struct arena;
struct journal;
struct segment_source; /* engine/journal/segments.h: hands out zero-filled segment files */

/* Where a lane ends: what recovery found, and where the writer goes on. */
struct lane_tail {
	uint64_t next_lsn;       /* 1 for an empty lane */
	struct lane_place place; /* of the next block, at BLOCK_ALIGN_BYTES.. SEGMENT_BYTES */
	uint64_t prev_checksum;  /* of the last block; 0 for an empty lane */
	/* The lane's clock, which goes on from here: its highest instant after the last CLOCK
	 * record. */
	uint64_t last_at_ns;
};

struct journal_options {
	uint64_t journal_id;
	uint16_t lane;
	struct lane_tail tail;
	struct disk *disk;               /* shared by the lanes of one worker; not owned */
	struct segment_source *segments; /* not owned */
	struct arena *arena;             /* to lie in, beside what the worker has; NULL: the heap */
	/* BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX bytes, aligned to BLOCK_ALIGN_BYTES, registered; not
	 * owned */
	void *buffers;
};

/* 0 or -errno with a line in error. Start-up thread. */
int journal_open(struct journal **out, const struct journal_options *options, struct error *error);

/* Records that can be appended now without waiting for the disk. 0 when failed or out of segments.
 */
uint32_t journal_room(const struct journal *journal);

/* journal_room() >= cnt, for cnt > 0; cheap while the block being filled has the room. */
bool journal_has_room(const struct journal *journal, uint32_t cnt);

/*
 * No place is left and none is to come by waiting: nothing is on its way, and the next segment
 * can't be made (a full disk). Ends by itself when it can.
 */
bool journal_is_full(const struct journal *journal);

/* The slot of the next record, zeroed or not; only if journal_room() > 0. Its LSN is
 * journal_next_lsn. */
struct record *journal_slot(struct journal *journal);

/* Commits the slot just filled. */
void journal_commit(struct journal *journal);

uint64_t journal_next_lsn(const struct journal *journal);

/* Queues full blocks while write slots are free, and the block being filled if it holds records and
 * no other is on its way. disk->ops->submit is the worker's. now_ns: lane clock. */
void journal_pump(struct journal *journal, uint64_t now_ns);

/* The same without the block being filled, for as long as nobody waits for it. */
void journal_pump_full(struct journal *journal, uint64_t now_ns);

/* The first LSN in the block being filled; 0: it is empty. */
uint64_t journal_filling_lsn(const struct journal *journal);

/* Tells the journal of a completed write: token and result as the disk gave them. Tokens carry the
 * lane in the upper 16 of their 64 bits, so that the worker finds the journal:
 * journal_token_lane(). */
void journal_written(struct journal *journal, uint64_t token, int64_t result);

static inline uint16_t journal_token_lane(uint64_t token)
{
	return (uint16_t)(token >> 48);
}

/* All records up to this one are on disk. */
uint64_t journal_durable_lsn(const struct journal *journal);

/* A write failed: the lane commits nothing more. errno of that write, or 0. */
int journal_error(const struct journal *journal);

/* Gives up on what is on its way, as if its write had failed with this errno. */
void journal_abandon(struct journal *journal, int error);

/* True when every appended record is durable and nothing is in flight. */
bool journal_idle(const struct journal *journal);

enum {
	JOURNAL_LATENCY_BOUND_CNT = 14,
	JOURNAL_FILL_BOUND_CNT = 8,
};
/* Upper bounds of the cells below; the last cell is for what lies above all. */
extern const uint64_t journal_latency_bounds_ns[JOURNAL_LATENCY_BOUND_CNT];
extern const uint32_t journal_fill_bounds[JOURNAL_FILL_BOUND_CNT];

/* A lane's journal as it is, and what was written since it was opened. */
struct journal_stats {
	uint64_t committed_lsn;
	uint64_t written_lsn; /* given to the disk */
	uint64_t durable_lsn;
	uint64_t segment;
	uint64_t blocks;
	uint64_t bytes;
	uint64_t records;
	/* From when a block was given to the disk until it and all before it were durable. */
	uint64_t latency_ns;
	uint64_t latency_cells[JOURNAL_LATENCY_BOUND_CNT + 1];
	uint64_t fill_cells[JOURNAL_FILL_BOUND_CNT + 1]; /* blocks by records in them */
};

/* Any thread; each value by itself (relaxed.h). */
void journal_stats(const struct journal *journal, struct journal_stats *out);

/*
 * An answer that leaves no record rests on the lane's clock having reached this instant (an offer
 * that closed): a block must carry it, or a restart with the system clock set back would unsay it.
 */
void journal_note_instant(struct journal *journal, uint64_t instant_ns);

/*
 * True when the lane is idle and records became durable that no block's watermark covers yet, or an
 * instant was noted that no block carries: a closing block is due as soon as the worker has nothing
 * better to do.
 */
bool journal_wants_closing_block(const struct journal *journal);

/*
 * Queues a closing block that carries the last watermark, so that recovery can tell a damaged last
 * block from a torn one. Nothing unless journal_wants_closing_block; the caller pumps the disk
 * until idle.
 */
void journal_put_closing_block(struct journal *journal, uint64_t now_ns);

/* Frees the writer. The lane must be idle or failed. NULL is allowed. */
void journal_close(struct journal *journal);

#endif

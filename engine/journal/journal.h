/*
 * journal: the writer of one lane. Records go into the block being filled. It is written when it is
 * full, or earlier if none of the lane's blocks is in flight. So group commit adapts to load by
 * itself: a lone record is written at once, and under load full blocks are written side by side.
 *
 * Guarantees: LSNs without a gap; a record counts as durable only when its block and all before it
 * are on disk; after a failed write no further record is reported durable. It never waits, never
 * retries a write, and never allocates after journal_open.
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
	uint64_t next_lsn; /* 1 for an empty lane */
	/* Of the next block: from BLOCK_ALIGN_BYTES to the end of its segment, whose size is in the
	 * segment's header. */
	struct lane_place place;
	uint64_t prev_checksum; /* of the last block; 0 for an empty lane */
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
	struct arena *arena;             /* to allocate it in; NULL: on the heap */
	/* BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX bytes, aligned to BLOCK_ALIGN_BYTES, registered; not
	 * owned */
	void *buffers;
};

/* 0 or -errno with a line in error. Start-up thread. */
int journal_open(struct journal **out, const struct journal_options *options, struct error *error);

/* Records that can be appended now without waiting for the disk. 0 after a failure, and without a
 * segment. */
uint32_t journal_room(const struct journal *journal);

/* journal_room() >= cnt, for cnt > 0; cheap while the block being filled has the room. */
bool journal_has_room(const struct journal *journal, uint32_t cnt);

/*
 * Whether the next cnt records can be appended to one block without waiting for the disk. cnt is at
 * most BLOCK_RECORDS_MIN, so that a segment with any room has enough. journal_keep_together then
 * makes sure that they are: it closes the block being filled if that has no room for all of them.
 * What journal_room said before does not count any more.
 */
bool journal_has_room_together(const struct journal *journal, uint32_t cnt);
void journal_keep_together(struct journal *journal, uint32_t cnt);

/*
 * No room is left, and waiting brings none: nothing is in flight, and the next segment can't be
 * made (a full disk). Becomes false by itself when the segment can be made.
 */
bool journal_is_full(const struct journal *journal);

/* The slot of the next record, zeroed or not; only if journal_room() > 0. Its LSN is
 * journal_next_lsn. */
struct record *journal_slot(struct journal *journal);

/* Commits the slot just filled. A CLOCK record must be the first of its block, and stays alone in
 * it: the block is closed at once. */
void journal_commit(struct journal *journal);

uint64_t journal_next_lsn(const struct journal *journal);

/* Queues full blocks while write slots are free, and the block being filled if it holds records and
 * no other is in flight. The worker calls disk->ops->submit. now_ns: lane clock. */
void journal_pump(struct journal *journal, uint64_t now_ns);

/* Like journal_pump, without the block being filled, as long as nobody waits for it. */
void journal_pump_full(struct journal *journal, uint64_t now_ns);

/* The first LSN in the block being filled; 0: it is empty. */
uint64_t journal_filling_lsn(const struct journal *journal);

/* Reports a completed write to the journal: token and result as the disk gave them. A token has the
 * lane in the upper 16 of its 64 bits, so that the worker finds the journal: journal_token_lane().
 */
void journal_written(struct journal *journal, uint64_t token, int64_t result);

static inline uint16_t journal_token_lane(uint64_t token)
{
	return (uint16_t)(token >> 48);
}

/* All records up to this one are on disk. */
uint64_t journal_durable_lsn(const struct journal *journal);

/* 0, or why a write failed, as a positive errno: the lane commits nothing more then. */
int journal_error(const struct journal *journal);

/* Gives up on what is in flight, as if its write had failed. error: a positive errno. */
void journal_abandon(struct journal *journal, int error);

/* True when every appended record is durable and nothing is in flight. */
bool journal_idle(const struct journal *journal);

enum {
	JOURNAL_LATENCY_BOUND_CNT = 14,
	JOURNAL_FILL_BOUND_CNT = 8,
};
/* Upper bounds of the cells below; the last cell is for values above all bounds. */
extern const uint64_t journal_latency_bounds_ns[JOURNAL_LATENCY_BOUND_CNT];
extern const uint32_t journal_fill_bounds[JOURNAL_FILL_BOUND_CNT];

/* A lane's journal as it is now, and what was written since it was opened. */
struct journal_stats {
	uint64_t committed_lsn;
	uint64_t written_lsn; /* given to the disk */
	uint64_t durable_lsn;
	uint64_t segment;
	uint64_t blocks;
	uint64_t bytes;
	uint64_t records;
	/* The time from giving a block to the disk until it and all before it were durable. */
	uint64_t latency_ns;
	uint64_t latency_cells[JOURNAL_LATENCY_BOUND_CNT + 1];
	uint64_t fill_cells[JOURNAL_FILL_BOUND_CNT + 1]; /* blocks by records in them */
};

/* Any thread; each value by itself (relaxed.h). */
void journal_stats(const struct journal *journal, struct journal_stats *out);

/*
 * Notes an instant that a block must carry. An answer without a record (an offer has closed) is
 * right only if the lane's clock has reached this instant; if no block carried it, a restart with
 * the system clock set back would answer differently.
 */
void journal_note_instant(struct journal *journal, uint64_t instant_ns);

/*
 * True when the lane is idle, and records are durable that no block's watermark covers yet, or an
 * instant was noted that no block carries. The worker then writes a closing block as soon as it has
 * no other work.
 */
bool journal_wants_closing_block(const struct journal *journal);

/*
 * Queues a closing block that carries the last watermark, so that recovery can distinguish a
 * damaged last block from a torn one. Does nothing unless journal_wants_closing_block(). The caller
 * submits and reaps until the lane is idle.
 */
void journal_put_closing_block(struct journal *journal, uint64_t now_ns);

/* Frees the writer. The lane must be idle or failed. NULL is allowed. */
void journal_close(struct journal *journal);

#endif

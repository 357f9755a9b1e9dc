/*
 * lane: a shard at work: its state, its journal, its clock, its replies that wait for the disk. One
 * worker owns it. The control thread turns it before the worker starts (serve/start_turn.h), looks
 * at it while the worker is paused and after it ended, and asks for all else by commands
 * (command.h). Neighbours in an array may belong to different workers, which write to them every
 * turn: so each begins on a cache line of its own.
 */
#ifndef DB_ENGINE_LANE_LANE_H
#define DB_ENGINE_LANE_LANE_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/journal/journal.h"
#include "engine/lane/backlog.h"
#include "engine/lane/command.h"
#include "engine/lane/reply_queue.h"
#include "engine/sale/shard.h"

/* What must happen to a record before an answer that rests on it may leave. */
enum lane_ack {
	ACK_DURABLE,  /* its block is on disk */
	ACK_MEMORY,   /* nothing: the record is in memory, and the answer says so */
	ACK_ON_PAPER, /* nothing: nobody buys (offline replay); it says what a buyer would be told
		       */
};

/* The condition of a lane. The worst comes first, and is reported if several hold. */
enum lane_condition {
	LANE_FAILED,   /* a write failed: nothing commits any more, lane->error has the errno */
	LANE_FULL,     /* the journal has no space left, and none can be made */
	LANE_STALLED,  /* the disk has made no progress for long */
	LANE_DRAINING, /* nothing new is decided */
	LANE_SELLING,
};

struct lane {
	struct shard *shard;
	struct journal *journal;
	uint64_t clock_ns;     /* falls only at a clock record (lane_set_back) */
	uint64_t check_cursor; /* shard_check */
	/* CLOCK_MONOTONIC: the lane's clock may stand still. */
	uint64_t unclosed_since_ns; /* since when a closing block is due; 0: none is */
	uint64_t filling_since_ns;  /* since when the block with this first record is filled */
	uint64_t filling_lsn;
	uint64_t progress_ns; /* when the disk last finished something, or nothing was out */
	uint64_t progress_lsn;
	uint32_t sale; /* wire_sale_of its journal; 0: requests cannot name it */
	uint16_t idx;
	uint8_t ack;          /* enum lane_ack */
	bool undated_refused; /* requests without a date get no new order */
	bool draining;        /* decides nothing new */
	bool given_up;        /* draining, and does not wait for the disk: writes nothing */
	/* For the control thread. */
	_Atomic int condition; /* lane_condition() */
	_Atomic int error;     /* errno of the write that failed; 0: none did */
	struct backlog *backlog;
	struct reply_queue *reply_queue;
	struct commands *commands; /* from the control thread */
	/* Of baskets over several shards; NULL: it answers their lines as WRONG_SHARD. */
	struct lane_baskets *baskets;
} __attribute__((aligned(CACHE_LINE_BYTES)));
static_assert(sizeof(struct lane) == (size_t)2 * CACHE_LINE_BYTES, "a turn touches two lines");
static_assert(offsetof(struct lane, filling_lsn) < CACHE_LINE_BYTES,
	      "deciding and pumping touch only the first of them");

/* The condition of a lane as of its last turn. Any thread. */
static inline enum lane_condition lane_condition(const struct lane *lane)
{
	const int condition = atomic_load_explicit(&lane->condition, memory_order_acquire);

	DCHECK(condition >= LANE_FAILED && condition <= LANE_SELLING);
	return (enum lane_condition)condition;
}

/* Makes cnt lanes that sell, all else zero; the caller frees them. NULL: no memory. Start-up
 * thread. */
static inline struct lane *lanes_alloc(uint16_t cnt)
{
	struct lane *lanes = aligned_alloc(CACHE_LINE_BYTES, cnt * sizeof(*lanes));

	CHECK(cnt > 0 && cnt <= SHARDS_MAX);
	if (lanes != NULL)
		memset(lanes, 0, cnt * sizeof(*lanes));
	for (uint16_t i = 0; lanes != NULL && i < cnt; i++)
		atomic_store_explicit(&lanes[i].condition, LANE_SELLING, memory_order_relaxed);
	return lanes;
}

/* Whether the journal has room for whatever a datagram of so many requests commits, also if it is a
 * basket, whose records stay together. */
static inline bool lane_has_room_for(const struct lane *lane, uint32_t request_cnt)
{
	DCHECK(request_cnt > 0 && request_cnt <= WIRE_ENTRY_CNT_MAX);
	return journal_has_room(lane->journal, REQUEST_RECORDS_MAX * request_cnt) &&
	       journal_has_room_together(lane->journal, request_cnt);
}

/* Whether the journal has no room for the first datagram that waits, or for any request. */
static inline bool lane_is_out_of_room(const struct lane *lane)
{
	const struct exchange *next = backlog_first(lane->backlog);

	return !lane_has_room_for(lane, next != NULL ? exchange_request_cnt(next) : 1);
}

/*
 * journal: gives blocks to the disk. Full blocks leave. One that isn't full leaves, too, because an
 * answer may wait for it; with --ack memory none does, and it leaves when its first record is
 * MEMORY_LINGER_NS old. On paper blocks leave only to make room, so that which records are in them,
 * and when they leave, follows from the records.
 */
static inline void lane_pump(struct lane *lane, uint64_t monotonic_ns)
{
	const uint64_t filling_lsn = journal_filling_lsn(lane->journal);

	/* What is being filled was not written, so it is not durable. */
	DCHECK(filling_lsn == 0 || filling_lsn > journal_durable_lsn(lane->journal));
	DCHECK(filling_lsn < journal_next_lsn(lane->journal));
	if (filling_lsn != lane->filling_lsn) {
		lane->filling_lsn = filling_lsn;
		lane->filling_since_ns = monotonic_ns;
	}
	if (lane->ack == ACK_DURABLE || lane->draining ||
	    (lane->ack == ACK_MEMORY && monotonic_ns >= lane->filling_since_ns + MEMORY_LINGER_NS))
		journal_pump(lane->journal, lane->clock_ns);
	else if (lane->ack == ACK_MEMORY || lane_is_out_of_room(lane))
		journal_pump_full(lane->journal, lane->clock_ns);
}

/* Whether there is room for a record, and no block is partly filled: a turn can make it so. */
static inline bool lane_can_set_back(const struct lane *lane)
{
	return journal_room(lane->journal) > 0 && journal_filling_lsn(lane->journal) == 0;
}

/*
 * Sets the lane's clock back by a record. Only before the lane sells, and it sells nothing until
 * that record is durable. lane_can_set_back. False: it was set back too often (CLOCK_RECORDS_MAX).
 */
bool lane_set_back(struct lane *lane, uint64_t now_ns);

/* Moves the lane's clock to the time (wall_clock.h), unless that is earlier. */
static inline void lane_tick(struct lane *lane, uint64_t now_ns)
{
	if (now_ns > lane->clock_ns)
		lane->clock_ns = now_ns;
}

#endif

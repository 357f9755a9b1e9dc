/*
 * baskets: the baskets over several shards that a lane is deciding, in two steps. Those whose first
 * line is the lane's own are coordinator.c's: it asks the other lanes, decides, and answers. Lines
 * of those that begin in other lanes are participant.c's: it sets them aside, and then makes them
 * what they ask for, or gives them back.
 *
 * The decision is the coordinator's block: its own lines, and a LINK for each line of another lane.
 * It is written when all lines elsewhere are set aside on disk. The others learn of it when it is
 * on disk itself. So after a crash the lanes alone say what was decided, whichever of them was
 * ahead: a line that is set aside was committed if a LINK says so (resolve.h).
 *
 * Guarantees: the lines commit all or not at all, also over a crash or a disk that fails. No lane
 * waits for another: what waits is the basket, in a table. Two baskets over the same units never
 * wait for each other: who finds them set aside is refused. Never: locks, allocates.
 *
 * Fixed size. A basket that finds no room, and a copy of one that is being decided, is answered
 * UNDER_WAY.
 */
#ifndef DB_ENGINE_LANE_BASKETS_H
#define DB_ENGINE_LANE_BASKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/lane/exchange.h"
#include "engine/lane/lane.h"
#include "engine/lane/mail.h"
#include "engine/sale/basket.h"

struct lane_turn;

/* A datagram whose answer waits for baskets. */
struct parked {
	struct exchange exchange;
	uint64_t lsn;       /* what its other answers rest on */
	uint8_t basket_cnt; /* baskets that it waits for */
	bool used;
	bool answered; /* it was given to the host */
};

/* A lane's lines of a basket, as its coordinator sees them. */
struct share {
	uint16_t lane_idx;
	uint16_t number; /* that lane's, once it voted yes */
	uint8_t line_cnt;
	uint8_t state;    /* enum share_state */
	uint8_t owed_cnt; /* mails of its answer that have not come */
	uint8_t mail_cnt; /* credits of the question */
};

enum share_state {
	SHARE_TO_ASK, /* the question of this step is still to be sent */
	SHARE_ASKED,
	SHARE_YES, /* set aside */
	SHARE_ENDED,
};

enum basket_state {
	BASKET_FREE,
	BASKET_ASKING,    /* what would become of the lines? */
	BASKET_PREPARING, /* they are being set aside */
	BASKET_DECIDING,  /* all of them are; there is no room for the decision yet */
	BASKET_COMMITTED, /* the decision is written, and not on disk */
	BASKET_FINISHING, /* the other lanes are told */
};

/* A basket, in its coordinator. */
struct spanning {
	uint8_t state; /* enum basket_state */
	uint8_t mode;  /* enum mail_mode of its first step */
	bool whole;    /* CONFIRM or RELEASE by its id: one answer */
	bool refused;  /* a line of another lane was */
	bool late;     /* a payment came too late for one of them */
	bool commits;  /* FINISHING: it was committed */
	bool unknown;  /* FINISHING: nobody knows */
	bool answered;
	uint8_t entry; /* whole: which of the datagram's */
	uint8_t cnt;
	uint8_t share_cnt;
	uint8_t reroutes; /* how often a line was sought in another lane */
	uint16_t parked;
	uint64_t asked_ns;
	uint64_t good_until_ns; /* by the lane's clock; later it commits nothing */
	uint64_t lsn;           /* COMMITTED: of the last record of the decision */
	uint64_t retry_ns;      /* CLOCK_MONOTONIC: what was busy is asked again */
	/* Of these the first cnt, or share_cnt, are in use. */
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct basket_part parts[WIRE_ENTRY_CNT_MAX];
	struct decision decisions[WIRE_ENTRY_CNT_MAX]; /* our own, and what the others answered */
	uint8_t durability[WIRE_ENTRY_CNT_MAX];        /* of theirs */
	bool asked[WIRE_ENTRY_CNT_MAX];                /* the shares are of these lines */
	struct share shares[WIRE_ENTRY_CNT_MAX - 1];
};

enum shared_state {
	SHARED_FREE,
	SHARED_PREPARED, /* set aside, and not on disk */
	SHARED_WAITS,    /* voted yes */
	SHARED_DECIDED,  /* there is no room for the final records yet */
	SHARED_ANSWERS,  /* answers that rest on records which are not acknowledged yet */
};

/* A lane's lines of another lane's basket. */
struct shared {
	uint8_t state; /* enum shared_state */
	uint8_t cnt;
	uint8_t decision; /* DECIDED: enum mail_decision */
	bool refund;
	bool late;
	bool given_up; /* DECIDED, and it was answered: nobody waits for it */
	uint16_t coordinator_idx;
	uint16_t basket; /* the coordinator's number */
	uint8_t line[WIRE_ENTRY_CNT_MAX];
	uint16_t places[WIRE_ENTRY_CNT_MAX]; /* prepare_line's */
	struct decision decisions[WIRE_ENTRY_CNT_MAX];
};

/* Who waits for a record. */
struct wait {
	uint64_t lsn;
	uint16_t number;
	bool is_shared; /* of shared[], else of spanning[] */
};

enum {
	/* Each waits once at a time. */
	WAITS_MAX = 2 * BASKETS_MAX,
};

struct waits {
	uint32_t head; /* free-running */
	uint32_t tail;
	struct wait list[WAITS_MAX];
};
static_assert((WAITS_MAX & (WAITS_MAX - 1)) == 0, "indexed by mask");

/* Who is looked at in the next step, each once. */
struct todo {
	uint32_t head; /* free-running */
	uint32_t tail;
	uint16_t list[BASKETS_MAX];
	bool listed[BASKETS_MAX];
};
static_assert((BASKETS_MAX & (BASKETS_MAX - 1)) == 0, "indexed by mask");

enum {
	FIRST_LINES_BITS = 10,
};

/* A question that is coming in, by worker: its lines follow it. */
struct incoming {
	struct mail_open open;
	uint16_t lane_idx;
	uint16_t from_lane_idx;
	uint8_t line_cnt; /* that came */
	uint8_t line[WIRE_ENTRY_CNT_MAX];
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
};

/* The places of a table. */
struct places {
	uint16_t cnt; /* in use: the first of the list */
	uint16_t list[BASKETS_MAX];
};

/* Of a lane. */
struct lane_baskets {
	uint16_t parking; /* of the datagram that is being answered; BASKETS_MAX: none */
	struct places spanning_places;
	struct places shared_places;
	struct places parked_places;
	/* How many spanning baskets have a first line of each hash: mostly none. */
	uint8_t first_lines[1 << FIRST_LINES_BITS];
	struct todo spanning_todo;
	struct todo shared_todo;
	uint64_t in_doubt_cnt;           /* lines that only the next start can decide */
	struct waits until_disk;         /* also with --ack memory: what other lanes rest on */
	struct waits until_acknowledged; /* answers */
	struct spanning spanning[BASKETS_MAX];
	struct shared shared[BASKETS_MAX];
	struct parked parked[BASKETS_MAX];
} __attribute__((aligned(CACHE_LINE_BYTES)));

/* Mails of a worker: of its lanes with each other, and with other workers' lanes. */
struct post {
	uint32_t head; /* of local: free-running */
	uint32_t tail;
	uint16_t credits[WORKERS_MAX]; /* mails under way of questions to each worker */
	struct mail local[MAILBOX_RING_CNT];
	struct incoming incoming[WORKERS_MAX];
};
static_assert((MAILBOX_RING_CNT & (MAILBOX_RING_CNT - 1)) == 0, "indexed by mask");

/* In zeroed memory of this size, aligned to a cache line. */
void lane_baskets_init(struct lane_baskets *baskets);

/* ---- for answer.c, while it answers a datagram ---- */

/* When a datagram was asked (as decide's asked_ns), and until when it is good. */
struct asked {
	uint64_t at_ns;
	uint64_t good_until_ns;
};

enum basket_begin {
	BASKET_BEGIN_ANSWERED, /* the decisions are the answers */
	BASKET_BEGIN_PARKED,   /* the datagram's answer waits: baskets_park */
};

/*
 * Begins to decide a basket: lines as in struct spanning, of which some are other lanes'.
 * whole: the datagram's entry that it answers, or -1: each line is an
 * entry.
 */
enum basket_begin coordinator_begin(struct lane *lane, const struct wire_request *lines,
				    const struct basket_part *parts, uint32_t cnt,
				    struct asked asked, enum mail_mode mode, int whole,
				    struct decision *decisions);

/* Whether a basket with a line of this request is being decided. Looks at all of them. */
bool coordinator_decides(const struct lane *lane, const struct wire_request *request);

/* Whether a datagram was parked while it was answered: then this takes it. lsn: what its other
 * answers rest on. */
bool baskets_parking(const struct lane *lane);
void baskets_park(struct lane *lane, const struct exchange *exchange, uint64_t lsn);

/* ---- for lane_turn.c ---- */

/* Takes the mails that came, and takes each basket as far as it can go. */
void baskets_turn(struct lane_turn *turn);

/* Gives the host the answers that may leave; after its flush, their places are free again. */
void baskets_release(struct lane_turn *turn);
void baskets_flushed(struct lane_turn *turn);

/* Whether no basket waits for anything. */
bool baskets_idle(const struct lane *lane);

/* ---- between coordinator.c, participant.c and baskets.c ---- */

/* A free place: there is one. */
static inline uint16_t places_take(struct places *places)
{
	CHECK(places->cnt < BASKETS_MAX);
	return places->list[places->cnt++];
}

/* The last one in use takes its place in the list. */
static inline void places_give(struct places *places, uint32_t number)
{
	uint16_t i = 0;

	while (places->list[i] != number)
		i++;
	CHECK(i < places->cnt);
	places->list[i] = places->list[--places->cnt];
	places->list[places->cnt] = (uint16_t)number;
}

/* Whether a lane can write no more. */
static inline bool lane_is_lost(const struct lane *lane)
{
	return journal_error(lane->journal) != 0 || lane->given_up;
}

static inline void wait_for(struct waits *waits, uint64_t lsn, uint32_t number, bool is_shared)
{
	CHECK(waits->tail - waits->head < WAITS_MAX);
	waits->list[waits->tail++ & (WAITS_MAX - 1)] =
		(struct wait){.lsn = lsn, .number = (uint16_t)number, .is_shared = is_shared};
}

static inline void todo_add(struct todo *todo, uint32_t number)
{
	DCHECK(number < BASKETS_MAX);
	if (todo->listed[number])
		return;
	CHECK(todo->tail - todo->head < BASKETS_MAX);
	todo->listed[number] = true;
	todo->list[todo->tail++ & (BASKETS_MAX - 1)] = (uint16_t)number;
}

/* The next one; false: there is none. */
static inline bool todo_take(struct todo *todo, uint32_t *number)
{
	DCHECK(todo->tail - todo->head <= BASKETS_MAX);
	if (todo->head == todo->tail)
		return false;
	*number = todo->list[todo->head++ & (BASKETS_MAX - 1)];
	todo->listed[*number] = false;
	return true;
}

/* Whether so many mails of questions, and of their answers, may be under way in addition. */
bool post_has_credits(const struct lane_turn *turn, uint16_t lane_idx, uint32_t mail_cnt);
void post_take_credits(struct lane_turn *turn, uint16_t lane_idx, uint32_t mail_cnt);
void post_return_credits(struct lane_turn *turn, uint16_t lane_idx, uint32_t mail_cnt);

/* Sends a mail that credits were taken for, or that answers one. */
void post_send(struct lane_turn *turn, struct mail *mail);

void coordinator_take(struct lane_turn *turn, struct lane *lane, const struct mail *mail);
/* Those that have something to do. False: nothing changed. */
bool coordinator_turn(struct lane_turn *turn, struct lane *lane);
/* The record that the basket waited for is on disk, or the lane is lost. */
void coordinator_written(struct lane_turn *turn, struct lane *lane, uint32_t number);

void participant_asked(struct lane_turn *turn, struct lane *lane, const struct incoming *incoming);
void participant_take(struct lane *lane, const struct mail *mail);
bool participant_turn(struct lane_turn *turn, struct lane *lane);
void participant_written(struct lane_turn *turn, struct lane *lane, uint32_t number);
void participant_acknowledged(struct lane_turn *turn, struct lane *lane, uint32_t number);

#endif

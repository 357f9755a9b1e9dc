/*
 * buyers: the buyers of a simulated engine, and the answers they got. They buy and hold; they pay
 * holds, all or part of them, in time or late; they release, extend and return; some of it as
 * baskets. They retry under the same id, ask twice in one datagram, use an id again with other
 * content or for another SKU, look orders up, and send requests that must be refused. They date
 * their requests in every possible way (dates.h), and some datagrams are recorded and sent again,
 * lives later. Every answer is compared with earlier answers and with what was written (told.c).
 */
#ifndef DB_TESTS_SIM_BUYERS_H
#define DB_TESTS_SIM_BUYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/wire.h"
#include "tests/sim/random.h"
#include "tests/sim/sim_fs.h"
#include "tests/sim/tally.h"
#include "tests/sim/truth.h"

enum {
	BUYERS_ORDERS_MAX = 2048,
	BUYERS_SKUS_MAX = 4,
	BUYERS_PARCELS_MAX = 48,
	BUYERS_RECORDED_MAX = 16,
	BUYERS_AWAY_MAX = 16,
	BUYERS_LATEST_CNT = 16,
	BUYERS_HELD_MAX = 32,
};

/* What a buyer wants: one request id and SKU, with two contents, of which one can win. */
struct wish {
	uint64_t id[2];
	uint64_t sku;
	uint64_t buyer;
	uint64_t max_price;
	uint64_t order_id; /* the order that is to change; 0 of BUY and HOLD */
	bool at_most_0;    /* and max_price is 0 */
	bool write_off;
	bool away;  /* another lane sells the SKU */
	bool whole; /* of a request for a whole basket: it named no quantity */
	uint8_t op;
	uint32_t channel;
	uint16_t quantity;
	bool done;     /* committed, as an answer said ... */
	bool durable;  /* ... for good */
	bool answered; /* with a yes to its own op: `answer` is final */
	bool winner;   /* the content that got it; of all that was committed */
	bool unknown;  /* got UNAVAILABLE since then */
	/* Arrival, in this life, of the first datagram that got a yes; 0: none. A refusal of one
	 * that arrived earlier may be delivered later. */
	uint64_t yes_arrival;
	uint64_t yes_answered; /* the latest arrival when that yes left */
	uint8_t whole_verdict; /* that the whole basket got, a yes; 0: none */
	uint64_t asked_ns;     /* the latest instant that it may count as asked at; 0: none */
	uint64_t lsn;          /* of its record, where it was found last */
	struct wire_reply answer;
};

/* A SKU of the lane's number that another one sells. */
struct away {
	uint64_t sku;
	uint64_t known_since; /* what arrives later in this life hears who sells it */
	uint16_t owner;
};

/* A basket that was held, by its lines: which buyers' (by lane), and which wish. */
struct held_basket {
	uint16_t wishes[WIRE_ENTRY_CNT_MAX];
	uint8_t owners[WIRE_ENTRY_CNT_MAX];
	uint8_t cnt;
};

/* A datagram in flight, to the engine or back. */
struct parcel {
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	struct wire_request requests[WIRE_ENTRY_CNT_MAX];
	uint16_t wishes[WIRE_ENTRY_CNT_MAX];
	uint8_t owners[WIRE_ENTRY_CNT_MAX]; /* whose wishes they are: the lane's */
	uint8_t contents[WIRE_ENTRY_CNT_MAX];
	struct held_basket whole; /* its one entry is for all these; cnt 0: it is not */
	struct wire_date date;    /* as it was sent */
	uint8_t cnt;
	uint8_t flags; /* WIRE_FLAG_BASKET, WIRE_FLAG_WHAT_THERE_IS */
	bool made;     /* its lines are this basket's alone */
	bool dated;
	bool out;
	uint64_t arrival;            /* of the life, from 1 on */
	uint64_t lsn[SIM_LANES_MAX]; /* the lanes' last records then */
	bool parked;                 /* its answer waited for other lanes ... */
	uint64_t answered;           /* ... and left when this was the latest arrival */
};

struct buyers {
	struct buyers *of_lane[SIM_LANES_MAX]; /* those of every lane, these too */
	const struct truth *truth;             /* the lane's */
	struct sim_random *random;
	struct tally *tally;
	struct wish wishes[BUYERS_ORDERS_MAX];
	uint32_t wish_cnt;
	uint32_t wish_max;   /* no more than these */
	uint32_t asked_next; /* for buyers_ask_all */
	uint64_t skus[BUYERS_SKUS_MAX];
	unsigned sku_cnt;
	/* Of each SKU: what arrives later in this life finds it on sale. */
	uint64_t known_since[BUYERS_SKUS_MAX];
	struct away away[BUYERS_AWAY_MAX];
	unsigned away_cnt;
	unsigned buyer_cnt;
	bool holds;                     /* they hold, pay, give back and return, too */
	bool can_hold[BUYERS_SKUS_MAX]; /* the offer allows it */
	/* The wishes with the latest yes, a ring. */
	uint16_t latest[BUYERS_LATEST_CNT];
	uint32_t latest_cnt;
	uint64_t price_max; /* the offers' highest */
	uint8_t entries_max;
	uint16_t lane;
	uint16_t shards;
	const uint64_t *clock_ns;    /* the lane's */
	const uint64_t *arrival_cnt; /* the engine's */
	uint32_t sale;
	bool undated_refused;
	bool settled;    /* the lane has no record that was not written */
	bool failed;     /* a write of the lane failed */
	bool ends;       /* the lane drains */
	bool was_full;   /* in this life its disk had no space */
	bool peace;      /* no basket over lanes is asked for any more */
	bool ack_memory; /* a crash may undo a yes that said so */
	struct parcel parcels[BUYERS_PARCELS_MAX];
	struct parcel recorded[BUYERS_RECORDED_MAX]; /* what somebody without a key has */
	unsigned recorded_cnt;
	unsigned again; /* 1 + that of the recorded which is sent next; 0: none */
	struct held_basket held[BUYERS_HELD_MAX];
	unsigned held_cnt; /* ever: a ring */
};

/* A datagram; NULL while all parcels are out. The engine gives it to buyers_told. */
struct parcel *buyers_ask(struct buyers *buyers);

/* The same, of one op for each wish in turn, 0: its own; NULL also after the last. */
struct parcel *buyers_ask_all(struct buyers *buyers, uint8_t op);

/* A reply left the engine. healthy: nothing has happened that a journal cannot survive. */
void buyers_told(struct buyers *buyers, struct parcel *parcel, bool healthy);

/* The engine ended, and all datagrams in flight are lost. */
void buyers_forget_parcels(struct buyers *buyers);

/* Checks that every yes is among the records up to an LSN, with the content and the answer that the
 * buyer got. What was told of an order's later state is in the records, too (ledger.h). */
void buyers_check(struct buyers *buyers, const struct truth *truth, uint64_t last_lsn);

/* The same after a recovery: an order acknowledged from memory only may be lost with the tail, and
 * then counts as never asked. */
void buyers_recovered(struct buyers *buyers, const struct truth *truth, uint64_t last_lsn);

#endif

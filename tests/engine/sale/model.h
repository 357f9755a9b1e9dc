/*
 * model: what a shard must answer, written from WIRE.md alone: plain arrays, linear search, sums
 * made anew for each question, and all holds that have run out ended before each request. Slow and
 * obvious. Shares no code with the engine but the structs of the wire and of records.
 *
 * One shard, one thread. It is given every record that the engine writes, so that LSNs agree.
 */
#ifndef DB_TESTS_ENGINE_SALE_MODEL_H
#define DB_TESTS_ENGINE_SALE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/sale/record.h"
#include "net/wire.h"

enum {
	MODEL_OFFERS_MAX = 16,
	/* A sale of a thousand operations has no more. */
	MODEL_ORDERS_MAX = 1400,
	MODEL_WAITING_MAX = 64,
};

enum model_state {
	MODEL_OPEN = 1, /* units are held */
	MODEL_SOLD,
	MODEL_RELEASED,
	MODEL_RAN_OUT,
	MODEL_REFUNDED,
};

/* An order that was bought or held, and what has become of it. */
struct model_order {
	struct wire_request asked; /* the BUY or HOLD that made it */
	uint64_t lsn;
	uint64_t unit_price;
	uint64_t at_ns;
	uint64_t ends_at_ns; /* of a hold */
	uint64_t sold_at_ns;
	uint64_t since_lsn; /* of its HOLD or latest EXTEND */
	uint64_t last_lsn;  /* of the record that changed it last */
	uint64_t unpinned_ns;
	uint16_t held;
	uint16_t sold;
	uint16_t returned;
	uint16_t written_off;
	uint16_t ran_out; /* units held at its end */
	uint16_t extensions;
	enum model_state state;
	bool bought;
	bool late;    /* sold after its end */
	bool goes_on; /* the next record is of the same basket */
	bool pinned;  /* a payment or release of it waits for other shards: it does not end */
	/* It ran out, and an EXPIRE record says so. Nobody sees a difference, but a clock that is
	 * set back moves the end of what has no such record. */
	bool end_recorded;
};

/* Which fields of an answer WIRE.md names for its verdict. The unit price is in all of them. */
enum {
	NAMED_ORDER = 1 << 0,
	NAMED_INSTANT = 1 << 1,
	NAMED_QUANTITY = 1 << 2,
	NAMED_STOCK = 1 << 3, /* stock left is the very answer, and no hint */
};

struct model_answer {
	uint64_t order_id;
	uint64_t unit_price;
	uint64_t instant_ns;
	uint64_t wait_lsn;    /* it rests on this record; 0: on none */
	uint64_t wait_lsn_or; /* on this one it may wait as well */
	uint32_t stock_left;
	uint16_t quantity;
	uint8_t verdict;
	unsigned named;
	bool committed;
	struct record record; /* what it writes, if committed */
};

/* A request that committed, and its answer for ever. */
struct model_request {
	struct wire_request asked;
	struct model_answer answer;
	uint32_t order; /* that it made or changed: which of the orders */
};

/* A line of a basket over several shards, between its two steps. */
struct model_waiting {
	struct wire_request asked;
	uint64_t lsn;    /* of its PREPARED record */
	uint64_t at_ns;  /* when it was judged */
	uint64_t units;  /* of the offer that are set aside for it */
	uint8_t verdict; /* that it would get */
	bool refund;     /* its basket's payment is too late */
};

/* An offer as its record said. */
struct model_offer {
	struct record record;
	uint32_t extensions;
	uint64_t extend_ns;
};

struct model {
	uint16_t lane;
	uint16_t shards;
	uint64_t next_lsn;
	uint64_t basket_lsn; /* the first one of the basket that is being decided; 0: none is */
	/* What the tables of the engine have room for. */
	uint64_t bought_max;
	uint64_t holds_max;
	uint64_t changes_max;
	uint32_t offer_cnt;
	uint32_t placed_cnt;
	uint32_t order_cnt;
	uint32_t request_cnt;
	uint32_t waiting_cnt;
	uint64_t link_cnt;
	struct model_waiting waiting[MODEL_WAITING_MAX]; /* by LSN */
	struct model_offer offers[MODEL_OFFERS_MAX];
	struct record placed[MODEL_OFFERS_MAX];
	struct model_order orders[MODEL_ORDERS_MAX];
	struct model_request requests[MODEL_ORDERS_MAX];
};

/* Makes it empty, with LSN 1 next. Table sizes are set by the caller. */
void model_open(struct model *model, uint16_t lane, uint16_t shards);

/* An OFFER, PLACED or CLOCK record that the engine took as its next LSN. */
void model_apply(struct model *model, const struct record *record);

/* An EXPIRE record that the engine wrote as its next LSN at now_ns. NULL, or what is wrong with it:
 * it ends what has not run out, or does not say what it ends. */
const char *model_expire(struct model *model, uint64_t now_ns, const struct record *record);

/*
 * What a request gets at now_ns; what commits becomes LSN next_lsn. asked_ns: when it was asked, at
 * most now_ns, UINT64_MAX: it is stale. room false: nothing can be written.
 */
struct model_answer model_decide(struct model *model, uint64_t now_ns, uint64_t asked_ns,
				 const struct wire_request *request, bool room);

/* A CONFIRM that is a refund because of another line of its basket; it is known to be in order. */
struct model_answer model_refund(struct model *model, uint64_t now_ns,
				 const struct wire_request *request);

/* Why these lines are no basket; VERDICT_NONE: they are. */
uint8_t model_basket_wrong(const struct wire_request *lines, uint32_t cnt);

/* What the lines of a basket get; the first of those that commit becomes LSN next_lsn. As
 * model_decide. */
void model_basket(struct model *model, uint64_t now_ns, uint64_t asked_ns,
		  const struct wire_request *lines, uint32_t cnt, bool room,
		  struct model_answer *answers);

/* The first step of a basket over several shards: what its lines get here, or would get. True: they
 * wait now, and records are those that this wrote. */
bool model_prepare(struct model *model, uint64_t now_ns, uint64_t asked_ns,
		   const struct wire_request *lines, uint32_t cnt, bool room, bool late_elsewhere,
		   struct model_answer *answers, struct record *records);

/* The second step, of the line that waits there: it becomes what it asked for, or nothing. */
struct model_answer model_carry_out(struct model *model, uint64_t now_ns, uint32_t waiting);
struct record model_abort(struct model *model, uint64_t now_ns, uint32_t waiting);

/* Whether a request waits for other shards. */
bool model_is_waiting(const struct model *model, const struct wire_request *request);

/* A line goes out of the table, and what was kept for it is given back. */
void model_stop_waiting(struct model *model, uint64_t now_ns, uint32_t waiting);

/* The lines that a request for a whole basket stands for; 0: it names none. */
uint32_t model_basket_lines(struct model *model, uint64_t now_ns,
			    const struct wire_request *request, struct wire_request *lines);

/* Ends what has run out by now_ns. model_decide does it first. */
void model_end_due(struct model *model, uint64_t now_ns);

/* Holds of a SKU that ran out without an EXPIRE record as yet: how many, and *units. 0: of all. */
uint32_t model_unrecorded(const struct model *model, uint64_t sku, uint64_t *units);

/* Whether a hold without an EXPIRE record ended at this instant or before, and was not pinned
 * later. */
bool model_ended_before(const struct model *model, uint64_t instant_ns);

/* Units of a SKU. */
struct model_units {
	uint64_t stock;
	uint64_t free;
	uint64_t held;
	uint64_t sold;
	uint64_t written_off;
};
struct model_units model_units(const struct model *model, uint64_t sku);

/* How many of its orders take a place among the holds: holds, and bought ones that changed. */
uint64_t model_holds(const struct model *model);
uint64_t model_changes(const struct model *model);
/* Holds for which a payment may come: each has a place among the changes kept for it. */
uint64_t model_undecided(const struct model *model);
uint64_t model_bought(const struct model *model);

const struct model_offer *model_offer(const struct model *model, uint64_t sku);

#endif

/*
 * order_map: which order of this sale stands for one of the captured sale. CONFIRM, RELEASE,
 * EXTEND and RETURN name an order by the id that an answer gave to their sender. In a replay that
 * order may have another id, or not be made at all: so requests get the id that their sender would
 * have been told. An order that was not mentioned yet is taken to have the same id.
 *
 * Only orders with another id take memory, and those whose new answer is still to come. One thread.
 */
#ifndef DB_TOOLS_REPLAY_ORDER_MAP_H
#define DB_TOOLS_REPLAY_ORDER_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/wire.h"

struct order_map;

enum order_place {
	ORDER_SAME,  /* it has the id that was captured, or nobody has mentioned it */
	ORDER_MOVED, /* it has another */
	ORDER_NONE,  /* it was not made in this sale */
	ORDER_WAITS, /* what made it was captured, its new answer is still to come */
};

/* Of the requests that were given to order_map_apply. */
struct order_map_counts {
	uint64_t named;   /* entries that name an order */
	uint64_t moved;   /* of these, whose order has another id now */
	uint64_t none;    /* whose order was not made: they got an id that no order has */
	uint64_t guessed; /* left as captured because the new answer did not come in time */
};

/* NULL: no memory. */
struct order_map *order_map_open(void);

/* NULL is allowed. */
void order_map_close(struct order_map *map);

/* Whether a request of this op names an order. */
static inline bool order_map_names(const struct wire_request *request)
{
	switch (request->op) {
	case WIRE_OP_CONFIRM:
	case WIRE_OP_RELEASE:
	case WIRE_OP_EXTEND:
	case WIRE_OP_RETURN:
		return true;
	case WIRE_OP_LOOKUP:
		return (request->flags & WIRE_ENTRY_BY_ORDER) != 0;
	default:
		return false;
	}
}

/* Whether an answer tells its receiver the id of an order that later requests may name. */
static inline bool order_map_tells(uint8_t verdict)
{
	return verdict == VERDICT_ACCEPTED || verdict == VERDICT_HELD ||
	       verdict == VERDICT_ALREADY_HELD;
}

/* A captured answer told this id; the new one comes later. */
void order_map_expect(struct order_map *map, uint64_t captured);

/*
 * Both answers to one request: the captured one, which tells the id `captured`, and the new one,
 * which has the id `now`, 0: none. The last one counts, as a buyer goes on with what he heard last.
 */
void order_map_set(struct order_map *map, uint64_t captured, uint8_t captured_verdict,
		   uint64_t now);

/* Something about this order differs in the two sales, and so may all that names it. */
void order_map_taint(struct order_map *map, uint64_t captured);
bool order_map_tainted(const struct order_map *map, uint64_t captured);

/* *now: the id in this sale; 0 with ORDER_NONE, `captured` with ORDER_SAME and ORDER_WAITS. */
enum order_place order_map_find(const struct order_map *map, uint64_t captured, uint64_t *now);

/* Whether no entry of a request datagram names an order that waits. */
bool order_map_ready(const struct order_map *map, const uint8_t *datagram);

/* Puts this sale's ids into a request datagram. One that waits stays as it is, from now on. */
void order_map_apply(struct order_map *map, uint8_t *datagram);

const struct order_map_counts *order_map_counts(const struct order_map *map);

/* What was not remembered for lack of memory: those orders are taken to have the same id. */
uint64_t order_map_lost(const struct order_map *map);

/*
 * The orders that recent answers told, as a set that may claim an order too many but never misses
 * one: whether a request rests on an answer that is still to be compared.
 */
enum {
	ORDER_RECENT_BITS = 4096,
};
struct order_recent {
	bool any;
	uint64_t bits[ORDER_RECENT_BITS / 64];
};
void order_recent_add(struct order_recent *recent, const uint8_t *reply_datagram);
void order_recent_clear(struct order_recent *recent);

/* *names: whether an entry of the request datagram names an order. */
bool order_recent_has(const struct order_recent *recent, const uint8_t *datagram, bool *names);

#endif

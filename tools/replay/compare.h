/*
 * compare: captured replies against new ones, request id by request id. Each side comes in its own
 * order and time. The first of a pair waits for the other, in memory of a fixed size; one that
 * waits too long counts as alone.
 *
 * A request differs if its verdict or, when both sold, its price or quantity does, or if its order
 * was committed before another that came first in the other sale. Order ids themselves may differ:
 * they count all of a lane's records, so one difference moves all that follow. What a request that
 * names an order (CONFIRM, RETURN, ...) gets may differ because something about that order did
 * before: that is said of it.
 *
 * One thread.
 */
#ifndef DB_TOOLS_REPLAY_COMPARE_H
#define DB_TOOLS_REPLAY_COMPARE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/wire.h"
#include "tools/replay/order_map.h"

enum {
	/* Datagrams that wait for their other side: enough for a quarter of a second at 500,000 a
	 * second. */
	COMPARE_WAITING_MAX = 1 << 17,
};

enum compare_side {
	COMPARE_CAPTURED,
	COMPARE_NEW,
	COMPARE_SIDES,
};

enum compare_what {
	COMPARE_VERDICT,
	COMPARE_PRICE,
	COMPARE_QUANTITY,
	COMPARE_ORDER,
	COMPARE_WHATS,
};

/* What a reply says about one request. */
struct compare_answer {
	uint64_t order_id;
	uint64_t unit_price;
	uint16_t quantity;
	uint8_t verdict;
};

struct compare_difference {
	uint64_t request_id[2];
	enum compare_what what;
	uint8_t op;   /* of the request; 0: not known */
	bool follows; /* something about the order that it names differed before */
	struct compare_answer answers[COMPARE_SIDES];
};

/* The requests of one op. */
struct compare_op {
	uint64_t compared;
	uint64_t different;
	uint64_t follows;                          /* of those that differ */
	uint64_t matrix[VERDICT_END][VERDICT_END]; /* [captured][new] */
};

struct compare_result {
	uint64_t compared;             /* requests answered on both sides */
	uint64_t alone[COMPARE_SIDES]; /* on one side only */
	uint64_t different;
	uint64_t by_what[COMPARE_WHATS];
	uint64_t orders_moved; /* the same order under another order id: no difference */
	uint64_t matrix[VERDICT_END][VERDICT_END]; /* [captured][new] */
	uint64_t follows;                          /* of those that differ */
	struct compare_op by_op[WIRE_OP_END];      /* [0]: the op is not known */
};

struct compare;

/* Remembers the first keep_max differences. NULL: no memory. */
struct compare *compare_open(uint32_t keep_max);

/*
 * A reply datagram of this shard's port; its header's count must be right, its tag is not asked.
 * ops: what its entries were asked, as far as known on this side; NULL: not known.
 */
void compare_add(struct compare *compare, enum compare_side side, uint16_t shard,
		 const uint8_t *datagram, const uint8_t *ops);

/* Which orders of the new sale those of the captured one are, as the pairs say; compare's own. */
struct order_map *compare_orders(const struct compare *compare);

/* A key from what request and reply have in common: port, echo, count and the request ids. */
uint64_t compare_key(uint16_t shard, const uint8_t *datagram);

/* What still waits is alone. */
void compare_finish(struct compare *compare);

/* Every captured answer has a new one that doesn't differ. After compare_finish. */
bool compare_same(const struct compare *compare);

const struct compare_result *compare_result(const struct compare *compare);

/* The first differences; returns how many. */
uint32_t compare_first(const struct compare *compare, const struct compare_difference **out);

/* Matrix and first differences, for people. */
void compare_print(const struct compare *compare, FILE *out);

void compare_close(struct compare *compare);

#endif

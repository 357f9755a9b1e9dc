/*
 * baskets: the buyers of the scenario `baskets`, each somewhere on his way, and the sums over what
 * became of them. Checks every answer against what must come: all lines of a basket or none, at
 * their units and prices; of a hold what becomes of the whole basket, in time before its end and
 * late after it; what is asked again gets the same answer; a refund is for good.
 */
#ifndef DB_TOOLS_LOAD_BASKETS_H
#define DB_TOOLS_LOAD_BASKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"
#include "tools/load/baskets_plan.h"
#include "tools/load/checkout.h"

struct load_baskets_buyer;

struct baskets_figures {
	struct units_count bought;
	struct units_count in_part; /* what there was, not all of it */
	struct units_count held;
	struct units_count confirmed; /* in time */
	struct units_count late;
	struct units_count refunded;
	struct units_count released;
	struct units_count ran_out; /* also those that were paid late or refunded afterwards */
	uint64_t refused;           /* answers: baskets of which one line at least was sold out */
	uint64_t repeated;          /* answers that were asked for once more */
	uint64_t gave_up;           /* buyers that got nothing */
	uint64_t by_copy;           /* baskets, or lines of what there was, that were refused and
				       carried out later, by a copy of the request */
	uint64_t lost;              /* a request had no answer, or that of a failure */
	uint64_t halves;            /* baskets of which a part was carried out */
	uint64_t other_answers;     /* to what was asked again */
	uint64_t contradictions;    /* these, and all else that must not be */
};

struct load_baskets {
	const struct scenario *scenario;
	struct load_baskets_buyer *buyers;
	uint8_t least_durability; /* that what was carried out must have at least */
	uint32_t ended;           /* buyers that do nothing any more */
	uint32_t said;            /* contradictions that were printed */
	struct baskets_figures figures;
	struct stock stock;
};

/* False: no memory. */
bool load_baskets_open(struct load_baskets *baskets, const struct scenario *scenario,
		       uint8_t least_durability);
void load_baskets_close(struct load_baskets *baskets);

/* What a buyer asks next: lines of a basket, or one request alone; `user` tells line and buyer.
 * Returns how many. */
uint32_t load_baskets_requests(const struct load_baskets *baskets, uint32_t idx,
			       struct client_request out[BASKETS_LINES_MAX]);

/* All of that was submitted. */
void load_baskets_asked(struct load_baskets *baskets, uint32_t idx);

/*
 * Takes the answer to one of these, when the engine's clock was not before now_ns; NULL: none came.
 * may_turn: it is a refusal, and a copy may still be carried out. After the last returns the
 * instant of that clock at which he asks again; 0: he has ended, or waits for more.
 */
uint64_t load_baskets_answer(struct load_baskets *baskets, uint64_t user, uint64_t now_ns,
			     const struct wire_reply *reply, bool may_turn);

/* The buyers of a checkout; the state is a struct load_baskets. */
extern const struct checkout_buyers load_baskets_buyers;

/* Whether each unit that was held was sold, released or ran out, and nobody was lost. */
bool load_baskets_all_ended(const struct load_baskets *baskets);

#endif

/*
 * holds: the buyers of the scenario `holds`, each somewhere on his way from HOLD to payment, and
 * the sums over what became of them. Checks every answer against what must come: the right order,
 * units and price; in time before the end of the hold and late after it, to the nanosecond, by the
 * instants that the engine says; a refund for good.
 *
 * Knows no clock and no network: the caller sends the requests and brings the answers, as
 * checkout.h does.
 */
#ifndef DB_TOOLS_LOAD_HOLDS_H
#define DB_TOOLS_LOAD_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"
#include "tools/load/checkout.h"
#include "tools/load/holds_plan.h"

struct load_holds_buyer;

struct holds_figures {
	struct units_count held;
	struct units_count again; /* ALREADY_HELD */
	struct units_count extended;
	struct units_count confirmed; /* in time */
	struct units_count late;
	struct units_count refunded;
	struct units_count released; /* by RELEASE, and the rest of a part that was paid */
	struct units_count ran_out;  /* also those that were paid late or refunded afterwards */
	struct units_count returned; /* for sale again */
	struct units_count written_off;
	uint64_t looked_up;
	uint64_t gave_up; /* buyers that never got a hold */
	uint64_t lost;    /* buyers of whom a request had no answer, or that of a failure */
	uint64_t contradictions;
	uint64_t latest_end_ns; /* of all holds, by the engine's clock */
};

struct load_holds {
	const struct scenario *scenario;
	struct load_holds_buyer *buyers;
	uint8_t least_durability; /* that what was carried out must have at least */
	uint32_t ended;           /* buyers that do nothing any more */
	uint32_t said;            /* contradictions that were printed */
	struct holds_figures figures;
	struct stock stock;
};

/* False: no memory. */
bool load_holds_open(struct load_holds *holds, const struct scenario *scenario,
		     uint8_t least_durability);
void load_holds_close(struct load_holds *holds);

/* The order that a buyer's hold is; 0: he has none yet. */
uint64_t load_holds_order_id(const struct load_holds *holds, uint32_t idx);

/* What a buyer asks next; user is his index. */
void load_holds_request(const struct load_holds *holds, uint32_t idx, struct client_request *out);

/*
 * Takes the answer to it, when the engine's clock, of this SKU's shard, was not before now_ns.
 * Returns the instant of that clock at which he asks again; 0: he has ended.
 */
uint64_t load_holds_answer(struct load_holds *holds, uint32_t idx, uint64_t now_ns,
			   const struct wire_reply *reply);

/* No answer came: what he holds is not known, and he has ended. */
void load_holds_silence(struct load_holds *holds, uint32_t idx);

/* The buyers of a checkout; the state is a struct load_holds. */
extern const struct checkout_buyers load_holds_buyers;

/* Whether each unit that was held was sold, released or ran out, and nobody was lost. */
bool load_holds_all_ended(const struct load_holds *holds);

#endif

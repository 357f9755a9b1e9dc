/*
 * holds: the buyers of the scenario `holds`, each somewhere on his way from HOLD to payment, and
 * the sums over what became of them. Checks every answer against what must come: the right order,
 * units and price; in time before the end of the hold and late after it, to the nanosecond, by the
 * instants that the engine says; a refund for good.
 *
 * Knows no clock and no network: the caller sends the requests and brings the answers.
 */
#ifndef DB_TOOLS_LOAD_HOLDS_H
#define DB_TOOLS_LOAD_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"
#include "tools/load/holds_plan.h"

struct load_holds_buyer;

/* Holds and orders, and their units. */
struct holds_count {
	uint64_t cnt;
	uint64_t units;
};

struct holds_figures {
	struct holds_count held;
	struct holds_count again; /* ALREADY_HELD */
	struct holds_count extended;
	struct holds_count confirmed; /* in time */
	struct holds_count late;
	struct holds_count refunded;
	struct holds_count released; /* by RELEASE, and the rest of a part that was paid */
	struct holds_count ran_out;  /* also those that were paid late or refunded afterwards */
	struct holds_count returned; /* for sale again */
	struct holds_count written_off;
	uint64_t looked_up;
	uint64_t gave_up; /* buyers that never got a hold */
	uint64_t lost;    /* buyers of whom a request had no answer, or that of a failure */
	uint64_t contradictions;
	uint64_t latest_end_ns;          /* of all holds, by the engine's clock */
	uint64_t units_sold[HOLDS_SKUS]; /* and not returned */
	uint64_t units_gone[HOLDS_SKUS]; /* written off */
	uint64_t first_free[HOLDS_SKUS]; /* the caller's: stock left before the first HOLD, */
	uint64_t last_free[HOLDS_SKUS];  /* and after the last hold ended */
	uint64_t units_stranded;         /* more or fewer free at the end than there must be */
	bool free_known;                 /* of first_free and last_free */
};

struct load_holds {
	const struct scenario *scenario;
	struct load_holds_buyer *buyers;
	uint8_t least_durability; /* that what was carried out must have at least */
	uint32_t ended;           /* buyers that do nothing any more */
	uint32_t said;            /* contradictions that were printed */
	struct holds_figures figures;
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

/* Whether each unit that came back is free, by last_free: what was free at first, less what was
 * sold and not returned for sale. Sets units_stranded. */
bool load_holds_all_free(struct load_holds *holds);

/* Whether each unit that was held was sold, released or ran out, and nobody was lost. */
bool load_holds_all_ended(const struct load_holds *holds);

#endif

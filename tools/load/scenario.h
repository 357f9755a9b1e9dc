/*
 * scenario: which requests a sale sees. Every request follows from (seed, index), so that nothing
 * but its place in the order is stored, and a run can be repeated.
 */
#ifndef DB_TOOLS_LOAD_SCENARIO_H
#define DB_TOOLS_LOAD_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"

enum scenario_kind {
	/* One SKU, 15,000 units, one a buyer; 2.7 M buyers, 5 % of whom send their request twice,
	 * shuffled. */
	SCENARIO_DROP,
	/* 100,000 SKUs, Zipf 0.99 over them, deep stock, 1 to 3 units, no limit. */
	SCENARIO_SINGLES_DAY,
	/* Every answer there is, and every request must get its own: mixed.h. */
	SCENARIO_MIXED,
	/* No sale: datagrams to a port that sends them back as they are (testpmd 5tswap). */
	SCENARIO_ECHO,
};

struct scenario {
	enum scenario_kind kind;
	uint64_t seed;
	uint32_t distinct_cnt; /* requests with an id of their own */
	uint32_t send_cnt;     /* of which some are sent twice */
	uint32_t sku_cnt;
	uint32_t channel;
	bool dated; /* mixed: its datagrams are, and some are stale; set after scenario_open */
	/* May be set after scenario_open, singles-day and mixed: */
	uint32_t buyer_cnt;    /* who buys; 0: a buyer a request */
	uint32_t limit;        /* singles-day: units a buyer, in the catalog; 0: none */
	uint16_t quantity_max; /* singles-day: units a request, from 1 */
	uint32_t *order;       /* drop: what is sent when, as indexes; else NULL: 0, 1, 2, ... */
	struct alias *aliases; /* singles-day: the distribution over SKUs */
};

bool scenario_kind_of(const char *name, enum scenario_kind *out);
const char *scenario_name(enum scenario_kind kind);

/* request_cnt, sku_cnt 0: the scenario's own. False: no memory. */
bool scenario_open(struct scenario *scenario, enum scenario_kind kind, uint64_t seed,
		   uint32_t request_cnt, uint32_t sku_cnt);
void scenario_close(struct scenario *scenario);

/* The n-th request to send, n < send_cnt; its user is the index, the same for both sendings. */
void scenario_request(const struct scenario *scenario, uint32_t n, struct client_request *out);

/* Units that the request with this index asks for; not of mixed. */
uint16_t scenario_quantity(const struct scenario *scenario, uint32_t idx);

/* Writes the catalog that the scenario needs. 0 or -errno. */
int scenario_catalog(const struct scenario *scenario, const char *path);

#endif

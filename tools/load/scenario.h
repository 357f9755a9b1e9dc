/*
 * scenario: which requests a sale sees. Every request follows from (seed, index), so that nothing
 * but its place in the order is stored, and a run can be repeated.
 */
#ifndef DB_TOOLS_LOAD_SCENARIO_H
#define DB_TOOLS_LOAD_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "net/client.h"
#include "tools/load/scenario_state.h"

struct catalog_offer;

enum {
	SCENARIO_CATALOG_REQUESTS = 4000000,
};

/* What --scenario can name: a catalog is no such. */
bool scenario_kind_of(const char *name, enum scenario_kind *out);
const char *scenario_name(enum scenario_kind kind);

/* request_cnt, sku_cnt 0: the scenario's own. False: no memory. */
bool scenario_open(struct scenario *scenario, enum scenario_kind kind, uint64_t seed,
		   uint32_t request_cnt, uint32_t sku_cnt);

/*
 * The same with a catalog of the operator's own: request_cnt 0 means two for each unit on sale, at
 * most SCENARIO_CATALOG_REQUESTS. What of the file is not read is said on stderr, as at a start of
 * the engine. 0, or -errno with a line in error.
 */
int scenario_open_catalog(struct scenario *scenario, const char *path, uint64_t seed,
			  uint32_t request_cnt, struct error *error);

void scenario_close(struct scenario *scenario);

/* The n-th request to send, n < send_cnt; its user is the index, the same for both sendings. Not of
 * holds and baskets, whose requests follow from answers. */
void scenario_request(const struct scenario *scenario, uint32_t n, struct client_request *out);

/* Units that the request with this index asks for; not of mixed. Of a catalog: at most the offer's
 * limit a buyer. */
uint16_t scenario_quantity(const struct scenario *scenario, uint32_t idx);

/* Of a catalog: the offer that the request with this index asks for. */
const struct catalog_offer *scenario_offer(const struct scenario *scenario, uint32_t idx);

/* Writes the catalog that the scenario needs. 0 or -errno. */
int scenario_catalog(const struct scenario *scenario, const char *path);

#endif

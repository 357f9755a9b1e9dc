/*
 * peer_load: what the loads of Redis and PostgreSQL have in common: the same requests that the
 * engine gets, the command line, the latencies, the line of JSON at the end.
 */
#ifndef DB_BENCH_PEERS_PEER_LOAD_H
#define DB_BENCH_PEERS_PEER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"
#include "tools/common/histogram.h"
#include "tools/load/scenario.h"

struct peer_load {
	const char *socket; /* or its directory */
	const char *script; /* a file; NULL: none */
	uint32_t depth;     /* out at a time: commands, or transactions */
	uint32_t batch;     /* requests in each */
	uint32_t limit;     /* units a buyer */
	struct scenario scenario;
	uint64_t begin_ns;
	uint64_t accepted;
	uint64_t refused;
	uint64_t wrong;     /* answers that the sale can't give */
	uint64_t orders;    /* by the answers: of those with the same order, one */
	uint64_t units;     /* likewise */
	uint64_t *order_of; /* by a request's user; 0: no order yet */
	struct histogram latency_ns;
};

/* --socket PATH --script FILE --requests N --depth N --batch N --skus N --limit N --seed N; drop or
 * singles-day by --scenario. Ends the program with 2 and a line if they are wrong. */
void peer_load_open(struct peer_load *load, int argc, char **argv);

/* The n-th request, and what the catalog says of a SKU. */
void peer_load_request(const struct peer_load *load, uint32_t n, struct client_request *out);
uint32_t peer_load_stock(const struct peer_load *load, uint64_t sku);
uint32_t peer_load_limit(const struct peer_load *load);
enum {
	PEER_LOAD_PRICE = 1990,
};

/* The next answer, in the order of the requests: an order above 0 of so many units, or a refusal.
 * Wrong if a request that was sent twice gets two orders, or is refused although there is stock. */
void peer_load_accept(struct peer_load *load, uint64_t order, uint64_t units);
void peer_load_refuse(struct peer_load *load, bool sold_out);

/* Prints the result; `sold` and `orders` are what the peer has in its tables afterwards. Returns
 * the exit code: 1 if they are not what the answers add up to, or anything was oversold. */
int peer_load_end(struct peer_load *load, uint64_t end_ns, uint64_t sold, uint64_t orders,
		  bool oversold);

/* The text of a file, ended by 0; ends the program with 2 and a line if it can't be read. */
char *peer_load_text(const char *path);

/* Ends the program with 2 and a line. */
__attribute__((noreturn, format(printf, 1, 2))) void peer_load_fail(const char *format, ...);

#endif

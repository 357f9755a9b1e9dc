/*
 * client_routes: which SKUs are sold by another shard than their number names, as WRONG_SHARD said.
 * A table of a fixed size, made when the first one is learnt; when it is full, the oldest is
 * forgotten. What is forgotten, or could not be kept, is learnt again: it costs an answer.
 *
 * One thread.
 */
#ifndef DB_NET_CLIENT_ROUTES_H
#define DB_NET_CLIENT_ROUTES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* More placed SKUs than that are rarely asked for at the same time; 1.2 MiB. */
	CLIENT_ROUTES_MAX = 1 << 16,
};

struct client_routes; /* NULL: there are none */

/* The shard of a SKU that is known to be placed. False: it is not. */
bool client_routes_find(const struct client_routes *routes, uint64_t sku, uint16_t *shard);

/* Remembers it. *routes may be NULL. Without memory nothing is remembered. */
void client_routes_learn(struct client_routes **routes, uint64_t sku, uint16_t shard);

/* NULL is allowed. */
void client_routes_free(struct client_routes *routes);

#endif

#include "net/client_routes.h"

#include <stdlib.h>

#include "engine/base/mix64.h"

enum {
	CHAINS_CNT = CLIENT_ROUTES_MAX,
};

/* A link is an index into routes plus 1; 0 ends a chain. */
struct route {
	uint64_t sku;
	uint32_t next;
	uint16_t shard;
};

struct client_routes {
	uint32_t cnt;
	uint32_t oldest; /* the next to be replaced, when all are taken */
	uint32_t chains[CHAINS_CNT];
	struct route routes[CLIENT_ROUTES_MAX];
};

static uint32_t chain_of(uint64_t sku)
{
	return (uint32_t)mix64(sku) % CHAINS_CNT;
}

/* Its route, or NULL. */
static const struct route *find(const struct client_routes *routes, uint64_t sku)
{
	uint32_t link = routes->chains[chain_of(sku)];

	while (link != 0 && routes->routes[link - 1].sku != sku)
		link = routes->routes[link - 1].next;
	return link != 0 ? &routes->routes[link - 1] : NULL;
}

bool client_routes_find(const struct client_routes *routes, uint64_t sku, uint16_t *shard)
{
	const struct route *route = routes != NULL ? find(routes, sku) : NULL;

	if (route == NULL)
		return false;
	*shard = route->shard;
	return true;
}

/* Takes a route out of its chain. */
static void unlink_route(struct client_routes *routes, uint32_t idx)
{
	uint32_t *link = &routes->chains[chain_of(routes->routes[idx].sku)];

	while (*link != idx + 1)
		link = &routes->routes[*link - 1].next;
	*link = routes->routes[idx].next;
}

void client_routes_learn(struct client_routes **out, uint64_t sku, uint16_t shard)
{
	struct client_routes *routes = *out;
	const struct route *known;
	uint32_t idx;

	if (routes == NULL)
		*out = routes = calloc(1, sizeof(*routes));
	if (routes == NULL)
		return;
	known = find(routes, sku);
	if (known != NULL) {
		routes->routes[known - routes->routes].shard = shard;
		return;
	}
	if (routes->cnt < CLIENT_ROUTES_MAX) {
		idx = routes->cnt++;
	} else {
		idx = routes->oldest;
		routes->oldest = (routes->oldest + 1) % CLIENT_ROUTES_MAX;
		unlink_route(routes, idx);
	}
	routes->routes[idx] = (struct route){
		.sku = sku,
		.next = routes->chains[chain_of(sku)],
		.shard = shard,
	};
	routes->chains[chain_of(sku)] = idx + 1;
}

void client_routes_free(struct client_routes *routes)
{
	free(routes);
}

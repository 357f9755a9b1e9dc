#include "net/client_routes.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static struct client_routes *routes;

static void end(void)
{
	client_routes_free(routes);
}

TestSuite(client_routes, .fini = end);

/* -1: not known. */
static int shard_of(uint64_t sku)
{
	uint16_t shard;

	return client_routes_find(routes, sku, &shard) ? shard : -1;
}

Test(client_routes, knows_what_it_learnt)
{
	cr_expect(eq(int, shard_of(1), -1));
	client_routes_learn(&routes, 1, 3);
	client_routes_learn(&routes, 0, 2);
	client_routes_learn(&routes, UINT64_MAX, 255);
	cr_expect(eq(int, shard_of(1), 3));
	cr_expect(eq(int, shard_of(0), 2));
	cr_expect(eq(int, shard_of(UINT64_MAX), 255));
	cr_expect(eq(int, shard_of(2), -1));
	client_routes_learn(&routes, 1, 4);
	cr_expect(eq(int, shard_of(1), 4));
}

/* Full, and once more around: always the latest, each once. */
Test(client_routes, forgets_the_oldest)
{
	const uint64_t rounds_end = CLIENT_ROUTES_MAX * 5 / 2;

	for (uint64_t sku = 0; sku < rounds_end; sku++)
		client_routes_learn(&routes, sku, (uint16_t)(sku % 251));
	for (uint64_t sku = 0; sku < rounds_end; sku++)
		cr_assert(eq(int, shard_of(sku),
			     sku < rounds_end - CLIENT_ROUTES_MAX ? -1 : (int)(sku % 251)));
	/* What is learnt again takes no further room. */
	for (unsigned i = 0; i < 10; i++)
		client_routes_learn(&routes, rounds_end - 1, 7);
	cr_assert(eq(int, shard_of(rounds_end - CLIENT_ROUTES_MAX), 163));
}

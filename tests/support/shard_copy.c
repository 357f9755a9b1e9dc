#include "tests/support/shard_copy.h"

#include <stdlib.h>

#include "engine/base/check.h"

/* Each kind at once. */
static int load_all(const struct shard *from, struct shard *to, void *entries,
		    const struct shard_totals *totals, const char **why)
{
	int rc;

	shard_save_offers(from, 0, (uint32_t)shard_entries(from), entries);
	rc = shard_load_offers(to, entries, (uint32_t)shard_entries(from), why);
	if (rc != 0)
		return rc;
	shard_save_orders(from, 0, (uint32_t)totals->orders, entries);
	rc = shard_load_orders(to, entries, (uint32_t)totals->orders, why);
	if (rc != 0)
		return rc;
	shard_save_holds(from, 0, (uint32_t)totals->holds, entries);
	rc = shard_load_holds(to, entries, (uint32_t)totals->holds, why);
	if (rc != 0)
		return rc;
	shard_save_changes(from, 0, (uint32_t)totals->changes, entries);
	rc = shard_load_changes(to, entries, (uint32_t)totals->changes, why);
	if (rc != 0)
		return rc;
	shard_save_links(from, 0, (uint32_t)totals->links, entries);
	rc = shard_load_links(to, entries, (uint32_t)totals->links, why);
	if (rc != 0)
		return rc;
	shard_save_prepared(from, 0, (uint32_t)totals->prepared, entries);
	return shard_load_prepared(to, entries, (uint32_t)totals->prepared, why);
}

int shard_copy(const struct shard *from, struct shard *to, const char **why)
{
	struct shard_totals totals;
	uint64_t cnt = shard_entries(from);
	void *entries;
	int rc;

	shard_totals(from, &totals);
	cnt += totals.orders + 2 * totals.holds + totals.changes + totals.links +
	       2 * totals.prepared;
	entries = calloc(cnt + 1, SNAPSHOT_ORDER_BYTES);
	CHECK(entries != NULL);
	shard_clear(to);
	rc = load_all(from, to, entries, &totals, why);
	if (rc == 0)
		rc = shard_load_end(to, shard_next_lsn(from), shard_last_at_ns(from), why);
	free(entries);
	return rc;
}

#include "engine/sale/shard_copy.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/check.h"

/* All entries of a kind, part by part. */
#define COPY(kind, total)                                                                          \
	for (uint64_t at = 0, cnt; rc == 0 && at < (total); at += cnt) {                           \
		cnt = (total)-at < part ? (total)-at : part;                                       \
		shard_save_##kind(from, at, (uint32_t)cnt, entries);                               \
		rc = shard_load_##kind(to, entries, (uint32_t)cnt, why);                           \
	}

int shard_copy(const struct shard *from, struct shard *to, uint32_t part, const char **why)
{
	/* No kind has larger entries. */
	void *entries = malloc(part * sizeof(struct snapshot_hold));
	struct shard_totals totals;
	int rc = 0;

	static_assert(sizeof(struct snapshot_hold) >= sizeof(struct snapshot_prepared), "room");
	CHECK(part > 0);
	*why = "no memory";
	if (entries == NULL)
		return -ENOMEM;
	shard_totals(from, &totals);
	COPY(offers, shard_entries(from))
	COPY(orders, totals.orders)
	COPY(holds, totals.holds)
	COPY(changes, totals.changes)
	COPY(links, totals.links)
	COPY(prepared, totals.prepared)
	if (rc == 0)
		rc = shard_load_end(to, shard_next_lsn(from), shard_last_at_ns(from), why);
	free(entries);
	return rc;
}

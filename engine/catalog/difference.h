/*
 * difference: a catalog file beside what a journal has on sale. The journal's terms count for good:
 * no record changes or ends an offer yet. So the operator must see every difference before a start
 * goes on.
 */
#ifndef DB_ENGINE_CATALOG_DIFFERENCE_H
#define DB_ENGINE_CATALOG_DIFFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/catalog/catalog.h"
#include "engine/sale/record.h"

enum catalog_difference_kind {
	CATALOG_MISSING, /* on sale, and not in the file: it goes on selling */
	CATALOG_OTHER,   /* on sale with other terms than the file's */
	CATALOG_NEW,     /* in the file, and not on sale yet */
	CATALOG_DIFFERENCE_CNT,
};

struct catalog_difference {
	enum catalog_difference_kind kind;
	const struct catalog_offer *file;    /* NULL: missing */
	const struct catalog_offer *journal; /* NULL: new */
};

struct catalog_differences {
	uint64_t cnt[CATALOG_DIFFERENCE_CNT];
	uint64_t same;
	uint64_t on_sale; /* SKUs of the journal */
};

/*
 * Adds the OFFER records of a lane to a catalog, which is made if *catalog is NULL; the caller
 * frees it. Their line is 0, their shard the lane. 0 or -ENOMEM; the catalog is then as it was.
 */
int catalog_add_records(struct catalog **catalog, uint16_t lane, const struct record *records,
			uint64_t cnt);

/* Sorts by SKU. */
void catalog_sort(struct catalog *catalog);

/* The offer of a SKU, of a sorted catalog; NULL: there is none. catalog NULL is allowed. */
const struct catalog_offer *catalog_find(const struct catalog *catalog, uint64_t sku);

/*
 * Calls `each` for every difference, by SKU, and counts them. file: after catalog_place. journal
 * NULL: it has no offers. 0 or -ENOMEM.
 */
int catalog_compare(const struct catalog *file, const struct catalog *journal,
		    void (*each)(void *context, const struct catalog_difference *difference),
		    void *context, struct catalog_differences *out);

/* Whether there is any. */
static inline bool catalog_differs(const struct catalog_differences *found)
{
	return found->cnt[CATALOG_MISSING] + found->cnt[CATALOG_OTHER] + found->cnt[CATALOG_NEW] >
	       0;
}

/* A difference as a line that names its place in the file at `path`, and every column. */
void catalog_difference_text(const char *path, const struct catalog_difference *difference,
			     struct error *out);

#endif

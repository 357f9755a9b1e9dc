/*
 * change: applies `--set` to a catalog, like 'sku=42 limit_per_buyer=1 stock=20000; sku=* ...'.
 */
#ifndef DB_TOOLS_REPLAY_CHANGE_H
#define DB_TOOLS_REPLAY_CHANGE_H

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/catalog/catalog.h"

/*
 * Changes offers in place. Parts are separated by ';', each begins with sku=N or sku=*, followed by
 * columns of the catalog and their new values, as the file would have them (an empty instant means
 * now or never). 0, or -EINVAL with a line in error.
 */
int catalog_change(struct catalog *catalog, const char *text, struct error *error);

/* A copy; NULL: no memory. */
struct catalog *catalog_copy(const struct catalog *catalog);

#endif

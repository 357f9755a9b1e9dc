/*
 * placement: which shard sells each line of a catalog. A SKU belongs to the shard that its number
 * names, unless the column `shard` names another. The SKUs of a group are sold by one shard: the
 * one that a line of the group names; else the one that sells the group already; else the one that
 * the group's first SKU in the file belongs to.
 */
#ifndef DB_ENGINE_CATALOG_PLACEMENT_H
#define DB_ENGINE_CATALOG_PLACEMENT_H

#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"
#include "engine/catalog/catalog.h"

/*
 * Sets shard and placed of every line. journal: what is on sale already, NULL: nothing. 0, -ENOMEM,
 * or -EINVAL if a line names a shard that is not there; its place in the file at `path` is then in
 * error, or if there are more, printed to `say`, as catalog_load_saying does.
 */
int catalog_place(struct catalog *catalog, const char *path, FILE *say, uint16_t shards,
		  const struct catalog *journal, struct error *error);

/*
 * After catalog_place, where a start goes on although the file differs: makes the journal count. A
 * SKU on sale stays in its shard, and one that is new in a group goes into the shard of the group
 * and gets its limit. journal: sorted (catalog_sort). 0 or -ENOMEM.
 */
int catalog_follow(struct catalog *catalog, uint16_t shards, const struct catalog *journal);

#endif

/*
 * terms: what the columns of a catalog must be to each other: those of a line, and those of the
 * lines of a group. Each fault names the line and the column that has to change, with the remedy.
 */
#ifndef DB_ENGINE_CATALOG_TERMS_H
#define DB_ENGINE_CATALOG_TERMS_H

#include <stdbool.h>

#include "engine/base/error.h"
#include "engine/catalog/column.h"

/* Takes a fault: what is wrong, without its place. */
typedef void catalog_fault_fn(void *context, const struct catalog_offer *offer,
			      enum catalog_column column, const struct error *what);

/* Whether the line keeps the rules; calls fault for the first one that it does not keep. */
bool catalog_check_offer(const struct catalog_offer *offer, catalog_fault_fn *fault, void *context);

/* Calls fault for each of the cnt lines that contradicts an earlier one of its group, in the order
 * of the groups. 0, also if there were faults, or -ENOMEM. */
int catalog_check_groups(const struct catalog_offer *offers, uint32_t cnt, catalog_fault_fn *fault,
			 void *context);

#endif

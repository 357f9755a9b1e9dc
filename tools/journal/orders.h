/*
 * orders: compares the orders that buyers know of with what the journal holds, and counts its
 * buyers without the engine's tables. A buyer knows a hold by its HOLD or by the CONFIRM that paid
 * it.
 */
#ifndef DB_TOOLS_JOURNAL_ORDERS_H
#define DB_TOOLS_JOURNAL_ORDERS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/recover/scan_result.h"

struct orders;

struct orders_result {
	uint64_t checked;         /* lines of the file */
	uint64_t missing;         /* acknowledged as durable, not in the journal */
	uint64_t forgotten;       /* acknowledged from memory only, not in the journal: allowed */
	uint64_t different;       /* in the journal with other content */
	uint64_t distinct_buyers; /* that bought, or paid for a hold */
	/* (buyer, SKU) and (buyer, group) pairs with more units than the offer allows. */
	uint64_t buyers_over_limit;
	uint64_t
		doubled; /* orders, holds and changes beyond the first under a request id and SKU */
	uint64_t first_bad_line; /* of the file; 0: none */
};

/*
 * Reads a CSV with the header order_id,request_id,buyer,sku,quantity,unit_price,durability. 0 or
 * -errno with a line in error that names file, line and column.
 */
int orders_load(struct orders **out, const char *path, struct error *error);
void orders_free(struct orders *orders);

/* Compares one lane; every lane once, in any order. Errors as recover_lane. */
int orders_check_lane(struct orders *orders, const struct data_dir *dir, uint16_t lane,
		      const struct recover_scan *scan, struct error *error);

/* After all lanes. */
void orders_finish(struct orders *orders, struct orders_result *result);

#endif

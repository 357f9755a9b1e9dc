/*
 * pending: what the records of a transaction do to the sink's tables, as rows of the statements of
 * tables.h. Pure memory; one thread at a time.
 */
#ifndef DB_TOOLS_SINK_PENDING_H
#define DB_TOOLS_SINK_PENDING_H

#include <stdint.h>

#include "tools/downstream/consumer.h"
#include "tools/sink/rows.h"

/* In the order in which they are stored. Holds and extensions look for their offers. */
enum pending_part {
	PENDING_OFFERS,
	PENDING_ORDERS,
	PENDING_HOLDS,
	PENDING_CHANGES,
	PENDING_RUNS,
	PENDING_ONES,
	PENDING_CLOCKS,
	PENDING_PARTS,
};

struct pending {
	struct rows parts[PENDING_PARTS];
	uint64_t holds_ended; /* that the runs say */
};

/* Rows of so many records, for this schema; the name has no quotes. 0 or -ENOMEM. */
int pending_open(struct pending *pending, uint64_t records_max, const char *schema);

/* A record of a lane. What says nothing of orders or offers is passed over. */
void pending_add(struct pending *pending, uint16_t lane, uint64_t lsn, const struct record *record);

/* Rows that wait, with those that they change. */
uint64_t pending_rows(const struct pending *pending);

/* New orders, bought or held; and what changes them. */
uint64_t pending_orders(const struct pending *pending);
uint64_t pending_changes(const struct pending *pending);

/* The statement of a part, and how errors call it. */
const char *pending_name(enum pending_part part);

void pending_clear(struct pending *pending);
void pending_close(struct pending *pending);

#endif

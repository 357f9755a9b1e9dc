/*
 * ledger: what the records of a lane say of its offers and orders. It shares no code with
 * engine/sale. Each record is checked as it is added: that it may follow, and that units are
 * conserved.
 */
#ifndef DB_TESTS_SIM_LEDGER_H
#define DB_TESTS_SIM_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/sale/record.h"
#include "tests/sim/tally.h"

enum {
	LEDGER_RECORDS_MAX = 3200,
	LEDGER_OFFERS_MAX = 16,
	LEDGER_BUYERS = 64, /* chains; a buyer's is his number's rest */
	LEDGER_PREPARED_MAX = 1024,
};

enum ledger_state {
	LEDGER_NONE, /* there is no such order */
	LEDGER_OPEN, /* a hold */
	LEDGER_SOLD, /* bought, or confirmed */
	LEDGER_RELEASED,
	LEDGER_RAN_OUT,
	LEDGER_REFUNDED,
};

struct ledger_order {
	const struct record *record; /* its ORDER or HOLD */
	const struct record *offer;
	uint64_t lsn;
	uint64_t ends_ns;   /* of a hold */
	uint64_t since_lsn; /* its HOLD or latest EXTEND */
	uint64_t last_lsn;  /* of the record that changed it last */
	uint64_t sold_ns;
	uint64_t unpinned_ns; /* since when it may end again */
	uint16_t held;
	uint16_t sold;
	uint16_t ran_out; /* held at its end */
	uint16_t older;   /* the LSN of the chain's order before it; 0: none */
	uint16_t open_idx;
	uint8_t state; /* enum ledger_state */
	uint8_t extensions;
	bool late;
	bool pinned; /* what it is to become is prepared */
};

/* Units. Those put on sale are the OFFER record's. */
struct ledger_offer {
	const struct record *record;
	uint64_t free;
	uint64_t held;
	uint64_t sold;
	uint64_t written_off;
};

struct ledger {
	const struct record *records; /* of the lane, by LSN */
	struct tally *tally;          /* counts what is added; NULL: nothing */
	uint64_t lsn;                 /* of the last record added */
	uint64_t at_ns;
	uint64_t ran_out_cnt; /* holds that EXPIRE records ended */
	unsigned offer_cnt;
	unsigned open_cnt;
	unsigned prepared_cnt;
	uint16_t prepared[LEDGER_PREPARED_MAX]; /* LSNs of lines between the steps, oldest first */
	uint16_t newest[LEDGER_BUYERS];         /* LSN of the newest order of a chain; 0: none */
	struct ledger_offer offers[LEDGER_OFFERS_MAX];
	uint16_t open[LEDGER_RECORDS_MAX]; /* LSNs of open holds, in no order */
	struct ledger_order orders[LEDGER_RECORDS_MAX];
};

/* Empty, for a lane with these records. */
void ledger_begin(struct ledger *ledger, const struct record *records, struct tally *tally);

/* Adds the record with the next LSN. */
void ledger_add(struct ledger *ledger);

/* The PREPARED record that came to this record or to nothing by it: the latest of its request; 0:
 * there is none. */
uint64_t ledger_prepared_lsn(const struct record *records, uint64_t lsn);

/* At the end of a block: every offer's units are those of its orders. */
void ledger_check_sums(const struct ledger *ledger);

/* The offer of a SKU, or NULL. */
const struct ledger_offer *ledger_offer(const struct ledger *ledger, uint64_t sku);

/* Open holds that ended at this instant or before. */
unsigned ledger_overdue(const struct ledger *ledger, uint64_t at_ns);

/* The offers of two SKUs are the same or in one group. */
bool ledger_together(const struct ledger *ledger, uint64_t sku, uint64_t other);

/* Whether a buyer could have these units if he held none, and what has ended by then was free. */
bool ledger_allows(const struct ledger *ledger, uint64_t buyer, uint64_t sku, uint64_t units,
		   uint64_t at_ns);

/*
 * Whether an order was in a state that fits, at some LSN from `from` to `to`, which is at most the
 * ledger's. LEDGER_NONE before its record, and if the LSN is no order's.
 */
typedef bool (*ledger_fits_fn)(const void *context, const struct ledger_order *order);
bool ledger_was(const struct ledger *ledger, uint64_t order_lsn, uint64_t from, uint64_t to,
		ledger_fits_fn fits, const void *context);

#endif

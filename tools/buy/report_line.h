/*
 * report_line: a line of JSON as `journal repair` reports it and `journal dump --json` prints it: a
 * flat object a record. Whole numbers may be up to 2^64 - 1, also written as strings.
 */
#ifndef DB_TOOLS_BUY_REPORT_LINE_H
#define DB_TOOLS_BUY_REPORT_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"

/* An order or a hold as it was, or a change of one, and the request that led to it. */
struct report_order {
	struct client_request request; /* of a change: price_or_order is order_id */
	uint64_t order_id;             /* of a change: of the order that it changed */
	uint64_t unit_price;
	bool refund; /* a CONFIRM that was answered with a refund */
};

enum report_line {
	REPORT_ORDER,  /* BUY or HOLD */
	REPORT_CHANGE, /* CONFIRM, RELEASE, EXTEND or RETURN */
	REPORT_OTHER,  /* an offer, a clock record, holds that ran out, a lane's summary */
	REPORT_WRONG,  /* not such a line, or an order that lacks something */
};

enum report_line report_line_read(const char *line, struct report_order *out);

#endif

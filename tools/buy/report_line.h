/*
 * report_line: a line of JSON as `journal repair` reports it and `journal dump --json` prints it: a
 * flat object a record. Whole numbers may be up to 2^64 - 1, also written as strings.
 */
#ifndef DB_TOOLS_BUY_REPORT_LINE_H
#define DB_TOOLS_BUY_REPORT_LINE_H

#include <stdint.h>

#include "net/client.h"

/* An order as it was, and the request that led to it. */
struct report_order {
	struct client_request request;
	uint64_t order_id;
	uint64_t unit_price;
};

enum report_line {
	REPORT_ORDER,
	REPORT_OTHER, /* an offer, a clock record, a lane's summary */
	REPORT_WRONG, /* not such a line, or an order that lacks something */
};

enum report_line report_line_read(const char *line, struct report_order *out);

#endif

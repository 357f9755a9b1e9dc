/*
 * options: the command line of `doorbuster buy`.
 */
#ifndef DB_TOOLS_BUY_OPTIONS_H
#define DB_TOOLS_BUY_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"

struct buy_options {
	const char *server;
	const char *keys;
	const char *again;             /* NULL: not of a report */
	const char *basket;            /* NULL: not from a file; "-": standard input */
	bool what_there_is;            /* of the basket each line by itself */
	uint64_t key_id;               /* UINT64_MAX: the lowest */
	struct client_request request; /* of a basket: what all of its lines have */
	uint32_t timeout_ms;           /* 0: the client's own */
	bool undated;
	bool json;
	bool numbers;
};

enum buy_options_result {
	BUY_OPTIONS_OK,
	BUY_OPTIONS_HELP,
	BUY_OPTIONS_WRONG,
};

/* Complains about what is wrong. The options point into argv. */
enum buy_options_result buy_options_parse(struct buy_options *options, int argc, char **argv);

#endif

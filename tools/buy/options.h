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
	const char *again; /* NULL: one request */
	uint64_t key_id;   /* UINT64_MAX: the lowest */
	struct client_request request;
	uint32_t timeout_ms; /* 0: the client's own */
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

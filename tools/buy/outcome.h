/*
 * outcome: what an answer means to the caller.
 */
#ifndef DB_TOOLS_BUY_OUTCOME_H
#define DB_TOOLS_BUY_OUTCOME_H

#include "net/client.h"

enum {
	/* Beside those of cli.h: a payment came too late, and the buyer gets his money back. */
	BUY_EXIT_REFUND = 3,
};

/*
 * The exit code: CLI_EXIT_GOOD it was carried out, or what was looked up is there; CLI_EXIT_BAD
 * nothing was changed; CLI_EXIT_FAILED the outcome is unknown; BUY_EXIT_REFUND. net/WIRE.md says
 * what each verdict means.
 */
int outcome_exit(const struct client_answer *answer);

#endif

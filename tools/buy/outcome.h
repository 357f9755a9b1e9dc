/*
 * outcome: what an answer means to the caller.
 */
#ifndef DB_TOOLS_BUY_OUTCOME_H
#define DB_TOOLS_BUY_OUTCOME_H

#include "net/client.h"

/*
 * The exit code: CLI_EXIT_GOOD accepted, CLI_EXIT_BAD nothing was changed, CLI_EXIT_FAILED the
 * outcome is unknown. net/WIRE.md says what each verdict means.
 */
int outcome_exit(const struct client_answer *answer);

#endif

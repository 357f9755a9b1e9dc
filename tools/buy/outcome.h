/*
 * outcome: what an answer means to who asked.
 */
#ifndef DB_TOOLS_BUY_OUTCOME_H
#define DB_TOOLS_BUY_OUTCOME_H

#include "net/client.h"

/*
 * The exit code: CLI_EXIT_GOOD accepted, CLI_EXIT_BAD nothing was changed, CLI_EXIT_FAILED the
 * outcome is unknown. What each verdict means stands in net/WIRE.md.
 */
int outcome_exit(const struct client_answer *answer);

#endif

/*
 * run_offline: a capture through one or more sales on paper, in one reading.
 */
#ifndef DB_TOOLS_REPLAY_RUN_OFFLINE_H
#define DB_TOOLS_REPLAY_RUN_OFFLINE_H

#include "tools/replay/options.h"

/* An exit code. */
int run_offline(const struct replay_options *options);

#endif

/*
 * run_write: writes a capture: of a journal's orders, or of another capture's requests and replies
 * without anything else. Signed again, with pseudonyms if asked for.
 */
#ifndef DB_TOOLS_REPLAY_RUN_WRITE_H
#define DB_TOOLS_REPLAY_RUN_WRITE_H

#include "tools/replay/options.h"

/* An exit code. */
int run_write(const struct replay_options *options);

#endif

/*
 * run_live: sends the requests of a capture to an engine, on time, and compares what it answers
 * with what was captured. Sends each datagram once: if the client sent it twice, the capture has it
 * twice.
 */
#ifndef DB_TOOLS_REPLAY_RUN_LIVE_H
#define DB_TOOLS_REPLAY_RUN_LIVE_H

#include "tools/replay/options.h"

/* An exit code. */
int run_live(const struct replay_options *options);

#endif

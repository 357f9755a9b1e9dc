/*
 * serve: start-up and shut-down of the server, as a table of steps run in order and backwards.
 * Whatever can be checked beforehand is checked before the machine is touched.
 */
#ifndef DB_ENGINE_SERVE_SERVE_H
#define DB_ENGINE_SERVE_SERVE_H

#include "engine/serve/exit.h"
#include "engine/serve/options.h"

/* Starts, sells until SIGTERM or SIGINT, drains. Returns the process's exit code. */
enum serve_exit serve(const struct serve_options *options);

#endif

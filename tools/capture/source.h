/*
 * source: the engine's side of a capture (engine/worker/tap_format.h): connects, maps, reads the
 * workers' rings, the oldest frame first. One thread.
 */
#ifndef DB_TOOLS_CAPTURE_SOURCE_H
#define DB_TOOLS_CAPTURE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/worker/tap_format.h"

struct source;

/* data: the engine's data directory. 0 or -errno with a line in error: no engine runs on it,
 * another program captures it, ... */
int source_open(struct source **out, const char *data, const struct tap_request *request,
		struct error *error);

/* The oldest frame, valid until source_pop; NULL: none now. */
const struct tap_slot *source_peek(struct source *source);
void source_pop(struct source *source);

/* Whether the engine has ended. The frames that it left can still be read. */
bool source_ended(const struct source *source);

/* Asks the engine to stop; a few more frames may come. */
void source_stop(struct source *source);

/* How many frames were lost for want of room. */
void source_lost(const struct source *source, uint64_t lost[TAP_DIRECTIONS]);

/* NULL is allowed. */
void source_close(struct source *source);

#endif

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

/* data: the engine's data directory. 0 or -errno with a line in error: no engine runs on it, it is
 * captured by another, ... */
int source_open(struct source **out, const char *data, const struct tap_request *request,
		struct error *error);

/* The oldest frame that is there, valid until source_pop; NULL: none now. */
const struct tap_slot *source_peek(struct source *source);
void source_pop(struct source *source);

/* The engine has ended. What it had put there can still be read. */
bool source_ended(const struct source *source);

/* No more is put there from soon on. */
void source_stop(struct source *source);

/* Frames that found no room. */
void source_lost(const struct source *source, uint64_t lost[TAP_DIRECTIONS]);

/* NULL is allowed. */
void source_close(struct source *source);

#endif

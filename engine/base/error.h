/*
 * error: a line for the operator on its way from where something failed to where it is printed. It
 * names the thing that failed and the remedy; the return code beside it says what a program does.
 *
 * The caller owns a struct error and passes it down. The function that fails writes it. The text
 * means something only after a call that returned a failure, unless the call's header says more.
 *
 * Guarantees: the text always ends with 0. A text beyond ERROR_BYTES is cut and ends with "...".
 * The arguments may hold the old text, so a caller can put its own words before it:
 *
 *	return error_say(error, rc, "lane %u: %s", lane_idx, error->text);
 *
 * No allocation, no lock. One thread at a time.
 */
#ifndef DB_ENGINE_BASE_ERROR_H
#define DB_ENGINE_BASE_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#include "engine/base/limits.h"

struct error {
	char text[ERROR_BYTES];
};

/* Replaces the text. Returns rc, so that a function can end with it: the usual way to fail. */
__attribute__((format(printf, 3, 4))) int error_say(struct error *error, int rc, const char *format,
						    ...);

/* Replaces the text and returns nothing: where the function still has something to undo, gets its
 * return code elsewhere, or has none. */
__attribute__((format(printf, 2, 3))) void error_set(struct error *error, const char *format, ...);

/* Adds to the text's end. */
__attribute__((format(printf, 2, 3))) void error_add(struct error *error, const char *format, ...);

/* The same, for functions that take a format themselves. */
__attribute__((format(printf, 2, 0))) void error_vadd(struct error *error, const char *format,
						      va_list args);

/* For a call that may fail without a line of its own: clear before, ask after. */
static inline void error_clear(struct error *error)
{
	error->text[0] = '\0';
}

static inline bool error_is_set(const struct error *error)
{
	return error->text[0] != '\0';
}

#endif

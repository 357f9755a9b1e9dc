/*
 * place: how every reader of ours names a place in a file, as compilers do, so that editors and
 * people find it: FILE:LINE: or FILE:LINE: column N (name): before what is wrong there.
 */
#ifndef DB_ENGINE_BASE_PLACE_H
#define DB_ENGINE_BASE_PLACE_H

#include <stdint.h>

#include "engine/base/error.h"

/*
 * Begins the error's text with a place; the caller adds what is wrong with error_add. line and
 * column count from 1; column 0: the line as a whole, and name is not read.
 */
void place_set(struct error *error, const char *path, uint64_t line, unsigned column,
	       const char *name);

#endif

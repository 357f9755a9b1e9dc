/*
 * progress: a bar on stderr while a run lasts, if stderr is a terminal; redrawn a few times a
 * second.
 */
#ifndef DB_TOOLS_LOAD_PROGRESS_H
#define DB_TOOLS_LOAD_PROGRESS_H

#include <stdint.h>

#include "tools/load/tally.h"

void load_progress_begin(void);
void load_progress(const struct tally *tally, uint64_t submitted, uint64_t total,
		   uint64_t elapsed_ns);
void load_progress_end(void);

#endif

/*
 * survey: checks every checkpoint of a lane by itself, from its first to its last byte.
 */
#ifndef DB_ENGINE_CHECKPOINT_SURVEY_H
#define DB_ENGINE_CHECKPOINT_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"

struct checkpoint_seen {
	uint64_t next_lsn;               /* from its name */
	int rc;                          /* as checkpoint_check; 0: good */
	bool has_header;                 /* its header is good, and of this lane */
	struct checkpoint_header header; /* if has_header */
	struct error error;              /* what is wrong, with the file's name; or "" */
};

/* The newest first, in *out (owned by the caller, free). A checkpoint that is removed meanwhile is
 * left out. How many, or -errno. */
int64_t checkpoint_survey(const struct data_dir *dir, uint16_t lane, struct checkpoint_seen **out);

#endif

/*
 * survey: looks at every checkpoint of a lane by itself, from its first to its last
 * byte.
 */
#ifndef DB_ENGINE_CHECKPOINT_SURVEY_H
#define DB_ENGINE_CHECKPOINT_SURVEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"

struct checkpoint_seen {
	uint64_t next_lsn;               /* by its name */
	int rc;                          /* 0: good; as checkpoint_check */
	bool has_header;                 /* that one is good, and of this lane */
	struct checkpoint_header header; /* if it is */
	struct error error;              /* what is wrong, with the file; "" */
};

/* The newest first, in *out (the caller's, free). One that is removed meanwhile is left out. How
 * many, or -errno. */
int64_t checkpoint_survey(const struct data_dir *dir, uint16_t lane, struct checkpoint_seen **out);

#endif

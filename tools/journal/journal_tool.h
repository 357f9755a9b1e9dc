/*
 * What the verbs of doorbuster-journal share. All of them only read; an engine may write the
 * journal meanwhile, whatever it has in flight is the end of the lane then.
 */
#ifndef DB_TOOLS_JOURNAL_JOURNAL_TOOL_H
#define DB_TOOLS_JOURNAL_JOURNAL_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/data_dir.h"

enum {
	TOOL_ERROR_BYTES = 1024,
	EVERY_LANE = -1,
};

struct verify_options {
	const char *path;
	const char *orders; /* CSV of acknowledged orders, or NULL */
	bool json;
};

struct dump_options {
	const char *path;
	int lane; /* or EVERY_LANE */
	bool json;
};

/* Each prints to stdout, complaints to stderr, and returns the exit code (enum of tools/common). */
int journal_verify(const struct verify_options *options);
int journal_dump(const struct dump_options *options);

#endif

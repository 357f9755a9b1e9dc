/*
 * output: a file that a replay writes. It is for its owner only, as it may name buyers, and takes
 * its name when it is complete: until then what had the name keeps it.
 *
 * "-" is stdout, where it is written as it comes; so is a name of what is no regular file. A
 * symbolic link is refused (tools/common/output_file.h).
 */
#ifndef DB_TOOLS_REPLAY_OUTPUT_H
#define DB_TOOLS_REPLAY_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "tools/replay/options.h"

struct output {
	FILE *file;                    /* NULL: not open */
	char path[PATH_MAX];           /* that it gets */
	char temporary[NAME_MAX + 16]; /* beside it; "": written in place */
	int dir;                       /* that both are in; of a temporary only */
};

/* 0 or -errno, which safe_strerror says. */
int output_open(struct output *output, const char *path);

/* Closes the file and gives it its name; 0 or -errno, as output_discard then. */
int output_commit(struct output *output);

/* Closes it and, unless it was written in place, leaves nothing. Also of one that is not open. */
void output_discard(struct output *output);

/* Complains if a file that would be written is one that is read, or two are one. */
bool outputs_spare_inputs(const struct replay_options *options);

#endif

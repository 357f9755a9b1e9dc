/*
 * output: a file that a replay writes. Only its owner can read it, because it may name buyers. It
 * gets its name when it is complete: until then an older file keeps the name.
 *
 * "-" is stdout, which is written at once; so is a path that is not a regular file. A symbolic link
 * is refused (tools/common/output_file.h).
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
	int dir;                       /* the directory of both; only with a temporary file */
};

/* 0 or -errno, which safe_strerror says. */
int output_open(struct output *output, const char *path);

/* Closes the file and gives it its name; 0 or -errno, as output_discard then. */
int output_commit(struct output *output);

/* Closes it and, unless it was written in place, removes it. An output that is not open is allowed.
 */
void output_discard(struct output *output);

/* Complains if a file that would be written is one that is read, or two are one. */
bool outputs_spare_inputs(const struct replay_options *options);

#endif

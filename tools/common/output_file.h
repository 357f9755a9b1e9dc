/*
 * output_file: a file that a tool writes for its caller: orders, captures, what was consumed. It
 * names buyers, so it is for the caller only (mode 0600), wherever it lies:
 *
 *   - A new file is made exclusively. No symbolic link is followed: a link at its name is refused.
 *   - A regular file that is there is written only where it is the caller's and has no second name
 *     (hard link). If others may read it, they no longer may from then on.
 *   - What is no regular file (a pipe, /dev/null) is written where it is the caller's or root's.
 *   - /dev/stdout, /dev/stderr and /dev/fd/N are streams that the caller has open already.
 *
 * Cold calls. -errno as in engine/base/safe_file.h, whose safe_strerror says it.
 */
#ifndef DB_TOOLS_COMMON_OUTPUT_FILE_H
#define DB_TOOLS_COMMON_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

enum output_flags {
	OUTPUT_KEEP = 1,   /* what is in the file stays; without it the file is emptied */
	OUTPUT_PUBLIC = 2, /* has no buyers: a new file has the mode that the umask leaves */
};

/* Whether the path names a stream that is open already. */
bool output_file_is_stream(const char *path);

/* The file, for writing from its beginning; flags: of output_flags. A descriptor, or -errno. */
int output_file_open(const char *path, unsigned flags);

/* The same as a stream. NULL: errno. */
FILE *output_file_stream(const char *path, unsigned flags);

#endif

/*
 * output_file: a file that a tool writes for its caller: orders, captures, what was consumed. It
 * names buyers, so only the caller can read it (mode 0600), wherever it is:
 *
 *   - A new file is made exclusively. No symbolic link is followed: a link at its name is refused.
 *   - An existing regular file is written only if it belongs to the caller and has no second name
 *     (hard link). If others could read it, they can't from then on.
 *   - Another kind of file (a pipe, /dev/null) is written if it belongs to the caller or to root.
 *   - /dev/stdout, /dev/stderr and /dev/fd/N are streams that the caller has open already.
 *
 * Cold calls. -errno as in engine/base/safe_file.h, whose safe_strerror says it.
 */
#ifndef DB_TOOLS_COMMON_OUTPUT_FILE_H
#define DB_TOOLS_COMMON_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdio.h>

enum output_flags {
	OUTPUT_KEEP = 1,   /* the file's content stays; without it the file is emptied */
	OUTPUT_PUBLIC = 2, /* it names no buyers: a new file gets the mode that the umask allows */
	OUTPUT_NEW = 4,    /* an existing regular file is refused: -EEXIST */
};

/* Whether the path names a stream that is open already. */
bool output_file_is_stream(const char *path);

/* The file, for writing from its beginning; flags: of output_flags. A descriptor, or -errno. */
int output_file_open(const char *path, unsigned flags);

/* The same as a stream. NULL: errno. */
FILE *output_file_stream(const char *path, unsigned flags);

#endif

/*
 * stream: a capture file as a FILE of plain bytes, whether it is plain, gzip or zstd (told by its
 * first bytes, not by its name). Reads on and on, never back, in memory of a fixed size, and that
 * of a zstd window, up to 2 GiB (zstd --long); "-" is stdin.
 *
 * One thread.
 */
#ifndef DB_TOOLS_REPLAY_STREAM_H
#define DB_TOOLS_REPLAY_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"

struct stream;

/* 0 or -errno with a line in error. */
int stream_open(struct stream **out, const char *path, struct error *error);

/* The plain bytes. The stream's; who closes it (libpcap does) must not use the stream's file any
 * more, but still has to call stream_close. */
FILE *stream_file(const struct stream *stream);

/* Where bytes may not come for long (a pipe), it is asked now and then whether to go on waiting:
 * true ends the file there. Before the first read; from the thread that reads. */
void stream_end_when(struct stream *stream, bool (*over)(void));

/* Bytes of the file itself read so far, and how many there are; total 0: nobody knows. Any thread.
 */
void stream_progress(const struct stream *stream, uint64_t *done_bytes, uint64_t *total_bytes);

/* What is wrong with the compressed bytes, as a static text, once reading met it; else NULL. */
const char *stream_damage(const struct stream *stream);

/* After fclose of its file. NULL is allowed. */
void stream_close(struct stream *stream);

#endif

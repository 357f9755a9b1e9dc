/*
 * stream: a capture file as a FILE of plain bytes, whether it is plain, gzip or zstd (by its first
 * bytes, not by its name). Reads only forwards, in memory of a fixed size, plus a zstd window of up
 * to 2 GiB (zstd --long); "-" is stdin.
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

/* The plain bytes; owned by the stream. A caller that closes the file (libpcap does) must not use
 * it any more, but still has to call stream_close. */
FILE *stream_file(const struct stream *stream);

/* While no bytes come (from a pipe), `over` is called now and then: true ends the file there. Set
 * before the first read; called by the thread that reads. */
void stream_end_when(struct stream *stream, bool (*over)(void));

/* Bytes of the file itself read so far, and how many there are; total 0: unknown. Any thread. */
void stream_progress(const struct stream *stream, uint64_t *done_bytes, uint64_t *total_bytes);

/* What is wrong with the compressed bytes, as a static text, once reading met it; else NULL. */
const char *stream_damage(const struct stream *stream);

/* After fclose of its file. NULL is allowed. */
void stream_close(struct stream *stream);

#endif

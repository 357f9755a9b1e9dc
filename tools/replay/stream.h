/*
 * stream: the plain bytes of a capture file, whether it is plain, gzip or zstd (by its first bytes,
 * not by its name; several members or frames, and zstd's frames to be skipped, may follow each
 * other). Reads only forwards, in memory of a fixed size, plus a zstd window of up to 2 GiB
 * (zstd --long); "-" is stdin.
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

/* Reads until so many bytes can be seen at *out, which is valid until the next call. How many there
 * are: fewer only at the end, and more where they were read with them. */
size_t stream_peek(struct stream *stream, size_t bytes, const uint8_t **out);

/* Takes bytes that the last stream_peek gave. */
void stream_take(struct stream *stream, size_t bytes);

/* The rest as a FILE, for libpcap; the caller closes it before the stream. NULL: no memory. */
FILE *stream_file(struct stream *stream);

/* While no bytes come (from a pipe), `over` is called now and then: true ends the file there. Set
 * before the first read; called by the thread that reads. */
void stream_end_when(struct stream *stream, bool (*over)(void));

/* Bytes of the file itself read so far, and how many there are; total 0: unknown. Any thread. */
void stream_progress(const struct stream *stream, uint64_t *done_bytes, uint64_t *total_bytes);

/* Why the bytes ended before the file's end, as a static text, once reading met it; else NULL. */
const char *stream_damage(const struct stream *stream);

/* NULL is allowed. */
void stream_close(struct stream *stream);

#endif

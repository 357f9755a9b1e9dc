/*
 * capture_writer: writes requests and replies as a capture: pcap with nanoseconds, Ethernet, IPv4,
 * UDP between two addresses of the range for benchmarks (RFC 2544), checksums right.
 */
#ifndef DB_TOOLS_REPLAY_CAPTURE_WRITER_H
#define DB_TOOLS_REPLAY_CAPTURE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "tools/replay/reader.h"

struct capture_writer;

/* The file is made or replaced when all of it has been written, under another name until then; - is
 * stdout, and what is no file is written to as it is. 0 or -errno with a line in error. */
int capture_writer_open(struct capture_writer **out, const char *path, char *error,
			size_t error_bytes);

/* A datagram of this shard, to it or from it. */
void capture_writer_put(struct capture_writer *writer, const struct captured *captured);

/* 0, or -errno with a line if not all of it could be written: then there is no new file. */
int capture_writer_close(struct capture_writer *writer, char *error, size_t error_bytes);

/* As if nothing had been written. NULL is allowed. */
void capture_writer_abandon(struct capture_writer *writer);

#endif

/*
 * capture_writer: writes requests and replies as a capture: pcap with nanoseconds, Ethernet, IPv4,
 * UDP between two addresses of the range for benchmarks (RFC 2544), checksums right.
 */
#ifndef DB_TOOLS_REPLAY_CAPTURE_WRITER_H
#define DB_TOOLS_REPLAY_CAPTURE_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "tools/replay/reader.h"

struct capture_writer;

/* As output_open. 0 or -errno with a line in error. */
int capture_writer_open(struct capture_writer **out, const char *path, struct error *error);

/* A datagram of this shard, to it or from it. 0, or -errno with a line in error: no more can be
 * written. */
int capture_writer_put(struct capture_writer *writer, const struct captured *captured,
		       struct error *error);

/* Ends it; the file gets its name. 0, or -errno with a line if not all of it could be written. */
int capture_writer_commit(struct capture_writer *writer, struct error *error);

/* Ends it, and leaves what had the name before. NULL is allowed. */
void capture_writer_discard(struct capture_writer *writer);

#endif

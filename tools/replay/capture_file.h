/*
 * capture_file: the packets of a capture file, in the order in which they are in it. pcap (any byte
 * order, micro- and nanoseconds) comes through libpcap, pcapng through pcapng.h, gzip and zstd
 * through stream.h. Reads only forwards; memory does not grow with the file.
 *
 * One thread. The bytes are not trusted.
 */
#ifndef DB_TOOLS_REPLAY_CAPTURE_FILE_H
#define DB_TOOLS_REPLAY_CAPTURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"

/* A packet, whatever file it is of. */
struct packet {
	const uint8_t *bytes; /* until the next call */
	uint32_t kept;
	int link_type;    /* as libpcap's DLT_... */
	bool cut;         /* not all of it was kept */
	bool has_instant; /* one that 64 bits of nanoseconds hold */
	uint64_t at_ns;   /* since the epoch */
};

struct capture_file;

/* Opens a file, or "-", which is stdin. 0 or -errno with a line in error. */
int capture_file_open(struct capture_file **out, const char *path, struct error *error);

/* The link type of all its packets, or -1: each has its own. */
int capture_file_link_type(const struct capture_file *file);

/* The next packet: 1 and *out; 0 at the end; -1 where the file is damaged. */
int capture_file_next(struct capture_file *file, struct packet *out);

/* What is wrong with it, once capture_file_next returned -1. Valid until capture_file_close. */
const char *capture_file_damage(const struct capture_file *file);

/* When `over` returns true, the file ends there. The thread that reads calls it. */
void capture_file_end_when(struct capture_file *file, bool (*over)(void));

/* Bytes of the file; as stream_progress. Any thread. */
void capture_file_progress(const struct capture_file *file, uint64_t *done_bytes,
			   uint64_t *total_bytes);

/* NULL is allowed. */
void capture_file_close(struct capture_file *file);

#endif

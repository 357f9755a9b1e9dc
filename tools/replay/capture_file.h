/*
 * capture_file: the packets of a capture file, in the order in which they are in it. A classic pcap
 * comes through pcap_file.h, its rare kinds through libpcap, pcapng through pcapng.h, gzip and zstd
 * through stream.h. Captures that were joined with cat, of either kind, are read one after the
 * other. Reads only forwards; memory does not grow with the file.
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
	bool timeless;    /* the file keeps no instant of it */
	bool beyond_gap;  /* of capture_set.h */
	uint64_t at_ns;   /* since the epoch */
};

/* How files are read. */
struct capture_options {
	bool nanoseconds; /* fractions of a second are that, whatever a pcap's header says */
};

/* What was found in files, besides packets. */
struct capture_notes {
	uint64_t files;
	uint64_t joined;         /* captures that follow another one in its file */
	uint64_t carried;        /* packets whose fraction of a second was a second or more */
	uint64_t read_as_ns;     /* packets with nanoseconds where microseconds were announced */
	uint64_t read_as_us;     /* of the same captures, before that was recognised */
	uint64_t lost_interface; /* packets that the capture says it lost, in three ways */
	uint64_t lost_system;
	uint64_t lost_between;
	uint64_t damaged; /* files */
	uint64_t late;    /* files that were read later than their instants, as too many overlap */
};

void capture_notes_add(struct capture_notes *sum, const struct capture_notes *more);

struct capture_file;

/* Opens a file, or "-", which is stdin. 0 or -errno with a line in error. */
int capture_file_open(struct capture_file **out, const char *path,
		      const struct capture_options *options, struct error *error);

/* The link type of its first packets, or -1: each has its own. */
int capture_file_link_type(const struct capture_file *file);

/* The next packet: 1 and *out; 0 at the end; -1 where the file is damaged. */
int capture_file_next(struct capture_file *file, struct packet *out);

/* What is wrong with it, once capture_file_next returned -1. Valid until capture_file_close. */
const char *capture_file_damage(const struct capture_file *file);

/* Adds what was found so far. */
void capture_file_add_notes(const struct capture_file *file, struct capture_notes *notes);

/* When `over` returns true, the file ends there. The thread that reads calls it. */
void capture_file_end_when(struct capture_file *file, bool (*over)(void));

/* Bytes of the file; as stream_progress. Any thread. */
void capture_file_progress(const struct capture_file *file, uint64_t *done_bytes,
			   uint64_t *total_bytes);

/* NULL is allowed. */
void capture_file_close(struct capture_file *file);

#endif

/*
 * capture_set: the packets of one capture file, or of many (a rotation, several interfaces), in the
 * order of their instants, whatever order the files are named in. Only files that overlap in time
 * are open together, at most OPEN_MAX of them. Files that begin at one instant follow in the order
 * of their names, numbers in them counting as numbers.
 *
 * A file that is damaged ends there; the others go on. Memory grows with the number of files by
 * some bytes each, not with their size.
 *
 * One thread.
 */
#ifndef DB_TOOLS_REPLAY_CAPTURE_SET_H
#define DB_TOOLS_REPLAY_CAPTURE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "tools/replay/capture_file.h"

struct capture_source {
	const char *const *paths; /* the caller keeps them; "-", stdin, only alone */
	uint32_t cnt;             /* 1 and more */
	struct capture_options options;
	/* A packet that is captured more than this after those before it in its file gets
	 * beyond_gap; 0: none does. */
	uint64_t max_gap_ns;
};

struct capture_set;

/* Several files are all opened once, to find where they begin. 0 or -errno with a line in error. */
int capture_set_open(struct capture_set **out, const struct capture_source *source,
		     struct error *error);

/* Of the first packets, if it is one file that has one; else -1. */
int capture_set_link_type(const struct capture_set *set);

/* The next packet: 1 and *out; 0 at the end; -1 at the end, if a file was damaged. */
int capture_set_next(struct capture_set *set, struct packet *out);

/* What was damaged, once capture_set_next returned -1. Valid until capture_set_close. */
const char *capture_set_damage(const struct capture_set *set);

/* The file of the last packet, and the packet's number in it, from 1. */
const char *capture_set_where(const struct capture_set *set, uint64_t *number);

/* What was found in all of them, so far. */
void capture_set_notes(const struct capture_set *set, struct capture_notes *notes);

/* When `over` returns true, the capture ends there. The thread that reads calls it. */
void capture_set_end_when(struct capture_set *set, bool (*over)(void));

/* Bytes of all files; as stream_progress. Any thread. */
void capture_set_progress(const struct capture_set *set, uint64_t *done_bytes,
			  uint64_t *total_bytes);

/* NULL is allowed. */
void capture_set_close(struct capture_set *set);

#endif

/*
 * cursor: how far a reader is in each lane of a journal, in a small text file that is replaced
 * whole: after a crash it is the old one or the new one. The relay's position in the data directory
 * is one, and so is a consumer's cursor.
 *
 *     doorbuster-cursor 1                2 if it has an address
 *     journal 1122334455667788
 *     to nats doorbuster                 of a relay: its downstream (identity.h); of old ones its
 *                                        address
 *     address nats://127.0.0.1:4222      of a relay: where that was reached last, for people
 *     budget-bytes 1073741824            of a relay: what may wait for it on the disk
 *     relay 99aabbccddeeff00 run 3       of a relay: its id, and how often it has started
 *     out-bytes 4096                     of `doorbuster consume`: what counts of its --out
 *     lane 0 next-lsn 42 segment 0 offset 4096 checksum 0123456789abcdef extra 5
 *     settling 0 next-lsn 51 segment 0 offset 8192 checksum 123456789abcdef0 at-ns N
 *     who 0 2026-11-30T12:00:00.5Z       of a relay: what the lane's downstream says of itself
 *
 * Cold calls, one thread at a time.
 */
#ifndef DB_TOOLS_COMMON_CURSOR_H
#define DB_TOOLS_COMMON_CURSOR_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/journal/lane_tailer.h"

enum {
	CURSOR_WHO_BYTES = 64,
};

struct cursor_lane {
	struct lane_mark mark; /* the last block that is done; all zero: none yet */
	uint64_t extra;        /* for its owner */
	/* Of a relay: the block that becomes the mark when downstream has had it for long enough,
	 * and since when it has it (ns since the epoch); 0: none. */
	struct lane_mark settling;
	uint64_t settling_at_ns;
	char who[CURSOR_WHO_BYTES]; /* a text without blanks; empty: unknown */
};

struct cursor {
	uint64_t journal_id;
	uint16_t lanes;
	uint64_t relay_id; /* 0: no relay's */
	uint64_t run;
	uint64_t budget_bytes; /* 0: none */
	uint64_t out_bytes;    /* of the file that belongs to it */
	char to[512];
	char address[512];
	struct cursor_lane lane[SHARDS_MAX];
};

/* -ENOENT without a line if there is none; else 0, or -errno with a line. */
int cursor_load(struct cursor *cursor, const char *path, struct error *error);

/* Durable when it returns 0. After -errno (with a line) the old file stays. */
int cursor_save(const struct cursor *cursor, const char *path, struct error *error);

#endif

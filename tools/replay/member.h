/*
 * member: one file of a capture_set while it is open, and its next packet, marked if it is beyond
 * the gap. One thread.
 */
#ifndef DB_TOOLS_REPLAY_MEMBER_H
#define DB_TOOLS_REPLAY_MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/replay/capture_file.h"

enum {
	/* First packets whose middle instant is believed: one of them may be wrong. */
	MEMBER_HELD = 3,
};

struct member {
	struct capture_file *file; /* NULL: not open */
	uint32_t idx;              /* of the set's files */
	uint64_t max_gap_ns;       /* 0: none */
	uint64_t given;            /* packets that were the head */
	uint64_t furthest_ns;      /* of those not beyond the gap */
	uint64_t done_bytes;       /* as reported last */
	int rc;                    /* of the last read: 1, or 0 or -1 at the file's end */
	bool has_head;
	struct packet head;
	uint32_t held_cnt;
	uint32_t held_at;
	struct packet held[MEMBER_HELD];
	uint8_t *held_bytes[MEMBER_HELD]; /* copies of packets */
};

/* Reads the first head, if there is one. The member owns the file from now on. 0 or -ENOMEM. */
int member_begin(struct member *member, struct capture_file *file, uint64_t max_gap_ns);

/* Reads the next head. */
void member_advance(struct member *member);

/* The instant that the head has beside those of other files: one without a good instant follows the
 * packet before it. */
uint64_t member_due_ns(const struct member *member);

void member_close(struct member *member);

#endif

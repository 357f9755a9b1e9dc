/*
 * damage: looks at a damaged lane as a repair has to: how far it is good, what is wrong with
 * it, and what can still be read behind the place where it would be cut. Never writes.
 *
 * The good part is what follows from block to block in the lane's files as they should be (see
 * mended_files): a wrong segment header or a short file costs no block that is there. It begins
 * with the lane, or behind a checkpoint that has all before it (see plan).
 */
#ifndef DB_ENGINE_REPAIR_DAMAGE_H
#define DB_ENGINE_REPAIR_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/lane_files.h"
#include "engine/repair/mended_files.h"
#include "engine/sale/shard.h"

/* A valid block behind the cut. */
struct damage_block {
	uint64_t first_lsn;
	uint64_t segment;
	uint64_t offset;
	uint32_t record_cnt; /* 0: a closing block */
};

struct damage {
	struct mended_files
		*lane; /* its faults are what is wrong; none: nothing is to be repaired */
	bool torn;     /* no fault, but something behind the end: recovery cuts it by itself */

	struct lane_position base; /* behind the checkpoint; all zeros: the lane's beginning */
	bool base_whole;           /* the block before it is there */
	bool anchors;    /* neither that nor one that follows: a repair writes an empty one */
	bool trims;      /* what lies before the base is damaged: a repair removes it */
	uint64_t *aside; /* next LSNs of checkpoints that a repair puts aside */
	uint64_t aside_cnt;
	uint64_t alone_lsn; /* the next LSN if there were no checkpoint */

	/* The good part, and where it ends: there a repair cuts. */
	struct lane_tail tail;
	uint64_t offer_cnt;
	uint64_t order_cnt;

	/* What a cut there loses. Highest LSN and watermark that any valid block tells; lost are
	 * the LSNs tail.next_lsn .. last_lsn for certain. */
	struct damage_block *blocks; /* by first LSN */
	uint64_t block_cnt;
	uint64_t last_lsn;
	uint64_t watermark_lsn;
	uint64_t readable_cnt;  /* of the lost LSNs */
	uint64_t garbage_bytes; /* behind the cut, neither zero nor a valid block */
};

/*
 * Looks at a lane; waits for writes of a killed engine if settle is set, for who holds the lock.
 * base: behind which checkpoint it is read, NULL or zeros: from its beginning. cut_lsn: cut before
 * the block that holds this LSN, or where the lane ends if that is earlier; 0: only there. `files`
 * are the damage's from then on, also after a failure. 0, or -errno with a line in error if
 * something can't be read: then nobody should change anything.
 */
int damage_open(struct damage **out, struct lane_files *files, uint64_t journal_id, uint16_t lane,
		bool settle, const struct lane_position *base, uint64_t cut_lsn,
		struct error *error);

/* Whether the lane goes on behind this position as it should be: its block is there, or one that
 * follows. Below the good part's end only. */
bool damage_has(struct damage *damage, const struct lane_position *position);

/* A checkpoint that a repair puts aside, with the reason as a fault. */
void damage_put_aside(struct damage *damage, uint64_t next_lsn, const char *why);

/* Somebody else tells that all up to this LSN was on disk once. */
void damage_told(struct damage *damage, uint64_t last_lsn);

/* Whether a cut changes this file, or removes it with something in it. */
bool damage_changes(const struct damage *damage, const struct mended_segment *segment);

/* Lost LSNs for certain, those among them that were on disk, by the watermark, and so may have been
 * acknowledged, and those no block has any more. */
uint64_t damage_lost(const struct damage *damage);
uint64_t damage_durable(const struct damage *damage);
uint64_t damage_unreadable(const struct damage *damage);

/*
 * Applies the good part to a fresh shard, or to one with the base's checkpoint loaded. 0; -EBADMSG
 * if a record cannot follow from the state, with its LSN and why (static text); other -errno with a
 * line in error.
 */
int damage_apply(struct damage *damage, struct shard *shard, uint64_t *lsn, const char **why,
		 struct error *error);

/* False from it ends what gives it records. */
typedef bool damage_fn(void *context, uint64_t lsn, const struct record *record);

/* Gives every record of the good part, in lane order. 0, or -errno with a line in error. */
int damage_each_good(struct damage *damage, damage_fn *fn, void *context, struct error *error);

/* Gives every record behind the cut, by LSN. 0, or -errno with a line in error. */
int damage_each(struct damage *damage, damage_fn *fn, void *context, struct error *error);

/* NULL is allowed. */
void damage_close(struct damage *damage);

#endif

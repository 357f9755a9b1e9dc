/*
 * damage: the second stage of a repair: how far a lane is good, what is wrong with it, and what can
 * still be read after the place where it would be cut.
 *
 * The good part is what follows from block to block in the lane's files as they should be
 * (mended_files): a wrong segment header or a short file costs no block that is there. The good
 * part begins with the lane, or after the checkpoint that the files were opened with.
 *
 * Never writes. Cold calls, one thread. Its result never changes: later stages only read it.
 */
#ifndef DB_ENGINE_REPAIR_DAMAGE_H
#define DB_ENGINE_REPAIR_DAMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/repair/loss.h"
#include "engine/repair/mended_files.h"
#include "engine/sale/shard.h"

/* A valid block after the cut. */
struct damage_block {
	uint64_t first_lsn;
	struct lane_place place;
	uint32_t record_cnt; /* 0: a closing block */
};

/* The block after which the checkpoint was written that the lane begins after. */
enum damage_base {
	DAMAGE_NO_BASE,       /* the lane begins with its own first block */
	DAMAGE_BASE_WHOLE,    /* the block is there */
	DAMAGE_BASE_FOLLOWED, /* it is not, but the good part has the block that follows it */
	DAMAGE_BASE_LOST,     /* neither is there */
};

struct damage {
	const struct mended_files *files; /* of the stage before; stay open until damage_close */
	bool torn; /* no fault, but not only zeros after the end: recovery cuts that by itself */
	enum damage_base base;

	/* The good part. A repair cuts where it ends. */
	struct lane_tail tail;
	struct shard_size size; /* what its records take in the tables, on top of a checkpoint's */
	bool groups;            /* one of its offers has one */

	/* What a cut there loses, as far as the lane's blocks say. */
	struct loss loss;
	const struct damage_block *blocks; /* by first LSN */
	uint64_t block_cnt;
	uint64_t garbage_bytes; /* after the cut, neither zero nor a valid block */
	const bool *empty;      /* for each of files->segments: only zeros after the cut */

	const struct lane_fault *faults; /* without those of `files`; in lane order */
	uint64_t fault_cnt;
};

/*
 * Looks at a lane. cut_lsn: cut before the block that holds this LSN, or where the good part ends
 * if that is earlier; 0: cut where the good part ends. Returns 0, or -errno with a line in error if
 * something cannot be read: then nothing may be changed.
 */
int damage_open(struct damage **out, const struct mended_files *files, uint64_t cut_lsn,
		struct error *error);

/* Whether the lane goes on after this position as it should: the position's block is there, or one
 * that follows it. For positions in the good part only. */
bool damage_has(const struct damage *damage, const struct lane_position *position);

/* Whether a segment has only zeros after the cut; false for one before the cut. */
bool damage_empty(const struct damage *damage, const struct mended_segment *segment);

/* Whether a cut changes this file, or removes it with something in it. */
bool damage_changes(const struct damage *damage, const struct mended_segment *segment);

/*
 * Applies the good part to a fresh shard; or, where the lane begins after a checkpoint, to a shard
 * with that checkpoint loaded. Returns 0; -EBADMSG if a record cannot follow from the state, with
 * its LSN in *lsn and the reason in *why (static text); other -errno with a line in error.
 */
int damage_apply(const struct damage *damage, struct shard *shard, uint64_t *lsn, const char **why,
		 struct error *error);

/* Called with one record; returns false to stop. */
typedef bool damage_fn(void *context, uint64_t lsn, const struct record *record);

/* Calls fn with every record of the good part, in lane order. 0, or -errno with a line in error. */
int damage_each_good(const struct damage *damage, damage_fn *fn, void *context,
		     struct error *error);

/* Calls fn with every lost record that can be read, by LSN. 0, or -errno with a line in error. */
int damage_each_lost(const struct damage *damage, damage_fn *fn, void *context,
		     struct error *error);

/* NULL is allowed. */
void damage_close(struct damage *damage);

#endif

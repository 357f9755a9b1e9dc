/*
 * lane_salvage: looks at a damaged lane as a repair has to: how far it is good, what is wrong with
 * it, and what can still be read behind the place where it would be cut. Never writes.
 *
 * The good part is what follows from block to block in the lane's files as they should be (see
 * lane_mended): a wrong segment header or a short file costs no block that is there.
 */
#ifndef DB_ENGINE_LANE_SALVAGE_H
#define DB_ENGINE_LANE_SALVAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/lane_files.h"
#include "engine/lane_mended.h"
#include "engine/shard.h"

/* A valid block behind the cut. */
struct salvage_block {
	uint64_t first_lsn;
	uint64_t segment;
	uint64_t offset;
	uint32_t record_cnt; /* 0: a closing block */
};

struct lane_salvage {
	struct lane_mended
		*lane; /* its faults are what is wrong; none: nothing is to be repaired */
	bool torn;     /* no fault, but something behind the end: recovery cuts it by itself */

	/* The good part, and where it ends: there a repair cuts. */
	struct lane_tail tail;
	uint64_t offer_cnt;
	uint64_t order_cnt;

	/* What a cut there loses. Highest LSN and watermark that any valid block tells; lost are
	 * the LSNs tail.next_lsn .. last_lsn for certain. */
	struct salvage_block *blocks; /* by first LSN */
	uint64_t block_cnt;
	uint64_t last_lsn;
	uint64_t watermark_lsn;
	uint64_t readable_cnt;  /* of the lost LSNs */
	uint64_t garbage_bytes; /* behind the cut, neither zero nor a valid block */
};

/*
 * Looks at a lane; waits for writes of a killed engine if settle is set, for who holds the lock.
 * cut_lsn: cut before the block that holds this LSN, or where the lane ends if that is earlier; 0:
 * only there. `files` are the salvage's from then on, also after a failure. 0, or -errno with a
 * line in error if something can't be read: then nobody should change anything.
 */
int lane_salvage_open(struct lane_salvage **out, struct lane_files *files, uint64_t journal_id,
		      uint16_t lane, bool settle, uint64_t cut_lsn, char *error,
		      size_t error_bytes);

/* Whether a cut changes this file, or removes it with something in it. */
bool lane_salvage_changes(const struct lane_salvage *salvage, const struct mended_segment *segment);

/* Lost LSNs for certain, those among them that were on disk, by the watermark, and so may have been
 * acknowledged, and those no block has any more. */
uint64_t lane_salvage_lost(const struct lane_salvage *salvage);
uint64_t lane_salvage_durable(const struct lane_salvage *salvage);
uint64_t lane_salvage_unreadable(const struct lane_salvage *salvage);

/*
 * Applies the good part to a fresh shard. 0; -EBADMSG if a record cannot follow from the state,
 * with its LSN and why (static text); other -errno with a line in error.
 */
int lane_salvage_apply(struct lane_salvage *salvage, struct shard *shard, uint64_t *lsn,
		       const char **why, char *error, size_t error_bytes);

/* Gives every record behind the cut, by LSN. False from it ends that. 0, or -errno with a line in
 * error. */
typedef bool salvage_fn(void *context, uint64_t lsn, const struct record *record);
int lane_salvage_each(struct lane_salvage *salvage, salvage_fn *fn, void *context, char *error,
		      size_t error_bytes);

/* NULL is allowed. */
void lane_salvage_close(struct lane_salvage *salvage);

#endif

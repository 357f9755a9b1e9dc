/*
 * mended_files: the files of a damaged lane as they should be. A segment's header and size say
 * nothing that isn't known otherwise: where they are wrong, the view shows them right, with zeros
 * where the file is too short. Whether the blocks in it are good, they prove by their own
 * checksums, which cover their place. It lists the segments from the one that the lane begins in up
 * to the first that is missing, and reads all.
 *
 * Never writes. One thread.
 */
#ifndef DB_ENGINE_REPAIR_MENDED_FILES_H
#define DB_ENGINE_REPAIR_MENDED_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_reader.h"

/* A segment file that is there. */
struct mended_segment {
	uint64_t number;
	uint64_t file_bytes;
	uint64_t bytes; /* that it should have */
	bool wrong;     /* its header or its size is not right */
	bool empty;     /* damage's: zeros only behind the place of the cut */
};

struct mended_files {
	struct lane_files files; /* the view, first; close and what changes something are not its */
	struct lane_files *base; /* as they are; owned */
	uint64_t journal_id;
	uint16_t lane;
	uint64_t first;                  /* segment that the lane begins in */
	bool missing;                    /* the lane itself */
	struct mended_segment *segments; /* ascending */
	uint64_t segment_cnt;
	struct lane_fault *faults; /* in lane order */
	uint64_t fault_cnt;
};

/*
 * Looks at what there is; `base` is the view's from then on, also after a failure. settle: first
 * waits for writes of a killed engine. from: the lane begins behind this position, NULL or zeros:
 * in segment 0. 0, or -errno with a line in error if something can't be read.
 */
int mended_files_open(struct mended_files **out, struct lane_files *base, uint64_t journal_id,
		      uint16_t lane, bool settle, const struct lane_position *from,
		      struct error *error);

/* NULL if there is no such segment. */
struct mended_segment *mended_files_segment(struct mended_files *mended, uint64_t number);

/* Adds what somebody else found; copied, at its place in lane order. */
void mended_files_fault(struct mended_files *mended, const struct lane_fault *fault);

/* Adds what another look at the same lane found. */
void mended_files_merge(struct mended_files *mended, const struct mended_files *other);

/* NULL is allowed. */
void mended_files_close(struct mended_files *mended);

#endif

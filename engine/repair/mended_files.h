/*
 * mended_files: the first stage of a repair: the files of a damaged lane as they should be. What a
 * segment's header and size say is known from elsewhere too: where they are wrong, the view shows
 * the right ones, with zeros where the file is too short. The blocks prove by their own checksums,
 * which cover their place, whether they are good. The view lists the segments from the one that the
 * lane begins in up to the first that is missing, but can read all segments.
 *
 * Never writes. Cold calls, one thread. Its result never changes: later stages only read it.
 */
#ifndef DB_ENGINE_REPAIR_MENDED_FILES_H
#define DB_ENGINE_REPAIR_MENDED_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_reader.h"

/* A segment file that is there. */
struct mended_segment {
	uint64_t number;
	uint64_t file_bytes;
	uint64_t bytes; /* that it should have */
	bool wrong;     /* its header or its size is not right */
};

struct mended_files {
	char path[576]; /* of the lane's directory */
	uint64_t journal_id;
	uint16_t lane;
	bool missing;                          /* the lane's directory is missing */
	struct lane_position base;             /* the lane begins after it; zeros: in segment 0 */
	uint64_t first;                        /* the segment that the lane begins in */
	const struct mended_segment *segments; /* by number */
	uint64_t segment_cnt;
	const struct lane_fault *faults; /* in lane order */
	uint64_t fault_cnt;
};

/*
 * Looks at the files that are there; `real` belongs to the mended files from then on, also after a
 * failure. settle: wait first for writes of a killed engine. base: the lane begins after this
 * position; NULL or zeros: in segment 0. Returns 0, or -errno with a line in error if something
 * cannot be read.
 */
int mended_files_open(struct mended_files **out, struct lane_files *real, uint64_t journal_id,
		      uint16_t lane, bool settle, const struct lane_position *base,
		      struct error *error);

/* Whether the lane begins after a checkpoint. */
static inline bool mended_files_has_base(const struct mended_files *mended)
{
	CHECK((mended->base.tail.place.offset > 0) == (mended->base.tail.next_lsn > 0));
	return mended->base.tail.place.offset > 0;
}

/* The view, for one reader, which closes it before mended_files_close. It has only list, size, read
 * and close. */
struct lane_files *mended_files_view(const struct mended_files *mended);

/* NULL if there is no such segment. */
const struct mended_segment *mended_files_segment(const struct mended_files *mended,
						  uint64_t number);

/* NULL is allowed. */
void mended_files_close(struct mended_files *mended);

#endif

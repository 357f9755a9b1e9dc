/*
 * start: where the recovery of a lane begins: after a checkpoint or at its first segment.
 */
#ifndef DB_ENGINE_RECOVER_START_H
#define DB_ENGINE_RECOVER_START_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/recover/scan_result.h"

/*
 * Begins a scan with offers, counts and position of a checkpoint with a next LSN below below_lsn.
 * The scan stays all zeros where the whole lane must be read. 0; -EBADMSG with a line if neither is
 * possible; other -errno. The caller frees the scan by recover_scan_free, also after a failure.
 */
int recover_start(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		  uint64_t below_lsn, struct recover_scan *scan, struct error *error);

/* Where a lane begins, judged by its files alone. */
struct lane_beginning {
	uint64_t segment; /* the first that exists; 0 also if there is none */
	bool empty;       /* it begins with zeros: only a checkpoint has what was before */
};
struct lane_beginning recover_beginning(const struct data_dir *dir, uint16_t lane);

/* A reading that failed and meanwhile saw its lane change is begun again. 0, or -errno: what could
 * not be seen counts as it is in an empty lane. */
int recover_look(const struct data_dir *dir, uint16_t lane, struct recover_glance *out);

/* 1: it has changed; 0: it has not; -errno and a line: that can't be seen, so that a reading which
 * failed says nothing of the lane. */
int recover_changed(const struct data_dir *dir, uint16_t lane, const struct recover_glance *before,
		    struct error *error);

/* Adds an offer to a scan. 0 or -ENOMEM. */
int recover_keep_offer(struct recover_scan *scan, const struct record *record);

#endif

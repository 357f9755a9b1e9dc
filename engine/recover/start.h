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

/* If a reading fails, and its lane has changed meanwhile, the reading begins again. */
void recover_look(const struct data_dir *dir, uint16_t lane, struct recover_glance *out);
bool recover_changed(const struct data_dir *dir, uint16_t lane,
		     const struct recover_glance *before);

/* Adds an offer to a scan. 0 or -ENOMEM. */
int recover_keep_offer(struct recover_scan *scan, const struct record *record);

#endif

/*
 * cut: the last step of recovery (scan.h), and the only one that writes. After it the lane ends at
 * the tail that its scan found, ready for a writer.
 */
#ifndef DB_ENGINE_RECOVER_CUT_H
#define DB_ENGINE_RECOVER_CUT_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/journal.h"
#include "engine/journal/lane_files.h"

/*
 * Makes the lane end at the tail a scan found: zeros after it, no later segment with anything in it
 * (empty ones stay, they were prepared ahead), all of it synced. What it removes was never
 * acknowledged. Only under the lock. 0 or -errno with a line in error.
 */
int recover_cut(const struct data_dir *dir, uint16_t lane, const struct lane_tail *tail,
		struct error *error);

/* The same for files of any kind: as recover_scan_files. */
int recover_cut_files(struct lane_files *files, const struct lane_tail *tail, struct error *error);

#endif

/*
 * recover_start: where the recovery of a lane begins: behind a checkpoint or at its first segment.
 */
#ifndef DB_ENGINE_RECOVER_START_H
#define DB_ENGINE_RECOVER_START_H

#include "engine/recover.h"

/*
 * Begins a scan: offers, counts and position of a checkpoint with a next LSN below below_lsn; the
 * scan stays all zeros where the whole lane is to be read. 0; -EBADMSG with a line if neither is
 * possible; other -errno. What it puts into the scan is freed by recover_scan_free, also after a
 * failure.
 */
int recover_start(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		  uint64_t below_lsn, struct recover_scan *scan, char *error, size_t error_bytes);

/* Adds an offer to a scan. 0 or -ENOMEM. */
int recover_keep_offer(struct recover_scan *scan, const struct record *record);

#endif

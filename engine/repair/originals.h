/*
 * originals: keeps aside what a repair is about to change, in DATA/repaired-YYYYMMDDThhmmssZ, which
 * is no part of the journal:
 *
 *	lane-NNN/seg-NNNNNNNNNNNN	the files as they were, whole
 *	lane-NNN/ckpt-NNNNNNNNNNNNNNN
 *	report				what is lost, written by the caller
 *
 * Until originals_end it has another name, REPAIRED.part; by that name nobody trusts it. So a
 * directory without .part is whole and on disk, and nothing is changed before there is one.
 *
 * Cold calls, under the data directory's lock.
 */
#ifndef DB_ENGINE_REPAIR_ORIGINALS_H
#define DB_ENGINE_REPAIR_ORIGINALS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/plan.h"

struct originals {
	char data_path[512];
	char path[600];      /* where it will be */
	char part_path[608]; /* where it is until then */
	uint64_t removed;    /* .part directories that killed repairs left: nothing was changed */
	uint64_t bytes;      /* kept so far */
};

/* Makes the directory; now_s: seconds since the epoch, for its name. 0 or -errno with a line. */
int originals_begin(struct originals *keep, const struct data_dir *dir, uint64_t now_s,
		    struct error *error);

/* Copies every file that a cut of this lane changes or removes. 0 or -errno with a line. */
int originals_lane(struct originals *keep, const struct plan *plan, struct error *error);

/* All of it is on disk and has its name when this returns 0; else -errno with a line. */
int originals_end(struct originals *keep, struct error *error);

/* Removes it again, before originals_end. */
void originals_abandon(struct originals *keep);

#endif

/*
 * originals: copies what a repair is about to change to DATA/repaired-YYYYMMDDThhmmssZ, which is no
 * part of the journal:
 *
 *	lane-NNN/seg-NNNNNNNNNNNN	the files as they were, whole
 *	lane-NNN/ckpt-NNNNNNNNNNNNNNN
 *	report				what is lost, written by the caller
 *
 * Until originals_end the directory's name ends with .part, and nobody trusts it. So a directory
 * without .part is whole and on disk, and nothing is changed before there is one.
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
	char path[600];      /* the directory in the end */
	char part_path[608]; /* the directory until then */
	uint64_t removed;    /* .part directories that killed repairs left: nothing was changed */
	uint64_t bytes;      /* kept so far */
};

/* Makes the directory; now_s: seconds since the epoch, for its name. 0 or -errno with a line. */
int originals_begin(struct originals *keep, const struct data_dir *dir, uint64_t now_s,
		    struct error *error);

/* Copies every file that a cut of this lane changes or removes. 0 or -errno with a line. */
int originals_lane(struct originals *keep, const struct plan *plan, struct error *error);

/* Gives the directory its name. All of it is on disk when this returns 0; else -errno with a line.
 */
int originals_end(struct originals *keep, struct error *error);

/* Removes the directory again; instead of originals_end, or after that failed. */
void originals_abandon(struct originals *keep);

#endif

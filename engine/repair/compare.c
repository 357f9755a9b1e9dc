#include "engine/repair/compare.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/checkpoint/records.h"

struct comparing {
	struct checkpoint_records *records;
	uint64_t different_lsn; /* 0: none yet */
	int rc;                 /* of the checkpoint's records */
	struct error *error;
};

static bool compare_one(void *context, uint64_t lsn, const struct record *record)
{
	struct comparing *comparing = context;
	struct record saved;
	uint64_t saved_lsn = 0;

	CHECK(comparing->different_lsn == 0);
	do {
		comparing->rc = checkpoint_records_next(comparing->records, &saved_lsn, &saved,
							comparing->error);
	} while (comparing->rc == 1 && saved_lsn < lsn);
	if (comparing->rc != 1)
		return false;
	CHECK(saved_lsn == lsn);
	if (memcmp(&saved, record, sizeof(saved)) != 0)
		comparing->different_lsn = lsn;
	return comparing->different_lsn == 0;
}

int repair_compare(const struct data_dir *dir, const struct damage *damage, uint64_t next_lsn,
		   uint64_t *different_lsn, struct error *error)
{
	struct comparing comparing = {.error = error};
	int rc = checkpoint_records_open(&comparing.records, dir, damage->files->lane, next_lsn,
					 error);

	if (rc == 0)
		rc = damage_each_good(damage, compare_one, &comparing, error);
	checkpoint_records_close(comparing.records);
	if (rc == 0 && comparing.rc < 0)
		rc = comparing.rc;
	*different_lsn = rc == 0 ? comparing.different_lsn : 0;
	return rc;
}

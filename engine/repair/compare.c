#include "engine/repair/compare.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/checkpoint/records.h"

/* A record of the checkpoint whose LSN is not known. The lane has those of one kind in this order.
 */
struct loose {
	struct record *records;
	uint64_t cnt;
	uint64_t next[2]; /* of offers and CLOCK records; of PLACED records */
};

struct comparing {
	struct checkpoint_records *records;
	struct loose loose;
	struct record saved;    /* the next of the checkpoint with an LSN */
	uint64_t saved_lsn;     /* UINT64_MAX: there is none any more */
	uint64_t different_lsn; /* 0: none yet */
	int rc;                 /* of the checkpoint's records */
	struct error *error;
};

/* The next record of the checkpoint; those without an LSN are put aside. */
static int take_next(struct comparing *comparing)
{
	struct loose *loose = &comparing->loose;

	for (;;) {
		const int rc = checkpoint_records_next(comparing->records, &comparing->saved_lsn,
						       &comparing->saved, comparing->error);

		if (rc != 1) {
			comparing->saved_lsn = UINT64_MAX;
			return rc;
		}
		if (comparing->saved_lsn > 0)
			return 0;
		/* Grows at powers of two. */
		if ((loose->cnt & (loose->cnt - 1)) == 0) {
			const uint64_t room = loose->cnt == 0 ? 1 : loose->cnt * 2;

			loose->records =
				reallocarray(loose->records, room, sizeof(*loose->records));
			CHECK(loose->records != NULL);
		}
		loose->records[loose->cnt++] = comparing->saved;
	}
}

/* Whether the checkpoint has this record of the lane without its LSN, or may have dropped it: a
 * line that was prepared may wait no longer. The good part may begin later than the checkpoint's
 * records, so some are passed over. */
static bool is_loose(struct loose *loose, const struct record *record)
{
	const bool placed = record->kind == RECORD_PLACED;
	uint64_t *next = &loose->next[placed];

	if (record->kind == RECORD_EXPIRE || record->kind == RECORD_PREPARED ||
	    record->kind == RECORD_ABORTED)
		return true;
	if (!placed && record->kind != RECORD_OFFER && record->kind != RECORD_CLOCK)
		return false;
	for (; *next < loose->cnt; (*next)++) {
		if (memcmp(&loose->records[*next], record, sizeof(*record)) == 0)
			return true;
	}
	return false;
}

/* A checkpoint keeps of orders only that they were prepared. */
static bool is_same(const struct record *saved, const struct record *record)
{
	struct record kept = *record;

	if (record->kind != RECORD_ORDER)
		kept.flags &= (uint8_t)~RECORD_WAS_PREPARED;
	return memcmp(saved, &kept, sizeof(kept)) == 0;
}

static bool compare_one(void *context, uint64_t lsn, const struct record *record)
{
	struct comparing *comparing = context;

	CHECK(comparing->different_lsn == 0);
	if (lsn >= checkpoint_records_header(comparing->records)->next_lsn)
		return false;
	while (comparing->rc == 0 && comparing->saved_lsn < lsn)
		comparing->rc = take_next(comparing);
	if (comparing->rc != 0)
		return false;
	if (comparing->saved_lsn == lsn ? !is_same(&comparing->saved, record)
					: !is_loose(&comparing->loose, record))
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
	free(comparing.loose.records);
	if (rc == 0 && comparing.rc < 0)
		rc = comparing.rc;
	*different_lsn = rc == 0 ? comparing.different_lsn : 0;
	return rc;
}

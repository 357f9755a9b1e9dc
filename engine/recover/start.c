#include "engine/recover/start.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/list.h"
#include "engine/journal/lane_files.h"

enum {
	REASON_BYTES = 768,
};

int recover_keep_offer(struct recover_scan *scan, const struct record *record)
{
	/* Grows at powers of two. */
	if ((scan->offer_cnt & (scan->offer_cnt - 1)) == 0) {
		const uint64_t room = scan->offer_cnt == 0 ? 1 : scan->offer_cnt * 2;
		struct record *more = reallocarray(scan->offers, room, sizeof(*more));

		if (more == NULL)
			return -ENOMEM;
		scan->offers = more;
	}
	scan->offers[scan->offer_cnt++] = *record;
	return 0;
}

/* The offers are read and checked now, because the tables' sizes follow from them; the orders when
 * they are loaded. */
static int read_offers(struct checkpoint *checkpoint, struct recover_scan *scan,
		       struct error *error)
{
	uint64_t left = checkpoint_header(checkpoint)->offer_cnt;
	struct checkpoint_chunk chunk;

	for (; left > 0; left -= chunk.cnt) {
		const int rc = checkpoint_next(checkpoint, &chunk, error);

		if (rc < 0)
			return rc;
		for (uint32_t i = 0; i < chunk.cnt; i++) {
			if (chunk.offers[i].kind == RECORD_OFFER &&
			    recover_keep_offer(scan, &chunk.offers[i]) != 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Begins the scan with this checkpoint. If it is bad, the scan is all zeros again. */
static int try_one(const struct data_dir *dir, uint16_t lane, uint64_t lsn, uint64_t first_segment,
		   struct recover_scan *scan, struct error *error)
{
	struct checkpoint *checkpoint = NULL;
	int rc = checkpoint_open(&checkpoint, dir, lane, lsn, error);

	if (rc != 0)
		return rc;

	const struct checkpoint_header *header = checkpoint_header(checkpoint);

	if (header->segment < first_segment) {
		rc = error_say(error, -EBADMSG,
			       "lane %u: the checkpoint at LSN %" PRIu64 " needs segment %" PRIu64
			       ", which is missing",
			       lane, lsn - 1, header->segment);
	}
	if (rc == 0)
		rc = read_offers(checkpoint, scan, error);
	if (rc == 0) {
		scan->order_cnt = header->order_cnt;
		scan->hold_cnt = header->hold_cnt;
		scan->change_cnt = header->change_cnt;
		scan->placed_cnt = header->placed_cnt;
		scan->link_cnt = header->link_cnt;
		scan->prepared_cnt = header->prepared_cnt;
		scan->units_ordered = header->units_ordered;
		scan->units_written_off = header->units_written_off;
		scan->block_cnt = header->block_cnt;
		scan->from_block_cnt = header->block_cnt;
		checkpoint_position(header, &scan->from);
	} else {
		free(scan->offers);
		scan->offers = NULL;
		scan->offer_cnt = 0;
	}
	checkpoint_close(checkpoint);
	return rc;
}

static bool first_block_is_empty(struct lane_files *files, uint64_t segment)
{
	uint8_t *unit = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	bool empty = false;

	if (unit != NULL && files->ops->read(files, segment, unit, BLOCK_ALIGN_BYTES,
					     BLOCK_ALIGN_BYTES) == BLOCK_ALIGN_BYTES)
		empty = unit[0] == 0 && memcmp(unit, unit + 1, BLOCK_ALIGN_BYTES - 1) == 0;
	free(unit);
	return empty;
}

/* How the lane begins; the reader judges the rest. 0 or -errno with a line. */
static int look_at_beginning(const struct data_dir *dir, uint16_t lane, struct lane_beginning *out,
			     struct error *error)
{
	struct lane_files *files = NULL;
	uint64_t *numbers = NULL;
	int64_t cnt;
	int rc = data_dir_open_lane(dir, lane, &files, error);

	*out = (struct lane_beginning){0};
	if (rc != 0)
		return rc;
	cnt = files->ops->list(files, &numbers);
	if (cnt > 0) {
		out->segment = numbers[0];
		out->empty = first_block_is_empty(files, numbers[0]);
	}
	/* A directory that is missing is damage. */
	if (cnt < 0 && cnt != -ENOENT) {
		error_set(error, "%s: %s", files->path, safe_strerror((int)cnt));
		rc = (int)cnt;
	}
	free(numbers);
	files->ops->close(files);
	return rc;
}

struct lane_beginning recover_beginning(const struct data_dir *dir, uint16_t lane)
{
	struct lane_beginning beginning;
	struct error error;

	(void)look_at_beginning(dir, lane, &beginning, &error);
	return beginning;
}

int recover_look(const struct data_dir *dir, uint16_t lane, struct recover_glance *out)
{
	struct lane_beginning beginning;
	struct error error;
	uint64_t *lsns = NULL;
	int64_t rc = look_at_beginning(dir, lane, &beginning, &error);
	const int64_t cnt = checkpoint_list(dir, lane, &lsns);

	*out = (struct recover_glance){.first_segment = beginning.segment};
	if (cnt > 0)
		out->newest_lsn = lsns[0];
	free(lsns);
	if (rc == 0 && cnt < 0)
		rc = cnt;
	/* What is missing was seen to be. */
	return rc == -ENOENT ? 0 : (int)rc;
}

int recover_changed(const struct data_dir *dir, uint16_t lane, const struct recover_glance *before,
		    struct error *error)
{
	struct recover_glance now;
	const int rc = recover_look(dir, lane, &now);

	/* Both only grow. */
	if (now.first_segment > before->first_segment || now.newest_lsn > before->newest_lsn)
		return 1;
	return rc == 0 ? 0
		       : error_say(error, rc,
				   "lane %u: could not be read to its end, nor looked at again: %s",
				   lane, safe_strerror(rc));
}

static void note(struct recover_scan *scan, uint16_t lane, const char *reason)
{
	const uint64_t lsn = recover_checkpoint_lsn(scan);

	if (reason[0] == '\0')
		return;
	if (lsn > 0)
		error_set(&scan->note,
			  "lane %u: passed over a checkpoint and used the older one at LSN %" PRIu64
			  ": %s",
			  lane, lsn, reason);
	else
		error_set(&scan->note,
			  "lane %u: passed over a checkpoint and used the whole lane: %s", lane,
			  reason);
}

/* The result of a search for a checkpoint. */
struct search {
	struct lane_beginning beginning;
	bool needed;               /* the lane alone does not have all records */
	int unread;                /* -errno of a checkpoint that could not be read, or 0 */
	struct error first_reason; /* why the first one tried cannot be used */
};

/* The lane needs a checkpoint, and none can be used. */
static int say_lost(const struct data_dir *dir, uint16_t lane, const struct search *search,
		    struct error *error)
{
	const char *reason = search->first_reason.text;
	char path[REASON_BYTES];
	char what[128];

	data_dir_lane_path(dir, lane, path, sizeof(path));
	if (search->beginning.segment > 0)
		snprintf(what, sizeof(what), "segment 0 is missing, segment %" PRIu64 " is there",
			 search->beginning.segment);
	else
		snprintf(what, sizeof(what), "segment 0 begins with no block");
	/* It is unknown whether that checkpoint is good. */
	if (search->unread != 0)
		error_set(error,
			  "%s: %s, and a checkpoint of what was before cannot be read: %s; check "
			  "the disk, then start again",
			  path, what, reason);
	else
		error_set(error,
			  "%s: %s, and no checkpoint says what was before%s%s; the lane is "
			  "damaged: put it back from a copy",
			  path, what, reason[0] != '\0' ? ": " : "", reason);
	return search->unread != 0 ? search->unread : -EBADMSG;
}

/* A checkpoint that looks good here may be found bad later, when it is loaded. Callers that begin
 * with the oldest have time to read all of it first. */
static int try_whole(const struct data_dir *dir, uint16_t lane, uint64_t lsn,
		     enum recover_from from, uint64_t first_segment, struct recover_scan *scan,
		     struct error *error)
{
	const int rc = from == RECOVER_FROM_OLDEST ? checkpoint_check(dir, lane, lsn, error) : 0;

	return rc != 0 ? rc : try_one(dir, lane, lsn, first_segment, scan, error);
}

/* Tries the lane's checkpoints until one is good. 0; -ENOENT: none is; other -errno with a line. */
static int try_all(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		   uint64_t below_lsn, struct search *search, struct recover_scan *scan,
		   struct error *error)
{
	const struct lane_beginning *beginning = &search->beginning;
	uint64_t *lsns = NULL;
	int64_t cnt = checkpoint_list(dir, lane, &lsns);
	struct error reason = {0};
	int rc = -ENOENT;

	if (cnt < 0 && cnt != -ENOENT) {
		error_set(error, "lane %u: its checkpoints cannot be listed: %s", lane,
			  safe_strerror((int)cnt));
		return (int)cnt;
	}
	search->needed = beginning->segment > 0 || (beginning->empty && cnt > 0);
	if (from == RECOVER_FROM_OLDEST && !search->needed)
		cnt = 0;
	for (int64_t i = 0; i < cnt && rc != 0 && rc != -ENOMEM; i++) {
		const uint64_t lsn = lsns[from == RECOVER_FROM_NEWEST ? i : cnt - 1 - i];

		if (lsn >= below_lsn)
			continue;
		rc = try_whole(dir, lane, lsn, from, beginning->segment, scan, &reason);
		if (rc != 0 && !error_is_set(&search->first_reason))
			search->first_reason = reason;
		if (rc != 0 && rc != -EBADMSG)
			search->unread = rc;
	}
	free(lsns);
	if (rc == -ENOMEM)
		error_set(error, "lane %u: no memory to read a checkpoint", lane);
	return rc == 0 || rc == -ENOMEM ? rc : -ENOENT;
}

int recover_start(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		  uint64_t below_lsn, struct recover_scan *scan, struct error *error)
{
	struct search search = {0};
	int rc = look_at_beginning(dir, lane, &search.beginning, error);

	if (rc == 0)
		rc = try_all(dir, lane, from, below_lsn, &search, scan, error);
	scan->unread = search.unread;
	if (rc != 0 && rc != -ENOENT)
		return rc;
	if (rc != 0 && search.needed)
		return say_lost(dir, lane, &search, error);
	if (from == RECOVER_FROM_NEWEST)
		note(scan, lane, search.first_reason.text);
	return 0;
}

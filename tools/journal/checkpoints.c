#include "tools/journal/checkpoints.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/recover/load.h"
#include "engine/recover/start.h"

static const char *const names[] = {
	[CHECKPOINT_GOOD] = "good",
	[CHECKPOINT_UNUSED] = "unused",
	[CHECKPOINT_DAMAGED] = "damaged",
	[CHECKPOINT_FOREIGN] = "foreign",
	[CHECKPOINT_UNREADABLE] = "unreadable",
	[CHECKPOINT_AHEAD] = "ahead",
	[CHECKPOINT_UNFIT] = "unfit",
};

static enum checkpoint_state by_itself(const struct checkpoint_seen *seen)
{
	switch (seen->rc) {
	case 0:
		return CHECKPOINT_GOOD;
	case -EBADMSG:
		return CHECKPOINT_DAMAGED;
	case -EXDEV:
		return CHECKPOINT_FOREIGN;
	default:
		return CHECKPOINT_UNREADABLE;
	}
}

int lane_checkpoints_look(struct lane_checkpoints *list, const struct data_dir *dir, uint16_t lane)
{
	list->cnt = checkpoint_survey(dir, lane, &list->seen);
	if (list->cnt < 0) {
		const int rc = (int)list->cnt;

		list->cnt = 0;
		return rc;
	}
	list->states = calloc((size_t)list->cnt + 1, sizeof(*list->states));
	if (list->states == NULL)
		return -ENOMEM;
	for (int64_t i = 0; i < list->cnt; i++)
		list->states[i] = by_itself(&list->seen[i]);
	return 0;
}

void lane_checkpoints_free(struct lane_checkpoints *list)
{
	free(list->seen);
	free(list->states);
	*list = (struct lane_checkpoints){0};
}

/* Whether the lane continues after it: 1, 0, or -errno with a line. */
static int is_in_lane(const struct data_dir *dir, uint16_t lane,
		      const struct lane_position *position, struct error *error)
{
	struct lane_reader *reader = NULL;
	struct lane_files *files = NULL;
	int rc = data_dir_open_lane(dir, lane, &files, error);

	if (rc == 0)
		rc = lane_reader_open_at(&reader, files, dir->journal_id, lane, position, error);
	if (rc == 0)
		lane_reader_close(reader);
	return rc == 0 ? 1 : rc == -EBADMSG ? 0 : rc;
}

/* What a lane is applied to. */
struct applying {
	const struct data_dir *dir;
	struct shard *shard;
	struct conserve *conserve;
	uint16_t lane;
};

/* Applies from scan->from on to where this scan ends. */
static int apply_to(const struct applying *applying, const struct recover_scan *scan,
		    struct error *error)
{
	struct lane_files *files = NULL;
	const int rc = data_dir_open_lane(applying->dir, applying->lane, &files, error);

	return rc != 0 ? rc
		       : recover_lane_files_seen(files, applying->dir->journal_id, applying->lane,
						 scan, applying->shard, conserve_block,
						 applying->conserve, error);
}

/* Compares a checkpoint with the lane, which has all of it. If they are equal, *from moves on to
 * it. */
static int compare(const struct applying *applying, enum checkpoint_state *state,
		   const struct checkpoint_seen *seen, struct lane_position *from,
		   struct error *error)
{
	struct recover_scan part = {.from = *from};
	struct lane_position position;
	struct shard_hash hash;
	int rc;

	checkpoint_position(&seen->header, &position);
	rc = is_in_lane(applying->dir, applying->lane, &position, error);
	if (rc <= 0) {
		*state = CHECKPOINT_UNFIT;
		return rc;
	}
	part.tail.next_lsn = seen->next_lsn;
	rc = apply_to(applying, &part, error);
	if (rc != 0)
		return rc;
	*from = position;
	hash = shard_hash(applying->shard);
	if (shard_next_lsn(applying->shard) != seen->next_lsn ||
	    hash.low != seen->header.state_hash[0] || hash.high != seen->header.state_hash[1])
		*state = CHECKPOINT_UNFIT;
	return 0;
}

int lane_checkpoints_apply(struct lane_checkpoints *list, const struct data_dir *dir, uint16_t lane,
			   struct recover_scan *scan, struct shard *shard,
			   struct conserve **conserve, struct error *error)
{
	const uint64_t first_segment = recover_beginning(dir, lane).segment;
	struct applying applying = {.dir = dir, .shard = shard, .lane = lane};
	int rc = recover_load(dir, lane, scan, shard, error);
	struct recover_scan rest = {.from = scan->from, .tail = scan->tail};

	if (rc == 0)
		rc = conserve_open(conserve, shard, lane, scan->offer_cnt, error);
	if (rc != 0)
		return rc;
	applying.conserve = *conserve;
	rc = conserve_all(*conserve, error);
	for (int64_t i = list->cnt - 1; i >= 0 && rc == 0; i--) {
		const struct checkpoint_seen *seen = &list->seen[i];
		enum checkpoint_state *state = &list->states[i];

		if (*state != CHECKPOINT_GOOD)
			continue;
		if (seen->next_lsn > scan->tail.next_lsn)
			*state = CHECKPOINT_AHEAD;
		else if (seen->header.segment < first_segment ||
			 seen->next_lsn < scan->from.tail.next_lsn)
			*state = CHECKPOINT_UNUSED;
		else if (seen->next_lsn > scan->from.tail.next_lsn)
			rc = compare(&applying, state, seen, &rest.from, error);
	}
	return rc == 0 ? apply_to(&applying, &rest, error) : rc;
}

uint64_t lane_checkpoints_bad(const struct lane_checkpoints *list)
{
	uint64_t cnt = 0;

	for (int64_t i = 0; i < list->cnt; i++)
		cnt += list->states[i] > CHECKPOINT_UNUSED;
	return cnt;
}

static void print_one(const struct checkpoint_seen *seen, enum checkpoint_state state,
		      uint16_t lane, uint64_t last_lsn)
{
	printf("%4u   checkpoint at LSN %" PRIu64 ": ", lane, seen->next_lsn - 1);
	switch (state) {
	case CHECKPOINT_GOOD:
		printf("good\n");
		break;
	case CHECKPOINT_UNUSED:
		printf("good, but the lane after it was pruned\n");
		break;
	case CHECKPOINT_DAMAGED:
		printf("DAMAGED: %s; write a new one, or see `doorbuster journal repair`\n",
		       seen->error.text);
		break;
	case CHECKPOINT_FOREIGN:
		printf("OF ANOTHER JOURNAL OR LANE: %s; move it away\n", seen->error.text);
		break;
	case CHECKPOINT_UNREADABLE:
		printf("UNREADABLE: %s\n", seen->error.text);
		break;
	case CHECKPOINT_AHEAD:
		printf("AHEAD of the lane, which lost what is after LSN %" PRIu64
		       ": see `doorbuster journal repair`\n",
		       last_lsn);
		break;
	case CHECKPOINT_UNFIT:
		printf("DOES NOT FIT the lane, which has something else there: see `doorbuster "
		       "journal repair`\n");
		break;
	}
}

void lane_checkpoints_print(const struct lane_checkpoints *list, uint16_t lane, uint64_t last_lsn)
{
	for (int64_t i = list->cnt - 1; i >= 0; i--)
		print_one(&list->seen[i], list->states[i], lane, last_lsn);
}

json_t *lane_checkpoints_json(const struct lane_checkpoints *list)
{
	json_t *array = json_array();

	for (int64_t i = list->cnt - 1; i >= 0; i--) {
		json_t *object = json_object();

		json_object_set_new(object, "lsn",
				    json_integer((json_int_t)list->seen[i].next_lsn - 1));
		json_object_set_new(object, "state", json_string(names[list->states[i]]));
		if (list->seen[i].rc != 0)
			json_object_set_new(object, "error", json_string(list->seen[i].error.text));
		json_array_append_new(array, object);
	}
	return array;
}

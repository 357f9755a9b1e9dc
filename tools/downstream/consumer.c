#include "tools/downstream/consumer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/safe_file.h"
#include "tools/downstream/source.h"

enum {
	/* A killed consumer holds its lock until it has ended. */
	LOCK_TRIES = 40,
	LOCK_PAUSE_NS = 50000000,
	/* Blocks of one lane before the next lane's turn. */
	TURN_BLOCKS = 64,
	/* How often a source with nothing new is asked whether it has more lanes. */
	GROW_NS = 1000000000,
};

struct consumer {
	struct consumer_options options;
	const struct source_kind *kind;
	struct source *source; /* NULL: to be opened again */
	int lock_fd;           /* of the cursor; -1: none */
	struct cursor cursor;
	char shown[DOWNSTREAM_ADDRESS_BYTES]; /* options.from without passwords */
	bool dirty;                           /* the cursor has moved since it was saved */
	bool met[SHARDS_MAX];                 /* the source has the cursor's last block */
	uint64_t grown_ns;                    /* when it was last asked for more lanes */
	uint16_t lane;
	unsigned turn;
};

static const struct source_kind *const kinds[] = {
	&source_data_kind,
	&source_file_kind,
	&source_nats_kind,
	&source_kafka_kind,
};

static bool has_scheme(const char *from, const char *scheme)
{
	return scheme != NULL && strncmp(from, scheme, strlen(scheme)) == 0;
}

static const struct source_kind *kind_of(const char *from)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (has_scheme(from, kinds[i]->scheme) || has_scheme(from, kinds[i]->also))
			return kinds[i];
	}
	return NULL;
}

/* The cursor has the source's lanes; a broker may not have all of a journal's yet. */
static int fit_lanes(struct consumer *consumer, struct error *error)
{
	const struct source *source = consumer->source;
	struct cursor *cursor = &consumer->cursor;

	if (cursor->journal_id == 0)
		cursor->journal_id = source->journal_id;
	while (cursor->lanes > source->lanes && cursor->lane[cursor->lanes - 1].mark.next_lsn == 0)
		cursor->lanes--;
	if (cursor->journal_id != source->journal_id ||
	    (cursor->lanes > source->lanes && consumer->kind->grow == NULL))
		return error_say(error, -EINVAL,
				 "the cursor is of journal %016" PRIx64
				 " with %u lanes, %s has journal %016" PRIx64
				 " with %u: begin with a new cursor",
				 cursor->journal_id, cursor->lanes, consumer->shown,
				 source->journal_id, source->lanes);
	if (cursor->lanes < source->lanes)
		cursor->lanes = source->lanes;
	return 0;
}

static int seek_lane(struct consumer *consumer, uint16_t lane, struct error *error)
{
	const struct cursor_lane *behind = &consumer->cursor.lane[lane];

	consumer->met[lane] = behind->mark.next_lsn == 0 || consumer->kind->checks;
	return consumer->kind->seek(consumer->source, lane, behind, error);
}

/* Opens the source where the cursor is. */
static int connect_source(struct consumer *consumer, struct error *error)
{
	int rc = consumer->kind->open(&consumer->source, &consumer->options, error);

	if (rc != 0)
		return rc;
	consumer->source->kind = consumer->kind;
	consumer->grown_ns = clock_now_ns();
	rc = fit_lanes(consumer, error);
	for (uint16_t lane = 0; rc == 0 && lane < consumer->cursor.lanes; lane++)
		rc = seek_lane(consumer, lane, error);
	if (rc != 0) {
		consumer->kind->close(consumer->source);
		consumer->source = NULL;
	}
	return rc;
}

/* Locks the cursor, so that no other consumer uses it meanwhile. */
static int lock_cursor(struct consumer *consumer, struct error *error)
{
	char path[PATH_MAX];
	int rc = -1;

	if (snprintf(path, sizeof(path), "%s.lock", consumer->options.cursor) >= (int)sizeof(path))
		return error_say(error, -ENAMETOOLONG, "%s: the path is too long",
				 consumer->options.cursor);
	consumer->lock_fd = safe_open_or_make(path, O_RDWR, NULL);
	if (consumer->lock_fd < 0)
		return error_say(error, consumer->lock_fd, "%s: %s", path,
				 safe_strerror(consumer->lock_fd));
	for (unsigned i = 0; i < LOCK_TRIES && rc != 0; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_NS}, NULL);
		rc = flock(consumer->lock_fd, LOCK_EX | LOCK_NB);
	}
	return rc == 0 ? 0
		       : error_say(error, -EBUSY,
				   "another consumer uses the cursor %s: stop that one, or "
				   "name another",
				   consumer->options.cursor);
}

int consumer_open(struct consumer **out, const struct consumer_options *options,
		  struct error *error)
{
	struct consumer *consumer = calloc(1, sizeof(*consumer));
	int rc = 0;

	if (consumer == NULL)
		return error_say(error, -ENOMEM, "no memory");
	consumer->lock_fd = -1;
	consumer->options = *options;
	downstream_address(options->from, consumer->shown, sizeof(consumer->shown));
	consumer->kind = options->kind != NULL ? options->kind : kind_of(options->from);
	if (consumer->kind == NULL)
		rc = error_say(error, -EINVAL,
			       "'%s' is not a source: there is data:DIR, "
			       "file:DIR, nats://HOST:PORT, tls://HOST:PORT and "
			       "kafka://HOST:PORT",
			       consumer->shown);
	if (rc == 0 && options->cursor != NULL)
		rc = lock_cursor(consumer, error);
	if (rc == 0 && options->start != NULL)
		consumer->cursor = *options->start;
	else if (rc == 0 && options->cursor != NULL)
		rc = cursor_load(&consumer->cursor, options->cursor, error);
	if (rc == -ENOENT)
		rc = 0;
	if (rc == 0)
		rc = connect_source(consumer, error);
	consumer->options.start = NULL;
	if (rc != 0)
		consumer_close(consumer);
	else
		*out = consumer;
	return rc;
}

/* Says what is wrong with a block. Always -EPROTO. */
static int say_wrong(const struct consumer *consumer, const struct source_block *block,
		     const char *wrong, struct error *error)
{
	const struct lane_mark *mark = &consumer->cursor.lane[consumer->lane].mark;

	return error_say(error, -EPROTO,
			 "%s: lane %u: after LSN %" PRIu64 " (position %" PRIu64 ") there is %s",
			 consumer->shown, consumer->lane,
			 mark->next_lsn > 0 ? mark->next_lsn - 1 : 0, block->extra, wrong);
}

static bool is_before(const struct frame *frame, const struct lane_mark *mark)
{
	return lane_place_before((struct lane_place){frame->segment, frame->offset}, mark->place);
}

/* 1: the block is the one that follows; 0: it was there before; or an error. */
static int check_follows(struct consumer *consumer, const struct source_block *block,
			 struct error *error)
{
	const struct lane_mark *mark = &consumer->cursor.lane[consumer->lane].mark;
	const struct block_header *header = block->block;
	const uint64_t next_lsn = mark->next_lsn > 0 ? mark->next_lsn : 1;
	const bool follows =
		header->first_lsn == next_lsn && header->prev_checksum == mark->checksum;

	if (follows || header->checksum == mark->checksum)
		consumer->met[consumer->lane] = true;
	if (follows)
		return 1;
	if (mark->next_lsn == 0 && consumer->options.skip_pruned)
		return 1;
	/* Between two blocks of one history, a closing block may be missing, too. */
	if (header->first_lsn > next_lsn ||
	    (header->first_lsn == next_lsn && header->checksum != mark->checksum &&
	     consumer->met[consumer->lane] && !is_before(&block->frame, mark)))
		return say_wrong(consumer, block,
				 mark->next_lsn == 0
					 ? "a block with later LSNs: the first ones are gone; "
					   "--skip-pruned begins with what is there"
					 : "a gap: blocks were removed there. Let the relay fill a "
					   "new stream",
				 error);
	if (header->checksum == mark->checksum ||
	    header->first_lsn + header->record_cnt < next_lsn ||
	    (header->first_lsn + header->record_cnt == next_lsn && is_before(&block->frame, mark)))
		return 0;
	return say_wrong(consumer, block,
			 "another block with LSNs that were used before: the lane was cut by "
			 "`journal repair` and gives them twice; settle the orders that the cut "
			 "lost (DATA/repaired-*), then begin with a new stream and a new cursor",
			 error);
}

static int check(struct consumer *consumer, const struct source_block *block, struct error *error)
{
	const char *wrong;

	if (consumer->kind->checks)
		return 1;
	wrong = frame_block_wrong(&block->frame, consumer->cursor.journal_id, consumer->lane,
				  block->block, block->bytes);
	if (wrong != NULL)
		return say_wrong(consumer, block, wrong, error);
	return check_follows(consumer, block, error);
}

/* The next good block of the lane whose turn it is. */
static int next_of_lane(struct consumer *consumer, struct source_block *block, struct error *error)
{
	struct cursor_lane *cursor = &consumer->cursor.lane[consumer->lane];
	int rc;

	do {
		rc = consumer->kind->next(consumer->source, consumer->lane, block, error);
		if (rc != 1)
			return rc;
		rc = check(consumer, block, error);
	} while (rc == 0);
	if (rc < 0)
		return rc;
	cursor->mark = (struct lane_mark){
		.next_lsn = block->block->first_lsn + block->block->record_cnt,
		.place.segment = block->frame.segment,
		.place.offset = block->frame.offset,
		.checksum = block->block->checksum,
	};
	cursor->extra = block->extra;
	consumer->dirty = true;
	return 1;
}

/* A source without new blocks may have another lane by now. */
static int grow(struct consumer *consumer, struct error *error)
{
	struct cursor *cursor = &consumer->cursor;
	const uint16_t before = cursor->lanes;
	int rc;

	if (consumer->kind->grow == NULL || clock_now_ns() < consumer->grown_ns + GROW_NS)
		return 0;
	consumer->grown_ns = clock_now_ns();
	rc = consumer->kind->grow(consumer->source, error);
	if (rc == 0)
		rc = fit_lanes(consumer, error);
	for (uint16_t lane = before; rc == 0 && lane < cursor->lanes; lane++)
		rc = seek_lane(consumer, lane, error);
	return rc;
}

/* All blocks were read, but the cursor's last block was not among them: that is an error. */
static int check_met(const struct consumer *consumer, struct error *error)
{
	for (uint16_t lane = 0; lane < consumer->cursor.lanes; lane++) {
		if (!consumer->met[lane])
			return error_say(
				error, -EAGAIN,
				"%s: lane %u ends before the cursor's last block "
				"(LSN %" PRIu64 "): what downstream lost comes again from the "
				"relay; but if the lane was cut by `journal repair`, or the stream "
				"is another, begin with a new cursor",
				consumer->shown, lane,
				consumer->cursor.lane[lane].mark.next_lsn - 1);
	}
	return 0;
}

int consumer_next(struct consumer *consumer, struct consumer_batch *batch, struct error *error)
{
	struct source_block block;
	unsigned idle = 0;
	int rc = 0;

	if (consumer->source == NULL)
		rc = connect_source(consumer, error);
	/* It was accepted before. */
	if (rc == -EACCES)
		rc = -ENOTCONN;
	while (rc == 0 && idle < consumer->cursor.lanes) {
		rc = next_of_lane(consumer, &block, error);
		if (rc == 1 && block.block->record_cnt > 0) {
			*batch = (struct consumer_batch){
				.lane = consumer->lane,
				.record_cnt = block.block->record_cnt,
				.first_lsn = block.block->first_lsn,
				.records = block_records(block.block),
				.written_at_ns = block.block->written_at_ns,
			};
		}
		if (rc == 0)
			idle++;
		else
			idle = 0;
		if (rc == 0 || ++consumer->turn >= TURN_BLOCKS) {
			consumer->turn = 0;
			consumer->lane = (uint16_t)((consumer->lane + 1) % consumer->cursor.lanes);
		}
		if (rc == 1 && block.block->record_cnt > 0)
			return 1;
		rc = rc == 1 ? 0 : rc;
	}
	if (rc == 0)
		rc = grow(consumer, error);
	if (rc == 0)
		rc = check_met(consumer, error);
	if (rc == -ENOTCONN && consumer->source != NULL) {
		consumer->kind->close(consumer->source);
		consumer->source = NULL;
	}
	return rc;
}

int consumer_commit(struct consumer *consumer, struct error *error)
{
	int rc = 0;

	if (consumer->dirty && consumer->options.cursor != NULL)
		rc = cursor_save(&consumer->cursor, consumer->options.cursor, error);
	if (rc == 0)
		consumer->dirty = false;
	return rc;
}

struct cursor *consumer_cursor(struct consumer *consumer)
{
	return &consumer->cursor;
}

const char *consumer_address(const struct consumer *consumer)
{
	return consumer->shown;
}

void consumer_close(struct consumer *consumer)
{
	if (consumer == NULL)
		return;
	if (consumer->source != NULL)
		consumer->source->kind->close(consumer->source);
	if (consumer->lock_fd >= 0)
		close(consumer->lock_fd);
	free(consumer);
}

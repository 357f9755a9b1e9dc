/*
 * data:DIR, file:DIR: the lanes themselves, or the relay's copy of them. The tailer checks each
 * block and that it follows.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/journal/lane_tailer.h"
#include "tools/downstream/source.h"

struct lane_source {
	struct source base;
	struct data_dir dir;
	bool copy;
	bool skip_pruned;
	bool follow;
	struct lane_tailer **tailers;
	bool *given; /* the block peeked was given */
};

static struct lane_source *of(struct source *source)
{
	return (struct lane_source *)source;
}

static void lane_close(struct source *base)
{
	struct lane_source *source = of(base);

	for (uint16_t i = 0; source->tailers != NULL && i < base->lanes; i++)
		lane_tailer_close(source->tailers[i]);
	free(source->tailers);
	free(source->given);
	free(source);
}

static int lane_open(struct source **out, const struct consumer_options *options, bool copy,
		     struct error *error)
{
	struct lane_source *source = calloc(1, sizeof(*source));
	int rc;

	if (source == NULL)
		return error_say(error, -ENOMEM, "no memory");
	source->copy = copy;
	source->skip_pruned = options->skip_pruned;
	source->follow = options->follow;
	rc = options->setting_cnt == 0
		     ? data_dir_read(&source->dir, strchr(options->from, ':') + 1, error)
		     : error_say(error, -EINVAL, "--set %s: %s has no settings",
				 options->settings[0].key, options->from);
	if (rc == 0) {
		source->base.journal_id = source->dir.journal_id;
		source->base.lanes = source->dir.shards;
		source->tailers = calloc(SHARDS_MAX, sizeof(struct lane_tailer *));
		source->given = calloc(SHARDS_MAX, sizeof(*source->given));
		if (source->tailers == NULL || source->given == NULL)
			rc = error_say(error, -ENOMEM, "no memory");
	}
	if (rc != 0)
		lane_close(&source->base);
	else
		*out = &source->base;
	return rc;
}

static int data_open(struct source **out, const struct consumer_options *options,
		     struct error *error)
{
	return lane_open(out, options, false, error);
}

static int file_open(struct source **out, const struct consumer_options *options,
		     struct error *error)
{
	return lane_open(out, options, true, error);
}

static int lane_seek(struct source *base, uint16_t lane, const struct cursor_lane *behind,
		     struct error *error)
{
	struct lane_source *source = of(base);
	struct lane_tailer_options options = lane_tailer_of(&source->dir, lane);

	options.proven = source->copy;
	options.skip_pruned = source->skip_pruned;
	options.once = !source->follow;
	lane_tailer_close(source->tailers[lane]);
	source->tailers[lane] = NULL;
	source->given[lane] = false;
	return lane_tailer_open(&source->tailers[lane], &options, &behind->mark, error);
}

static int lane_next(struct source *base, uint16_t lane, struct source_block *out,
		     struct error *error)
{
	struct lane_source *source = of(base);
	struct lane_tailer *tailer = source->tailers[lane];
	struct lane_block block;
	int rc;

	if (source->given[lane])
		lane_tailer_take(tailer);
	rc = lane_tailer_peek(tailer, &block, error);
	source->given[lane] = rc == 1;
	if (rc != 1)
		return rc;
	*out = (struct source_block){.block = block.header, .bytes = block.header->block_bytes};
	frame_fill(&out->frame, base->journal_id, lane, &block);
	return 1;
}

const struct source_kind source_data_kind = {
	.scheme = "data:",
	.checks = true,
	.open = data_open,
	.seek = lane_seek,
	.next = lane_next,
	.close = lane_close,
};

const struct source_kind source_file_kind = {
	.scheme = "file:",
	.checks = true,
	.open = file_open,
	.seek = lane_seek,
	.next = lane_next,
	.close = lane_close,
};

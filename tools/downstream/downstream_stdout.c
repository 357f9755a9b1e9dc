/*
 * -: standard output, for pipes. Blocks with a frame before each, or JSON lines. It can't say where
 * it ended: every start begins at the lane's first record. Acknowledged means given to the pipe.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "tools/common/record_print.h"
#include "tools/downstream/downstream.h"
#include "tools/downstream/frame.h"

struct stdout_downstream {
	struct downstream base;
	unsigned given_cnt;
	struct print print;
};

static struct stdout_downstream *of(struct downstream *downstream)
{
	return (struct stdout_downstream *)downstream;
}

static int target_open(struct downstream_target **out, const struct downstream_options *options,
		       struct error *error)
{
	if (options->setting_cnt > 0)
		return error_say(error, -EINVAL, "--set %s: - has no settings",
				 options->settings[0].key);
	if (options->format != FORMAT_JSON && isatty(STDOUT_FILENO) == 1)
		return error_say(error, -ENOTTY,
				 "--to -: blocks would show as nonsense on a terminal; redirect "
				 "them to a file or a pipe, or --format json");
	*out = calloc(1, sizeof(**out));
	return *out != NULL ? 0 : error_say(error, -ENOMEM, "no memory");
}

static void target_close(struct downstream_target *target)
{
	free(target);
}

static int stdout_open(struct downstream **out, struct downstream_target *target, uint16_t lane,
		       struct error *error)
{
	struct stdout_downstream *to = calloc(1, sizeof(*to));

	(void)target;
	if (to == NULL)
		return error_say(error, -ENOMEM, "no memory for lane %u", lane);
	to->print.file = stdout;
	*out = &to->base;
	return 0;
}

static int stdout_end(struct downstream *downstream, struct lane_mark *last, bool *part,
		      struct error *error)
{
	(void)downstream;
	(void)last;
	(void)part;
	(void)error->text;
	return 0;
}

static int stdout_publish(struct downstream *downstream, const struct lane_block *block,
			  struct error *error)
{
	struct stdout_downstream *to = of(downstream);
	const struct downstream_options *options = &downstream->target->options;
	const struct block_header *header = block->header;
	struct frame frame;
	bool good = true;

	if (to->given_cnt >= DOWNSTREAM_IN_FLIGHT_MAX)
		return -EAGAIN;
	if (options->format == FORMAT_JSON) {
		for (uint32_t i = 0; i < header->record_cnt; i++)
			print_record_json(&to->print, downstream->lane, header->first_lsn + i,
					  &block_records(header)[i]);
		print_flush(&to->print);
		good = !to->print.failed;
	} else {
		frame_fill(&frame, options->journal->journal_id, downstream->lane, block);
		good = fwrite(&frame, sizeof(frame), 1, stdout) == 1 &&
		       fwrite(header, header->block_bytes, 1, stdout) == 1;
	}
	if (!good)
		return error_say(error, -EPIPE, "stdout: %s", strerror(errno));
	to->given_cnt++;
	return 0;
}

static int stdout_reap(struct downstream *downstream, struct error *error)
{
	struct stdout_downstream *to = of(downstream);
	const unsigned cnt = to->given_cnt;

	if (cnt > 0 && fflush(stdout) != 0)
		return error_say(error, -EPIPE, "stdout: %s", strerror(errno));
	to->given_cnt = 0;
	return (int)cnt;
}

static void stdout_close(struct downstream *downstream)
{
	free(downstream);
}

const struct downstream_kind downstream_stdout_kind = {
	.scheme = "-",
	.target_open = target_open,
	.target_close = target_close,
	.open = stdout_open,
	.end = stdout_end,
	.publish = stdout_publish,
	.reap = stdout_reap,
	.close = stdout_close,
};

/*
 * doorbuster-consume: prints committed records, once each, from a lane, a copy or a broker.
 *
 * Guarantees: with --out and --cursor each record is in the file exactly once, in lane order, also
 * when this is killed at any moment and started again: the cursor says how much of the file counts.
 * On stdout the records since the last cursor come again.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/safe_file.h"
#include "engine/base/signals.h"
#include "tools/common/cli.h"
#include "tools/common/output_file.h"
#include "tools/common/record_print.h"
#include "tools/downstream/consumer.h"

enum {
	/* A cursor costs some syncs: it is saved no more often than this, except when there is
	 * nothing more. */
	COMMIT_NS = 200000000,
	IDLE_NS = 5000000,
	AWAY_NS = 500000000,
};

struct consume_options {
	struct consumer_options consumer;
	const char *out;
	bool csv;
	bool follow;
};

static const char usage[] =
	"usage: doorbuster consume --from SOURCE [--cursor FILE] [--out FILE] [--follow]\n"
	"                          [--format json|csv] [--numbers] [--skip-pruned]\n"
	"                          [--set KEY=VALUE]...\n"
	"\n"
	"Prints every committed record once, in lane order, and checks each block: place,\n"
	"checksum, and that it follows the one before.\n"
	"\n"
	"  --from data:DIR    a journal, also beside a running engine\n"
	"  --from file:DIR    the copy that `doorbuster relay --to file:DIR` makes\n"
	"  --from nats://H:P,...\n"
	"                     the streams that a relay fills, also tls://; --set as there\n"
	"  --from kafka://H:P,...\n"
	"                     the topic that a relay fills\n"
	"  --cursor FILE      go on after what was printed, and keep that place in FILE;\n"
	"                     one consumer at a time\n"
	"  --out FILE         write there instead of to stdout, for its owner only; with\n"
	"                     --cursor each record is in it exactly once, whenever this\n"
	"                     is killed\n"
	"  --follow           wait for more, until SIGTERM, also while the source is away\n"
	"  --format json      a line for each record, as `journal dump --json` (default)\n"
	"  --numbers          JSON has 64-bit values as numbers, not as strings: many\n"
	"                     readers round them\n"
	"  --format csv       bought orders only, with a line of names; what was held and\n"
	"                     what came back is in JSON alone\n"
	"  --skip-pruned      without a cursor, begin with what is still there\n"
	"  --set KEY=VALUE    a setting of the broker's client\n"
	"\n"
	"With --follow, lines on stderr have time and level; not with\n"
	"DOORBUSTER_LOG=plain.\n"
	"Exit code 0: all that is there was printed, or SIGTERM; 1: damage, a gap, a\n"
	"foreign block, LSNs given twice, or a source that lacks what the cursor is at;\n"
	"2: could not run.\n";

enum flag {
	FLAG_FROM = 1,
	FLAG_CURSOR,
	FLAG_OUT,
	FLAG_FOLLOW,
	FLAG_FORMAT,
	FLAG_SKIP_PRUNED,
	FLAG_SET,
	FLAG_NUMBERS,
};

static const struct option flags[] = {
	{"from", required_argument, NULL, FLAG_FROM},
	{"cursor", required_argument, NULL, FLAG_CURSOR},
	{"out", required_argument, NULL, FLAG_OUT},
	{"follow", no_argument, NULL, FLAG_FOLLOW},
	{"format", required_argument, NULL, FLAG_FORMAT},
	{"skip-pruned", no_argument, NULL, FLAG_SKIP_PRUNED},
	{"set", required_argument, NULL, FLAG_SET},
	{"numbers", no_argument, NULL, FLAG_NUMBERS},
	{"help", no_argument, NULL, CLI_FLAG_HELP},
	{NULL, 0, NULL, 0},
};

static struct print out; /* big */

static void print_batch(const struct consumer_batch *batch, bool csv)
{
	for (uint32_t i = 0; i < batch->record_cnt; i++)
		(csv ? print_record_csv : print_record_json)(
			&out, batch->lane, batch->first_lsn + i, &batch->records[i]);
}

/* Writes out what was printed, and syncs it if it is a file; then saves the cursor. */
static int commit(const struct consume_options *options, struct consumer *consumer,
		  struct error *error)
{
	print_flush(&out);
	if (out.failed || fflush(out.file) != 0 ||
	    (options->out != NULL && fsync(fileno(out.file)) != 0))
		return error_say(error, -EIO, "%s: not all could be written: %s",
				 options->out != NULL ? options->out : "stdout", strerror(errno));
	if (options->out != NULL)
		consumer_cursor(consumer)->out_bytes = (uint64_t)ftell(out.file);
	return consumer_commit(consumer, error);
}

static int pump(const struct consume_options *options, struct consumer *consumer,
		struct error *error)
{
	const struct timespec idle = {.tv_nsec = IDLE_NS};
	const struct timespec away = {.tv_nsec = AWAY_NS};
	uint64_t committed_ns = clock_now_ns();
	bool dirty = false;
	bool away_told = false;
	bool behind_told = false;

	while (!signals_end_pending()) {
		struct consumer_batch batch;
		int rc = consumer_next(consumer, &batch, error);

		if (rc == 1) {
			print_batch(&batch, options->csv);
			dirty = true;
		}
		if (dirty && (rc != 1 || clock_now_ns() - committed_ns >= COMMIT_NS)) {
			struct error failure;
			const int committed = commit(options, consumer, &failure);

			if (committed != 0)
				return error_say(error, committed, "%s", failure.text);
			committed_ns = clock_now_ns();
			dirty = false;
		}
		if (rc < 0 && !((rc == -ENOTCONN || rc == -EAGAIN) && options->follow))
			return rc;
		if ((rc == -ENOTCONN && !away_told) || (rc == -EAGAIN && !behind_told))
			cli_warn("%s; trying again until it is back", error->text);
		away_told = rc == -ENOTCONN;
		behind_told = rc == -EAGAIN || (behind_told && rc != 0);
		if (rc == 0 && !options->follow)
			break;
		if (rc != 1)
			nanosleep(rc == -ENOTCONN ? &away : &idle, NULL);
	}
	return commit(options, consumer, error);
}

/* Opens FILE and cuts what the cursor doesn't count. */
static int open_out(const char *path, uint64_t bytes, struct error *error)
{
	struct stat info;

	/* Emptied only if the cursor counts nothing of it. */
	out.file = output_file_stream(path, bytes > 0 ? OUTPUT_KEEP : 0);
	if (out.file == NULL)
		return error_say(error, -errno, "--out %s: %s", path, safe_strerror(-errno));
	if (fstat(fileno(out.file), &info) != 0 || (uint64_t)info.st_size < bytes)
		return error_say(error, -EINVAL,
				 "--out %s is shorter than the cursor says: put it back, or "
				 "begin with a new cursor",
				 path);
	if (ftruncate(fileno(out.file), (off_t)bytes) != 0 ||
	    fseek(out.file, (long)bytes, SEEK_SET) != 0)
		return error_say(error, -errno, "--out %s: %s", path, strerror(errno));
	return 0;
}

/* With --follow it waits for a source that is away, or that no relay has begun to fill. */
static int open_source(struct consumer **consumer, const struct consume_options *options,
		       struct error *error)
{
	const struct timespec away = {.tv_nsec = AWAY_NS};
	bool told = false;
	int rc;

	while ((rc = consumer_open(consumer, &options->consumer, error)) == -ENOTCONN &&
	       options->follow && !signals_end_pending()) {
		if (!told)
			cli_warn("%s; trying again until it is there", error->text);
		told = true;
		nanosleep(&away, NULL);
	}
	return rc;
}

static int run(const struct consume_options *options)
{
	struct consumer *consumer = NULL;
	struct error error;
	sigset_t signals;
	uint64_t out_bytes;
	int rc;

	signals_block_end(&signals);
	rc = open_source(&consumer, options, &error);
	if (rc == -ENOTCONN && options->follow)
		return CLI_EXIT_GOOD;
	if (rc != 0) {
		cli_wrong("%s", error.text);
		return rc == -EPROTO || rc == -ESTALE || rc == -ENODATA || rc == -EBADMSG
			       ? CLI_EXIT_BAD
			       : CLI_EXIT_FAILED;
	}
	out.file = stdout;
	out_bytes = consumer_cursor(consumer)->out_bytes;
	if (options->out != NULL)
		rc = open_out(options->out, out_bytes, &error);
	if (rc != 0) {
		cli_wrong("%s", error.text);
		consumer_close(consumer);
		return CLI_EXIT_FAILED;
	}
	if (options->csv && out_bytes == 0)
		print_csv_columns(&out);
	if (options->follow)
		fprintf(stderr, "following %u lanes of %s\n", consumer_cursor(consumer)->lanes,
			consumer_address(consumer));
	rc = pump(options, consumer, &error);
	if (rc != 0)
		cli_wrong("%s", error.text);
	if (out.file != NULL && out.file != stdout && fclose(out.file) != 0 && rc == 0)
		rc = cli_wrong("--out %s: %s", options->out, strerror(errno)) ? 0 : -EIO;
	consumer_close(consumer);
	return rc == 0 ? CLI_EXIT_GOOD : CLI_EXIT_BAD;
}

static bool parse_flag(int flag, void *context)
{
	struct consume_options *options = context;

	switch (flag) {
	case FLAG_FROM:
		options->consumer.from = optarg;
		return true;
	case FLAG_CURSOR:
		options->consumer.cursor = optarg;
		return true;
	case FLAG_OUT:
		options->out = optarg;
		return true;
	case FLAG_FOLLOW:
		return options->follow = true;
	case FLAG_FORMAT:
		options->csv = strcmp(optarg, "csv") == 0;
		return options->csv || strcmp(optarg, "json") == 0 ||
		       cli_wrong("--format: '%s' is neither json nor csv", optarg);
	case FLAG_NUMBERS:
		print_json_numbers();
		return true;
	case FLAG_SET:
		return downstream_parse_setting(optarg, options->consumer.settings,
						&options->consumer.setting_cnt);
	default:
		return options->consumer.skip_pruned = true;
	}
}

int main(int argc, char **argv)
{
	struct consume_options options = {0};
	int rc;

	cli_program("doorbuster consume");
	rc = cli_flags(argc, argv, usage, flags, parse_flag, &options);
	if (rc >= 0)
		return rc;
	if (options.consumer.from == NULL) {
		cli_wrong("--from SOURCE is missing: data:DIR, file:DIR, nats://HOST:PORT or "
			  "kafka://HOST:PORT");
		return cli_usage(usage);
	}
	options.consumer.follow = options.follow;
	if (options.follow)
		log_begin();
	return cli_end(run(&options));
}

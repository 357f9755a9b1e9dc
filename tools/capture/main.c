/*
 * doorbuster-capture: records every frame that an engine receives and sends, on any port, into pcap
 * files with nanoseconds that may rotate. The engine's workers copy frames into memory that both
 * map (engine/worker/tap.h); frames that do not fit there, because this program or its disk is too
 * slow, are lost to the capture only, and are reported.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/safe_file.h"
#include "engine/journal/data_dir.h"
#include "engine/worker/tap_format.h"
#include "tools/capture/files.h"
#include "tools/capture/source.h"
#include "tools/common/cli.h"

enum {
	/* Frames taken from one ring before the next. */
	BURST_CNT = 256,
	PAUSE_NS = 200000,
	/* What is not with the kernel yet is lost by a kill -9. */
	FLUSH_EVERY_NS = 250000000,
};

static const uint64_t NS_PER_S = 1000000000;

static const char help[] =
	"usage: doorbuster capture --data DIR --write FILE [options]\n"
	"\n"
	"Records what the engine that runs on DIR receives and sends, whatever its port,\n"
	"as pcap with nanoseconds. Run it as the owner of DIR or as root, on a core that\n"
	"no worker has. It finds the engine by the socket DIR/capture, whatever network\n"
	"namespace it runs in.\n"
	"\n"
	"  --write FILE       the capture, for its owner only; - is stdout; with\n"
	"                     --rotate-mib the files are FILE.00001 and so on. Frames are\n"
	"                     in the file within a second, in a pipe at once\n"
	"  --force            replace FILE if it is there, or all files of an earlier\n"
	"                     rotation of this name\n"
	"  --rotate-mib N     begin another file after so much\n"
	"  --files N          keep the N newest files only\n"
	"  --seconds N        end after so long (default: Ctrl-C)\n"
	"  --requests-only    leave the replies out: half the bytes\n"
	"  --buffer-mib N     memory for each worker's frames that are not written yet\n"
	"                     (default 256)\n"
	"\n"
	"What was captured is said on stderr, where lines have time and level; not with\n"
	"DOORBUSTER_LOG=plain. Exit code 0: every frame was recorded; 1: some were lost,\n"
	"or the pipe's reader ended; 2: could not run, or could not write a file.\n";

struct capture_options {
	const char *data;
	const char *path;
	uint32_t rotate_mib;
	uint32_t files;
	uint32_t seconds;
	uint32_t buffer_mib;
	bool requests_only;
	bool force;
};

enum {
	OPT_DATA = 256,
	OPT_WRITE,
	OPT_ROTATE,
	OPT_FILES,
	OPT_SECONDS,
	OPT_REQUESTS_ONLY,
	OPT_BUFFER,
	OPT_FORCE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"data", required_argument, NULL, OPT_DATA},
	{"write", required_argument, NULL, OPT_WRITE},
	{"rotate-mib", required_argument, NULL, OPT_ROTATE},
	{"files", required_argument, NULL, OPT_FILES},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"requests-only", no_argument, NULL, OPT_REQUESTS_ONLY},
	{"force", no_argument, NULL, OPT_FORCE},
	{"buffer-mib", required_argument, NULL, OPT_BUFFER},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	(void)number;
	ended = 1;
}

static bool read_option(int option, const char *text, struct capture_options *options)
{
	switch (option) {
	case OPT_DATA:
		options->data = text;
		return true;
	case OPT_WRITE:
		options->path = text;
		return true;
	case OPT_ROTATE:
		return cli_u32("--rotate-mib", text, 1, 1 << 20, &options->rotate_mib);
	case OPT_FILES:
		return cli_u32("--files", text, 1, 99999, &options->files);
	case OPT_SECONDS:
		return cli_u32("--seconds", text, 1, 1U << 30, &options->seconds);
	case OPT_BUFFER:
		return cli_u32("--buffer-mib", text, 2, 1600, &options->buffer_mib);
	case OPT_REQUESTS_ONLY:
		return options->requests_only = true;
	case OPT_FORCE:
		return options->force = true;
	default:
		return cli_wrong("see doorbuster capture --help");
	}
}

static bool check_together(const struct capture_options *options)
{
	if (options->data == NULL)
		return cli_wrong("--data DIR is missing; see doorbuster capture --help");
	if (options->path == NULL)
		return cli_wrong("--write FILE is missing");
	return options->files == 0 || options->rotate_mib > 0 ||
	       cli_wrong("--files: only with --rotate-mib; leave it out");
}

/* Slots that a worker's memory holds: a power of two. */
static uint32_t slots_of(uint32_t buffer_mib)
{
	const uint64_t most = ((uint64_t)buffer_mib << 20) / TAP_SLOT_BYTES;
	uint32_t slots = TAP_SLOTS_MIN;

	while (slots * 2 <= most && slots < TAP_SLOTS_MAX)
		slots *= 2;
	return slots;
}

struct totals {
	uint64_t frames[TAP_DIRECTIONS];
	uint64_t cut;
};

/* Writes the frames that are there. How many, or -errno. */
static int drain(struct source *source, struct files *files, struct totals *totals)
{
	const struct tap_slot *slot;
	int cnt = 0;

	for (; cnt < BURST_CNT && (slot = source_peek(source)) != NULL; cnt++) {
		const int rc = files_put(files, slot->at_ns, slot->frame, slot->bytes);

		if (rc != 0)
			return rc;
		totals->frames[slot->direction < TAP_DIRECTIONS ? slot->direction : 0]++;
		totals->cut += slot->bytes > TAP_FRAME_BYTES_MAX;
		source_pop(source);
	}
	return cnt;
}

/* Gives what was written to the kernel: to a reader at once when nothing more comes, else from time
 * to time. 0 or -errno. */
static int flush(struct files *files, bool is_idle, uint64_t *flushed_ns)
{
	const uint64_t now_ns = clock_now_ns();

	if (now_ns - *flushed_ns < FLUSH_EVERY_NS && !(is_idle && files_have_reader(files)))
		return 0;
	if (now_ns - *flushed_ns >= FLUSH_EVERY_NS) {
		*flushed_ns = now_ns;
		if (files_reader_ended(files))
			return -EPIPE;
	}
	return files_are_behind(files) ? files_flush(files) : 0;
}

/* Records until a signal, the time limit or the engine's end. 0 or -errno. */
static int record(const struct capture_options *options, struct source *source, struct files *files,
		  struct totals *totals)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	const uint64_t end_ns =
		options->seconds > 0 ? clock_now_ns() + options->seconds * NS_PER_S : UINT64_MAX;
	uint64_t flushed_ns = 0;

	for (;;) {
		/* Read before the rings: so what came before the end is written. */
		const bool over = ended != 0 || clock_now_ns() >= end_ns || source_ended(source);
		int cnt;
		int rc;

		/* Checked after each burst, so that a capture that is too slow can be ended, too.
		 */
		if (over)
			source_stop(source);
		cnt = drain(source, files, totals);
		if (cnt < 0 || (cnt == 0 && over))
			return cnt;
		rc = flush(files, cnt == 0, &flushed_ns);
		if (rc != 0)
			return rc;
		if (cnt == 0)
			nanosleep(&pause, NULL);
	}
}

/* On stderr, as the frames may be on stdout. */
static int tell(const struct source *source, const struct files *files, const struct totals *totals)
{
	uint64_t lost[TAP_DIRECTIONS];

	source_lost(source, lost);
	fprintf(stderr,
		"captured received=%" PRIu64 " sent=%" PRIu64 " bytes=%" PRIu64 " files=%" PRIu64
		" cut=%" PRIu64 " lost_received=%" PRIu64 " lost_sent=%" PRIu64 "\n",
		totals->frames[TAP_RECEIVED], totals->frames[TAP_SENT], files_bytes(files),
		files_cnt(files), totals->cut, lost[TAP_RECEIVED], lost[TAP_SENT]);
	return lost[TAP_RECEIVED] + lost[TAP_SENT] > 0 ? CLI_EXIT_BAD : CLI_EXIT_GOOD;
}

/* Records and reports. The exit code. */
static int record_and_tell(const struct capture_options *options, struct source *source,
			   struct files *files)
{
	struct totals totals = {0};
	char name[256];
	int result;
	int rc;

	fprintf(stderr, "capturing from %s into %s\n", options->data, options->path);
	rc = record(options, source, files, &totals);
	if (rc == 0)
		rc = files_end(files);
	files_name(files, name, sizeof(name));
	if (rc == -EPIPE)
		cli_wrong("--write %s: its reader has ended; what came after that is not recorded",
			  name);
	else if (rc != 0)
		cli_wrong("--write %s: %s", name, safe_strerror(rc));
	result = tell(source, files, &totals);
	return rc == 0 ? result : rc == -EPIPE ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

static int capture(const struct capture_options *options)
{
	const struct tap_request request = {
		.magic = TAP_MAGIC,
		.format = TAP_FORMAT,
		.slot_cnt = slots_of(options->buffer_mib),
		.directions = options->requests_only ? 1U << TAP_RECEIVED
						     : 1U << TAP_RECEIVED | 1U << TAP_SENT,
	};
	const struct files_options written = {
		.path = options->path,
		.rotate_bytes = (uint64_t)options->rotate_mib << 20,
		.keep = options->files,
		.force = options->force,
	};
	struct source *source = NULL;
	struct files *files = NULL;
	struct data_dir dir;
	struct error error;
	int result = CLI_EXIT_FAILED;
	int rc = data_dir_read(&dir, options->data, &error);

	if (rc == 0)
		rc = files_check(&written, &error);
	if (rc == 0)
		rc = source_open(&source, options->data, &request, &error);
	if (rc == 0)
		rc = files_open(&files, &written, &error);
	if (rc == 0)
		result = record_and_tell(options, source, files);
	else
		cli_wrong("%s", error.text);
	source_close(source);
	files_close(files);
	return result;
}

static int run(int argc, char **argv)
{
	/* After the first signal a write that waits continues; the second one ends the process. */
	const struct sigaction action = {.sa_handler = on_signal,
					 .sa_flags = (int)(SA_RESTART | SA_RESETHAND)};
	struct capture_options options = {.buffer_mib = 256};
	struct sigaction before;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return CLI_EXIT_GOOD;
		}
		if (!read_option(option, optarg != NULL ? optarg : "", &options))
			return CLI_EXIT_FAILED;
	}
	if (optind < argc) {
		cli_wrong("'%s' is not a flag; see doorbuster capture --help", argv[optind]);
		return CLI_EXIT_FAILED;
	}
	if (!check_together(&options))
		return CLI_EXIT_FAILED;
	/* A reader that ends is an error of a write. */
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
	/* With nohup SIGHUP stays ignored. */
	if (sigaction(SIGHUP, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
		(void)sigaction(SIGHUP, &action, NULL);
	log_begin();
	return capture(&options);
}

int main(int argc, char **argv)
{
	cli_program("doorbuster-capture");
	return cli_end(run(argc, argv));
}

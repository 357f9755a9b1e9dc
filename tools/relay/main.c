/*
 * doorbuster-relay: carries committed blocks to a downstream journal, beside a running engine or
 * without one.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/log.h"
#include "tools/common/cli.h"
#include "tools/common/record_print.h"
#include "tools/relay/relay.h"

static const char usage[] =
	"usage: doorbuster relay --data DIR --to DOWNSTREAM [--format block|json]\n"
	"                        [--numbers] [--once [--timeout SECONDS]] [--json]\n"
	"                        [--disk-budget-mib N] [--name NAME]\n"
	"                        [--set KEY=VALUE]... [--skip-pruned]\n"
	"                        [--metrics ADDR:PORT]\n"
	"       doorbuster relay --data DIR --forget --name NAME\n"
	"\n"
	"Sends every committed block of every lane downstream, once it is on disk, in\n"
	"order, from where the downstream ended. Nothing has to be remembered: kill it at\n"
	"any moment. It only reads the lanes and never makes the engine wait.\n"
	"\n"
	"  --to file:DIR      DIR becomes a copy of the journal that `doorbuster journal`\n"
	"                     and `doorbuster consume` read; with --format json a file\n"
	"                     of lines for each lane\n"
	"  --to nats://H:P,...\n"
	"                     NATS JetStream, also tls://: a stream for each lane, made\n"
	"                     if it isn't there; --set stream=NAME, replicas=N (of a new\n"
	"                     one), in-flight=N, creds=, nkey=, nkey-seed=, token=,\n"
	"                     tls-ca=, tls-cert=, tls-key=\n"
	"  --to kafka://H:P,...\n"
	"                     Kafka: a topic (--set topic=NAME, else doorbuster) with a\n"
	"                     partition for each lane; other --set as librdkafka takes\n"
	"                     them; only --format block\n"
	"  --to -             standard output, from the beginning of the lanes\n"
	"  --format block     the blocks as they are on disk (default)\n"
	"  --format json      an object for each record, as `journal dump --json` prints\n"
	"                     it; schema in tools/downstream/record.schema.json\n"
	"  --numbers          its 64-bit values are numbers, not strings: many readers\n"
	"                     round them\n"
	"  --once             end when the downstream has all that is known to be on disk\n"
	"  --timeout SECONDS  with --once: give up when the downstream took nothing for\n"
	"                     so long (default: 60; 0: never)\n"
	"  --json             a report a second on stdout, as JSON; without it as text,\n"
	"                     on a terminal\n"
	"  --disk-budget-mib N\n"
	"                     how much of the lanes may wait for the downstream; an alarm\n"
	"                     comes at half of it (default: half of what was free at the\n"
	"                     first start)\n"
	"  --name NAME        of this relay's position in DIR/downstream-NAME, which\n"
	"                     makes `journal prune` keep what the downstream does not\n"
	"                     have yet (default: the scheme). A position is for one\n"
	"                     downstream, at whatever address: one with another format,\n"
	"                     stream, topic or directory, or in another cluster, is\n"
	"                     refused. It is written once the downstream was reached\n"
	"  --set KEY=VALUE    a setting of the broker's client\n"
	"  --skip-pruned      an empty downstream begins with the first LSN that the\n"
	"                     lane still has\n"
	"  --metrics ADDR:PORT\n"
	"                     answer /metrics for Prometheus, and /healthz: 503 while\n"
	"                     the downstream of a lane is away, or half of the disk\n"
	"                     budget is used\n"
	"  --forget           remove the position of a relay that will not run again\n"
	"\n"
	"Without --once, lines on stderr have time and level; not with\n"
	"DOORBUSTER_LOG=plain.\n"
	"Exit code 0: stopped by SIGTERM, or --once and all is there; 1: stopped by what\n"
	"it found: a gap, a foreign message, another relay, a stream or topic that\n"
	"forgets, a lane that was cut or pruned, or --timeout passed; 2: wrong usage, or\n"
	"settings, rights, a password or a certificate were refused.\n";

enum {
	TIMEOUT_S = 60,
	TIMEOUT_MAX_S = 1000000,
	BUSY_TRIES = 40,
	BUSY_PAUSE_NS = 50000000,
};

enum flag {
	FLAG_DATA = 1,
	FLAG_TO,
	FLAG_FORMAT,
	FLAG_ONCE,
	FLAG_JSON,
	FLAG_BUDGET,
	FLAG_NAME,
	FLAG_SET,
	FLAG_SKIP_PRUNED,
	FLAG_FORGET,
	FLAG_METRICS,
	FLAG_NUMBERS,
	FLAG_TIMEOUT,
};

static const struct option flags[] = {
	{"data", required_argument, NULL, FLAG_DATA},
	{"to", required_argument, NULL, FLAG_TO},
	{"format", required_argument, NULL, FLAG_FORMAT},
	{"once", no_argument, NULL, FLAG_ONCE},
	{"json", no_argument, NULL, FLAG_JSON},
	{"disk-budget-mib", required_argument, NULL, FLAG_BUDGET},
	{"name", required_argument, NULL, FLAG_NAME},
	{"set", required_argument, NULL, FLAG_SET},
	{"skip-pruned", no_argument, NULL, FLAG_SKIP_PRUNED},
	{"forget", no_argument, NULL, FLAG_FORGET},
	{"metrics", required_argument, NULL, FLAG_METRICS},
	{"numbers", no_argument, NULL, FLAG_NUMBERS},
	{"timeout", required_argument, NULL, FLAG_TIMEOUT},
	{"help", no_argument, NULL, CLI_FLAG_HELP},
	{NULL, 0, NULL, 0},
};

static bool parse_format(const char *text, enum downstream_format *format)
{
	if (strcmp(text, "block") == 0)
		*format = FORMAT_BLOCK;
	else if (strcmp(text, "json") == 0)
		*format = FORMAT_JSON;
	else
		return cli_wrong("--format: '%s' is neither block nor json", text);
	return true;
}

static bool parse_name(const char *text, char name[RELAY_NAME_BYTES])
{
	const size_t good = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_");

	if (good == 0 || text[good] != '\0' || good >= RELAY_NAME_BYTES)
		return cli_wrong("--name: '%s' is not 1 to %d of a-z, 0-9, - and _", text,
				 RELAY_NAME_BYTES - 1);
	snprintf(name, RELAY_NAME_BYTES, "%s", text);
	return true;
}

static bool parse_flag(int flag, void *context)
{
	struct relay_options *options = context;
	uint64_t seconds;
	uint64_t mib;

	switch (flag) {
	case FLAG_DATA:
		options->data = optarg;
		return true;
	case FLAG_TO:
		options->downstream.to = optarg;
		return true;
	case FLAG_FORMAT:
		return parse_format(optarg, &options->downstream.format);
	case FLAG_ONCE:
		return options->once = true;
	case FLAG_JSON:
		return options->json = true;
	case FLAG_BUDGET:
		if (!cli_u64("--disk-budget-mib", optarg, 1, UINT64_MAX >> 20, &mib))
			return false;
		options->budget_bytes = mib << 20;
		return true;
	case FLAG_NAME:
		return parse_name(optarg, options->name);
	case FLAG_SET:
		return downstream_parse_setting(optarg, options->downstream.settings,
						&options->downstream.setting_cnt);
	case FLAG_NUMBERS:
		print_json_numbers();
		return options->numbers = true;
	case FLAG_SKIP_PRUNED:
		return options->skip_pruned = true;
	case FLAG_TIMEOUT:
		if (!cli_u64("--timeout", optarg, 0, TIMEOUT_MAX_S, &seconds))
			return false;
		options->timed = true;
		options->timeout_ns = seconds * 1000000000;
		return true;
	case FLAG_METRICS:
		options->metrics = optarg;
		return true;
	default:
		return options->forget = true;
	}
}

/* The scheme, unless one was given. */
static void default_name(struct relay_options *options)
{
	const char *to = options->downstream.to;

	if (options->name[0] == '\0')
		snprintf(options->name, sizeof(options->name), "%.*s", (int)strcspn(to, ":"), to);
}

static bool complete(struct relay_options *options)
{
	if (options->data == NULL)
		return cli_wrong("--data DIR: the directory of the engine's journal is missing");
	if (options->forget)
		return options->name[0] != '\0' ||
		       cli_wrong("--forget: say whose position with --name");
	if (options->downstream.to == NULL)
		return cli_wrong("--to DOWNSTREAM is missing: file:DIR, nats://HOST:PORT, "
				 "kafka://HOST:PORT or -");
	if (options->numbers && options->downstream.format != FORMAT_JSON)
		return cli_wrong("--numbers: only with --format json");
	if (options->timed && !options->once)
		return cli_wrong("--timeout: only with --once; a relay that stays waits for its "
				 "downstream");
	if (!options->timed && options->once)
		options->timeout_ns = TIMEOUT_S * UINT64_C(1000000000);
	default_name(options);
	return true;
}

static int run(const struct relay_options *options)
{
	static struct relay relay;
	int rc;
	int exit_code;

	if (options->forget) {
		rc = relay_forget(options, &relay.error);
		return rc == 0 || cli_wrong("%s", relay.error.text) ? CLI_EXIT_GOOD
								    : CLI_EXIT_FAILED;
	}
	/* A killed relay holds its locks until it has ended. */
	for (unsigned i = 0; (rc = relay_open(&relay, options)) == -EBUSY && i < BUSY_TRIES; i++) {
		relay_close(&relay);
		nanosleep(&(struct timespec){.tv_nsec = BUSY_PAUSE_NS}, NULL);
	}
	exit_code = rc == 0 ? CLI_EXIT_GOOD : CLI_EXIT_FAILED;
	if (rc == 0) {
		rc = relay_run(&relay);
		if (rc != 0)
			exit_code = rc == -EINVAL || rc == -EACCES ? CLI_EXIT_FAILED : CLI_EXIT_BAD;
	}
	if (rc != 0)
		cli_wrong("%s", relay.error.text);
	relay_close(&relay);
	return exit_code;
}

int main(int argc, char **argv)
{
	struct relay_options options = {0};
	int rc;

	cli_program("doorbuster relay");
	rc = cli_flags(argc, argv, usage, flags, parse_flag, &options);
	if (rc >= 0)
		return rc;
	if (!complete(&options))
		return CLI_EXIT_FAILED;
	if (!options.once && !options.forget)
		log_begin();
	return cli_end(run(&options));
}

/*
 * doorbuster-sink: keeps a table of orders in PostgreSQL, the worked example of an order management
 * system on top of the consumer library.
 *
 * Guarantees: each committed order is in the table once. Orders and cursor are stored in one
 * transaction, so that this may be killed, and the server too, at any moment: what was not
 * committed comes again.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/signals.h"
#include "tools/common/cli.h"
#include "tools/downstream/consumer.h"
#include "tools/sink/database.h"

enum {
	/* A transaction is ended when it has so many orders, or when nothing more comes. */
	COMMIT_ORDERS = 20000,
	COMMIT_NS = 200000000,
	IDLE_NS = 5000000,
	AWAY_NS = 300000000,
};

struct sink_options {
	struct consumer_options consumer;
	const char *to;
	const char *schema;
	bool follow;
};

static const char usage[] =
	"usage: doorbuster sink --from SOURCE --to CONNINFO [--schema NAME] [--follow]\n"
	"                       [--skip-pruned] [--set KEY=VALUE]...\n"
	"\n"
	"Keeps a table of all committed orders in PostgreSQL: NAME.orders, and in\n"
	"NAME.lanes how far it is, both in the same transactions. Kill it at any moment,\n"
	"and start it again.\n"
	"\n"
	"  --from SOURCE      as `doorbuster consume` takes it\n"
	"  --to CONNINFO      as libpq takes it: postgresql://user@host/database,\n"
	"                     'host=... dbname=...'\n"
	"  --schema NAME      made if it isn't there (default doorbuster). One journal\n"
	"                     and one sink for a schema\n"
	"  --follow           wait for more, until SIGTERM, also while source or server\n"
	"                     are away\n"
	"  --skip-pruned      an empty table begins with what the source still has\n"
	"  --set KEY=VALUE    a setting of the broker's client\n"
	"\n"
	"Exit code 0: all that is there is stored, or SIGTERM; 1: damage, a gap, a\n"
	"foreign block, LSNs given twice, or a source that lacks what the table has;\n"
	"2: could not run.\n";

/* Moves batches until the end, a signal or an error. A failed transaction leaves nothing. */
static int pump(const struct sink_options *options, struct database *database,
		struct consumer *consumer, uint64_t *orders, struct error *error)
{
	const struct timespec idle = {.tv_nsec = IDLE_NS};
	uint64_t begun_ns = clock_now_ns();
	bool dirty = false;
	bool behind = false;

	while (!signals_end_pending()) {
		struct consumer_batch batch;
		int rc = consumer_next(consumer, &batch, error);

		/* The source does not have again what the table has: it waits, but that is not
		 * success. */
		if (rc == -EAGAIN && options->follow && !behind)
			cli_wrong("%s; trying again until it is back", error->text);
		behind = rc == -EAGAIN || (behind && rc == 1);
		rc = rc == -EAGAIN ? 0 : rc;
		if (rc < 0)
			return rc;
		if (rc == 1) {
			begun_ns = dirty ? begun_ns : clock_now_ns();
			dirty = true;
			rc = database_add(database, &batch, error);
			if (rc != 0)
				return rc;
		} else if (!dirty && !options->follow) {
			return behind ? -EAGAIN : 0;
		} else if (!dirty) {
			nanosleep(&idle, NULL);
			continue;
		}
		if (rc == 0 || database_pending(database) >= COMMIT_ORDERS ||
		    clock_now_ns() > begun_ns + COMMIT_NS) {
			const uint64_t pending = database_pending(database);

			rc = database_commit(database, consumer_cursor(consumer), error);
			if (rc != 0)
				return rc;
			*orders += pending;
			dirty = false;
		}
	}
	return dirty ? database_commit(database, consumer_cursor(consumer), error) : 0;
}

/* Connects both sides once, and runs from where the table ends; *connected: both sides accepted it.
 */
static int run_once(const struct sink_options *options, uint64_t *orders, bool *connected,
		    struct error *error)
{
	static struct cursor cursor; /* big */
	struct consumer_options consumer_options = options->consumer;
	struct consumer *consumer = NULL;
	struct database *database = NULL;
	int rc = database_open(&database, options->to, options->schema, &cursor, error);

	consumer_options.start = &cursor;
	if (rc == 0)
		rc = consumer_open(&consumer, &consumer_options, error);
	*connected = rc == 0;
	if (rc == 0)
		rc = pump(options, database, consumer, orders, error);
	consumer_close(consumer);
	database_close(database);
	return rc;
}

static int run(const struct sink_options *options)
{
	const struct timespec away = {.tv_nsec = AWAY_NS};
	struct error error;
	uint64_t orders = 0;
	bool connected = false;
	bool let_in = false;
	bool told = false;
	sigset_t signals;
	int rc;

	signals_block_end(&signals);
	/* A killed sink's lock ends when the server notices: so -EBUSY may pass, too, and so may a
	 * refusal after an earlier success. */
	while ((rc = run_once(options, &orders, &connected, &error)) == -ENOTCONN || rc == -EBUSY ||
	       (rc == -EACCES && let_in)) {
		let_in = let_in || connected;
		/* Each time that it is away is reported once. */
		told = told && !connected;
		if (!options->follow || signals_end_pending())
			break;
		if (!told)
			told = !cli_wrong("%s; trying again until it is back", error.text);
		nanosleep(&away, NULL);
	}
	if (options->follow && signals_end_pending() &&
	    (rc == -ENOTCONN || rc == -EBUSY || rc == -EACCES))
		rc = 0;
	if (rc == 0)
		printf("stored orders=%" PRIu64 "\n", orders);
	else
		cli_wrong("%s", error.text);
	if (rc == 0)
		return CLI_EXIT_GOOD;
	return rc == -ENOTCONN || rc == -EBUSY || rc == -EINVAL || rc == -EACCES ? CLI_EXIT_FAILED
										 : CLI_EXIT_BAD;
}

enum flag {
	FLAG_FROM = 1,
	FLAG_TO,
	FLAG_SCHEMA,
	FLAG_FOLLOW,
	FLAG_SKIP_PRUNED,
	FLAG_SET,
};

static const struct option flags[] = {
	{"from", required_argument, NULL, FLAG_FROM},
	{"to", required_argument, NULL, FLAG_TO},
	{"schema", required_argument, NULL, FLAG_SCHEMA},
	{"follow", no_argument, NULL, FLAG_FOLLOW},
	{"skip-pruned", no_argument, NULL, FLAG_SKIP_PRUNED},
	{"set", required_argument, NULL, FLAG_SET},
	{"help", no_argument, NULL, CLI_FLAG_HELP},
	{NULL, 0, NULL, 0},
};

static bool parse_flag(int flag, void *context)
{
	struct sink_options *options = context;

	switch (flag) {
	case FLAG_FROM:
		options->consumer.from = optarg;
		return true;
	case FLAG_TO:
		options->to = optarg;
		return true;
	case FLAG_SCHEMA:
		options->schema = optarg;
		return (optarg[0] >= 'a' && optarg[0] <= 'z' && strlen(optarg) < 64 &&
			optarg[strspn(optarg, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0') ||
		       cli_wrong("--schema: '%s' is not a letter, then a-z, 0-9 and _", optarg);
	case FLAG_FOLLOW:
		return options->follow = true;
	case FLAG_SET:
		return downstream_parse_setting(optarg, options->consumer.settings,
						&options->consumer.setting_cnt);
	default:
		return options->consumer.skip_pruned = true;
	}
}

int main(int argc, char **argv)
{
	struct sink_options options = {.schema = "doorbuster"};
	int rc;

	cli_program("doorbuster sink");
	rc = cli_flags(argc, argv, usage, flags, parse_flag, &options);
	if (rc >= 0)
		return rc;
	if (options.consumer.from == NULL || options.to == NULL) {
		cli_wrong("--from SOURCE and --to CONNINFO are needed");
		return cli_usage(usage);
	}
	options.consumer.follow = options.follow;
	return cli_end(run(&options));
}

/*
 * doorbuster-sink: keeps tables of orders and offers in PostgreSQL, the worked example of an order
 * management system on top of the consumer library.
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
#include "engine/base/log.h"
#include "engine/base/signals.h"
#include "tools/common/cli.h"
#include "tools/downstream/consumer.h"
#include "tools/sink/database.h"
#include "tools/sink/tables.h"

enum {
	/* A transaction begins when it is full, when nothing more comes, or after this time. */
	COMMIT_NS = 200000000,
	IDLE_NS = 5000000,
	/* Between two tries the wait doubles, from the first to the last of these. */
	AWAY_FIRST_MS = 100,
	AWAY_LAST_MS = 5000,
	AWAY_SLICE_MS = 50,
	/* Without --follow, some 26 s of tries without any progress. */
	ONCE_TRIES_MAX = 10,
};

/* What run() remembers between two tries. */
struct tries {
	uint64_t stored; /* transactions, to see progress */
	unsigned cnt;    /* failed ones since the last progress */
	bool let_in;     /* both sides accepted it once */
	char said[ERROR_BYTES];
};

struct sink_options {
	struct consumer_options consumer;
	const char *to;
	const char *schema;
	bool follow;
	bool print_sql;
};

static const char usage[] =
	"usage: doorbuster sink --from SOURCE --to CONNINFO [--schema NAME] [--follow]\n"
	"                       [--skip-pruned] [--set KEY=VALUE]...\n"
	"       doorbuster sink --print-sql [--schema NAME]\n"
	"\n"
	"Keeps tables of all committed orders and holds, each in its present state, and\n"
	"of the offers they are from in PostgreSQL, NAME.orders and NAME.offers, and in\n"
	"NAME.lanes how far it is, all in the same transactions. Kill it at any moment,\n"
	"and start it again. Works through PgBouncer in transaction mode. Columns that\n"
	"you add to its tables stay yours: let them be NULL, or give them a default.\n"
	"\n"
	"  --from SOURCE      as `doorbuster consume` takes it\n"
	"  --to CONNINFO      as libpq takes it: postgresql://user@host/database,\n"
	"                     'host=... dbname=...'\n"
	"  --schema NAME      made if it isn't there (default doorbuster), and so are its\n"
	"                     tables and indexes. One journal and one sink for a schema\n"
	"  --print-sql        print the statements that make them, and end\n"
	"  --follow           wait for more, until SIGTERM, also while source or server\n"
	"                     are away, or the server refuses for a reason that passes\n"
	"                     (read-only, deadlock, timeout, full disk); without it\n"
	"                     such a reason may last half a minute\n"
	"  --skip-pruned      an empty table begins with what the source still has\n"
	"  --set KEY=VALUE    a setting of the broker's client\n"
	"\n"
	"With --follow, lines on stderr have time and level; not with\n"
	"DOORBUSTER_LOG=plain.\n"
	"Exit code 0: all that is there is stored, or SIGTERM; 1: damage, a gap, a\n"
	"foreign block, LSNs given twice, or a source that lacks what the table has;\n"
	"2: could not run.\n";

/* Moves batches until the end, a signal or an error. A failed transaction leaves nothing. */
static int pump(const struct sink_options *options, struct database *database,
		struct consumer *consumer, struct database_counts *counts, struct error *error)
{
	const struct timespec idle = {.tv_nsec = IDLE_NS};
	uint64_t begun_ns = clock_now_ns();
	bool dirty = false;
	bool behind = false;

	while (!signals_end_pending()) {
		struct consumer_batch batch;
		int rc = consumer_next(consumer, &batch, error);
		int failure = 0;

		/* The source does not have again what the table has: it waits, but that is not
		 * success. */
		if (rc == -EAGAIN && options->follow && !behind)
			cli_warn("%s; trying again until it is back", error->text);
		behind = rc == -EAGAIN || (behind && rc == 1);
		rc = rc == -EAGAIN ? 0 : rc;
		if (rc < 0)
			return rc;
		if (rc == 1) {
			begun_ns = dirty ? begun_ns : clock_now_ns();
			dirty = true;
			failure = database_add(database, &batch, error);
		} else if (!dirty && !options->follow) {
			return behind ? -EAGAIN : 0;
		} else if (!dirty) {
			nanosleep(&idle, NULL);
			continue;
		}
		if (rc == 0 || database_pending(database) >= DATABASE_ROWS_FULL ||
		    clock_now_ns() > begun_ns + COMMIT_NS) {
			if (failure == 0)
				failure = database_commit(database, consumer_cursor(consumer),
							  counts, error);
			dirty = false;
		}
		if (failure != 0)
			return failure;
	}
	return dirty ? database_commit(database, consumer_cursor(consumer), counts, error) : 0;
}

/* Connects both sides once, and runs from where the table ends; *connected: both sides accepted it.
 */
static int run_once(const struct sink_options *options, struct database_counts *counts,
		    bool *connected, struct error *error)
{
	static struct cursor cursor; /* big */
	struct consumer_options consumer_options = options->consumer;
	struct consumer *consumer = NULL;
	struct database *database = NULL;
	int rc = database_open(&database, options->to, options->schema, &cursor, error);

	consumer_options.start = &cursor;
	if (rc == 0)
		rc = consumer_open(&consumer, &consumer_options, error);
	*connected = *connected || rc == 0;
	if (rc == 0)
		rc = pump(options, database, consumer, counts, error);
	consumer_close(consumer);
	database_close(database);
	return rc;
}

/*
 * Whether another try may succeed. A killed sink's transaction ends when the server notices: so
 * -EBUSY may pass, too, and so may a refusal after an earlier success.
 */
static bool may_pass(const struct sink_options *options, int rc, const struct tries *tries)
{
	if (rc != -ENOTCONN && rc != -EBUSY && rc != -ECANCELED &&
	    !(rc == -EACCES && tries->let_in))
		return false;
	if (signals_end_pending())
		return false;
	return options->follow ||
	       (rc != -EBUSY && tries->cnt < ONCE_TRIES_MAX && (tries->let_in || rc == -ECANCELED));
}

/* Waits before the next try; says each reason once, until there is progress. */
static void wait_for_next(struct tries *tries, uint64_t stored, const struct error *error)
{
	const struct timespec slice = {.tv_nsec = AWAY_SLICE_MS * 1000000L};
	unsigned wait_ms;

	if (stored != tries->stored) {
		tries->stored = stored;
		tries->cnt = 0;
		tries->said[0] = '\0';
	}
	if (strcmp(tries->said, error->text) != 0)
		cli_warn("%s; trying again until it is back", error->text);
	snprintf(tries->said, sizeof(tries->said), "%s", error->text);
	wait_ms = tries->cnt < 6 ? (unsigned)AWAY_FIRST_MS << tries->cnt : AWAY_LAST_MS;
	tries->cnt++;
	for (unsigned ms = 0; ms < wait_ms && !signals_end_pending(); ms += AWAY_SLICE_MS)
		nanosleep(&slice, NULL);
}

static int run(const struct sink_options *options)
{
	struct database_counts counts = {0};
	struct tries tries = {0};
	struct error error;
	sigset_t signals;
	int rc;

	signals_block_end(&signals);
	while ((rc = run_once(options, &counts, &tries.let_in, &error)) != 0 &&
	       may_pass(options, rc, &tries))
		wait_for_next(&tries, counts.commits, &error);
	if (options->follow && signals_end_pending() &&
	    (rc == -ENOTCONN || rc == -EBUSY || rc == -EACCES || rc == -ECANCELED))
		rc = 0;
	if (rc == 0)
		printf("stored orders=%" PRIu64 " changes=%" PRIu64 "\n", counts.orders,
		       counts.changes);
	else
		cli_wrong("%s", error.text);
	if (rc == 0)
		return CLI_EXIT_GOOD;
	return rc == -ENOTCONN || rc == -EBUSY || rc == -EINVAL || rc == -EACCES ||
			       rc == -ECANCELED || rc == -ENOMEM
		       ? CLI_EXIT_FAILED
		       : CLI_EXIT_BAD;
}

enum flag {
	FLAG_FROM = 1,
	FLAG_TO,
	FLAG_SCHEMA,
	FLAG_FOLLOW,
	FLAG_SKIP_PRUNED,
	FLAG_SET,
	FLAG_PRINT_SQL,
};

static const struct option flags[] = {
	{"from", required_argument, NULL, FLAG_FROM},
	{"to", required_argument, NULL, FLAG_TO},
	{"schema", required_argument, NULL, FLAG_SCHEMA},
	{"follow", no_argument, NULL, FLAG_FOLLOW},
	{"skip-pruned", no_argument, NULL, FLAG_SKIP_PRUNED},
	{"set", required_argument, NULL, FLAG_SET},
	{"print-sql", no_argument, NULL, FLAG_PRINT_SQL},
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
	case FLAG_PRINT_SQL:
		return options->print_sql = true;
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
	if (options.print_sql) {
		tables_print(options.schema, stdout);
		return cli_end(CLI_EXIT_GOOD);
	}
	if (options.consumer.from == NULL || options.to == NULL) {
		cli_wrong("--from SOURCE and --to CONNINFO are needed");
		return cli_usage(usage);
	}
	options.consumer.follow = options.follow;
	if (options.follow)
		log_begin();
	return cli_end(run(&options));
}

/*
 * options: the command line of doorbuster-journal's verbs. One table has all flags and which verbs
 * take them.
 */
#ifndef DB_TOOLS_JOURNAL_OPTIONS_H
#define DB_TOOLS_JOURNAL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum {
	EVERY_LANE = -1,
};

enum journal_verb {
	VERB_VERIFY,
	VERB_DUMP,
	VERB_HOLDS,
	VERB_CHECKPOINT,
	VERB_PRUNE,
	VERB_REPAIR,
};

struct tool_options {
	const char *path;
	int lane;            /* or EVERY_LANE */
	const char *orders;  /* CSV of acknowledged orders, or NULL */
	bool catalog;        /* dump: the catalog instead of records */
	const char *against; /* the catalog file to compare with, or NULL */
	bool json;
	bool numbers; /* of JSON: 64-bit values as numbers */
	bool help;
	bool follow;
	bool cut;
	bool no_downstream;
	bool has_downstream;
	uint32_t keep_cnt;
	uint64_t every_orders;
	uint64_t downstream_lsn;
	uint64_t cut_at; /* cut before the block that holds this LSN; 0: at the damage */
};

enum journal_parsed {
	JOURNAL_PARSED,      /* or help is wanted, and nothing else was checked */
	JOURNAL_WRONG_VALUE, /* complained */
	JOURNAL_WRONG_USAGE, /* complained; the usage helps */
};

/* argv from the verb on. */
enum journal_parsed journal_parse(enum journal_verb verb, int argc, char **argv,
				  struct tool_options *options);

#endif

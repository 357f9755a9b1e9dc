/*
 * doorbuster VERB ARGS...: runs doorbuster-VERB from its own directory with ARGS, as git does. It
 * knows no verb itself except help: the verbs are the programs beside it. It does not return once
 * the verb runs.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/journal/format.h"
#include "net/wire.h"
#include "tools/common/cli.h"

#define VERB_PREFIX "doorbuster-"

enum {
	VERBS_MAX = 64,
	VERB_BYTES = 32,
};

struct verbs {
	int cnt;
	char names[VERBS_MAX][VERB_BYTES];
};

/* One line each; a verb without a line is listed, too. */
static const struct {
	const char *verb;
	const char *line;
} lines[] = {
	{"serve", "sell a catalog's offers on a port until told to stop"},
	{"keygen", "make the key file that requests are signed with"},
	{"buy", "send one purchase and print the verdict"},
	{"load", "drive a whole sale and measure it"},
	{"capture", "record what an engine receives and sends"},
	{"replay", "feed captured traffic back in, or ask what would have been if"},
	{"journal", "verify, dump or repair what was sold"},
	{"relay", "carry what was sold to a downstream journal"},
	{"consume", "print what was sold, from a lane or downstream"},
	{"sink", "keep a table of what was sold in PostgreSQL"},
};

static const char *line_of(const char *verb)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		if (strcmp(lines[i].verb, verb) == 0)
			return lines[i].line;
	}
	return "see its --help";
}

/* Verbs in the order of the list above, then others by name. */
static int rank(const char *verb)
{
	int i = 0;

	while (i < (int)(sizeof(lines) / sizeof(lines[0])) && strcmp(lines[i].verb, verb) != 0)
		i++;
	return i;
}

static int compare(const void *left, const void *right)
{
	const int ranks = rank(left) - rank(right);

	return ranks != 0 ? ranks : strcmp(left, right);
}

static bool own_directory(char out[PATH_MAX])
{
	const ssize_t bytes = readlink("/proc/self/exe", out, PATH_MAX - 1);
	char *slash;

	if (bytes < 0) {
		fprintf(stderr, "doorbuster: /proc/self/exe: %s; is /proc mounted?\n",
			strerror(errno));
		return false;
	}
	out[bytes] = '\0';
	slash = strrchr(out, '/');
	if (slash != NULL)
		*slash = '\0';
	return true;
}

static void find_verbs(const char *directory, struct verbs *verbs)
{
	DIR *dir = opendir(directory);
	const struct dirent *entry;

	verbs->cnt = 0;
	if (dir == NULL)
		return;
	while (verbs->cnt < VERBS_MAX && (entry = readdir(dir)) != NULL) {
		const char *verb = entry->d_name + strlen(VERB_PREFIX);

		if (strncmp(entry->d_name, VERB_PREFIX, strlen(VERB_PREFIX)) != 0 ||
		    strlen(verb) >= VERB_BYTES || strchr(verb, '.') != NULL ||
		    faccessat(dirfd(dir), entry->d_name, X_OK, 0) != 0)
			continue;
		snprintf(verbs->names[verbs->cnt++], VERB_BYTES, "%s", verb);
	}
	closedir(dir);
	qsort(verbs->names, (size_t)verbs->cnt, VERB_BYTES, compare);
}

static int list(const char *directory)
{
	struct verbs verbs;

	find_verbs(directory, &verbs);
	printf("usage: doorbuster VERB [ARGS...]\n\n"
	       "A flash-sale checkout engine: authenticated purchase requests in, one decision\n"
	       "on one core, on disk before the buyer hears yes.\n\n");
	for (int i = 0; i < verbs.cnt; i++)
		printf("  %-10s %s\n", verbs.names[i], line_of(verbs.names[i]));
	if (verbs.cnt == 0)
		printf("  (no %sVERB in %s; `make` builds them)\n", VERB_PREFIX, directory);
	printf("\ndoorbuster VERB --help says more.\n");
	return CLI_EXIT_GOOD;
}

/* Edits (insert, delete, replace) from one word to the other. */
static size_t distance(const char *from, const char *to)
{
	size_t row[VERB_BYTES];
	const size_t columns = strnlen(to, VERB_BYTES - 1);

	for (size_t j = 0; j <= columns; j++)
		row[j] = j;
	for (size_t i = 1; i <= strlen(from); i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= columns; j++) {
			const size_t replaced = diagonal + (from[i - 1] != to[j - 1]);
			const size_t one_more = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;

			diagonal = row[j];
			row[j] = replaced < one_more ? replaced : one_more;
		}
	}
	return row[columns];
}

static int unknown(const char *directory, const char *verb)
{
	struct verbs verbs;
	const char *nearest = NULL;
	size_t nearest_edits = strlen(verb) / 2 + 1;

	find_verbs(directory, &verbs);
	for (int i = 0; i < verbs.cnt; i++) {
		const size_t edits = distance(verb, verbs.names[i]);

		if (edits <= nearest_edits && (nearest == NULL || edits < nearest_edits)) {
			nearest = verbs.names[i];
			nearest_edits = edits;
		}
	}
	fprintf(stderr, "doorbuster: no verb '%s'", verb);
	if (nearest != NULL)
		fprintf(stderr, "; did you mean '%s'?\n", nearest);
	else
		fprintf(stderr, "; `doorbuster help` lists them\n");
	return CLI_EXIT_FAILED;
}

static int run(int argc, char **argv)
{
	char directory[PATH_MAX];
	char program[PATH_MAX];
	const char *verb = argc > 1 ? argv[1] : "help";
	int bytes;

	if (!own_directory(directory))
		return CLI_EXIT_FAILED;
	if (strcmp(verb, "--version") == 0) {
		printf("doorbuster: wire format %d, journal format %d\n", WIRE_VERSION,
		       JOURNAL_FORMAT_MAX);
		return CLI_EXIT_GOOD;
	}
	if (strcmp(verb, "help") == 0 || strcmp(verb, "--help") == 0 || strcmp(verb, "-h") == 0)
		return list(directory);
	if (strchr(verb, '/') != NULL)
		return unknown(directory, verb);
	bytes = snprintf(program, sizeof(program), "%s/" VERB_PREFIX "%s", directory, verb);
	if (bytes < 0 || bytes >= (int)sizeof(program))
		return unknown(directory, verb);
	/* So the program's own messages have the name that it has without us. */
	argv[1] = strrchr(program, '/') + 1;
	execv(program, argv + 1);
	if (errno == ENOENT)
		return unknown(directory, verb);
	fprintf(stderr, "doorbuster: %s: %s\n", program, strerror(errno));
	return CLI_EXIT_FAILED;
}

int main(int argc, char **argv)
{
	return cli_end(run(argc, argv));
}

/*
 * What the verbs of doorbuster-journal share. None but repair writes to a segment, and that only
 * without an engine and when it is told to. For the others an engine may write the journal
 * meanwhile; whatever it has in flight is the end of the lane then.
 */
#ifndef DB_TOOLS_JOURNAL_JOURNAL_TOOL_H
#define DB_TOOLS_JOURNAL_JOURNAL_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/data_dir.h"
#include "engine/shard.h"

enum {
	TOOL_ERROR_BYTES = 1024,
	EVERY_LANE = -1,
};

struct verify_options {
	const char *path;
	const char *orders; /* CSV of acknowledged orders, or NULL */
	bool json;
};

struct dump_options {
	const char *path;
	int lane; /* or EVERY_LANE */
	bool json;
};

/* What the verbs below return besides an exit code: main prints the usage. */
enum {
	JOURNAL_WRONG_USAGE = -1,
	JOURNAL_HELP = -2,
};

/* From the verb on, the arguments as main has them. */
int journal_checkpoint(int argc, char **argv);
int journal_prune(int argc, char **argv);

/* The directory that is the last argument. False, with a complaint, if there is not one. */
bool journal_one_directory(int argc, char **argv, const char **path);

struct repair_options {
	const char *path;
	int lane;        /* or EVERY_LANE */
	uint64_t cut_at; /* cut before the block that holds this LSN; 0: at the damage */
	bool cut;
	bool json;
};

/* Each prints to stdout, complaints to stderr, and returns the exit code (enum of tools/common). */
int journal_verify(const struct verify_options *options);
int journal_dump(const struct dump_options *options);
int journal_repair(const struct repair_options *options);

/* The journal at a path, which must have the lane (or EVERY_LANE). False, with a complaint. */
bool journal_open_dir(struct data_dir *dir, const char *path, int lane);

/* A shard of this size; -ENOMEM with a line in error. */
int journal_tables(const struct data_dir *dir, uint16_t lane, const struct shard_size *size,
		   struct shard **shard, char *error, size_t error_bytes);

#endif

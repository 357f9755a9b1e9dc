/*
 * What the verbs of doorbuster-journal share. Only repair writes to a segment, and only without an
 * engine and with --cut. For the others an engine may write the journal meanwhile; then its writes
 * in flight are the end of the lane.
 */
#ifndef DB_TOOLS_JOURNAL_JOURNAL_TOOL_H
#define DB_TOOLS_JOURNAL_JOURNAL_TOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/sale/shard.h"
#include "tools/journal/options.h"

/* Each prints to stdout, complaints to stderr, and returns the exit code (enum of tools/common). */
int journal_verify(const struct tool_options *options);
int journal_dump(const struct tool_options *options);
int journal_catalog(const struct tool_options *options); /* dump --catalog */
int journal_holds(const struct tool_options *options);
int journal_checkpoint(const struct tool_options *options);
int journal_prune(const struct tool_options *options);
int journal_repair(const struct tool_options *options);

/* The journal at a path, which must have the lane (or EVERY_LANE). False, with a complaint. */
bool journal_open_dir(struct data_dir *dir, const char *path, int lane);

/* A shard of this size; -ENOMEM with a line in error. */
int journal_tables(const struct data_dir *dir, uint16_t lane, const struct shard_size *size,
		   struct shard **shard, struct error *error);

#endif

/*
 * positions: how far the downstreams of this journal's relays have its lanes, from the relays'
 * files in the data directory. Segments that a relay still needs stay, whether it runs or not. One
 * that has not reached its downstream yet has no position: it counts as long as it runs.
 */
#ifndef DB_TOOLS_JOURNAL_POSITIONS_H
#define DB_TOOLS_JOURNAL_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/journal/data_dir.h"

enum {
	POSITION_NAME_BYTES = 64,
};

struct positions {
	unsigned cnt; /* relays that have a position, or run without one */
	struct position {
		uint64_t lsn; /* the last one that the slowest of them has */
		uint64_t budget_bytes;
		bool waiting;                   /* it runs and has not reached its downstream */
		char name[POSITION_NAME_BYTES]; /* of that relay */
		char address[512]; /* where it reached its downstream; empty: unknown */
	} lane[SHARDS_MAX];
};

/* 0, or -errno with a line. */
int positions_load(struct positions *positions, const struct data_dir *dir, struct error *error);

#endif

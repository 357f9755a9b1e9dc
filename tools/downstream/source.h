/*
 * source: where a consumer's blocks come from. The consumer checks the blocks. A source only has to
 * give the blocks of a lane in order, and may repeat some.
 */
#ifndef DB_TOOLS_DOWNSTREAM_SOURCE_H
#define DB_TOOLS_DOWNSTREAM_SOURCE_H

#include "engine/base/error.h"
#include "tools/common/cursor.h"
#include "tools/downstream/consumer.h"
#include "tools/downstream/frame.h"

struct source;

struct source_block {
	struct frame frame;
	const struct block_header *block; /* `bytes` of it, valid until the next call */
	uint64_t bytes;
	uint64_t extra; /* the source's own position, kept in the cursor */
};

struct source_kind {
	const char *scheme;
	const char *also; /* or this, if not NULL */
	bool checks; /* it checks all of a block, that it follows, and that the cursor's is there */
	/* Finds out which journal it is, and how many lanes. Errors as consumer_open. */
	int (*open)(struct source **out, const struct consumer_options *options,
		    struct error *error);
	/* Begins a lane after the cursor's last block. */
	int (*seek)(struct source *source, uint16_t lane, const struct cursor_lane *behind,
		    struct error *error);
	/* Checks whether there are more lanes by now; NULL: there never are. */
	int (*grow)(struct source *source, struct error *error);
	/* 1, 0: nothing more for now, or an error. */
	int (*next)(struct source *source, uint16_t lane, struct source_block *block,
		    struct error *error);
	void (*close)(struct source *source);
};

/* First member of what a kind makes. */
struct source {
	const struct source_kind *kind;
	uint64_t journal_id;
	uint16_t lanes;
};

extern const struct source_kind source_data_kind; /* data:DIR, a journal */
extern const struct source_kind source_file_kind; /* file:DIR, a relay's copy of one */
extern const struct source_kind source_nats_kind;
extern const struct source_kind source_kafka_kind;

#endif

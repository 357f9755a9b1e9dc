/*
 * links: the lines that a shard's baskets have in other shards, in lane order. A basket that spans
 * shards begins in one of them, with its first line; the links stand right after that shard's own
 * lines. They are the decision that the basket was committed, and how a whole basket is found by
 * its id. Nothing is ever removed, and the table never grows.
 */
#ifndef DB_ENGINE_SALE_LINKS_H
#define DB_ENGINE_SALE_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/sale/record.h"
#include "engine/sale/spanning.h"

struct shard;

/*
 * Whether a basket that began in this shard was committed with this line in that one. *refund: as a
 * payment that came too late. Looks at every link, the newest first: for a start, not for a turn.
 */
bool links_decided(const struct shard *shard, const uint64_t id[2], uint64_t sku,
		   uint16_t line_shard, bool *refund);

/* Fills the LINK record of a line, the next LSN, at now_ns: of the line all but these is given.
 * There is room: links_has_room. */
void link_commit(struct shard *shard, const struct snapshot_link *line, uint64_t now_ns,
		 struct record *record);

bool links_has_room(const struct shard *shard, uint32_t cnt);

/* Applies a LINK record of the lane, or one of a checkpoint with its LSN. Errors as shard_apply. */
int apply_link(struct shard *shard, const struct record *record, const char **why);
int links_load(struct shard *shard, const struct snapshot_link *link, const char **why);

#endif

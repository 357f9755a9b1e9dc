/*
 * holds: random sales with holds and what becomes of them, as decide commits them.
 */
#ifndef DB_TESTS_SUPPORT_HOLDS_H
#define DB_TESTS_SUPPORT_HOLDS_H

#include <stdint.h>

#include "engine/sale/shard.h"

/* A size with room for so many records of each kind. */
struct shard_size holds_room(uint64_t cnt);

/*
 * Puts some SKUs on sale, if they are not, then asks for cnt purchases, holds, payments, releases,
 * extensions and returns, most of them of orders that are there; time passes, holds run out, and
 * the clock is set back now and then. lane: NULL, or gets each record at its LSN - 1. It has room
 * for shard_next_lsn + 4 * cnt + 20. The same seed and state, the same records. Shard 0.
 */
void random_holds(struct shard *shard, uint64_t seed, uint32_t cnt, struct record *lane);

/* The same in one of several shards, with lines of baskets that are prepared, committed and
 * aborted, and with links; at the end some wait. lane has room for shard_next_lsn + 12 * cnt + 20.
 */
void random_spanning(struct shard *shard, uint64_t seed, uint32_t cnt, struct record *lane);

#endif

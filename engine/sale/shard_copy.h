/*
 * shard_copy: a shard's state into another shard, as a checkpoint saves and loads it: into tables
 * of another size, or to see that nothing is lost.
 */
#ifndef DB_ENGINE_SALE_SHARD_COPY_H
#define DB_ENGINE_SALE_SHARD_COPY_H

#include "engine/sale/shard.h"

/*
 * Saves one shard, at most `part` entries of a kind at once, and loads them into the other, which
 * is as shard_open or shard_clear left it. 0, -ENOMEM, or as shard_load_* with *why (static text);
 * then the other may only be cleared or closed.
 */
int shard_copy(const struct shard *from, struct shard *to, uint32_t part, const char **why);

#endif

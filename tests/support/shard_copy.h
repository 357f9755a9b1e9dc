/*
 * shard_copy: a shard's state through its snapshot, as a checkpoint saves and loads it.
 */
#ifndef DB_TESTS_SUPPORT_SHARD_COPY_H
#define DB_TESTS_SUPPORT_SHARD_COPY_H

#include "engine/sale/shard.h"

/* Saves one shard, and loads all of it into the other, which is cleared before. 0, or as
 * shard_load_end with *why. */
int shard_copy(const struct shard *from, struct shard *to, const char **why);

#endif

/*
 * tables: an empty shard to apply a lane to, if this machine has the memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "alloc/arena.h"
#include "engine/base/error.h"
#include "tools/journal/journal_tool.h"

int journal_tables(const struct data_dir *dir, uint16_t lane, const struct shard_size *size,
		   struct shard **shard, struct error *error)
{
	const uint64_t bytes = shard_bytes(size);

	if (bytes <= arena_available_bytes() && shard_open(shard, lane, dir->shards, size) == 0)
		return 0;
	return error_say(error, -ENOMEM,
			 "lane %u: its tables take %" PRIu64 " MiB, %" PRIu64
			 " MiB are available: use a bigger machine",
			 lane, bytes >> 20, arena_available_bytes() >> 20);
}

/*
 * offers: brings the catalog and the lanes together. What a lane already sells keeps the lane's
 * terms; what is new in the catalog is put on sale. state.h has the step that compares both first.
 */
#ifndef DB_ENGINE_SERVE_OFFERS_H
#define DB_ENGINE_SERVE_OFFERS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/catalog/catalog.h"
#include "engine/lane/lane.h"
#include "engine/recover/scan_result.h"
#include "engine/sale/shard.h"

struct server;

/*
 * How big the tables of shard `lane` of `shards` must be: for what its lane holds and for what the
 * catalog adds. order_cnt_max limits orders and buyers (0: no limit), but never below what the lane
 * holds.
 */
int serve_offers_size(const struct catalog *catalog, const struct recover_scan *scan, uint16_t lane,
		      uint16_t shards, uint64_t order_cnt_max, struct shard_size *size);

/*
 * Puts on sale, by commands, what the lanes of a worker do not have yet: one durable record each.
 * Before the worker starts; waits for the disk. 0 or -errno with a line in server->error;
 * server->offers_added counts.
 */
int serve_offers_add(struct server *server, uint16_t worker_idx);

#endif

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

/* How big the tables of a lane must be: for what it holds, for what the catalog adds, and as
 * --max-orders and --max-holds say. After serve_offers_checked. */
void serve_offers_size(const struct server *server, uint16_t lane, struct shard_size *size);

/* 0, or -EINVAL with a line in server->error: a start that did not end has put a SKU into another
 * shard than the catalog does. After the recovery; changes nothing. */
int serve_offers_check_placed(struct server *server);

/*
 * By commands, one durable record each: lets the lanes of a worker know which SKUs of theirs are
 * sold elsewhere. All workers, and then serve_offers_add: so no shard sells a SKU while the one
 * that its number names would call it unknown. Errors as there.
 */
int serve_offers_say_placed(struct server *server, uint16_t worker_idx);

/*
 * Puts on sale, by commands, what the lanes of a worker do not have yet: one durable record each.
 * Before the worker starts; waits for the disk. 0 or -errno with a line in server->error;
 * server->offers_added counts.
 */
int serve_offers_add(struct server *server, uint16_t worker_idx);

#endif

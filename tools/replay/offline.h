/*
 * offline: an engine on paper: the same turn, shards and journal as the server's worker, fed with
 * datagrams in the order they were captured, in virtual time: the capture's instants are the lanes'
 * clocks. No network, no clock of the machine, no waiting.
 *
 * The same datagrams, instants and offers always give the same verdicts, the same state and, if one
 * is kept, the same journal byte for byte: a block goes out when no buffer is left to fill, so by
 * the count of records alone, and at the end. Holds end before the first datagram of their lane
 * that comes at their end or later, whatever the batches are.
 *
 * One thread; several engines may run side by side.
 */
#ifndef DB_TOOLS_REPLAY_OFFLINE_H
#define DB_TOOLS_REPLAY_OFFLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/catalog/catalog.h"
#include "engine/sale/decide.h"
#include "engine/sale/shard.h"
#include "net/wire.h"
#include "tools/replay/order_map.h"

enum {
	/* As many as the worker takes at a time: enough to hide memory. */
	BATCH_DATAGRAMS_MAX = RX_BURST_MAX,
};

/* An admitted datagram; its bytes are the caller's. */
struct batch_item {
	const uint8_t *datagram;
	uint64_t at_ns;
	uint16_t shard;   /* that its UDP port named; less than the engine's shards */
	bool names_order; /* an entry of it names an order (order_map.h) */
};

/* Admitted datagrams to be decided together. */
struct batch {
	uint32_t item_cnt;
	uint32_t request_cnt;
	struct batch_item items[BATCH_DATAGRAMS_MAX];
};

struct offline_options {
	const struct catalog *catalog; /* after catalog_place */
	uint16_t shards;
	uint64_t hold_cnt_max; /* holds of a shard to remember; 0: as the stock asks for */
	uint64_t first_ns;     /* when the offers are put on sale */
	uint64_t journal_id;   /* not 0 */
	uint32_t sale;         /* the sale of its lanes; 0: not known yet */
	bool undated_refused;
	/* Which orders of it are those of the capture; NULL: they have the same ids. */
	struct order_map *orders;
	const char *journal; /* directory to be made; NULL: the journal is not kept */
	uint64_t segment_bytes;
};

struct offline;

/* 0 or -errno with a line in error. */
int offline_open(struct offline **out, const struct offline_options *options, struct error *error);

/* Sets the sale. Called before a dated datagram is decided. */
void offline_set_sale(struct offline *offline, uint32_t sale);

/* Called with every datagram as it would have been answered, unsigned, and the item's own: what was
 * asked. */
typedef void offline_reply_fn(void *context, const struct batch_item *item,
			      const uint8_t *datagram);

/* Decides a batch; reply may be NULL. 0, or -errno with a line in error: the journal could not be
 * written. */
int offline_decide(struct offline *offline, const struct batch *batch, offline_reply_fn *reply,
		   void *context, struct error *error);

/* What was decided, by verdict: [VERDICT_END]. */
const uint64_t *offline_verdicts(const struct offline *offline);

/* The same by op: [WIRE_OP_END][VERDICT_END]; no op: [0]. */
typedef uint64_t offline_op_verdicts[VERDICT_END];
const offline_op_verdicts *offline_verdicts_by_op(const struct offline *offline);

const struct shard *offline_shard(const struct offline *offline, uint16_t lane);

/* Writes what is left, seals the lanes. 0, or -errno with a line. The shards stay until
 * offline_close. */
int offline_finish(struct offline *offline, struct error *error);

/* NULL is allowed. */
void offline_close(struct offline *offline);

/* The id of a journal that follows from what makes it: the offers, the number of shards, and the
 * first datagram admitted. Never 0. */
uint64_t offline_journal_id(const struct catalog *catalog, uint16_t shards, uint64_t first_ns,
			    const uint8_t *datagram, uint32_t bytes);

#endif

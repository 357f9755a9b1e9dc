/*
 * shard: the state of a shard: its offers, its orders, what each buyer has. Pure memory: no I/O, no
 * clock, no DPDK. Everything in it is derived from the lane's records, so the same lane always
 * gives the same state; shard_hash proves it.
 *
 * A shard belongs to one thread at a time. Sized at shard_open; nothing allocates afterwards.
 */
#ifndef DB_ENGINE_SALE_SHARD_H
#define DB_ENGINE_SALE_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/sale/record.h"
#include "engine/sale/snapshot.h"

struct shard;

/* How big the tables must be: sums over the shard's offers. */
struct shard_size {
	uint64_t offer_cnt;  /* SKUs */
	uint64_t order_cnt;  /* orders to remember: at most the stock, as each takes a unit */
	uint64_t buyer_cnt;  /* (buyer, SKU) pairs to count: the stock of offers with a limit */
	uint64_t hold_cnt;   /* holds to remember, and bought orders of which units come back */
	uint64_t change_cnt; /* CONFIRM, RELEASE, EXTEND and RETURN records to remember */
	uint64_t link_cnt;   /* LINK records to remember */
	uint64_t placed_cnt; /* SKUs of this shard's number that another one sells */
};

/* Bytes shard_open would take. */
uint64_t shard_bytes(const struct shard_size *size);

/* 0 or -ENOMEM. lane: the shard's number; shards: how many there are. */
int shard_open(struct shard **out, uint16_t lane, uint16_t shards, const struct shard_size *size);
void shard_close(struct shard *shard);

/*
 * Applies the record with this LSN, which must be the next. 0, or -ENOSPC if the shard is full, or
 * -EBADMSG with *why (static text) if the record cannot follow from the state. Then recovery and
 * the tools must stop: the lane is not ours, or damaged.
 */
int shard_apply(struct shard *shard, uint64_t lsn, const struct record *record, const char **why);

/*
 * The same for the cnt records of a block, from this LSN on, but faster. *applied: how many were
 * applied, all of them unless it fails.
 */
int shard_apply_many(struct shard *shard, uint64_t lsn, const struct record *records, uint32_t cnt,
		     uint32_t *applied, const char **why);

/*
 * How a checkpoint takes its entries from a shard: cnt entries, beginning with number `first`, each
 * kind in lane order. Offers, CLOCK records and, after these, PLACED records are one kind, saved as
 * their records, shard_entries of them. Bought orders, holds and changes are the other kinds, as
 * many as shard_totals says.
 */
uint64_t shard_entries(const struct shard *shard);
uint32_t shard_clock_backs(const struct shard *shard); /* CLOCK records among them */
void shard_save_offers(const struct shard *shard, uint64_t first, uint32_t cnt, struct record *out);
void shard_save_orders(const struct shard *shard, uint64_t first, uint32_t cnt,
		       struct snapshot_order *out);
void shard_save_holds(const struct shard *shard, uint64_t first, uint32_t cnt,
		      struct snapshot_hold *out);
void shard_save_changes(const struct shard *shard, uint64_t first, uint32_t cnt,
			struct snapshot_order *out);

void shard_save_links(const struct shard *shard, uint64_t first, uint32_t cnt,
		      struct snapshot_link *out);
/* By LSN, oldest first. */
void shard_save_prepared(const struct shard *shard, uint64_t first, uint32_t cnt,
			 struct snapshot_prepared *out);

/*
 * How a checkpoint is loaded into an empty shard: first all offers, CLOCK and PLACED records, then
 * all orders, all holds, all changes, all links, all prepared lines, then the end: the next LSN and
 * the instant of the last record. Each is checked as far as the state then allows. Errors as
 * shard_apply; after one only shard_clear may be called.
 */
int shard_load_offers(struct shard *shard, const struct record *offers, uint32_t cnt,
		      const char **why);
int shard_load_orders(struct shard *shard, const struct snapshot_order *orders, uint32_t cnt,
		      const char **why);
int shard_load_holds(struct shard *shard, const struct snapshot_hold *holds, uint32_t cnt,
		     const char **why);
int shard_load_changes(struct shard *shard, const struct snapshot_order *changes, uint32_t cnt,
		       const char **why);
int shard_load_links(struct shard *shard, const struct snapshot_link *links, uint32_t cnt,
		     const char **why);
int shard_load_prepared(struct shard *shard, const struct snapshot_prepared *prepared, uint32_t cnt,
			const char **why);
int shard_load_end(struct shard *shard, uint64_t next_lsn, uint64_t last_at_ns, const char **why);

/* Makes it as it was after shard_open. */
void shard_clear(struct shard *shard);

/* Conservation, per SKU: stock put on sale == free + held + sold + written off, and held, sold and
 * written off == the sums over its orders and holds. */
struct shard_totals {
	uint64_t offers;
	uint64_t orders;   /* that were bought; of some units may have come back */
	uint64_t holds;    /* entries of shard_save_holds */
	uint64_t changes;  /* entries of shard_save_changes */
	uint64_t links;    /* entries of shard_save_links */
	uint64_t prepared; /* entries of shard_save_prepared */
	uint64_t open_holds;
	uint64_t units_stocked; /* initial + restocked */
	uint64_t units_free;
	uint64_t units_held;     /* also for lines that are prepared */
	uint64_t units_prepared; /* of these, for such lines */
	uint64_t units_sold;
	uint64_t units_written_off;
	uint64_t offers_broken; /* SKUs whose sum is wrong: 0, always */
	uint64_t first_broken_sku;
};
void shard_totals(const struct shard *shard, struct shard_totals *totals);

/* What shard_totals counts, as kept beside the tables. Any thread may read it, also while the owner
 * works: each value is right by itself. units_free is their difference. */
struct shard_sums {
	uint64_t offers;
	uint64_t orders;
	uint64_t orders_max; /* that the tables have room for */
	uint64_t holds;
	uint64_t holds_max;
	uint64_t open_holds;
	uint64_t changes;
	uint64_t changes_max;
	uint64_t links;
	uint64_t links_max;
	uint64_t prepared;
	uint64_t units_stocked;
	uint64_t units_free;
	uint64_t units_held;
	uint64_t units_sold;
	uint64_t units_written_off;
};
void shard_sums(const struct shard *shard, struct shard_sums *sums);

/*
 * Checks conservation of the next cnt offers after *cursor, and begins again after the last. Debug
 * builds do this every turn. False if one is broken.
 */
bool shard_check(const struct shard *shard, uint64_t *cursor, unsigned cnt);

/*
 * Ends holds that have run out by now_ns, of one SKU, as one EXPIRE record of at most holds_max
 * holds: true, and *record is applied as the next LSN; it belongs into the lane. False: none has
 * run out some ms ago, or so many offers were looked at in vain that the rest is for the next call.
 */
bool shard_expire(struct shard *shard, uint64_t now_ns, uint32_t holds_max, struct record *record);

/* XXH3-128 of every offer, order, hold, change, link, prepared line and buyer count, summed:
 * independent of table layout and size. */
struct shard_hash {
	uint64_t low;
	uint64_t high;
};
struct shard_hash shard_hash(const struct shard *shard);

static_assert(sizeof(struct shard_hash) == 16, "a checkpoint stores it");

/* Adds up the hash of a whole journal: the sum over its shards. */
static inline void shard_hash_add(struct shard_hash *sum, struct shard_hash hash)
{
	const unsigned __int128 total = (((unsigned __int128)sum->high << 64) | sum->low) +
					(((unsigned __int128)hash.high << 64) | hash.low);

	sum->low = (uint64_t)total;
	sum->high = (uint64_t)(total >> 64);
}

/* The shard a SKU belongs to, by its number or as the catalog placed it. */
uint16_t shard_owner(const struct shard *shard, uint64_t sku);

uint64_t shard_next_lsn(const struct shard *shard);
uint64_t shard_last_at_ns(const struct shard *shard);

/* Which kinds of pages hold the tables. */
struct arena_bytes shard_memory(const struct shard *shard);

/* Its jemalloc arena. Call arena_stats_refresh first. Any thread. */
struct arena_stats shard_arena_stats(const struct shard *shard);

/* An offer as the shard has it now. */
struct offer_view {
	uint64_t sku;
	uint64_t unit_price;
	uint64_t opens_at_ns;
	uint64_t closes_at_ns;
	uint32_t stock; /* initial + restocked */
	uint32_t free;
	uint32_t held;
	uint32_t sold;
	uint32_t limit_per_buyer;
	uint32_t hold_seconds;
};
static_assert(sizeof(struct offer_view) == 56, "hashed as it is: no padding");

/* False if the SKU is not on sale here. */
bool shard_find_offer(const struct shard *shard, uint64_t sku, struct offer_view *out);

/* What an offer has besides: most offers have nothing of it. */
struct offer_terms {
	uint32_t group;          /* of SKUs with a limit of their own; 0: none */
	uint32_t group_limit;    /* units a buyer, over the SKUs of the group */
	uint32_t extend_seconds; /* what an EXTEND gives, from its instant on */
	uint32_t extensions;     /* how often a hold may be extended */
	uint32_t written_off;    /* units */
	bool placed;             /* the catalog put it into this shard */
};
void shard_terms_at(const struct shard *shard, uint64_t idx, struct offer_terms *out);

/* The LSN of the record that changed the order with this LSN last; its own if none did, or if there
 * is no such order. */
uint64_t shard_changed_lsn(const struct shard *shard, uint64_t lsn);

/* The idx-th hold, 0 .. holds - 1. */
struct hold_view {
	uint64_t order_id;
	uint64_t sku;
	uint64_t buyer;
	uint64_t unit_price;
	uint64_t held_at_ns;
	uint64_t ends_at_ns;
	uint32_t channel;
	uint16_t quantity; /* as it was committed */
	uint16_t held;
	uint16_t sold;
	uint16_t returned;
	uint16_t written_off;
	uint8_t state; /* enum hold_state */
	uint8_t extensions;
	bool bought; /* never held: units of a bought order came back */
};
void shard_hold_at(const struct shard *shard, uint64_t idx, struct hold_view *out);

/* The idx-th offer, 0 .. offers - 1, in the order they were put on sale. */
void shard_offer_at(const struct shard *shard, uint64_t idx, struct offer_view *out);

#endif

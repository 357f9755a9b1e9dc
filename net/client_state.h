/*
 * client_state: what a client is made of; for net/client*.c alone. client.c has its work,
 * client_open.c its begin and end.
 */
#ifndef DB_NET_CLIENT_STATE_H
#define DB_NET_CLIENT_STATE_H

#include "engine/base/timer_wheel.h"
#include "net/client.h"
#include "net/engine_clock.h"

enum {
	RETRY_MS_MAX = 1000,
	BURST_CNT = 64,
	/* Milliseconds of a round: more than the longest wait. */
	WHEEL_CNT = 2048,
	NO_SLOT = TIMER_NONE,
};

enum slot_state {
	SLOT_FREE,
	SLOT_FILLING, /* its shard's datagram is being filled */
	SLOT_QUEUED,  /* closed, to be sent */
	SLOT_WAITING, /* sent, or put off: its timer runs */
};

/* What the caller wants back with each entry. */
struct entry {
	uint64_t user;
	uint64_t intended_ns;
	uint32_t attempts;
	uint32_t told; /* attempts that were answered by a verdict that may turn */
	bool rerouted;
	struct wire_reply last; /* of those answers */
};

/* A datagram in flight, with its entries. */
struct slot {
	enum slot_state state;
	bool is_signed; /* its bytes need no new tag */
	uint16_t shard;
	uint16_t count;
	uint32_t generation; /* with the index: the datagram's echo */
	uint32_t backoff_ms;
	uint64_t deadline_ns;  /* of its oldest entry */
	uint64_t issued_at_ns; /* the latest date its requests went out with; 0: none */
	uint64_t not_after_ns; /* the latest end of their lives */
	/* Runs while it waits; else its `next` is that of the free list or of the send queue. */
	struct timer timer;
	struct entry entries[WIRE_ENTRY_CNT_MAX];
	uint8_t bytes[WIRE_DATAGRAM_BYTES_MAX];
};

struct client {
	struct client_transport *transport;
	struct key key;
	uint64_t timeout_ns;
	uint32_t retry_first_ms;
	uint32_t entries_max;
	uint32_t slot_cnt;
	uint16_t shards;
	uint32_t sale;
	bool dates;
	uint64_t engine_time_ns;
	client_answer_fn *on_answer;
	void *context;
	struct client_stats stats;
	uint64_t pending;
	uint64_t jitter;   /* state of with_jitter */
	uint32_t answered; /* in the current poll */
	uint64_t now_ns;
	int32_t free_head;
	int32_t queue_head;
	int32_t queue_tail;
	struct timer_wheel wheel; /* of slots; a tick is a millisecond */
	int32_t wheel_heads[WHEEL_CNT + 1];
	int32_t *filling;            /* [shards] */
	struct engine_clock *clocks; /* [shards] */
	struct slot *slots;
	uint8_t received[BURST_CNT][WIRE_DATAGRAM_BYTES_MAX];
};

/* The transport's clock. */
uint64_t client_clock_ns(const struct client *client);

/* Puts a slot on the free list. */
void client_free_slot(struct client *client, int32_t idx);

#endif

/*
 * client_state: what a client is made of; for net/client*.c alone. client.c has its work,
 * client_answer.c what replies mean, client_open.c its begin and end.
 */
#ifndef DB_NET_CLIENT_STATE_H
#define DB_NET_CLIENT_STATE_H

#include "engine/base/timer_wheel.h"
#include "net/client.h"
#include "net/client_routes.h"
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
	uint32_t told;  /* attempts that were answered by a verdict that may turn */
	uint16_t shard; /* where it is asked, or goes next */
	uint8_t moves;  /* how often it may still be sent to the shard that a WRONG_SHARD names */
	struct wire_reply last; /* of those answers */
};

/* A datagram in flight, with its entries. */
struct slot {
	enum slot_state state;
	bool is_signed; /* its bytes need no new tag */
	bool scattered; /* its entries may be of several shards */
	uint8_t basket; /* WIRE_FLAG_BASKET, and how it is decided; 0: single requests */
	uint16_t shard; /* of the datagram, so of its first entry */
	uint16_t count; /* of entries; the datagram has the first of them, as many as its header
			   says: all, unless some are of another shard, or the path carries no
			   more. Of a basket: all */
	uint16_t tries; /* how often this datagram was sent */
	uint32_t generation; /* with the index: the datagram's echo */
	uint32_t backoff_ms;
	uint64_t deadline_ns;  /* of its oldest entry */
	uint64_t issued_at_ns; /* the latest date its requests went out with; 0: none */
	uint64_t not_after_ns; /* the latest end of their lives */
	/* Runs while it waits; else its `next` is that of the free list or of the send queue. */
	struct timer timer;
	struct entry entries[WIRE_ENTRY_CNT_MAX];
	struct wire_request requests[WIRE_ENTRY_CNT_MAX];
	uint8_t bytes[WIRE_DATAGRAM_BYTES_MAX]; /* what is sent */
};

/* What is known of the way to the engine (client_path.c). */
struct client_path {
	uint32_t bytes_max;  /* the longest datagram that it carries, as far as is known */
	uint32_t said_bytes; /* what was said of that; 0: nothing */
	uint64_t quiet_ns;   /* since when datagrams go out that nobody answers; 0: answered */
	uint64_t silence_ns; /* how long that may last */
	bool silence_said;
	bool unheard; /* of what is pending, a datagram was sent more than once without an answer */
	/* The search for bytes_max where long datagrams vanish: PINGs of so many entries. */
	uint16_t probe_cnt;    /* entries of the PING in flight; 0: no search */
	uint16_t answered_cnt; /* the most that were answered; 0: none yet */
	uint16_t silent_cnt;   /* the fewest that were not */
	uint16_t wanted_cnt;   /* the search is for the most up to so many */
	uint16_t tries;
	uint16_t shard;
	uint32_t generation;
	uint64_t first_sent_ns;
	uint64_t due_ns; /* of the next try */
	uint64_t round_trip_ns;
	uint64_t next_search_ns;
	uint8_t bytes[WIRE_DATAGRAM_BYTES_MAX];
};

struct client {
	struct client_transport *transport;
	struct key key;
	uint64_t timeout_ns;
	uint32_t retry_first_ms;
	uint32_t entries_max; /* as the caller wants */
	uint32_t fill_max;    /* and as the path carries */
	uint32_t slot_cnt;
	uint16_t shards;
	uint32_t sale;
	bool dates;
	uint64_t engine_time_ns;
	client_answer_fn *on_answer;
	void *context;
	client_say_fn *say;
	void *say_context;
	char server[300]; /* as the caller named it, for lines */
	bool opening;
	struct client_path path;
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
	struct client_routes *routes;
	int32_t *filling;            /* [shards] */
	struct engine_clock *clocks; /* [shards] */
	struct slot *slots;
	uint8_t received[BURST_CNT][WIRE_DATAGRAM_BYTES_MAX];
};

/* The transport's clock. */
uint64_t client_clock_ns(const struct client *client);

/* ---- client_path.c ---- */

/* The second half of the echo of a PING that looks for the path's limit; no slot's index. */
#define PROBE_ECHO (UINT32_MAX - 1)

/* The most entries of a datagram that the path carries, as far as is known; at least 1. */
uint32_t client_path_entries(const struct client *client);

/* Asks the transport what the path carries, after client->dates has its value. */
void client_path_begin(struct client *client);

/* The transport refused a datagram of so many entries as too long: makes fill_max less than that.
 * False: it was a single entry, and nothing can be done. */
bool client_path_too_long(struct client *client, uint32_t count);

/* A datagram of a shard with so many entries was sent more than once without an answer: a silence
 * may end, and the search for the path's limit begins, if it is time for that. */
void client_path_doubt(struct client *client, uint16_t shard, uint16_t count);

/* A signed reply to a probe came. False: not to the one in flight. */
bool client_path_heard(struct client *client, const uint8_t *datagram);

/* Datagrams went out; a signed reply came. */
void client_path_sent(struct client *client);
void client_path_answered(struct client *client);

/* Bounded work of each poll: the next try of a probe, the end of a silence. -errno of the
 * transport. */
int client_path_tend(struct client *client);

/* ---- client.c ---- */

/* Sends the datagrams in flight that are longer than the path carries again, split. */
void client_split(struct client *client);

/* Sends all datagrams in flight again, now. */
void client_ask_anew(struct client *client);

/* Puts a slot on the free list. */
void client_free_slot(struct client *client, int32_t idx);

/* Puts a request into the datagram of the entry's shard. False: no datagram is free. */
bool client_add_entry(struct client *client, const struct wire_request *request,
		      const struct entry *entry, uint64_t deadline_ns);

/* Makes a slot's datagram of its entries; a reply to the former one is none to this. */
void client_seal(struct client *client, int32_t idx);

/* Sends a slot's datagram with the next poll. */
void client_queue_slot(struct client *client, int32_t idx);

/* Sends it again after its backoff, which doubles; or at its end: after RETRY_MS_MAX, which is
 * later. */
void client_wait(struct client *client, int32_t idx);
void client_wait_to_end(struct client *client, int32_t idx);

/* ---- client_answer.c ---- */

/* Hands out what the reply to a slot's datagram answers. The rest is asked again: now, elsewhere,
 * or later. */
void client_answer_slot(struct client *client, int32_t idx, uint8_t *datagram);

/* The deadline has passed. Unless all copies were answered, the outcome of the others is unknown.
 */
void client_give_up(struct client *client, int32_t idx);

#endif

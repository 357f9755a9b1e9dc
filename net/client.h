/*
 * client: what a gateway links. Connects by PING, routes SKUs to shards and remembers which of them
 * are sold by another shard than their number names, packs requests into full datagrams, dates and
 * signs them, sends, matches replies to requests, retries under the same request id with backoff,
 * times out. Never blocks but in client_poll.
 *
 * A datagram is dated by the engine's clock, for the sale that its PONG named, and good until the
 * request times out: a recording of it is worth nothing after that. After a verdict that may turn
 * (DRAINING, JOURNAL_FULL, UNAVAILABLE, UNDER_WAY) the request is sent again until its deadline.
 * Such a verdict is the answer only if every copy that was sent got one of them; else the outcome
 * is unknown. A request that is STALE because the engine has another sale is answered so: it is
 * never sent into the other sale. A refusal that holds for this moment alone, such as SOLD_OUT, is
 * the answer at once: `may_turn` says whether a copy is still out that may be carried out.
 *
 * client_ask.h has a function for each request.
 *
 * A client belongs to one thread. Nothing here needs DPDK or the engine.
 */
#ifndef DB_NET_CLIENT_H
#define DB_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "net/keys.h"
#include "net/wire.h"

struct client;

/* One datagram; `shard` picks the UDP port. */
struct client_packet {
	uint8_t *bytes;
	uint32_t len;
	uint16_t shard;
};

/*
 * How datagrams travel. The default is a kernel UDP socket (client_transport_udp); a DPDK port is
 * another. Calls come from the client's thread.
 */
struct client_transport {
	/* Sends up to cnt packets; returns how many the transport took (the rest is tried again
	 * later), or -errno. What the network refused for the moment counts as taken, as if it
	 * were lost on the way: the client sends it again. -EMSGSIZE: the path does not carry the
	 * first packet, and path_bytes says what it carries. Other errors end the transport. */
	int (*send)(struct client_transport *transport, const struct client_packet *packets,
		    int cnt);
	/* Receives up to cnt datagrams into packets[].bytes (each WIRE_DATAGRAM_BYTES_MAX long),
	 * sets len and shard; waits up to timeout_us for the first. Returns the count, or -errno.
	 */
	int (*receive)(struct client_transport *transport, struct client_packet *packets, int cnt,
		       uint32_t timeout_us);
	void (*close)(struct client_transport *transport);
	/* ns since any fixed instant, never falling; NULL: CLOCK_MONOTONIC. A simulated network
	 * brings its own. */
	uint64_t (*now_ns)(struct client_transport *transport);
	/* The longest datagram that the path is known to carry now, in bytes; 0, or NULL: not
	 * known, so up to WIRE_DATAGRAM_BYTES_MAX. */
	uint32_t (*path_bytes)(struct client_transport *transport);
	/* Nobody answered for a while: tries another way (next address, other source port) and
	 * writes a line on it into what. NULL: there is no other. */
	void (*renew)(struct client_transport *transport, struct error *what);
	/* Addresses that the server's name has; the least is 1. NULL: 1. */
	uint32_t (*address_cnt)(struct client_transport *transport);
	/* Set by a caller that sends each datagram once, such as a recorded one: what the network
	 * refuses is not taken then, and errno says why. */
	bool sends_once;
	int send_errno; /* why a packet was last refused for the moment; 0: none was */
};

/* How long no datagram is answered before the transport is renewed, and again as long between two
 * renewals. Shorter than the 30 s for which address translators keep what nobody answers. When a
 * client opens, it divides its time among the addresses instead, at most so much for each. */
enum {
	CLIENT_SILENCE_MS = 3000,
	CLIENT_OPEN_SILENCE_MS = 1000
};

/* A line for the operator: once when the path turns out to carry less than a full datagram, and at
 * the begin and the end of a silence. Called from client_open and client_poll. */
typedef void client_say_fn(void *context, const char *line);

struct client_options {
	const char *server;    /* HOST:PORT, [IPv6]:PORT; the port of shard 0 */
	const struct key *key; /* copied */
	struct client_transport
		*transport;      /* NULL: kernel UDP to server. Owned by the client from then on */
	uint32_t timeout_ms;     /* whole life of a request, retries included; 0: 10,000 */
	uint32_t retry_first_ms; /* first retransmission, doubles; at most 1 s; 0: 20 */
	uint32_t datagrams_in_flight_max; /* 0: 64 */
	uint32_t entries_per_datagram;    /* 0: 29 */
	bool undated; /* no dates, as old clients: only an engine with --undated accept sells */
	client_say_fn *say; /* NULL: silent */
	void *say_context;
};

/* A request as the caller knows it; client_ask.h makes one for each op. An id of all zero asks for
 * a random one. */
struct client_request {
	uint64_t id[2];
	uint64_t buyer;
	uint64_t sku;
	uint64_t price_or_order; /* highest unit price, 0: any; or the order that is meant */
	uint32_t channel;
	uint16_t quantity;
	uint8_t op;
	uint8_t flags;        /* WIRE_ENTRY_...; an engine that does not know one answers
				 BAD_REQUEST and changes nothing */
	uint64_t user;        /* returned with the answer */
	uint64_t intended_ns; /* when it should have left, by the transport's clock; 0: now. Base of
				 latency */
};

struct client_answer {
	uint64_t user;
	bool answered; /* false: timed out, the outcome is unknown; verdict is VERDICT_UNAVAILABLE
			*/
	uint32_t attempts;       /* datagrams sent for it */
	uint64_t latency_ns;     /* from intended_ns to the reply's arrival */
	uint64_t not_after_ns;   /* by the engine's clock: no copy is carried out after it, so a
				    later LOOKUP is final; 0: undated, no LOOKUP is final */
	bool may_turn;           /* a refusal of this moment, while another copy was not answered:
				    that one may still be carried out, until not_after_ns. Of a
				    basket: also where such a refusal stopped this line */
	struct wire_reply reply; /* id always filled in */
};

/* Called from client_poll and client_drain, once for every submitted request, in any order. */
typedef void client_answer_fn(void *context, const struct client_answer *answer);

struct client_stats {
	uint64_t datagrams_sent;
	uint64_t datagrams_resent;
	uint64_t datagrams_received;
	uint64_t replies_unmatched; /* late, doubled, or not ours */
	uint64_t replies_bad_tag;
	uint64_t probes_sent; /* PINGs that look for the path's limit; in no other number */
	uint64_t renewals;    /* of the transport, after a silence */
};

/*
 * Resolves, PINGs until answered or timed out. 0 and *out; -errno and a line in error otherwise
 * (-ETIMEDOUT: nobody answered; -EINVAL: bad server text).
 */
int client_open(struct client **out, const struct client_options *options,
		client_answer_fn *on_answer, void *context, struct error *error);

/* What the PONG said: the number of shards, and the engine's clock at that time. */
uint16_t client_shards(const struct client *client);
uint64_t client_engine_time_ns(const struct client *client);

/* The sale that the PONG named; it never changes. 0: the engine knows none, and nothing is dated.
 */
uint32_t client_sale(const struct client *client);

/* The clock of a shard now; never ahead of the shard's own. shard < client_shards. */
uint64_t client_engine_now_ns(const struct client *client, uint16_t shard);

/*
 * Takes a request. It leaves when its shard's datagram is full, or at client_flush or client_poll.
 * 0; -EAGAIN when datagrams_in_flight_max are out: poll first.
 */
int client_submit(struct client *client, const struct client_request *request);

/* How a basket is decided: all of its lines or none, or each line by itself. */
enum client_basket {
	CLIENT_ALL_OR_NOTHING = 0,
	CLIENT_WHAT_THERE_IS = WIRE_FLAG_WHAT_THERE_IS,
};

enum {
	CLIENT_BASKET_MIN = 2, /* lines; at most WIRE_ENTRY_CNT_MAX */
};

/*
 * Takes a basket: lines of one buyer and one op, each of another SKU (WIRE.md says what the engine
 * answers otherwise). It is one datagram, to the shard of the first line's SKU: never split, never
 * put together with other requests. It is sent again as a whole until every line has an answer, or
 * its time is up; then each line gets its callback, in order. It leaves with the next client_poll.
 *
 * 0; -EINVAL: cnt is not CLIENT_BASKET_MIN to WIRE_ENTRY_CNT_MAX; -EMSGSIZE: above
 * client_basket_max; -EAGAIN when datagrams_in_flight_max are out: poll first. Where it is not 0
 * nothing was taken.
 */
int client_submit_basket(struct client *client, const struct client_request *lines, uint32_t cnt,
			 enum client_basket how);

/* Lines of the longest basket, as far as the path carries it. */
uint32_t client_basket_max(const struct client *client);

/* Closes the datagrams being filled, so that the next poll sends them. */
void client_flush(struct client *client);

/* Entries of the datagrams that the client makes now, as far as the path carries them. */
uint32_t client_entries_max(const struct client *client);

/* Sends, receives, retries. Waits up to timeout_us for something to happen. Returns the number of
 * requests answered or timed out. -errno: the transport failed for good; all that was pending has
 * got its callback, with unknown outcome. */
int client_poll(struct client *client, uint32_t timeout_us);

/* Requests submitted and not yet answered. */
uint64_t client_pending(const struct client *client);

/* Flushes and polls until nothing is pending (every request is answered or timed out). */
int client_drain(struct client *client);

const struct client_stats *client_stats(const struct client *client);

/* Forgets what is pending. NULL is allowed. */
void client_close(struct client *client);

/* The kernel UDP transport: sendmmsg and recvmmsg on one socket, with the IP flag "don't fragment".
 * Resolves the name, which may take seconds; a renewal resolves in a thread of its own. */
int client_transport_udp(struct client_transport **out, const char *server, struct error *error);

/* Sends IPv4 without UDP checksums from now on: for a peer that swaps addresses but cannot complete
 * a checksum that loopback left partial. */
void client_transport_udp_plain(struct client_transport *transport);

#endif

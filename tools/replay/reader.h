/*
 * reader: the requests and replies of a capture (capture_set.h), in the order they were captured.
 * The engine's own decoder (net/decode.h) finds what is in a packet.
 *
 * Links, in pcapng one an interface: Ethernet, Linux cooked v1 and v2, raw IP, BSD loopback, NFLOG,
 * PKTAP, PPP, Cisco HDLC, ERF, MPLS, switch tags (DSA, Broadcom). Tags, labels and tunnels are
 * looked into (unwrap.h). Datagrams that one packet holds together (UDP GSO and GRO) are taken
 * apart. What was captured several times may be given once (copies.h).
 *
 * A packet that is neither request nor reply is passed over and counted under one reason. So each
 * packet, or each datagram of a packet that holds several, is a request datagram, a reply datagram,
 * or under one of drops and skips; a rest of such a packet that is no datagram is there too. Damage
 * ends the capture where it begins, and is reported; what came before counts.
 *
 * Streaming: memory does not grow with the capture. One thread; nothing here trusts its input.
 */
#ifndef DB_TOOLS_REPLAY_READER_H
#define DB_TOOLS_REPLAY_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "net/keys.h"
#include "tools/replay/capture_set.h"
#include "tools/replay/captured.h"

struct reader_counts {
	uint64_t packets;
	uint64_t request_datagrams;
	uint64_t requests; /* their entries */
	uint64_t reply_datagrams;
	uint64_t replies;
	uint64_t went_back; /* packets captured before the furthest instant until then */
	uint64_t jump_ns;   /* the longest time without a packet, and the number of the packet after
			       it */
	uint64_t jump_packet;
	const char *jump_path; /* its file, and its number there; NULL: no time passed */
	uint64_t jump_in_path;
	uint64_t timeless; /* requests and replies of which the file keeps no instant */
	uint64_t drops[DROP_CNT];
	uint64_t skips[SKIP_CNT];
	uint64_t encapsulated[ENCAPSULATION_CNT]; /* packets that came in it */
	uint16_t other_port; /* the lowest port of no shard that a request went to; 0: none did */
	uint64_t joined_packets;   /* that held several datagrams, */
	uint64_t joined_datagrams; /* and how many */
	uint64_t first_ns;         /* of requests and replies, if there are any */
	uint64_t last_ns;
};

struct reader;

/* base_port: the UDP port of shard 0 in the capture. 0 or -errno with a line in error. */
int reader_open_source(struct reader **out, const struct capture_source *source, uint16_t base_port,
		       struct error *error);

/* The same of one file, as it is. */
int reader_open(struct reader **out, const char *path, uint16_t base_port, struct error *error);

/* From now on only requests, replies or both that these keys signed are given; the rest is counted
 * as UNKNOWN_KEY or BAD_TAG. The caller keeps the keys. Before the first reader_next. */
void reader_verify(struct reader *reader, const struct key_ring *keys, bool requests, bool replies);

/* Leaves tags, labels and tunnels alone, but for two VLAN tags. Before the first reader_next. */
void reader_no_decapsulation(struct reader *reader);

/* Of a datagram that was captured several times within the window, the first is given, and the
 * others are counted (SKIP_COPY). Once, before the first reader_next. 0 or -ENOMEM. */
int reader_find_copies(struct reader *reader, uint64_t window_ns);

/* When `over` returns true, the capture ends there. The thread that reads calls it. */
void reader_end_when(struct reader *reader, bool (*over)(void));

enum reader_step {
	READER_FOUND,   /* *out */
	READER_NOT_YET, /* many packets were passed over: call again */
	READER_END,     /* which damage may have made */
};

enum reader_step reader_step(struct reader *reader, struct captured *out);

/* The same until it is found: true and *out, or false at the end. */
bool reader_next(struct reader *reader, struct captured *out);

/* Counts request datagrams that the caller could not use under the reasons of refused (drops,
 * skips) instead of request_datagrams and requests. Called at the end. */
void reader_refuse(struct reader *reader, const struct reader_counts *refused);

/* A line about what ended the capture before its end; NULL: nothing did. After reader_next returned
 * false. */
const char *reader_damage(const struct reader *reader);

/* What was found in the files besides packets. */
void reader_notes(const struct reader *reader, struct capture_notes *notes);

const struct reader_counts *reader_counts(const struct reader *reader);

/* Bytes of the file; as stream_progress. Any thread. */
void reader_progress(const struct reader *reader, uint64_t *done_bytes, uint64_t *total_bytes);

/* NULL is allowed. */
void reader_close(struct reader *reader);

#endif

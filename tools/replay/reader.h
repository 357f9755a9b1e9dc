/*
 * reader: the requests and replies of a capture (capture_set.h), in the order they were captured.
 * The engine's own decoder (net/decode.h) finds what is in a packet.
 *
 * Links, in pcapng one an interface: Ethernet with up to two VLAN tags, Linux cooked v1 and v2, raw
 * IP, BSD loopback. A packet that is neither request nor reply is passed over and counted under one
 * reason. Damage ends the capture where it begins, and is reported; what came before counts.
 *
 * Streaming: memory does not grow with the capture. One thread; nothing here trusts its input.
 */
#ifndef DB_TOOLS_REPLAY_READER_H
#define DB_TOOLS_REPLAY_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "net/decode.h"
#include "net/keys.h"
#include "tools/replay/capture_set.h"

enum skip {
#define SKIP(name, text) SKIP_##name,
#include "tools/replay/skip.def"
#undef SKIP
	SKIP_CNT,
};

/* "SNAPLEN_CUT" and its text. */
const char *skip_name(enum skip skip);
const char *skip_text(enum skip skip);

enum captured_kind {
	CAPTURED_REQUEST,
	CAPTURED_REPLY,
	CAPTURED_KINDS,
};

/* A datagram; what it points to is valid until the next call. */
struct captured {
	uint64_t at_ns; /* since the epoch, as captured */
	const uint8_t *datagram;
	uint32_t bytes;  /* as its header's count and flags say */
	uint16_t shard;  /* of the UDP port: the request's destination, the reply's source */
	uint64_t packet; /* its number, from 1 */
	enum captured_kind kind;
};

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
	uint64_t first_ns; /* of requests and replies, if there are any */
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

/* Room for the largest frame of a link without an Ethernet header, with one in front. */
enum {
	LINK_FRAME_BYTES_MAX = ETHER_HEADER_BYTES + UINT16_MAX + 1,
};

/* Whether packets of this link type of libpcap (DLT_...) can be read. Any thread. */
bool link_known(int link_type);

/*
 * A packet of that link as an Ethernet frame: the packet itself where it is one, else the part of
 * it after its link header, with an Ethernet header before it (in room, of LINK_FRAME_BYTES_MAX).
 * SKIP_CNT, or the reason. Pure.
 */
enum skip link_frame(int link_type, const uint8_t *packet, uint32_t bytes, uint8_t *room,
		     const uint8_t **frame, uint32_t *frame_bytes);

/* What a frame is, for the shards from base_port on. True and *out, except its instant; else false
 * and *drop, or *skip if that is not SKIP_CNT. cut: not all of the packet was captured. Pure. */
bool captured_find(const uint8_t *frame, uint32_t bytes, bool cut, uint16_t base_port,
		   struct captured *out, enum drop *drop, enum skip *skip);

#endif

/*
 * nats_link: what relay and consumer share of NATS: settings, connection, names of streams, and the
 * headers of a message. A stream a lane; message for message as in the lane.
 *
 * A connection never comes back by itself: its owner opens another and asks anew where the stream
 * is. So nothing is resent without its owner's knowledge.
 */
#ifndef DB_TOOLS_DOWNSTREAM_NATS_LINK_H
#define DB_TOOLS_DOWNSTREAM_NATS_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include <nats/nats.h>

#include "engine/base/error.h"
#include "tools/downstream/downstream.h"
#include "tools/downstream/frame.h"

enum {
	NATS_NAME_BYTES = 128,
	NATS_SERVERS_MAX = 16,
	NATS_SERVERS_BYTES = 2048,
	NATS_HEADERS_BYTES = 1024, /* at most, of a block's message */
};

/* KEY=VALUE settings, parsed. Texts are the command line's. */
struct nats_settings {
	char text[NATS_SERVERS_BYTES]; /* the addresses, cut at their commas */
	const char *servers[NATS_SERVERS_MAX];
	char shown[DOWNSTREAM_ADDRESS_BYTES]; /* without passwords */
	int server_cnt;
	const char *stream; /* prefix of the streams' names; doorbuster, doorbuster-json */
	const char *creds;
	const char *nkey_seed; /* file */
	const char *nkey;
	const char *token;
	const char *ca;
	const char *cert;
	const char *key;
	uint32_t replicas;  /* of a stream that is made; 1 */
	uint32_t in_flight; /* blocks */
	bool tls;
};

struct nats_link {
	const struct nats_settings *settings;
	const char *needs; /* what its user must be allowed to publish to */
	natsOptions *options;
	natsConnection *connection;
	jsCtx *js;
};

extern const char nats_header_block[]; /* frame_to_text */
extern const char nats_header_mark[];  /* next LSN and checksum of the block */
extern const char nats_header_relay[]; /* who sent it */
extern const char nats_header_id[];    /* LANE:LSN, of a block without records with its place */

/* Parses addresses and settings. 0, or -EINVAL with a line. */
int nats_settings_parse(struct nats_settings *settings, const char *to, bool json,
			const struct downstream_setting *list, unsigned cnt, struct error *error);

void nats_stream_name(const struct nats_settings *settings, uint16_t lane,
		      char out[NATS_NAME_BYTES]);
void nats_subject(const struct nats_settings *settings, uint16_t lane, char out[NATS_NAME_BYTES]);

/*
 * Connects. `settings` and `needs` (subjects that its user must be allowed to publish to, for a
 * message) outlive the link. 0, or -ENOTCONN, -EACCES or -EINVAL with a line.
 */
int nats_link_open(struct nats_link *link, const struct nats_settings *settings, const char *name,
		   const char *needs, struct error *error);

/*
 * Says why a request failed; code: the server's error, 0: none. -EACCES: this user may not send it,
 * or not get the answer (the server reports that beside the request, which then has no answer);
 * -EINVAL: its account has no JetStream; -ENOTCONN: all else.
 */
int nats_link_failed(const struct nats_link *link, const char *stream, natsStatus status, int code,
		     struct error *error);

/* libnats's own text for an error of this thread, without the place in its source. */
const char *nats_why(natsStatus status);

/* One of all zeros is allowed. */
void nats_link_close(struct nats_link *link);

/* What a message's headers say of its block. False: it is not a relay's message. */
bool nats_message_block(natsMsg *message, struct frame *frame, struct lane_mark *mark);

#endif

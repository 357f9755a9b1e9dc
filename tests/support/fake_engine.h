/*
 * fake_engine: a client_transport with an engine that answers as a test wants. It asserts that
 * every datagram from the client is well formed, signed, dated for the sale that it announced, and
 * never ahead of its clock. A PING is always answered, unless it is mute.
 */
#ifndef DB_TESTS_SUPPORT_FAKE_ENGINE_H
#define DB_TESTS_SUPPORT_FAKE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"

enum {
	FAKE_OUTBOX_CNT = 512,
	FAKE_SEEN_MAX = 512,
	FAKE_SHARDS_MAX = 8,
};

/* The engine's clock when it first answers a PING, and its sale. */
#define FAKE_ENGINE_TIME_NS UINT64_C(1700000000123456789)
#define FAKE_SALE           UINT32_C(0xfa4e5a1e)

/* What happens to a reply. */
enum fake_fate {
	FATE_ANSWER,
	FATE_LOSE,
	FATE_DOUBLE,
	FATE_LAST_FIRST, /* overtakes all replies in flight */
	FATE_FORGE,      /* one bit of the tag is wrong */
};

struct fake_datagram {
	uint32_t len;
	uint8_t bytes[WIRE_DATAGRAM_BYTES_MAX];
};

struct fake_engine;

/* Gets a reply of ACCEPTED entries that is complete except for its tag, and may change it. */
typedef enum fake_fate fake_rule(struct fake_engine *engine, struct fake_datagram *reply);

struct fake_engine {
	struct client_transport transport; /* first */
	struct key key;
	uint16_t shards;
	uint32_t sale;           /* 0: as an engine of before, that knows no dates */
	bool undated;            /* the client dates nothing all the same */
	bool set_back;           /* the clock was: requests may be dated ahead of it */
	uint64_t clock_ahead_ns; /* of the engine's clock to now_ns */
	fake_rule *rule;         /* NULL: FATE_ANSWER */
	int sent_max;            /* packets taken a call; < 0: -errno of every call */
	int receive_rc;          /* < 0: what every receive returns */
	uint64_t now_ns;         /* the client's clock; a rule or a test may move it forward */
	bool mute;               /* takes everything, says nothing */
	uint32_t hole_bytes;     /* longer datagrams vanish; 0: none do */
	uint32_t refused_bytes;  /* longer datagrams are refused with -EMSGSIZE; 0: none are */
	uint32_t path_bytes;     /* what the transport says that the path carries; 0: nothing */
	uint32_t renewed_cnt;    /* by the client */
	uint32_t addresses;      /* of the name; 0: one */
	uint32_t asked;          /* bit n: something was sent after n renewals */
	uint32_t pings;          /* answered */
	bool closed;             /* by the client */
	uint32_t seen;           /* datagrams, PINGs not counted; the rule sees itself counted */
	uint32_t served;         /* entries of them */
	uint32_t per_shard[FAKE_SHARDS_MAX];
	struct fake_datagram requests[FAKE_SEEN_MAX]; /* as they came */
	uint32_t outbox_cnt;
	struct fake_datagram outbox[FAKE_OUTBOX_CNT];
};

void fake_engine_init(struct fake_engine *engine, uint16_t shards);

/* Sends bytes to the client, as they are. */
void fake_engine_post(struct fake_engine *engine, const struct fake_datagram *datagram);
void fake_engine_sign(const struct fake_engine *engine, struct fake_datagram *datagram);

/* Makes a reply with all entries accepted of a request, in place; without a tag. */
void fake_engine_accept(struct fake_datagram *datagram);

uint64_t fake_engine_clock_ns(const struct fake_engine *engine);

struct wire_header *fake_header(struct fake_datagram *datagram);
struct wire_reply *fake_replies(struct fake_datagram *datagram);
const struct wire_request *fake_requests(const struct fake_datagram *datagram);

#endif

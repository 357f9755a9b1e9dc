/*
 * prepared: all datagrams of a run, built, dated and signed before the first one leaves, so that
 * sending costs a copy and the generator can offer more than an engine takes.
 */
#ifndef DB_TOOLS_LOAD_PREPARED_H
#define DB_TOOLS_LOAD_PREPARED_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"
#include "tools/load/scenario.h"

struct prepared_datagram {
	uint64_t offset;        /* of its bytes */
	uint32_t first_request; /* in requests */
	uint16_t shard;         /* whose port it goes to */
	uint8_t request_cnt;
	bool silent; /* must not be answered */
};

struct prepared {
	struct prepared_datagram *datagrams;
	uint32_t datagram_cnt;
	uint32_t silent_cnt;
	uint32_t *requests; /* whose each is: its `user`, datagram by datagram */
	uint32_t request_cnt;
	uint32_t date_bytes; /* of each datagram: they are dated, or not */
	uint32_t generation; /* in every echo: replies to another run's datagrams don't match */
	uint8_t *bytes;
	uint64_t bytes_cnt;
	uint64_t bytes_max;
	bool huge; /* bytes are on hugepages, or may be */
};

struct prepared_options {
	const struct scenario *scenario;
	const struct key *key; /* NULL: echo, nothing in the datagrams but their number */
	uint16_t shards;
	uint32_t sale; /* 0: they are not dated */
	uint64_t issued_at_ns;
	uint8_t fill; /* requests a datagram, 1 to WIRE_ENTRY_CNT_MAX */
	/* Of an engine with worker_cnt workers only this one's shards; 0: all. */
	uint16_t worker_idx;
	uint16_t worker_cnt;
	uint8_t flags; /* WIRE_FLAG_* of each datagram, besides those of its date */
	/* Changes each request of the scenario; NULL: nothing does. */
	void (*shape)(void *context, struct client_request *request);
	void *context;
};

/* In the order of the scenario, shard by shard; a shard's last datagram may have fewer requests.
 * False: no memory. */
bool prepared_open(struct prepared *prepared, const struct prepared_options *options);
void prepared_close(struct prepared *prepared);

static inline uint8_t *prepared_bytes(const struct prepared *prepared, uint32_t idx)
{
	return prepared->bytes + prepared->datagrams[idx].offset;
}

static inline uint32_t prepared_len(const struct prepared *prepared, uint32_t idx)
{
	return wire_datagram_bytes(prepared->datagrams[idx].request_cnt) + prepared->date_bytes;
}

/* The datagram that a reply's echo names; UINT32_MAX: none of this run. */
static inline uint32_t prepared_of_echo(const struct prepared *prepared, uint64_t echo)
{
	const uint32_t idx = (uint32_t)echo;

	return echo >> 32 == prepared->generation && idx < prepared->datagram_cnt ? idx
										  : UINT32_MAX;
}

#endif

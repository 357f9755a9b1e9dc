#include "tools/replay/asked.h"

#include <stdlib.h>

#include "net/wire.h"
#include "tools/replay/compare.h"

enum {
	WAYS = 4,
};

struct asked_datagram {
	uint64_t key; /* compare_key, 0: free */
	uint8_t ops[WIRE_ENTRY_CNT_MAX];
};

struct asked {
	uint8_t oldest[ASKED_MAX / WAYS]; /* which of a set is overwritten next */
	struct asked_datagram sets[ASKED_MAX / WAYS][WAYS];
};

struct asked *asked_open(void)
{
	return calloc(1, sizeof(struct asked));
}

void asked_put(struct asked *asked, uint16_t shard, const uint8_t *request)
{
	const struct wire_request *entries =
		(const struct wire_request *)(request + WIRE_HEADER_BYTES);
	const uint64_t key = compare_key(shard, request);
	const uint64_t set = key % (ASKED_MAX / WAYS);
	struct asked_datagram *one = &asked->sets[set][asked->oldest[set]++ % WAYS];

	one->key = key;
	for (uint32_t i = 0; i < wire_count(request); i++)
		one->ops[i] = entries[i].op < WIRE_OP_END ? entries[i].op : 0;
}

const uint8_t *asked_find(const struct asked *asked, uint16_t shard, const uint8_t *reply)
{
	const uint64_t key = compare_key(shard, reply);
	const struct asked_datagram *set = asked->sets[key % (ASKED_MAX / WAYS)];

	for (unsigned i = 0; i < WAYS; i++) {
		if (set[i].key == key)
			return set[i].ops;
	}
	return NULL;
}

void asked_close(struct asked *asked)
{
	free(asked);
}

#include "tools/load/prepared.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sodium.h>

#include "engine/base/check.h"
#include "net/tag.h"
#include "tools/load/mixed.h"

enum {
	/* Each datagram begins a line of its own, so that none is read for its neighbour. */
	ALIGN_BYTES = 64,
};

static const uint64_t NS_PER_S = 1000000000;

/* The datagrams being filled, one a shard. */
struct filling {
	uint8_t *cnt; /* [shards] */
	enum mixed_datagram *kind;
	struct client_request *requests; /* [shards * WIRE_ENTRY_CNT_MAX] */
	uint32_t *users;                 /* likewise */
};

static uint64_t aligned(uint64_t bytes)
{
	return (bytes + ALIGN_BYTES - 1) / ALIGN_BYTES * ALIGN_BYTES;
}

static void write_header(struct prepared *prepared, const struct prepared_options *options,
			 uint32_t idx, enum mixed_datagram kind)
{
	const struct prepared_datagram *datagram = &prepared->datagrams[idx];

	*(struct wire_header *)prepared_bytes(prepared, idx) = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = datagram->request_cnt,
		.flags = options->flags | (prepared->date_bytes > 0 ? WIRE_FLAG_DATED : 0),
		.shard = (uint16_t)(datagram->shard + (kind == MIXED_MISADDRESSED)),
		.key_id = options->key != NULL ? options->key->id : 0,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = (uint64_t)prepared->generation << 32 | idx,
	};
}

/* Good for as long as possible, unless it must be stale. */
static void write_date(struct prepared *prepared, const struct prepared_options *options,
		       uint32_t idx, enum mixed_datagram kind)
{
	struct wire_date *date = wire_date(prepared_bytes(prepared, idx));

	*date = (struct wire_date){options->issued_at_ns, WIRE_VALID_MS_MAX, options->sale};
	switch (kind) {
	case MIXED_TOO_OLD:
		date->issued_at_ns -= 2 * NS_PER_S;
		date->valid_ms = 1000;
		break;
	case MIXED_AHEAD:
		date->issued_at_ns += 86400 * NS_PER_S;
		break;
	case MIXED_OTHER_SALE:
		date->sale ^= 1;
		break;
	default:
		break;
	}
}

/* Adds a datagram of these requests. */
static uint32_t add_datagram(struct prepared *prepared, const uint32_t *users, uint8_t cnt,
			     uint16_t shard, enum mixed_datagram kind)
{
	const uint32_t idx = prepared->datagram_cnt++;
	const uint32_t bytes = wire_datagram_bytes(cnt) + prepared->date_bytes;

	CHECK(prepared->bytes_cnt + bytes <= prepared->bytes_max);
	prepared->datagrams[idx] = (struct prepared_datagram){
		.offset = prepared->bytes_cnt,
		.first_request = prepared->request_cnt,
		.shard = shard,
		.request_cnt = cnt,
		.silent = kind == MIXED_FORGED,
	};
	memcpy(&prepared->requests[prepared->request_cnt], users, cnt * sizeof(*users));
	prepared->request_cnt += cnt;
	prepared->silent_cnt += kind == MIXED_FORGED;
	prepared->bytes_cnt += aligned(bytes);
	return idx;
}

static void close_datagram(struct prepared *prepared, const struct prepared_options *options,
			   struct filling *filling, uint16_t shard)
{
	const struct client_request *requests = &filling->requests[shard * WIRE_ENTRY_CNT_MAX];
	const enum mixed_datagram kind = filling->kind[shard];
	const uint8_t cnt = filling->cnt[shard];
	struct wire_request *entries;
	uint32_t idx;

	filling->cnt[shard] = 0;
	idx = add_datagram(prepared, &filling->users[shard * WIRE_ENTRY_CNT_MAX], cnt, shard, kind);
	write_header(prepared, options, idx, kind);
	entries = (struct wire_request *)(prepared_bytes(prepared, idx) + WIRE_HEADER_BYTES);
	for (unsigned i = 0; i < cnt; i++) {
		entries[i] = (struct wire_request){
			.id = {requests[i].id[0], requests[i].id[1]},
			.buyer = requests[i].buyer,
			.sku = requests[i].sku,
			.price_or_order = requests[i].price_or_order,
			.channel = requests[i].channel,
			.quantity = requests[i].quantity,
			.op = requests[i].op,
			.flags = requests[i].flags,
		};
	}
	if (prepared->date_bytes > 0)
		write_date(prepared, options, idx, kind);
}

/* All of them, in bursts; of the forged ones one bit is wrong. */
static void sign_all(struct prepared *prepared, const struct key *key)
{
	struct tag_job jobs[TAG_BURST_MAX];
	uint32_t cnt = 0;

	for (uint32_t idx = 0; idx < prepared->datagram_cnt; idx++) {
		jobs[cnt++] = (struct tag_job){prepared_bytes(prepared, idx), key->bytes,
					       prepared_len(prepared, idx)};
		if (cnt < TAG_BURST_MAX && idx + 1 < prepared->datagram_cnt)
			continue;
		tag_sign_burst(jobs, cnt);
		cnt = 0;
	}
	for (uint32_t idx = 0; idx < prepared->datagram_cnt; idx++) {
		if (prepared->datagrams[idx].silent)
			prepared_bytes(prepared, idx)[prepared_len(prepared, idx) - 1] ^= 1;
	}
}

static void fill(struct prepared *prepared, const struct prepared_options *options,
		 struct filling *filling)
{
	const struct scenario *scenario = options->scenario;
	const bool mixed = scenario->kind == SCENARIO_MIXED;

	for (uint32_t n = 0; n < scenario->send_cnt; n++) {
		const enum mixed_datagram kind =
			mixed ? mixed_datagram_of(scenario, n) : MIXED_PLAIN;
		struct client_request request;
		uint16_t shard;
		uint64_t at;

		scenario_request(scenario, n, &request);
		if (options->shape != NULL)
			options->shape(options->context, &request);
		shard = wire_shard_of(request.sku, options->shards);
		if (options->worker_cnt > 0 && shard % options->worker_cnt != options->worker_idx)
			continue;
		if (filling->cnt[shard] > 0 && filling->kind[shard] != kind)
			close_datagram(prepared, options, filling, shard);
		filling->kind[shard] = kind;
		at = (uint64_t)shard * WIRE_ENTRY_CNT_MAX + filling->cnt[shard]++;
		filling->requests[at] = request;
		filling->users[at] = (uint32_t)request.user;
		if (filling->cnt[shard] == options->fill)
			close_datagram(prepared, options, filling, shard);
	}
	for (uint16_t shard = 0; shard < options->shards; shard++) {
		if (filling->cnt[shard] > 0)
			close_datagram(prepared, options, filling, shard);
	}
}

static bool fill_signed(struct prepared *prepared, const struct prepared_options *options)
{
	const size_t shards = options->shards;
	struct filling filling = {
		.cnt = calloc(shards, sizeof(*filling.cnt)),
		.kind = calloc(shards, sizeof(*filling.kind)),
		.requests = malloc(shards * WIRE_ENTRY_CNT_MAX * sizeof(*filling.requests)),
		.users = malloc(shards * WIRE_ENTRY_CNT_MAX * sizeof(*filling.users)),
	};
	const bool made = filling.cnt != NULL && filling.kind != NULL && filling.requests != NULL &&
			  filling.users != NULL;

	if (made) {
		fill(prepared, options, &filling);
		sign_all(prepared, options->key);
	}
	free(filling.cnt);
	free(filling.kind);
	free(filling.requests);
	free(filling.users);
	return made;
}

/* Each datagram has `fill` entries of zero and its number; a request of the scenario is one. */
static void fill_echo(struct prepared *prepared, const struct prepared_options *options)
{
	static const uint32_t no_requests[WIRE_ENTRY_CNT_MAX];

	for (uint32_t n = 0; n < options->scenario->send_cnt; n++) {
		const uint32_t idx =
			add_datagram(prepared, no_requests, options->fill, 0, MIXED_PLAIN);

		write_header(prepared, options, idx, MIXED_PLAIN);
	}
}

/* Upper bounds: where kinds or shards change, datagrams may be as short as one request. */
static bool take_memory(struct prepared *prepared, const struct prepared_options *options)
{
	const struct scenario *scenario = options->scenario;
	const bool echo = options->key == NULL;
	const uint64_t cnt = scenario->send_cnt;
	const uint64_t full = echo ? cnt : cnt / options->fill;
	const uint64_t blocks = scenario->kind == SCENARIO_MIXED ? cnt / MIXED_BLOCK_CNT : 0;
	const uint64_t datagrams = full + (blocks + 1) * options->shards;
	const uint64_t requests = echo ? cnt * options->fill : cnt;

	prepared->bytes_max =
		full * aligned(wire_datagram_bytes(options->fill) + prepared->date_bytes) +
		(datagrams - full) * aligned(WIRE_DATAGRAM_BYTES_MAX);
	prepared->bytes = mmap(NULL, prepared->bytes_max, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (prepared->bytes == MAP_FAILED) {
		prepared->bytes = NULL;
		return false;
	}
	prepared->huge = madvise(prepared->bytes, prepared->bytes_max, MADV_HUGEPAGE) == 0;
	prepared->datagrams = calloc(datagrams, sizeof(*prepared->datagrams));
	prepared->requests = malloc(requests * sizeof(*prepared->requests));
	return datagrams <= UINT32_MAX && requests <= UINT32_MAX && prepared->datagrams != NULL &&
	       prepared->requests != NULL;
}

bool prepared_open(struct prepared *prepared, const struct prepared_options *options)
{
	bool made;

	*prepared = (struct prepared){
		.generation = randombytes_random(),
		.date_bytes = options->sale != 0 ? WIRE_DATE_BYTES : 0,
	};
	made = take_memory(prepared, options);
	if (made && options->key != NULL)
		made = fill_signed(prepared, options);
	else if (made)
		fill_echo(prepared, options);
	if (!made)
		prepared_close(prepared);
	return made;
}

void prepared_close(struct prepared *prepared)
{
	if (prepared->bytes != NULL)
		munmap(prepared->bytes, prepared->bytes_max);
	free(prepared->datagrams);
	free(prepared->requests);
	*prepared = (struct prepared){0};
}

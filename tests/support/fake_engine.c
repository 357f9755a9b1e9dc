#include "tests/support/fake_engine.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/tag.h"

struct wire_header *fake_header(struct fake_datagram *datagram)
{
	return (struct wire_header *)datagram->bytes;
}

struct wire_reply *fake_replies(struct fake_datagram *datagram)
{
	return (struct wire_reply *)(datagram->bytes + WIRE_HEADER_BYTES);
}

const struct wire_request *fake_requests(const struct fake_datagram *datagram)
{
	return (const struct wire_request *)(datagram->bytes + WIRE_HEADER_BYTES);
}

void fake_engine_sign(const struct fake_engine *engine, struct fake_datagram *datagram)
{
	tag_sign(datagram->bytes, datagram->len, engine->key.bytes);
}

void fake_engine_post(struct fake_engine *engine, const struct fake_datagram *datagram)
{
	cr_assert(lt(u32, engine->outbox_cnt, FAKE_OUTBOX_CNT));
	engine->outbox[engine->outbox_cnt++] = *datagram;
}

uint64_t fake_engine_clock_ns(const struct fake_engine *engine)
{
	return engine->now_ns + engine->clock_ahead_ns;
}

static void check_date(const struct fake_engine *engine, const uint8_t *datagram)
{
	const struct wire_date date = wire_date_of(datagram);

	cr_assert(all(ge(u32, date.valid_ms, 1), le(u32, date.valid_ms, WIRE_VALID_MS_MAX)));
	cr_assert(eq(u32, date.sale, FAKE_SALE));
	if (!engine->set_back)
		cr_assert(le(u64, date.issued_at_ns, fake_engine_clock_ns(engine)));
}

static void check_request(const struct fake_engine *engine, const struct client_packet *packet)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;
	const struct wire_request *requests =
		(const struct wire_request *)(packet->bytes + WIRE_HEADER_BYTES);

	cr_assert(eq(u16, header->magic, WIRE_MAGIC));
	cr_assert(eq(u8, header->version, WIRE_VERSION));
	cr_assert(eq(u8, header->kind, WIRE_KIND_REQUEST));
	/* The first PING asks whether there are dates at all. */
	cr_assert(eq(u8, header->flags & ~(WIRE_FLAG_BASKET | WIRE_FLAG_WHAT_THERE_IS),
		     engine->clock_ahead_ns > 0 && engine->sale != 0 && !engine->undated
			     ? WIRE_FLAG_DATED
			     : 0));
	cr_assert(all(ge(u8, header->count, 1), le(u8, header->count, WIRE_ENTRY_CNT_MAX)));
	cr_assert(eq(u32, packet->len, wire_bytes(packet->bytes)));
	if (wire_is_dated(packet->bytes))
		check_date(engine, packet->bytes);
	cr_assert(eq(u16, header->shard, packet->shard));
	cr_assert(lt(u16, header->shard, engine->shards));
	cr_assert(eq(u32, header->key_id, engine->key.id));
	cr_assert(eq(u32, header->shard_map_version, WIRE_SHARD_MAP_VERSION));
	cr_assert(tag_verify(packet->bytes, packet->len, engine->key.bytes));
	for (unsigned i = 0; i < header->count; i++) {
		cr_assert(ne(u64, requests[i].id[0] | requests[i].id[1], 0));
		cr_assert(eq(u8, requests[i].flags & ~WIRE_ENTRY_FLAGS_KNOWN, 0));
	}
}

void fake_engine_accept(struct fake_datagram *datagram)
{
	fake_header(datagram)->kind = WIRE_KIND_REPLY;
	for (unsigned i = 0; i < fake_header(datagram)->count; i++) {
		const struct wire_request request = fake_requests(datagram)[i];

		fake_replies(datagram)[i] = (struct wire_reply){
			.id = {request.id[0], request.id[1]},
			.order_id = request.buyer + 1,
			.unit_price = 4990,
			.quantity = request.quantity,
			.verdict = VERDICT_ACCEPTED,
			.durability = DURABILITY_DURABLE,
		};
	}
}

static void answer_date(const struct fake_engine *engine, struct fake_datagram *datagram)
{
	if (!wire_is_dated(datagram->bytes))
		return;
	wire_date(datagram->bytes)->issued_at_ns = fake_engine_clock_ns(engine);
	wire_date(datagram->bytes)->sale = engine->sale;
}

static void pong(struct fake_engine *engine, struct fake_datagram *datagram)
{
	fake_engine_accept(datagram);
	engine->pings++;
	if (engine->clock_ahead_ns == 0)
		engine->clock_ahead_ns = FAKE_ENGINE_TIME_NS - engine->now_ns;
	for (unsigned i = 0; i < fake_header(datagram)->count; i++) {
		fake_replies(datagram)[i].verdict = VERDICT_PONG;
		fake_replies(datagram)[i].quantity = engine->shards;
		fake_replies(datagram)[i].order_id = engine->sale;
		fake_replies(datagram)[i].instant_ns = fake_engine_clock_ns(engine);
	}
	answer_date(engine, datagram);
	fake_engine_sign(engine, datagram);
	fake_engine_post(engine, datagram);
}

static void serve(struct fake_engine *engine, struct fake_datagram *datagram)
{
	enum fake_fate fate = FATE_ANSWER;

	cr_assert(lt(u32, engine->seen, FAKE_SEEN_MAX));
	engine->requests[engine->seen++] = *datagram;
	engine->served += fake_header(datagram)->count;
	engine->per_shard[fake_header(datagram)->shard] += fake_header(datagram)->count;
	fake_engine_accept(datagram);
	answer_date(engine, datagram);
	if (engine->rule != NULL)
		fate = engine->rule(engine, datagram);
	if (fate == FATE_LOSE)
		return;
	fake_engine_sign(engine, datagram);
	if (fate == FATE_FORGE)
		datagram->bytes[datagram->len - 1] ^= 1;
	fake_engine_post(engine, datagram);
	if (fate == FATE_DOUBLE)
		fake_engine_post(engine, datagram);
	if (fate == FATE_LAST_FIRST) {
		memmove(engine->outbox + 1, engine->outbox,
			(engine->outbox_cnt - 1) * sizeof(engine->outbox[0]));
		engine->outbox[0] = *datagram;
	}
}

static int fake_send(struct client_transport *transport, const struct client_packet *packets,
		     int cnt)
{
	struct fake_engine *engine = (struct fake_engine *)transport;
	const int taken = cnt < engine->sent_max ? cnt : engine->sent_max;

	if (taken > 0)
		engine->asked |= UINT32_C(1) << (engine->renewed_cnt & 31);
	for (int i = 0; i < taken; i++) {
		struct fake_datagram datagram = {.len = packets[i].len};

		if (engine->refused_bytes != 0 && packets[i].len > engine->refused_bytes)
			return i > 0 ? i : -EMSGSIZE;
		check_request(engine, &packets[i]);
		memcpy(datagram.bytes, packets[i].bytes, packets[i].len);
		if (engine->mute ||
		    (engine->hole_bytes != 0 && packets[i].len > engine->hole_bytes))
			continue;
		if (fake_requests(&datagram)->op == WIRE_OP_PING)
			pong(engine, &datagram);
		else
			serve(engine, &datagram);
	}
	return taken;
}

static int fake_receive(struct client_transport *transport, struct client_packet *packets, int cnt,
			uint32_t timeout_us)
{
	struct fake_engine *engine = (struct fake_engine *)transport;
	int got;

	if (engine->receive_rc < 0)
		return engine->receive_rc;
	if (engine->outbox_cnt == 0)
		engine->now_ns += timeout_us * UINT64_C(1000);
	for (got = 0; got < cnt && (uint32_t)got < engine->outbox_cnt; got++) {
		const struct fake_datagram *datagram = &engine->outbox[got];

		memcpy(packets[got].bytes, datagram->bytes, datagram->len);
		packets[got].len = datagram->len;
		packets[got].shard = ((const struct wire_header *)datagram->bytes)->shard;
	}
	engine->outbox_cnt -= (uint32_t)got;
	memmove(engine->outbox, engine->outbox + got,
		engine->outbox_cnt * sizeof(engine->outbox[0]));
	return got;
}

/* Time passes when the client waits, when a rule or a test says so, and a little at every read of
 * the clock, so that a caller that only spins makes progress, too. */
static uint64_t fake_now_ns(struct client_transport *transport)
{
	struct fake_engine *engine = (struct fake_engine *)transport;

	engine->now_ns += 100;
	return engine->now_ns;
}

static uint32_t fake_path_bytes(struct client_transport *transport)
{
	return ((struct fake_engine *)transport)->path_bytes;
}

static void fake_renew(struct client_transport *transport, struct error *what)
{
	((struct fake_engine *)transport)->renewed_cnt++;
	error_set(what, "asking elsewhere now");
}

static uint32_t fake_address_cnt(struct client_transport *transport)
{
	const uint32_t cnt = ((struct fake_engine *)transport)->addresses;

	return cnt > 0 ? cnt : 1;
}

static void fake_close(struct client_transport *transport)
{
	struct fake_engine *engine = (struct fake_engine *)transport;

	cr_assert(not(engine->closed));
	engine->closed = true;
}

void fake_engine_init(struct fake_engine *engine, uint16_t shards)
{
	memset(engine, 0, sizeof(*engine));
	engine->transport = (struct client_transport){
		.send = fake_send,
		.receive = fake_receive,
		.close = fake_close,
		.now_ns = fake_now_ns,
		.path_bytes = fake_path_bytes,
		.renew = fake_renew,
		.address_cnt = fake_address_cnt,
	};
	engine->now_ns = UINT64_C(12345678901234);
	engine->key.id = 7;
	memset(engine->key.bytes, 0x5a, sizeof(engine->key.bytes));
	engine->shards = shards;
	engine->sale = FAKE_SALE;
	engine->sent_max = 64;
}

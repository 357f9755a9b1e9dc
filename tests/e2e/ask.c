/*
 * ask: one datagram of requests to a running engine, and what it answered, a line an entry. Built
 * from the wire format alone, not on the client library, so that each checks the other. Unless all
 * of it is LOOKUP and PING, the datagram is dated, as a PING before it says; --undated leaves that
 * out, --age-ms, --valid-ms and --sale say another date. --record FILE keeps the datagram, --again
 * FILE sends one that was kept. Never retries, unless --copies says how often the same goes out;
 * then it says how many were answered until nothing came for the timeout, and looks at none of
 * them. Exit code 0: a reply that keeps the format's promises; 3: no answer; 4: a reply that breaks
 * one; 2: wrong arguments.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "net/keys.h"
#include "net/tag.h"
#include "net/wire.h"

static const char usage[] =
	"usage: ask --keys FILE [--to ADDRESS] [--port N] [--shard N] [--key-id N] [--basket]\n"
	"           [--timeout-ms N] [--undated] [--age-ms N] [--valid-ms N] [--sale N]\n"
	"           [--record FILE] [--copies N] ENTRY... | --again FILE\n"
	"ENTRY: key=value,... of op (buy, hold, confirm, release, extend, return, lookup, ping or\n"
	"a number), sku, buyer, id (32 hex digits), quantity, max, order, channel, flags\n";

enum {
	EXIT_WRONG = 2,
	EXIT_NO_ANSWER = 3,
	EXIT_BROKEN_REPLY = 4,
	/* Copies that go out at a time, so that neither side's queue is full at once. */
	COPIES_AT_ONCE = 32,
	COPIES_PAUSE_NS = 300000,
	ANSWERS_BYTES = 64 << 20,
};

struct ask {
	const char *keys;
	const char *address;
	unsigned port;
	unsigned shard;
	unsigned key_id;
	unsigned timeout_ms;
	unsigned copies;
	bool basket;
	bool undated;
	int64_t age_ms;
	uint32_t valid_ms;
	const char *record;
	const char *again;
	uint32_t sale;      /* 0: not asked for */
	uint64_t engine_ns; /* its clock, when it was asked */
	struct key key;
	uint8_t sent[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t got[WIRE_DATAGRAM_BYTES_MAX + 1];
	uint32_t bytes;
	uint8_t cnt;
};

static void refuse(const char *what, const char *text)
{
	fprintf(stderr, "ask: %s: '%s'\n%s", what, text, usage);
	exit(EXIT_WRONG);
}

static uint64_t number(const char *text)
{
	char *end = NULL;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 0);
	if (end == text || *end != '\0' || errno != 0)
		refuse("not a number", text);
	return value;
}

static uint8_t op_of(const char *text)
{
	static const char *const names[] = {"",       "buy",  "hold",   "confirm", "release",
					    "lookup", "ping", "extend", "return"};

	for (uint8_t i = 1; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0)
			return i;
	}
	return (uint8_t)number(text);
}

static void read_id(const char *text, uint64_t id[2])
{
	uint8_t bytes[16];

	if (strlen(text) != 2 * sizeof(bytes))
		refuse("an id has 32 hex digits", text);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		unsigned value;

		if (sscanf(text + 2 * i, "%2x", &value) != 1)
			refuse("an id has 32 hex digits", text);
		bytes[i] = (uint8_t)value;
	}
	memcpy(id, bytes, sizeof(bytes));
}

static void read_field(struct wire_request *request, const char *name, const char *value)
{
	if (strcmp(name, "op") == 0)
		request->op = op_of(value);
	else if (strcmp(name, "sku") == 0)
		request->sku = number(value);
	else if (strcmp(name, "buyer") == 0)
		request->buyer = number(value);
	else if (strcmp(name, "quantity") == 0)
		request->quantity = (uint16_t)number(value);
	else if (strcmp(name, "max") == 0 || strcmp(name, "order") == 0)
		request->price_or_order = number(value);
	else if (strcmp(name, "channel") == 0)
		request->channel = (uint32_t)number(value);
	else if (strcmp(name, "flags") == 0)
		request->flags = (uint8_t)number(value);
	else
		refuse("no such field", name);
}

static void read_entry(char *text, struct wire_request *request)
{
	uint64_t id[2] = {0, 0};
	char *field;

	*request = (struct wire_request){.op = WIRE_OP_BUY, .quantity = 1};
	while ((field = strsep(&text, ",")) != NULL) {
		char *name = strsep(&field, "=");

		if (field == NULL)
			refuse("no value", name);
		if (strcmp(name, "id") == 0)
			read_id(field, id);
		else
			read_field(request, name, field);
	}
	memcpy(request->id, id, sizeof(id));
}

static bool read_date_flag(struct ask *ask, const char *flag, const char *text)
{
	if (strcmp(flag, "age-ms") == 0)
		ask->age_ms = strtoll(text, NULL, 10);
	else if (strcmp(flag, "valid-ms") == 0)
		ask->valid_ms = (uint32_t)number(text);
	else if (strcmp(flag, "sale") == 0)
		ask->sale = (uint32_t)number(text);
	else if (strcmp(flag, "record") == 0)
		ask->record = text;
	else if (strcmp(flag, "again") == 0)
		ask->again = text;
	else
		return false;
	return true;
}

static char **read_flags(struct ask *ask, char **argv)
{
	char **at = argv + 1;

	for (; *at != NULL && strncmp(*at, "--", 2) == 0; at++) {
		const char *flag = *at + 2;

		if (strcmp(flag, "basket") == 0) {
			ask->basket = true;
			continue;
		}
		if (strcmp(flag, "undated") == 0) {
			ask->undated = true;
			continue;
		}
		if (*++at == NULL)
			refuse("no value", flag);
		if (strcmp(flag, "keys") == 0)
			ask->keys = *at;
		else if (strcmp(flag, "to") == 0)
			ask->address = *at;
		else if (strcmp(flag, "port") == 0)
			ask->port = (unsigned)number(*at);
		else if (strcmp(flag, "shard") == 0)
			ask->shard = (unsigned)number(*at);
		else if (strcmp(flag, "key-id") == 0)
			ask->key_id = (unsigned)number(*at);
		else if (strcmp(flag, "timeout-ms") == 0)
			ask->timeout_ms = (unsigned)number(*at);
		else if (strcmp(flag, "copies") == 0)
			ask->copies = (unsigned)number(*at);
		else if (!read_date_flag(ask, flag, *at))
			refuse("no such flag", flag);
	}
	return at;
}

/* Undated. Whether it should be dated. */
static bool fill(struct ask *ask, char **entries)
{
	bool changes = false;
	struct wire_header header = {
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.flags = ask->basket ? WIRE_FLAG_BASKET : 0, /* the date comes last */
		.shard = (uint16_t)ask->shard,
		.key_id = ask->key.id,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = UINT64_C(0xec40) << 32 | (uint32_t)getpid(),
	};

	for (; entries[ask->cnt] != NULL; ask->cnt++) {
		struct wire_request request;

		if (ask->cnt == WIRE_ENTRY_CNT_MAX)
			refuse("at most 29 entries", entries[ask->cnt]);
		read_entry(entries[ask->cnt], &request);
		memcpy(ask->sent + WIRE_HEADER_BYTES + ask->cnt * WIRE_ENTRY_BYTES, &request,
		       sizeof(request));
		changes |= request.op != WIRE_OP_LOOKUP && request.op != WIRE_OP_PING;
	}
	header.count = ask->cnt;
	ask->bytes = WIRE_HEADER_BYTES + ask->cnt * WIRE_ENTRY_BYTES + WIRE_TAG_BYTES;
	memcpy(ask->sent, &header, sizeof(header));
	tag_sign(ask->sent, ask->bytes, ask->key.bytes);
	return changes && !ask->undated;
}

/* The same datagram with a date, for the sale and by the clock of the engine. */
static void date(struct ask *ask)
{
	const struct wire_date date = {
		.issued_at_ns = ask->engine_ns - (uint64_t)(ask->age_ms * 1000000),
		.valid_ms = ask->valid_ms,
		.sale = ask->sale,
	};

	ask->sent[offsetof(struct wire_header, flags)] |= WIRE_FLAG_DATED;
	memcpy(ask->sent + ask->bytes - WIRE_TAG_BYTES, &date, sizeof(date));
	ask->bytes += WIRE_DATE_BYTES;
	tag_sign(ask->sent, ask->bytes, ask->key.bytes);
}

/* A datagram that was kept, whole. */
static void load(struct ask *ask)
{
	FILE *file = fopen(ask->again, "re");

	if (file == NULL)
		refuse(strerror(errno), ask->again);
	ask->bytes = (uint32_t)fread(ask->sent, 1, sizeof(ask->sent), file);
	ask->cnt = ask->sent[offsetof(struct wire_header, count)];
	fclose(file);
}

static void keep(const struct ask *ask)
{
	FILE *file = fopen(ask->record, "we");

	if (file == NULL || fwrite(ask->sent, 1, ask->bytes, file) != ask->bytes ||
	    fclose(file) != 0)
		refuse("cannot be written", ask->record);
}

static int connect_to(const struct ask *ask)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST};
	struct addrinfo *found = NULL;
	char service[16];
	int fd = -1;

	snprintf(service, sizeof(service), "%u", ask->port + ask->shard);
	if (getaddrinfo(ask->address, service, &hints, &found) != 0)
		refuse("not an address", ask->address);
	fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0) {
		fprintf(stderr, "ask: %s port %s: %s\n", ask->address, service, strerror(errno));
		exit(EXIT_WRONG);
	}
	freeaddrinfo(found);
	return fd;
}

/* Of a reply: the engine's clock and sale, and how long the request was good for. */
static bool good_date(const struct ask *ask)
{
	const uint32_t at = ask->bytes - WIRE_TAG_BYTES - WIRE_DATE_BYTES;
	struct wire_date sent;
	struct wire_date got;

	memcpy(&sent, ask->sent + at, sizeof(sent));
	memcpy(&got, ask->got + at, sizeof(got));
	return got.valid_ms == sent.valid_ms && got.sale != 0 && got.issued_at_ns >= ask->engine_ns;
}

/* What the format promises of every reply; NULL if this one keeps it. */
static const char *broken(const struct ask *ask, ssize_t bytes)
{
	struct wire_header sent;
	struct wire_header got;

	if (bytes != (ssize_t)ask->bytes)
		return "the reply has another size than its request";
	memcpy(&sent, ask->sent, sizeof(sent));
	memcpy(&got, ask->got, sizeof(got));
	if (!tag_verify(ask->got, ask->bytes, ask->key.bytes))
		return "wrong tag";
	if (got.magic != WIRE_MAGIC || got.version != WIRE_VERSION || got.kind != WIRE_KIND_REPLY)
		return "wrong magic, version or kind";
	if (got.count != sent.count || got.key_id != sent.key_id || got.echo != sent.echo ||
	    got.flags != sent.flags)
		return "count, key, echo or flags changed";
	if ((got.flags & WIRE_FLAG_DATED) != 0 && !good_date(ask))
		return "the date is not the engine's";
	for (uint8_t i = 0; i < got.count; i++) {
		const size_t at = WIRE_HEADER_BYTES + i * (size_t)WIRE_ENTRY_BYTES;

		if (memcmp(ask->got + at, ask->sent + at, sizeof(uint64_t[2])) != 0)
			return "the entries have other ids or another order";
	}
	return NULL;
}

static void print_reply(const struct ask *ask)
{
	struct wire_header header;

	memcpy(&header, ask->got, sizeof(header));
	for (uint8_t i = 0; i < ask->cnt; i++) {
		struct wire_reply reply;

		memcpy(&reply, ask->got + WIRE_HEADER_BYTES + i * (size_t)WIRE_ENTRY_BYTES,
		       sizeof(reply));
		printf("%s order=%" PRIu64 " price=%" PRIu64 " instant=%" PRIu64
		       " left=%u quantity=%u durability=%s shard=%u\n",
		       verdict_name(reply.verdict), reply.order_id, reply.unit_price,
		       reply.instant_ns, reply.stock_left, reply.quantity,
		       durability_name(reply.durability), header.shard);
	}
}

/* How many answers there are by now. */
static unsigned take_answers(int fd)
{
	uint8_t answer[WIRE_DATAGRAM_BYTES_MAX];
	unsigned cnt = 0;

	while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		cnt++;
	return cnt;
}

static int send_copies(const struct ask *ask, int fd)
{
	const struct timespec pause = {.tv_nsec = COPIES_PAUSE_NS};
	const int room = ANSWERS_BYTES;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	unsigned answered = 0;
	unsigned sent = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	while (sent < ask->copies) {
		for (unsigned i = 0; i < COPIES_AT_ONCE && sent < ask->copies; i++)
			sent += send(fd, ask->sent, ask->bytes, 0) == (ssize_t)ask->bytes;
		nanosleep(&pause, NULL);
		answered += take_answers(fd);
	}
	while (answered < sent && poll(&wait, 1, (int)ask->timeout_ms) > 0)
		answered += take_answers(fd);
	printf("copies sent=%u answered=%u\n", sent, answered);
	return answered > 0 ? EXIT_SUCCESS : EXIT_NO_ANSWER;
}

/* Sends it, and takes a reply that keeps its promises. 0 or an exit code. */
static int exchange(struct ask *ask, int fd)
{
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	const char *why;
	ssize_t bytes;

	if (send(fd, ask->sent, ask->bytes, 0) != (ssize_t)ask->bytes ||
	    poll(&wait, 1, (int)ask->timeout_ms) <= 0)
		return EXIT_NO_ANSWER;
	bytes = recv(fd, ask->got, sizeof(ask->got), 0);
	if (bytes < 0)
		return EXIT_NO_ANSWER;
	why = broken(ask, bytes);
	if (why != NULL) {
		fprintf(stderr, "ask: %s\n", why);
		return EXIT_BROKEN_REPLY;
	}
	return EXIT_SUCCESS;
}

/* The engine's clock and sale, for what is in ask->sent. */
static int ping(struct ask *ask, int fd)
{
	static struct ask question;
	char entry[] = "op=ping,id=0000000000000000000000000000ffff";
	char *entries[] = {entry, NULL};
	struct wire_reply pong;
	int rc;

	question = *ask;
	question.cnt = 0;
	(void)fill(&question, entries);
	rc = exchange(&question, fd);
	if (rc != EXIT_SUCCESS)
		return rc;
	memcpy(&pong, question.got + WIRE_HEADER_BYTES, sizeof(pong));
	ask->engine_ns = pong.instant_ns;
	if (ask->sale == 0)
		ask->sale = (uint32_t)pong.order_id;
	return rc;
}

static int run(struct ask *ask, char **entries)
{
	const int fd = connect_to(ask);
	int rc = EXIT_SUCCESS;

	if (ask->again != NULL) {
		load(ask);
	} else if (fill(ask, entries)) {
		rc = ping(ask, fd);
		date(ask);
	}
	if (ask->record != NULL)
		keep(ask);
	if (rc == EXIT_SUCCESS)
		rc = ask->copies > 0 ? send_copies(ask, fd) : exchange(ask, fd);
	if (rc == EXIT_SUCCESS && ask->copies == 0)
		print_reply(ask);
	close(fd);
	return rc;
}

int main(int argc, char **argv)
{
	static struct ask ask = {.address = "127.0.0.1",
				 .port = WIRE_BASE_PORT,
				 .key_id = 1,
				 .timeout_ms = 10000,
				 .valid_ms = 10000};
	struct key_ring *ring = NULL;
	const struct key *key;
	struct error error;
	char **entries = read_flags(&ask, argv);

	if (argc < 2 || ask.keys == NULL || (*entries == NULL) != (ask.again != NULL))
		refuse("--keys and an entry are needed", "");
	if (keys_load(ask.keys, &ring, &error) != 0)
		refuse(error.text, ask.keys);
	key = keys_find(ring, ask.key_id);
	if (key == NULL)
		refuse("no such key id in", ask.keys);
	ask.key = *key;
	keys_free(ring);
	return run(&ask, entries);
}

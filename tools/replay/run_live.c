#include "tools/replay/run_live.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "net/client.h"
#include "net/keys.h"
#include "net/tag.h"
#include "tools/common/ask_engine.h"
#include "tools/common/cli.h"
#include "tools/common/transport_port.h"
#include "tools/replay/ahead.h"
#include "tools/replay/asked.h"
#include "tools/replay/compare.h"
#include "tools/replay/fresh.h"
#include "tools/replay/live_counts.h"
#include "tools/replay/pace.h"
#include "tools/replay/progress.h"
#include "tools/replay/reader.h"
#include "tools/replay/reading.h"
#include "tools/replay/report.h"
#include "tools/replay/report_files.h"

enum {
	RECEIVE_CNT = 64,
	RECEIVE_ON_TIME_CNT = 8,
	/* Datagrams of one call: where time counts, the last must not wait for many others. */
	BURST_ON_TIME_MAX = 16,
	BURST_FLAT_OUT_MAX = 64,
	/* 16 ms at 500,000 datagrams a second. */
	AHEAD_CNT = 8192,
	/* One to send, one for the engine, and one to read ahead. */
	CPUS_TO_READ_AHEAD = 3,
	/* With more time than this it sleeps; with less it spins. */
	SPIN_NS = 150000,
	SLEEP_US_MAX = 100000,
	/* How long the engine is asked for its sale and clock. */
	ASK_MS = 5000,
};

static const uint64_t NS_PER_US = 1000;
static const uint64_t NS_PER_MS = 1000000;
static const uint64_t NS_PER_S = 1000000000;
static const uint64_t PATIENCE_NS = UINT64_C(5000000000);
/* How long a request that names an order waits for the answer that tells its id: a round trip, and
 * rather late than about another order. */
static const uint64_t ORDER_WAIT_NS = UINT64_C(200000000);
/* A pause in the capture that is reported. */
static const uint64_t PAUSE_TOLD_NS = UINT64_C(10000000000);

struct live {
	const struct replay_options *options;
	struct key_ring *keys;
	struct key_ring *captured_keys;
	struct reader *reader;
	struct ahead *ahead;
	struct compare *compare;
	struct asked *asked;
	struct client_transport *transport;
	struct pace pace;
	struct fresh fresh; /* with keys */
	struct engine_clock clock;
	uint32_t fresh_cnt; /* of the datagrams that are next: made new */
	struct progress progress;
	struct live_counts counts;
	uint64_t heard_ns;   /* when the last reply came */
	uint64_t sent_bytes; /* of the capture */
	uint64_t refused_ns; /* since when nothing was taken; 0: the last one was */
	uint64_t waits_ns;   /* since when the next request waits for its order; 0: it does not */
	uint64_t told_ns;    /* the instant of the last pause that was reported */
	struct client_packet received[RECEIVE_CNT];
	uint8_t room[RECEIVE_CNT][WIRE_DATAGRAM_BYTES_MAX];
	struct error error;
};

/* Whether it has the form of a reply and, where we have keys, the right tag. */
static bool is_reply(const struct live *live, const struct client_packet *packet)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;
	const struct key *key;

	if (packet->len < WIRE_DATAGRAM_BYTES_MIN || header->magic != WIRE_MAGIC ||
	    header->kind != WIRE_KIND_REPLY || header->count == 0 ||
	    header->count > WIRE_ENTRY_CNT_MAX || packet->len != wire_bytes(packet->bytes))
		return false;
	if (live->keys == NULL)
		return true;
	key = keys_find(live->keys, header->key_id);
	return key != NULL && tag_verify(packet->bytes, packet->len, key->bytes);
}

static void take_reply(struct live *live, const struct client_packet *packet)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;
	const struct wire_reply *replies =
		(const struct wire_reply *)(packet->bytes + WIRE_HEADER_BYTES);
	const uint8_t *ops;

	if (!is_reply(live, packet)) {
		live->counts.received_bad++;
		return;
	}
	live->counts.received++;
	ops = asked_find(live->asked, packet->shard, packet->bytes);
	if (wire_is_dated(packet->bytes))
		engine_clock_hear(&live->clock, live->heard_ns,
				  wire_date_of(packet->bytes).issued_at_ns, 0);
	for (uint32_t i = 0; i < header->count; i++) {
		const uint8_t verdict = replies[i].verdict < VERDICT_END ? replies[i].verdict : 0;

		live->counts.verdicts[verdict]++;
		live->counts.by_op[ops != NULL ? ops[i] : 0][verdict]++;
	}
	compare_add(live->compare, COMPARE_NEW, packet->shard, packet->bytes, ops);
}

/* Receives some replies that are there, or come within wait_us. 0 or -errno. */
static int receive(struct live *live, int most, uint32_t wait_us)
{
	const int got = live->transport->receive(live->transport, live->received, most, wait_us);

	if (got > 0)
		live->heard_ns = clock_now_ns();
	for (int i = 0; i < got; i++)
		take_reply(live, &live->received[i]);
	return got < 0 ? got : 0;
}

/* The next request. Captured replies before it are only compared. */
static struct ahead_item *next_request(struct live *live, bool *ended)
{
	struct ahead_item *item;

	while ((item = ahead_peek(live->ahead, ended)) != NULL && item->kind == CAPTURED_REPLY) {
		compare_add(live->compare, COMPARE_CAPTURED, item->shard, item->datagram, NULL);
		ahead_pop(live->ahead, 1);
	}
	return item;
}

/* Whether the idx-th that is next names no order of which the answer is still to come. */
static bool knows_orders(const struct live *live, uint32_t idx)
{
	return live->keys == NULL || idx < live->fresh_cnt ||
	       order_map_ready(compare_orders(live->compare),
			       ahead_peek_at(live->ahead, idx)->datagram);
}

/* The same for one that is due: it waits only so long, and only as the first of all. */
static bool may_leave(struct live *live, uint32_t idx, uint64_t now_ns)
{
	if (knows_orders(live, idx)) {
		live->waits_ns = idx == 0 ? 0 : live->waits_ns;
		return true;
	}
	if (idx > 0)
		return false;
	if (live->waits_ns == 0) {
		live->waits_ns = now_ns;
		live->counts.waited++;
	}
	return now_ns - live->waits_ns >= ORDER_WAIT_NS;
}

/* The idx-th that is next, which leaves at due_ns, is made new: about the orders of this sale,
 * dated and signed. What was recorded cannot be changed without a key. */
static void make_fresh(struct live *live, uint32_t idx, uint64_t due_ns)
{
	if (live->keys == NULL || idx < live->fresh_cnt)
		return;
	order_map_apply(compare_orders(live->compare), ahead_peek_at(live->ahead, idx)->datagram);
	fresh_request(&live->fresh, ahead_peek_at(live->ahead, idx),
		      engine_clock_now(&live->clock, due_ns));
	live->fresh_cnt = idx + 1;
}

/* Requests in a row that are due, at most burst_max. */
static int collect(struct live *live, uint64_t now_ns, struct client_packet *packets,
		   uint64_t *due_ns, int burst_max)
{
	struct pace pace = live->pace;
	struct ahead_item *item;
	int cnt = 0;

	while (cnt < burst_max && (item = ahead_peek_at(live->ahead, (uint32_t)cnt)) != NULL &&
	       item->kind == CAPTURED_REQUEST) {
		due_ns[cnt] = pace_due_ns(&pace, item->at_ns);
		if (due_ns[cnt] > now_ns || !may_leave(live, (uint32_t)cnt, now_ns))
			break;
		make_fresh(live, (uint32_t)cnt, now_ns);
		packets[cnt] = (struct client_packet){
			.bytes = item->datagram, .len = item->bytes, .shard = item->shard};
		pace_sent(&pace, due_ns[cnt], wire_count(item->datagram));
		cnt++;
	}
	return cnt;
}

/* Nothing was taken. 0, or -errno after PATIENCE_NS without any. */
static int be_refused(struct live *live, uint64_t now_ns)
{
	const int why = errno != 0 && errno != EAGAIN ? errno : ETIMEDOUT;

	live->counts.send_refused++;
	if (live->refused_ns == 0)
		live->refused_ns = now_ns;
	if (now_ns - live->refused_ns < PATIENCE_NS)
		return 0;
	return error_say(&live->error, -why, "nothing was taken for %u s",
			 (unsigned)(PATIENCE_NS / NS_PER_S));
}

/* Sends what is due. How many, or -errno. */
static int send_due(struct live *live, uint64_t now_ns)
{
	const bool flat_out = live->pace.kind == PACE_FLAT_OUT;
	struct client_packet packets[BURST_FLAT_OUT_MAX];
	uint64_t due_ns[BURST_FLAT_OUT_MAX];
	uint64_t after_ns;
	int sent;
	const int cnt = collect(live, now_ns, packets, due_ns,
				flat_out ? BURST_FLAT_OUT_MAX : BURST_ON_TIME_MAX);

	if (cnt == 0)
		return 0;
	errno = 0;
	sent = live->transport->send(live->transport, packets, cnt);
	if (sent == -EMSGSIZE)
		return error_say(&live->error, sent,
				 "the path carries datagrams of at most %" PRIu32
				 " bytes, and the next of the capture has %" PRIu32
				 "; recorded datagrams cannot be split, and the engine drops "
				 "fragments: replay from a machine whose path carries 1,500 bytes",
				 live->transport->path_bytes(live->transport), packets[0].len);
	if (sent <= 0)
		return sent < 0 ? sent : be_refused(live, now_ns);
	live->refused_ns = 0;
	live->counts.send_refused += sent < cnt;
	after_ns = clock_now_ns();
	for (int i = 0; i < cnt && i < sent; i++) {
		const uint32_t entries = wire_count(packets[i].bytes);

		if (!flat_out)
			histogram_add(&live->counts.late_ns, after_ns - due_ns[i]);
		pace_sent(&live->pace, due_ns[i], entries);
		asked_put(live->asked, packets[i].shard, packets[i].bytes);
		live->counts.sent++;
		live->counts.sent_requests += entries;
		live->sent_bytes = ahead_peek_at(live->ahead, 0)->done_bytes;
		ahead_pop(live->ahead, 1);
		live->fresh_cnt -= live->fresh_cnt > 0;
	}
	live->counts.took_ns = after_ns - live->pace.begin_ns;
	return sent;
}

static void tell_progress(struct live *live)
{
	uint64_t read_bytes;
	uint64_t total_bytes;

	/* Datagrams that were read ahead are not sent yet; packets that were passed over are done.
	 */
	reader_progress(live->reader, &read_bytes, &total_bytes);
	progress_tell(&live->progress,
		      ahead_peek_at(live->ahead, 0) != NULL ? live->sent_bytes : read_bytes,
		      total_bytes, live->counts.sent_requests);
}

/* How long nothing is due: in us, 0 if that is too short to sleep. */
static uint32_t idle_us(const struct live *live, const struct ahead_item *item, uint64_t now_ns)
{
	uint64_t due_ns;
	uint64_t us;

	if (item == NULL)
		return 0;
	due_ns = pace_due_ns(&live->pace, item->at_ns);
	if (due_ns <= now_ns + SPIN_NS)
		return 0;
	us = (due_ns - now_ns - SPIN_NS) / NS_PER_US;
	return us < SLEEP_US_MAX ? (uint32_t)us : SLEEP_US_MAX;
}

/* Reports a long pause, so that nobody thinks it is a fault. */
static void tell_pause(struct live *live, const struct ahead_item *item, uint64_t now_ns)
{
	const uint64_t due_ns = pace_due_ns(&live->pace, item->at_ns);

	if (due_ns < now_ns + PAUSE_TOLD_NS || live->told_ns == item->at_ns || live->options->quiet)
		return;
	live->told_ns = item->at_ns;
	progress_end(&live->progress);
	fprintf(stderr,
		"the capture pauses: packet %" PRIu64 " is due in %" PRIu64
		" s; with --max-gap S it would be passed over if that is a wrong clock\n",
		item->packet, (due_ns - now_ns) / NS_PER_S);
}

static uint64_t later(uint64_t one_ns, uint64_t other_ns)
{
	return one_ns > other_ns ? one_ns : other_ns;
}

/* Sends what is due; else receives replies and reads the capture. 0 or -errno. */
static int turn(struct live *live, const struct ahead_item *item)
{
	const bool flat_out = live->pace.kind == PACE_FLAT_OUT;
	const uint64_t now_ns = clock_now_ns();
	bool has_read;
	int sent = 0;

	if (item != NULL && live->pace.begin_ns == 0) {
		live->pace.begin_ns = now_ns;
		live->pace.first_at_ns = item->at_ns;
	}
	if (item != NULL)
		sent = send_due(live, now_ns);
	if (sent < 0)
		return sent;
	if (sent == 0 && item != NULL) {
		/* Signed before it is due, so that it leaves on time. */
		if (knows_orders(live, 0))
			make_fresh(live, 0, later(pace_due_ns(&live->pace, item->at_ns), now_ns));
		tell_pause(live, item, now_ns);
	}
	has_read = ahead_read(live->ahead);
	return receive(live, flat_out ? RECEIVE_CNT : RECEIVE_ON_TIME_CNT,
		       sent > 0 || has_read ? 0 : idle_us(live, item, now_ns));
}

/* Reads the first datagrams before time begins. */
static void fill_ahead(struct live *live)
{
	static const struct timespec pause = {.tv_nsec = 1000000};

	while (!progress_interrupted() && !ahead_is_ready(live->ahead)) {
		if (!ahead_read(live->ahead))
			nanosleep(&pause, NULL);
		tell_progress(live);
	}
}

/* Sends all of it. 0 or -errno. */
static int send_all(struct live *live)
{
	bool ended = false;

	fill_ahead(live);
	live->fresh.captured_sale = fresh_captured_sale(live->ahead, true);
	while (!progress_interrupted()) {
		const struct ahead_item *item = next_request(live, &ended);
		int rc;

		if (ended)
			return 0;
		rc = turn(live, item);
		if (rc < 0)
			return rc;
		tell_progress(live);
	}
	live->counts.interrupted = true;
	return 0;
}

/* Receives the last replies, until none has come for wait_ms. */
static int hear_out(struct live *live)
{
	const uint64_t wait_ns = live->options->wait_ms * NS_PER_MS;
	const bool polls = live->options->port.port != NULL;

	live->heard_ns = clock_now_ns();
	while (!progress_interrupted() && live->counts.received < live->counts.sent &&
	       clock_now_ns() < live->heard_ns + wait_ns) {
		const int rc = receive(live, RECEIVE_CNT, polls ? 0 : 10000);

		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Whether a thread reads ahead: if there is a CPU for it, and always with --flat-out. */
static bool reads_in_thread(const struct replay_options *options)
{
	return options->pace == PACE_FLAT_OUT || ahead_cpu_cnt() >= CPUS_TO_READ_AHEAD;
}

static bool open_transport(struct live *live)
{
	const struct replay_options *options = live->options;
	int rc;

	if (options->port.port != NULL)
		rc = transport_port_open(&live->transport, &options->port, &live->error);
	else
		rc = client_transport_udp(&live->transport, options->to, &live->error);
	if (rc == 0)
		live->transport->sends_once = true;
	return rc == 0 || cli_wrong("--to: %s", live->error.text);
}

/* Asks for the engine's sale and clock: this, and making requests new, needs its keys. */
static bool ask(struct live *live)
{
	const struct replay_options *options = live->options;
	const char *server = options->port.port != NULL ? options->port.server : options->to;
	struct engine_told told;

	if (live->keys == NULL)
		return true;
	if (ask_engine(live->transport, server, &live->keys->keys[live->fresh.fallback], ASK_MS,
		       &told, &live->error) != 0)
		return cli_wrong("--to: %s", live->error.text);
	live->fresh.keys = live->keys;
	live->fresh.sale = told.sale;
	live->clock = told.clock;
	return true;
}

static bool open_capture(struct live *live)
{
	const struct replay_options *options = live->options;
	int rc;

	if (options->keys != NULL && keys_load(options->keys, &live->keys, &live->error) != 0)
		return cli_wrong("--keys: %s", live->error.text);
	if (options->captured_keys != NULL &&
	    keys_load(options->captured_keys, &live->captured_keys, &live->error) != 0)
		return cli_wrong("--captured-keys: %s", live->error.text);
	if (options->key_id != UINT64_MAX) {
		const struct key *key = keys_find(live->keys, (uint32_t)options->key_id);

		if (key == NULL)
			return cli_wrong("--key-id: %s has no key %" PRIu64, options->keys,
					 options->key_id);
		live->fresh.fallback = (uint32_t)(key - live->keys->keys);
	}
	live->compare = compare_open(options->differences_max);
	live->asked = asked_open();
	if (live->compare == NULL || live->asked == NULL)
		return cli_wrong("no memory to compare replies");
	if (reader_open_source(&live->reader, &options->source, options->base_port, &live->error) !=
		    0 ||
	    reading_begin(live->reader, options, &live->error) != 0)
		return cli_wrong("%s", live->error.text);
	reader_end_when(live->reader, progress_interrupted);
	reader_verify(live->reader, live->captured_keys, true, true);
	/* Before the port's environment binds this thread to a core. */
	rc = ahead_open(&live->ahead,
			&(struct ahead_options){.reader = live->reader,
						.ring_cnt = AHEAD_CNT,
						.threaded = reads_in_thread(options)});
	return rc == 0 || cli_wrong("cannot read the capture ahead: %s", strerror(-rc));
}

static int result_of(const struct live *live)
{
	if (!files_have_instants(live->reader) || live->counts.interrupted ||
	    reader_damage(live->reader) != NULL)
		return CLI_EXIT_BAD;
	if (live->options->strict && !files_are_whole(live->reader))
		return CLI_EXIT_BAD;
	if (live->options->strict &&
	    !reading_is_whole(reader_counts(live->reader), live->options->capture))
		return CLI_EXIT_BAD;
	if (live->options->strict && !compare_same(live->compare))
		return CLI_EXIT_BAD;
	return CLI_EXIT_GOOD;
}

static void complain_empty(const struct live *live)
{
	char why[READING_WHY_BYTES];

	reading_why(reader_counts(live->reader), reader_damage(live->reader), why);
	cli_wrong("%s: no request to port %u and the following is in it: %s",
		  live->options->capture, live->options->base_port, why);
}

static int run(struct live *live)
{
	const struct replay_options *options = live->options;
	int rc;

	if (!open_capture(live) || !open_transport(live) || !ask(live))
		return CLI_EXIT_FAILED;
	for (unsigned i = 0; i < RECEIVE_CNT; i++)
		live->received[i].bytes = live->room[i];
	live->pace = (struct pace){
		.kind = options->pace, .speed = options->speed, .rate = options->rate};
	progress_begin(&live->progress, options->quiet);
	rc = send_all(live);
	if (rc == 0)
		rc = hear_out(live);
	progress_end(&live->progress);
	ahead_close(live->ahead);
	live->ahead = NULL;
	/* What was sent until then is reported all the same. */
	if (rc != 0)
		cli_wrong("--to %s: %s%s%s", options->to, live->error.text,
			  error_is_set(&live->error) ? ": " : "", strerror(-rc));
	if (live->counts.sent == 0 && !live->counts.interrupted) {
		if (rc != 0)
			return CLI_EXIT_FAILED;
		report_reading(live->reader, stdout);
		complain_empty(live);
		return CLI_EXIT_FAILED;
	}
	compare_finish(live->compare);
	if (options->port.port != NULL)
		live->counts.port_reopened_cnt = transport_port_reopened_cnt(live->transport);
	live->counts.captured_ns =
		reader_counts(live->reader)->last_ns - reader_counts(live->reader)->first_ns;
	(options->json ? report_live_json : report_live)(live->reader, &live->counts,
							 live->compare);
	return rc != 0 ? CLI_EXIT_FAILED : result_of(live);
}

int run_live(const struct replay_options *options)
{
	struct live *live = calloc(1, sizeof(*live));
	int rc;

	if (live == NULL) {
		cli_wrong("no memory");
		return CLI_EXIT_FAILED;
	}
	live->options = options;
	rc = run(live);
	ahead_close(live->ahead);
	if (live->transport != NULL)
		live->transport->close(live->transport);
	compare_close(live->compare);
	asked_close(live->asked);
	reader_close(live->reader);
	keys_free(live->keys);
	keys_free(live->captured_keys);
	free(live);
	return rc;
}

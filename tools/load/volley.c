#include "tools/load/volley.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "net/tag.h"
#include "tools/load/drive.h"
#include "tools/load/progress.h"

enum {
	BURST_CNT = 64,
	/* How long a closed loop whose window is full may sleep. */
	WAIT_US = 1000,
	/* Turns between two looks at the progress bar. */
	TURNS_PER_LOOK = 1024,
};
static_assert((int)BURST_CNT <= (int)TAG_BURST_MAX, "checked at once");

enum state {
	STATE_UNSENT,
	STATE_OUT,
	STATE_GIVEN_UP, /* no longer counted as out, but taken if it comes */
	STATE_ANSWERED,
};

struct run {
	const struct volley_options *options;
	const struct prepared *prepared;
	struct volley *volley;
	struct tally *tally;
	uint64_t begin_ns;
	uint64_t heard_ns; /* the last reply, or sending */
	uint32_t next;     /* to be sent */
	uint32_t out_cnt;
	uint64_t *from_ns; /* [datagram_cnt]: what its latency counts from */
	uint8_t *state;
	uint8_t (*received)[WIRE_DATAGRAM_BYTES_MAX];
};

static struct volley_window *window_of(const struct run *run, uint64_t at_ns)
{
	uint64_t idx;

	if (run->options->window_ns == 0)
		return NULL;
	idx = (at_ns - run->begin_ns) / run->options->window_ns;
	if (idx >= VOLLEY_WINDOWS_MAX)
		idx = VOLLEY_WINDOWS_MAX - 1;
	if (idx >= run->volley->window_cnt)
		run->volley->window_cnt = (uint32_t)idx + 1;
	return &run->volley->windows[idx];
}

/* How many are due, or have room in the window; at most a burst. */
static uint32_t due_cnt(const struct run *run, uint64_t now_ns)
{
	const uint64_t *due_ns = run->options->due_ns;
	uint32_t max = run->prepared->datagram_cnt - run->next;
	uint32_t cnt = 0;

	max = max < BURST_CNT ? max : BURST_CNT;
	if (due_ns == NULL) {
		const uint32_t room = run->options->in_flight - run->out_cnt;

		return room < max ? room : max;
	}
	while (cnt < max && run->begin_ns + due_ns[run->next + cnt] <= now_ns)
		cnt++;
	return cnt;
}

/* A datagram has left, or was dropped because the port's queue was full. */
static void note_sending(struct run *run, uint32_t idx, bool sent, uint64_t now_ns)
{
	const struct prepared_datagram *datagram = &run->prepared->datagrams[idx];
	const uint64_t *due_ns = run->options->due_ns;
	const uint64_t from_ns = due_ns != NULL ? run->begin_ns + due_ns[idx] : now_ns;
	struct volley_window *window = window_of(run, from_ns);

	run->from_ns[idx] = from_ns;
	run->volley->requests_offered += datagram->request_cnt;
	if (window != NULL)
		window->offered += datagram->request_cnt;
	if (!sent) {
		run->volley->requests_refused += datagram->request_cnt;
		return;
	}
	run->state[idx] = STATE_OUT;
	run->volley->datagrams_sent++;
	run->volley->requests_sent += datagram->request_cnt;
	if (!datagram->silent) {
		run->volley->requests_lost += datagram->request_cnt; /* until it is answered */
		run->out_cnt++;
	}
	histogram_add(&run->volley->late_ns, now_ns - from_ns);
}

static int send_due(struct run *run, uint64_t now_ns)
{
	const bool open = run->options->due_ns != NULL;
	struct client_packet packets[BURST_CNT];
	const uint32_t cnt = due_cnt(run, now_ns);
	int sent;

	if (cnt == 0)
		return 0;
	for (uint32_t i = 0; i < cnt; i++) {
		packets[i] = (struct client_packet){
			.bytes = prepared_bytes(run->prepared, run->next + i),
			.len = prepared_len(run->prepared, run->next + i),
			.shard = run->prepared->datagrams[run->next + i].shard,
		};
	}
	sent = run->options->transport->send(run->options->transport, packets, (int)cnt);
	if (sent < 0)
		return sent;
	for (uint32_t i = 0; i < (open ? cnt : (uint32_t)sent); i++)
		note_sending(run, run->next + i, i < (uint32_t)sent, now_ns);
	run->next += open ? cnt : (uint32_t)sent;
	if (sent > 0) {
		run->heard_ns = now_ns;
		run->volley->offered_ns = now_ns - run->begin_ns;
	}
	return 0;
}

/* Whether a reply's ids are those of its datagram. */
static bool same_ids(const uint8_t *reply, const uint8_t *request, unsigned cnt)
{
	const struct wire_reply *replies = (const struct wire_reply *)(reply + WIRE_HEADER_BYTES);
	const struct wire_request *requests =
		(const struct wire_request *)(request + WIRE_HEADER_BYTES);
	uint64_t differ = 0;

	for (unsigned i = 0; i < cnt; i++)
		differ |= (replies[i].id[0] ^ requests[i].id[0]) |
			  (replies[i].id[1] ^ requests[i].id[1]);
	return differ == 0;
}

/* The datagram that this is the reply to, but for its tag; UINT32_MAX: none. */
static uint32_t match(const struct run *run, const struct client_packet *packet)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;
	const struct key *key = run->options->key;
	const struct prepared_datagram *datagram;
	uint32_t idx;

	if (packet->len < WIRE_DATAGRAM_BYTES_MIN)
		return UINT32_MAX;
	idx = prepared_of_echo(run->prepared, header->echo);
	if (idx == UINT32_MAX || packet->len != prepared_len(run->prepared, idx))
		return UINT32_MAX;
	datagram = &run->prepared->datagrams[idx];
	if (key == NULL)
		return memcmp(packet->bytes, prepared_bytes(run->prepared, idx), packet->len) == 0
			       ? idx
			       : UINT32_MAX;
	if (header->magic != WIRE_MAGIC || header->version != WIRE_VERSION ||
	    header->kind != WIRE_KIND_REPLY || header->count != datagram->request_cnt ||
	    header->key_id != key->id || header->shard != datagram->shard ||
	    !same_ids(packet->bytes, prepared_bytes(run->prepared, idx), datagram->request_cnt))
		return UINT32_MAX;
	return idx;
}

static void note_windows(struct run *run, uint32_t idx, uint64_t now_ns)
{
	struct volley_window *window = window_of(run, now_ns);

	if (window == NULL)
		return;
	window->served += run->prepared->datagrams[idx].request_cnt;
	window = window_of(run, run->from_ns[idx]);
	if (now_ns - run->from_ns[idx] > window->worst_ns)
		window->worst_ns = now_ns - run->from_ns[idx];
}

/* The reply to a datagram, all but whether it is the first one checked. */
static void take_reply(struct run *run, uint32_t idx, const uint8_t *bytes, uint64_t now_ns)
{
	const struct prepared_datagram *datagram = &run->prepared->datagrams[idx];
	const struct wire_reply *replies = (const struct wire_reply *)(bytes + WIRE_HEADER_BYTES);
	const uint64_t latency_ns = now_ns - run->from_ns[idx];
	const bool out = run->state[idx] == STATE_OUT;

	if (!out && run->state[idx] != STATE_GIVEN_UP) {
		run->volley->replies_unmatched++;
		return;
	}
	run->state[idx] = STATE_ANSWERED;
	run->volley->datagrams_answered++;
	if (!datagram->silent) {
		run->volley->requests_lost -= datagram->request_cnt;
		run->out_cnt -= out;
	}
	note_windows(run, idx, now_ns);
	if (run->options->key == NULL) {
		run->tally->answered++;
		histogram_add(&run->tally->latency_ns, latency_ns);
		return;
	}
	histogram_add_many(&run->tally->latency_ns, latency_ns, datagram->request_cnt);
	for (unsigned i = 0; i < datagram->request_cnt; i++)
		tally_reply(run->tally, run->prepared->requests[datagram->first_request + i],
			    &replies[i]);
}

/* Of cnt packets those that are replies to ours; their tags are checked together. */
static void take_burst(struct run *run, const struct client_packet *packets, uint32_t cnt,
		       uint64_t now_ns)
{
	const struct key *key = run->options->key;
	struct tag_job jobs[BURST_CNT];
	uint32_t idxs[BURST_CNT];
	uint32_t kept = 0;
	uint64_t right;

	for (uint32_t i = 0; i < cnt; i++) {
		idxs[kept] = match(run, &packets[i]);
		if (idxs[kept] == UINT32_MAX) {
			run->volley->replies_unmatched++;
			continue;
		}
		jobs[kept++] = (struct tag_job){packets[i].bytes, key != NULL ? key->bytes : NULL,
						packets[i].len};
	}
	right = key != NULL ? tag_verify_burst(jobs, kept) : UINT64_MAX;
	for (uint32_t i = 0; i < kept; i++) {
		if ((right >> i & 1) != 0)
			take_reply(run, idxs[i], jobs[i].datagram, now_ns);
		else
			run->volley->replies_bad_tag++;
	}
}

static int receive_some(struct run *run, uint32_t wait_us)
{
	struct client_packet packets[BURST_CNT];
	uint64_t now_ns;
	int cnt;

	for (unsigned i = 0; i < BURST_CNT; i++)
		packets[i].bytes = run->received[i];
	cnt = run->options->transport->receive(run->options->transport, packets, BURST_CNT,
					       wait_us);
	if (cnt <= 0)
		return cnt;
	now_ns = clock_now_ns();
	take_burst(run, packets, (uint32_t)cnt, now_ns);
	run->heard_ns = now_ns;
	run->volley->elapsed_ns = now_ns - run->begin_ns;
	return cnt;
}

/* Turns that found nothing to do, up to the next one that did: after the last there is no load. */
struct idling {
	bool idle;
	uint64_t since_ns;
};

/* The turn that began at began_ns has ended. */
static void note_turn(struct run *run, struct idling *idling, uint64_t began_ns, bool idle)
{
	if (idle && !idling->idle)
		idling->since_ns = began_ns;
	if (!idle && idling->idle)
		run->volley->idle_ns += began_ns - idling->since_ns;
	idling->idle = idle;
}

/* No reply came for long: datagrams that are out no longer fill the window. */
static void give_up(struct run *run)
{
	for (uint32_t idx = 0; idx < run->next; idx++) {
		if (run->state[idx] == STATE_OUT)
			run->state[idx] = STATE_GIVEN_UP;
	}
	run->out_cnt = 0;
}

static int run_all(struct run *run)
{
	const bool open = run->options->due_ns != NULL;
	const uint32_t total = run->prepared->datagram_cnt;
	struct idling idling = {0};
	uint32_t turn = 0;
	int rc = 0;

	while (rc >= 0 && !drive_stop && (run->next < total || run->out_cnt > 0)) {
		const uint64_t now_ns = clock_now_ns();
		const bool full = !open && run->out_cnt >= run->options->in_flight;
		const uint32_t next = run->next;

		if (run->out_cnt > 0 && now_ns > run->heard_ns + run->options->patience_ns)
			give_up(run);
		rc = send_due(run, now_ns);
		if (rc >= 0)
			rc = receive_some(run, full ? WAIT_US : 0);
		note_turn(run, &idling, now_ns, rc == 0 && run->next == next);
		if (++turn % TURNS_PER_LOOK == 0)
			load_progress(run->tally, run->next, total, now_ns - run->begin_ns);
	}
	return rc < 0 ? rc : 0;
}

/* Listens long enough to notice an answer to a datagram that must not be answered. */
static int listen_on(struct run *run)
{
	static const uint64_t LISTEN_NS = 100000000;
	const uint64_t until_ns = clock_now_ns() + LISTEN_NS;
	int rc = 0;

	while (rc >= 0 && run->prepared->silent_cnt > 0 && !drive_stop && clock_now_ns() < until_ns)
		rc = receive_some(run, WAIT_US);
	return rc < 0 ? rc : 0;
}

int volley_run(struct volley *volley, const struct volley_options *options, struct tally *tally)
{
	const uint32_t cnt = options->prepared->datagram_cnt;
	struct run run = {
		.options = options,
		.prepared = options->prepared,
		.volley = volley,
		.tally = tally,
		.from_ns = malloc(cnt * sizeof(*run.from_ns)),
		.state = calloc(cnt, sizeof(*run.state)),
		.received = calloc(BURST_CNT, sizeof(*run.received)),
	};
	int rc = -ENOMEM;

	*volley = (struct volley){0};
	if (run.from_ns != NULL && run.state != NULL && run.received != NULL) {
		/* Touched before the run. */
		memset(run.from_ns, 0, cnt * sizeof(*run.from_ns));
		memset(run.state, STATE_UNSENT, cnt * sizeof(*run.state));
		load_progress_begin();
		run.begin_ns = run.heard_ns = clock_now_ns();
		rc = run_all(&run);
		if (rc == 0)
			rc = listen_on(&run);
		load_progress_end();
		volley->stopped = drive_stop != 0;
	}
	free(run.from_ns);
	free(run.state);
	free(run.received);
	return rc;
}

#include "tests/sim/turns.h"

#include <string.h>

#include "engine/base/check.h"
#include "engine/lane/baskets.h"
#include "engine/worker/mailbox.h"
#include "tests/sim/sim_calls.h"
#include "tests/sim/sim_task.h"

enum {
	/* The other work takes longer than the worker's turn. */
	TURN_NS_MAX = 60000000,
	/* A block that no answer waits for is held back for some of these. */
	QUICK_TURN_NS_MAX = MEMORY_LINGER_NS / 4,
	THREAD_RESUMES_MAX = 6,
	MAIL_LATE = 300, /* per mille of the looks for mail that find none yet */
};
/* So this host never has to drop anything. */
static_assert((int)BACKLOG_MAX >= (int)BUYERS_PARCELS_MAX, "a lane's parcels fit its backlog");

static void count(struct sim_engine *engine, enum tally_row row)
{
	engine->tally->cnt[row]++;
}

static bool has_room(void *host, const struct exchange *exchange)
{
	struct sim_engine *engine = host;

	(void)exchange;
	if (engine->process.dead || engine->reply_cnt == ENGINE_REPLIES_MAX)
		return false;
	if (!random_chance(engine->random, engine->fs.faults.tx_full))
		return true;
	count(engine, TALLY_TX_FULL);
	return false;
}

static void reply(void *host, const struct exchange *exchange)
{
	struct sim_engine *engine = host;

	CHECK(!engine->process.dead && engine->reply_cnt < ENGINE_REPLIES_MAX);
	engine->replies[engine->reply_cnt++] = exchange;
}

/* Whether the answer waited for other lanes. */
static bool was_parked(const struct sim_lane *lane, const struct exchange *exchange)
{
	const struct lane_baskets *baskets = lane->lane->baskets;

	return baskets != NULL && (uintptr_t)exchange >= (uintptr_t)baskets->parked &&
	       (uintptr_t)exchange < (uintptr_t)(baskets->parked + BASKETS_MAX);
}

/* Decisions are made in the order of arrival. So answers that leave at once are in that order, and
 * so are those that wait for the lane's own disk. */
static void check_order(struct sim_lane *lane, const struct exchange *exchange)
{
	const struct parcel *parcel = exchange->packet;
	uint64_t *last = exchange->lsn == 0 ? &lane->last_at_once : &lane->last_released;

	if (was_parked(lane, exchange))
		return;
	CHECK(parcel->arrival > *last);
	*last = parcel->arrival;
}

void turns_check_clock(struct sim_engine *engine, struct sim_lane *lane, uint64_t mono_ns)
{
	lane->expected_clock_ns =
		sim_clock_expected(&engine->clock, mono_ns, lane->expected_clock_ns);
	CHECK(lane->lane->clock_ns == lane->expected_clock_ns);
}

static void take_to_buyers(struct sim_engine *engine, const struct exchange *exchange)
{
	struct sim_lane *lane = &engine->lanes[exchange->lane_idx];
	struct parcel *parcel = exchange->packet;
	const int error = journal_error(lane->lane->journal);

	check_order(lane, exchange);
	turns_check_clock(engine, lane, engine->turns[engine->worker].monotonic_ns);
	parcel->parked = was_parked(lane, exchange);
	parcel->answered = parcel->parked ? engine->arrival_cnt : parcel->arrival;
	for (unsigned i = 0; i < engine->lane_cnt && error == 0; i++) {
		if (journal_error(engine->lanes[i].lane->journal) != 0)
			count(engine, TALLY_BESIDE_FAILED);
	}
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		struct sim_lane *any = &engine->lanes[i];

		any->buyers.settled =
			journal_next_lsn(any->lane->journal) == any->truth.written_lsn + 1;
		any->buyers.failed = journal_error(any->lane->journal) != 0;
		/* What it could not write before it ended, the next start finds out. */
		any->buyers.ends = any->lane->draining;
	}
	buyers_told(&lane->buyers, parcel, !engine->disk.rotten);
}

static void flush(void *host, enum lane_turn_stage stage)
{
	struct sim_engine *engine = host;

	(void)stage;
	for (unsigned i = 0; i < engine->reply_cnt; i++)
		take_to_buyers(engine, engine->replies[i]);
	engine->reply_cnt = 0;
}

static void drop(void *host, const struct exchange *exchange)
{
	(void)host;
	(void)exchange;
	CHECK(!"a backlog that has no room for all that came");
}

/* A mail of some other worker; some take their time. */
static bool take(void *host, struct mail *mail)
{
	struct sim_engine *engine = host;
	const unsigned first = (unsigned)random_below(engine->random, engine->worker_cnt);

	if (random_chance(engine->random, MAIL_LATE)) {
		count(engine, TALLY_MAIL_LATE);
		return false;
	}
	for (unsigned i = 0; i < engine->worker_cnt; i++) {
		const unsigned from = (first + i) % engine->worker_cnt;

		if (from == engine->worker ||
		    !mailbox_take(engine->mailbox, (uint16_t)from, (uint16_t)engine->worker, mail))
			continue;
		count(engine, TALLY_MAILS);
		return true;
	}
	return false;
}

static void put_mail(void *host, uint16_t worker_idx, const struct mail *mail)
{
	struct sim_engine *engine = host;

	CHECK(!engine->process.dead);
	CHECK(mailbox_put(engine->mailbox, (uint16_t)engine->worker, worker_idx, mail));
}

static const struct lane_host_ops host_ops = {
	.has_room = has_room,
	.reply = reply,
	.flush = flush,
	.drop = drop,
	.take = take,
	.send = put_mail,
};

void turns_open(struct sim_engine *engine)
{
	static struct reply_queue reply_queues[SIM_LANES_MAX];
	static struct backlog backlogs[SIM_LANES_MAX];
	static struct commands *commands[SIM_LANES_MAX];

	for (unsigned i = 0; i < engine->worker_cnt; i++) {
		engine->turns[i] = (struct lane_turn){
			.ops = &host_ops,
			.host = engine,
			.lanes = engine->turned,
			.lane_first = (uint16_t)i,
			.lane_step = (uint16_t)engine->worker_cnt,
			.lane_cnt = (uint16_t)engine->lane_cnt,
			.disk = &engine->disk.rings[i].disk,
			.verdict_cnt = engine->verdicts,
		};
	}
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		engine->lanes[i].lane = &engine->turned[i];
		engine->turned[i].reply_queue = &reply_queues[i];
		engine->turned[i].backlog = &backlogs[i];
		if (commands[i] == NULL)
			CHECK(commands_open(&commands[i]) == 0);
		engine->turned[i].commands = commands[i];
	}
}

static struct lane_baskets *new_baskets(uint16_t lane_idx)
{
	static struct lane_baskets baskets[SIM_LANES_MAX];

	memset(&baskets[lane_idx], 0, sizeof(baskets[0]));
	lane_baskets_init(&baskets[lane_idx]);
	return &baskets[lane_idx];
}

void turns_begin_lane(struct sim_engine *engine, struct sim_lane *lane)
{
	struct reply_queue *reply_queue = lane->lane->reply_queue;
	struct backlog *backlog = lane->lane->backlog;
	struct commands *commands = commands_init(lane->lane->commands);

	lane->buyers.was_full = false;
	reply_queue->head = reply_queue->tail;
	backlog->head = backlog->tail;
	*lane->lane = (struct lane){
		.idx = lane->buyers.lane,
		.reply_queue = reply_queue,
		.backlog = backlog,
		.commands = commands,
		.ack = engine->ack_memory ? ACK_MEMORY : ACK_DURABLE,
		.condition = LANE_SELLING,
		.sale = wire_sale_of(engine->dir.journal_id),
		.undated_refused = engine->undated_refused,
		.baskets = new_baskets(lane->buyers.lane),
	};
	if (engine->lane_cnt == 1)
		lane->lane->baskets = NULL;
}

void turns_begin_workers(struct sim_engine *engine)
{
	static struct post posts[SIM_LANES_MAX];

	mailbox_close(engine->mailbox);
	CHECK(mailbox_open(&engine->mailbox, (uint16_t)engine->worker_cnt) == 0);
	memset(posts, 0, sizeof(posts));
	for (unsigned i = 0; i < engine->worker_cnt; i++)
		engine->turns[i].post = engine->lane_cnt > 1 ? &posts[i] : NULL;
}

static void begin(struct sim_engine *engine)
{
	const uint64_t mono_ns = engine->fs.mono_ns;

	lane_turn_begin(&engine->turns[engine->worker], wall_now_ns(&engine->clock.now, mono_ns),
			mono_ns);
}

static void run_thread(struct sim_engine *engine)
{
	struct sim_task *thread = sim_calls_thread();

	if (random_chance(engine->random, engine->fs.faults.late_segment)) {
		count(engine, TALLY_LATE_SEGMENT);
		return;
	}
	for (uint64_t i = random_below(engine->random, THREAD_RESUMES_MAX); i > 0; i--)
		(void)sim_task_resume(thread);
}

/* What happens between two turns. */
static void time_goes_by(struct sim_engine *engine)
{
	if (engine->process.dead)
		return;
	sim_disk_tick(&engine->disk);
	engine->fs.mono_ns +=
		random_below(engine->random,
			     random_chance(engine->random, 500) ? TURN_NS_MAX : QUICK_TURN_NS_MAX);
	engine->fs.full_turns -= engine->fs.full_turns > 0;
	run_thread(engine);
}

/* What came becomes the batch, as far as there is room; the rest waits in the port. */
static void take_burst(struct sim_engine *engine)
{
	struct lane_turn *turn = &engine->turns[engine->worker];
	struct lane_batch *batch = &turn->batch;
	unsigned left = 0;

	if (!lane_turn_has_room(turn))
		return;
	for (unsigned n = 0; n < engine->inbox_cnt; n++) {
		const struct sim_arrival *arrival = &engine->inbox[n];
		uint8_t *datagram = arrival->parcel->datagram;

		if (arrival->lane_idx % engine->worker_cnt != engine->worker ||
		    batch->cnt == RX_BURST_MAX) {
			engine->inbox[left++] = *arrival;
			continue;
		}
		arrival->parcel->arrival = ++engine->arrival_cnt;
		for (unsigned i = 0; i < engine->lane_cnt; i++)
			arrival->parcel->lsn[i] =
				journal_next_lsn(engine->lanes[i].lane->journal) - 1;
		batch->exchanges[batch->cnt] = (struct exchange){
			.packet = arrival->parcel,
			.frame = datagram,
			.at_ns = turn->wall_ns,
			.view.payload_bytes = (uint16_t)wire_bytes(datagram),
			.lane_idx = arrival->lane_idx,
		};
		lane_turn_add(turn);
	}
	engine->inbox_cnt = left;
}

static void check_lanes(struct sim_engine *engine)
{
	for (unsigned i = engine->worker; i < engine->lane_cnt; i += engine->worker_cnt) {
		struct sim_lane *lane = &engine->lanes[i];
		const bool failed = journal_error(lane->lane->journal) != 0;

		turns_check_clock(engine, lane, engine->turns[engine->worker].monotonic_ns);
		CHECK((lane_condition(lane->lane) == LANE_FAILED) == failed);
		CHECK(failed || lane->lane->error == 0);
		CHECK(shard_check(lane->lane->shard, &lane->lane->check_cursor, ENGINE_OFFERS_MAX));
		if (failed || lane->lane->draining)
			continue;
		if (journal_has_room(lane->lane->journal, 1))
			truth_tended(&lane->truth, lane->lane->clock_ns,
				     journal_next_lsn(lane->lane->journal) - 1);
		else
			count(engine, TALLY_NO_ROOM_TO_END);
	}
}

/* A lane without space gives up on what was decided elsewhere, until it has some. */
static void note_full(struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		engine->lanes[i].buyers.was_full |= journal_is_full(engine->lanes[i].lane->journal);
}

/* The rest of a worker's turn, after what came was taken. */
static void finish_turn(struct sim_engine *engine)
{
	struct lane_turn *turn = &engine->turns[engine->worker];

	note_full(engine);
	lane_turn_decide(turn);
	lane_turn_write(turn);
	note_full(engine);
	if (engine->process.dead)
		return;
	lane_turn_release(turn);
	CHECK(engine->reply_cnt == 0);
	lane_turn_tend(turn);
	check_lanes(engine);
	for (unsigned i = engine->worker; i < engine->lane_cnt; i += engine->worker_cnt)
		operator_listen(engine, &engine->lanes[i]);
	time_goes_by(engine);
}

/* Workers take turns in any order, some more of them than others. */
static void run(struct sim_engine *engine, bool sells)
{
	const unsigned alone = engine->worker_cnt == 1;
	const unsigned cnt =
		alone ? 1
		      : engine->worker_cnt +
				(unsigned)random_below(engine->random, engine->worker_cnt);

	for (unsigned i = 0; i < cnt && !engine->process.dead; i++) {
		engine->worker =
			alone ? 0 : (unsigned)random_below(engine->random, engine->worker_cnt);
		begin(engine);
		if (sells)
			take_burst(engine);
		finish_turn(engine);
	}
}

void turns_start(struct sim_engine *engine)
{
	run(engine, false);
}

void turns_run(struct sim_engine *engine)
{
	run(engine, true);
}

bool turns_all_done(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->worker_cnt; i++) {
		if (!lane_turn_all_done(&engine->turns[i]))
			return false;
	}
	return true;
}

void turns_forget(struct sim_engine *engine)
{
	engine->inbox_cnt = 0;
	engine->reply_cnt = 0;
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		engine->lanes[i].last_at_once = 0;
		engine->lanes[i].last_released = 0;
	}
	engine->arrival_cnt = 0;
}

#include "tests/sim/turns.h"

#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/sim_calls.h"
#include "tests/sim/sim_task.h"

enum {
	/* The other work takes longer than the worker's turn. */
	TURN_NS_MAX = 60000000,
	/* A block that no answer waits for is held back for some of these. */
	QUICK_TURN_NS_MAX = MEMORY_LINGER_NS / 4,
	THREAD_RESUMES_MAX = 6,
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

/* Decisions are made in the order of arrival. So answers that leave at once are in that order, and
 * so are those that wait. */
static void check_order(struct sim_lane *lane, const struct exchange *exchange)
{
	const struct parcel *parcel = exchange->packet;
	uint64_t *last = exchange->lsn == 0 ? &lane->last_at_once : &lane->last_released;

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
	const int error = journal_error(lane->lane->journal);

	check_order(lane, exchange);
	turns_check_clock(engine, lane, engine->turn.monotonic_ns);
	for (unsigned i = 0; i < engine->lane_cnt && error == 0; i++) {
		if (journal_error(engine->lanes[i].lane->journal) != 0)
			count(engine, TALLY_BESIDE_FAILED);
	}
	lane->buyers.settled = journal_next_lsn(lane->lane->journal) == lane->truth.written_lsn + 1;
	buyers_told(&lane->buyers, exchange->packet, &lane->truth, !engine->disk.rotten,
		    error != 0);
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

static const struct lane_host_ops host_ops = {
	.has_room = has_room,
	.reply = reply,
	.flush = flush,
	.drop = drop,
};

void turns_open(struct sim_engine *engine)
{
	static struct reply_queue reply_queues[SIM_LANES_MAX];
	static struct backlog backlogs[SIM_LANES_MAX];
	static struct commands *commands[SIM_LANES_MAX];

	engine->turn = (struct lane_turn){
		.ops = &host_ops,
		.host = engine,
		.lanes = engine->turned,
		.lane_step = 1,
		.lane_cnt = (uint16_t)engine->lane_cnt,
		.disk = &engine->disk.disk,
		.verdict_cnt = engine->verdicts,
	};
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		engine->lanes[i].lane = &engine->turned[i];
		engine->turned[i].reply_queue = &reply_queues[i];
		engine->turned[i].backlog = &backlogs[i];
		if (commands[i] == NULL)
			CHECK(commands_open(&commands[i]) == 0);
		engine->turned[i].commands = commands[i];
	}
}

void turns_begin_lane(struct sim_engine *engine, struct sim_lane *lane)
{
	struct reply_queue *reply_queue = lane->lane->reply_queue;
	struct backlog *backlog = lane->lane->backlog;
	struct commands *commands = commands_init(lane->lane->commands);

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
	};
}

static void begin(struct sim_engine *engine)
{
	const uint64_t mono_ns = engine->fs.mono_ns;

	lane_turn_begin(&engine->turn, wall_now_ns(&engine->clock.now, mono_ns), mono_ns);
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
	struct lane_batch *batch = &engine->turn.batch;
	unsigned taken = 0;

	if (!lane_turn_has_room(&engine->turn))
		return;
	while (taken < engine->inbox_cnt && batch->cnt < RX_BURST_MAX) {
		const struct sim_arrival *arrival = &engine->inbox[taken++];
		uint8_t *datagram = arrival->parcel->datagram;

		arrival->parcel->arrival = ++engine->arrival_cnt;
		arrival->parcel->lsn =
			journal_next_lsn(engine->lanes[arrival->lane_idx].lane->journal) - 1;
		batch->exchanges[batch->cnt] = (struct exchange){
			.packet = arrival->parcel,
			.frame = datagram,
			.at_ns = engine->turn.wall_ns,
			.view.payload_bytes = (uint16_t)wire_bytes(datagram),
			.lane_idx = arrival->lane_idx,
		};
		lane_turn_add(&engine->turn);
	}
	engine->inbox_cnt -= taken;
	memmove(engine->inbox, engine->inbox + taken, engine->inbox_cnt * sizeof(engine->inbox[0]));
}

static void check_lanes(struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		struct sim_lane *lane = &engine->lanes[i];
		const bool failed = journal_error(lane->lane->journal) != 0;

		turns_check_clock(engine, lane, engine->turn.monotonic_ns);
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

/* The rest of a turn, after what came was taken. */
static void finish_turn(struct sim_engine *engine)
{
	struct lane_turn *turn = &engine->turn;

	lane_turn_decide(turn);
	lane_turn_write(turn);
	if (engine->process.dead)
		return;
	lane_turn_release(turn);
	CHECK(engine->reply_cnt == 0);
	lane_turn_tend(turn);
	check_lanes(engine);
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		operator_listen(engine, &engine->lanes[i]);
	time_goes_by(engine);
}

void turns_start(struct sim_engine *engine)
{
	begin(engine);
	finish_turn(engine);
}

void turns_run(struct sim_engine *engine)
{
	begin(engine);
	take_burst(engine);
	finish_turn(engine);
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

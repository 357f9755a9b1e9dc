/*
 * stress_rings: the queues between threads, with a thread at each end that goes as fast as it can.
 * Whatever was put arrives once, whole and in order, and no answer overtakes its record. Made with
 * a plain main, because Criterion does not start under ThreadSanitizer (MODE=tsan).
 *
 *   stress_rings [MESSAGES]    default: 1,000,000; exit code 1 and a line if a promise is broken
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "engine/base/spsc_ring.h"
#include "engine/lane/command.h"
#include "engine/worker/mailbox.h"

enum {
	RING_SLOTS = 64,
	/* Records that become durable behind the worker, as a disk does it: some at a time. */
	DURABLE_STRIDE = 7,
};

static uint64_t message_cnt = 1000000;

struct message {
	uint64_t number;
	uint64_t mixed[3]; /* of the number: a torn message is told */
};

static struct message message_of(uint64_t number)
{
	const uint64_t mixed = mix64(number);

	return (struct message){number, {mixed, ~mixed, mixed ^ number}};
}

static void check_message(const struct message *message, uint64_t number)
{
	CHECK(message->number == number);
	CHECK(message->mixed[0] == mix64(number));
	CHECK(message->mixed[1] == ~message->mixed[0]);
	CHECK(message->mixed[2] == (message->mixed[0] ^ number));
}

static void *put_into_ring(void *context)
{
	struct spsc_ring *ring = context;

	for (uint64_t i = 0; i < message_cnt;) {
		const struct message message = message_of(i);

		if (spsc_ring_put(ring, &message))
			i++;
		else
			sched_yield();
	}
	return NULL;
}

static void stress_ring(void)
{
	struct spsc_ring *ring = aligned_alloc(CACHE_LINE_BYTES,
					       spsc_ring_bytes(RING_SLOTS, sizeof(struct message)));
	pthread_t producer;

	CHECK(ring != NULL);
	spsc_ring_init(ring, RING_SLOTS, sizeof(struct message));
	CHECK(pthread_create(&producer, NULL, put_into_ring, ring) == 0);
	for (uint64_t i = 0; i < message_cnt;) {
		const struct message *first = spsc_ring_first(ring);

		if (first == NULL) {
			sched_yield();
			continue;
		}
		check_message(first, i++);
		spsc_ring_drop(ring);
	}
	CHECK(pthread_join(producer, NULL) == 0);
	CHECK(spsc_ring_first(ring) == NULL);
	free(ring);
}

/* A worker: takes what the other one puts, and puts as much. */
struct post {
	struct mailbox *mailbox;
	uint16_t self;
	uint16_t other;
};

static void *send_and_receive(void *context)
{
	const struct post *post = context;
	uint64_t sent = 0;
	uint64_t received = 0;

	while (sent < message_cnt || received < message_cnt) {
		struct mail mail = {.kind = (uint16_t)sent,
				    .lane_idx = post->other,
				    .from_lane_idx = post->self};
		const struct message message = message_of(sent);
		struct message got;

		memcpy(mail.text, &message, sizeof(message));
		if (sent < message_cnt &&
		    mailbox_put(post->mailbox, post->self, post->other, &mail))
			sent++;
		if (!mailbox_take(post->mailbox, post->other, post->self, &mail)) {
			sched_yield();
			continue;
		}
		CHECK(mail.kind == (uint16_t)received && mail.from_lane_idx == post->other);
		memcpy(&got, mail.text, sizeof(got));
		check_message(&got, received++);
	}
	return NULL;
}

static void stress_mailbox(void)
{
	struct mailbox *mailbox = NULL;
	pthread_t workers[2];

	CHECK(mailbox_open(&mailbox, 2) == 0);

	struct post posts[2] = {{mailbox, 0, 1}, {mailbox, 1, 0}};

	for (unsigned i = 0; i < 2; i++)
		CHECK(pthread_create(&workers[i], NULL, send_and_receive, &posts[i]) == 0);
	for (unsigned i = 0; i < 2; i++)
		CHECK(pthread_join(workers[i], NULL) == 0);
	mailbox_close(mailbox);
}

/* The lane's side: each command becomes a record, and some records at a time become durable. */
struct lane_side {
	struct commands *commands;
	_Atomic uint64_t durable_lsn;
};

static void *carry_out(void *context)
{
	struct lane_side *lane = context;
	uint64_t lsn = 0;

	while (lsn < message_cnt || commands_wait(lane->commands)) {
		const struct command *command = commands_first(lane->commands);
		const uint64_t durable_lsn = lsn == message_cnt ? lsn : lsn - lsn % DURABLE_STRIDE;

		if (command != NULL) {
			CHECK(command->number == lsn);
			CHECK(command->record.sku == mix64(lsn));
			commands_done(lane->commands, 0, ++lsn);
		} else {
			sched_yield();
		}
		/* First on disk, then answered. */
		atomic_store(&lane->durable_lsn, durable_lsn);
		commands_release(lane->commands, durable_lsn, 0);
	}
	return NULL;
}

static void stress_commands(void)
{
	struct lane_side lane = {0};
	struct command_answer answer;
	uint64_t sent = 0;
	uint64_t answered = 0;
	pthread_t worker;

	CHECK(commands_open(&lane.commands) == 0);
	CHECK(pthread_create(&worker, NULL, carry_out, &lane) == 0);
	while (answered < message_cnt) {
		const struct command command = {
			.number = sent,
			.verb = COMMAND_PUT_ON_SALE,
			.record = {.sku = mix64(sent)},
		};
		bool idle = true;

		if (sent < message_cnt && commands_send(lane.commands, &command)) {
			sent++;
			idle = false;
		}
		while (commands_answer(lane.commands, &answer)) {
			CHECK(answer.number == answered && answer.rc == 0);
			CHECK(answer.lsn == answered + 1);
			CHECK(answer.lsn <= atomic_load(&lane.durable_lsn));
			answered++;
			idle = false;
		}
		if (idle)
			sched_yield();
	}
	CHECK(pthread_join(worker, NULL) == 0);
	CHECK(!commands_answer(lane.commands, &answer));
	commands_close(lane.commands);
}

int main(int argc, char **argv)
{
	if (argc > 2 || (argc == 2 && (message_cnt = strtoull(argv[1], NULL, 10)) == 0)) {
		fprintf(stderr, "usage: stress_rings [MESSAGES]\n");
		return 2;
	}
	stress_ring();
	stress_mailbox();
	stress_commands();
	printf("%llu messages through each queue\n", (unsigned long long)message_cnt);
	return 0;
}

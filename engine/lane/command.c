#include "engine/lane/command.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/spsc_ring.h"

/* Carried out, and not yet answered: the worker's. */
struct done_command {
	uint64_t number;
	uint64_t lsn;
	int32_t rc;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): each thread's on lines of its own */
struct commands {
	struct spsc_ring *questions;
	struct spsc_ring *answers;
	uint64_t out_cnt; /* control thread: sent, and no answer taken */
	/* Worker. A ring by free-running positions, in the order they were carried out. */
	uint32_t done_head __attribute__((aligned(CACHE_LINE_BYTES)));
	uint32_t done_tail;
	struct done_command done[COMMANDS_MAX];
};
static_assert((COMMANDS_MAX & (COMMANDS_MAX - 1)) == 0, "indexed by mask");
static_assert(COMMANDS_PER_TURN_MAX <= COMMANDS_MAX, "what a turn carries out has been sent");
static_assert(offsetof(struct commands, done_head) % CACHE_LINE_BYTES == 0,
	      "two threads, two lines");

static struct spsc_ring *new_ring(uint32_t slot_bytes)
{
	struct spsc_ring *ring =
		aligned_alloc(CACHE_LINE_BYTES, spsc_ring_bytes(COMMANDS_MAX, slot_bytes));

	if (ring != NULL)
		spsc_ring_init(ring, COMMANDS_MAX, slot_bytes);
	return ring;
}

int commands_open(struct commands **out)
{
	const size_t bytes = (sizeof(struct commands) + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES *
			     CACHE_LINE_BYTES;
	struct commands *commands = aligned_alloc(CACHE_LINE_BYTES, bytes);

	if (commands == NULL)
		return -ENOMEM;
	*commands = (struct commands){
		.questions = new_ring(sizeof(struct command)),
		.answers = new_ring(sizeof(struct command_answer)),
	};
	if (commands->questions == NULL || commands->answers == NULL) {
		commands_close(commands);
		return -ENOMEM;
	}
	*out = commands;
	return 0;
}

void commands_close(struct commands *commands)
{
	if (commands == NULL)
		return;
	free(commands->questions);
	free(commands->answers);
	free(commands);
}

uint32_t commands_room(const struct commands *commands)
{
	DCHECK(commands->out_cnt <= COMMANDS_MAX);
	return (uint32_t)(COMMANDS_MAX - commands->out_cnt);
}

bool commands_send(struct commands *commands, const struct command *command)
{
	if (commands_room(commands) == 0)
		return false;
	CHECK(command->verb >= COMMAND_PUT_ON_SALE && command->verb <= COMMAND_ABANDON);
	/* No more are out than the ring has slots. */
	CHECK(spsc_ring_put(commands->questions, command));
	commands->out_cnt++;
	return true;
}

bool commands_answer(struct commands *commands, struct command_answer *answer)
{
	if (!spsc_ring_take(commands->answers, answer))
		return false;
	CHECK(commands->out_cnt > 0);
	commands->out_cnt--;
	return true;
}

const struct command *commands_first(struct commands *commands)
{
	return spsc_ring_first(commands->questions);
}

void commands_done(struct commands *commands, int rc, uint64_t lsn)
{
	const struct command *command = spsc_ring_first(commands->questions);
	struct done_command *done = &commands->done[commands->done_tail & (COMMANDS_MAX - 1)];

	CHECK(command != NULL);
	CHECK(rc <= 0 && lsn <= LSN_MAX);
	CHECK(commands->done_tail - commands->done_head < COMMANDS_MAX);
	*done = (struct done_command){.number = command->number, .lsn = lsn, .rc = rc};
	commands->done_tail++;
	spsc_ring_drop(commands->questions);
}

void commands_release(struct commands *commands, uint64_t acknowledged_lsn, int error)
{
	CHECK(error >= 0);
	while (commands_wait(commands)) {
		const struct done_command *done =
			&commands->done[commands->done_head & (COMMANDS_MAX - 1)];
		struct command_answer answer = {
			.number = done->number,
			.lsn = done->lsn,
			.rc = done->rc,
		};

		if (done->lsn > acknowledged_lsn && error == 0)
			return;
		if (done->lsn > acknowledged_lsn)
			answer.rc = -error;
		CHECK(spsc_ring_put(commands->answers, &answer));
		commands->done_head++;
	}
}

bool commands_wait(const struct commands *commands)
{
	DCHECK(commands->done_tail - commands->done_head <= COMMANDS_MAX);
	return commands->done_head != commands->done_tail;
}

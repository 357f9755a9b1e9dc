#include "engine/lane/command.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/check.h"

static_assert((COMMANDS_MAX & (COMMANDS_MAX - 1)) == 0, "indexed by mask");
static_assert(COMMANDS_PER_TURN_MAX <= COMMANDS_MAX, "what a turn carries out has been sent");
static_assert(COMMANDS_KEPT_FREE < COMMANDS_MAX, "room for offers, too");
static_assert(offsetof(struct commands, answered_cnt) % CACHE_LINE_BYTES == 0,
	      "two threads, two lines");

/* Whole cache lines: the rings after it begin on a line. */
static size_t head_bytes(void)
{
	return (sizeof(struct commands) + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES *
	       CACHE_LINE_BYTES;
}

size_t commands_bytes(void)
{
	return head_bytes() + spsc_ring_bytes(COMMANDS_MAX, sizeof(struct command)) +
	       spsc_ring_bytes(COMMANDS_MAX, sizeof(struct command_answer));
}

struct commands *commands_init(void *memory)
{
	struct commands *commands = memory;
	uint8_t *rings = (uint8_t *)memory + head_bytes();

	*commands = (struct commands){
		.questions = (struct spsc_ring *)rings,
		.answers = (struct spsc_ring *)(rings + spsc_ring_bytes(COMMANDS_MAX,
									sizeof(struct command))),
	};
	spsc_ring_init(commands->questions, COMMANDS_MAX, sizeof(struct command));
	spsc_ring_init(commands->answers, COMMANDS_MAX, sizeof(struct command_answer));
	return commands;
}

int commands_open(struct commands **out)
{
	void *memory = aligned_alloc(CACHE_LINE_BYTES, commands_bytes());

	if (memory == NULL)
		return -ENOMEM;
	*out = commands_init(memory);
	return 0;
}

void commands_close(struct commands *commands)
{
	free(commands);
}

/* The ring keeps room for these, and what waits for room before one of them is refused. */
static bool ends_lane(const struct command *command)
{
	return command->verb == COMMAND_DRAIN || command->verb == COMMAND_ABANDON;
}

uint32_t commands_room(const struct commands *commands)
{
	DCHECK(commands->out_cnt <= COMMANDS_MAX);
	return commands->out_cnt < COMMANDS_MAX - COMMANDS_KEPT_FREE
		       ? (uint32_t)(COMMANDS_MAX - COMMANDS_KEPT_FREE - commands->out_cnt)
		       : 0;
}

bool commands_send(struct commands *commands, const struct command *command)
{
	CHECK(command->verb >= COMMAND_PUT_ON_SALE && command->verb < COMMAND_VERB_END);
	CHECK(command->verb != COMMAND_ABANDON || command->error > 0);
	if (ends_lane(command) ? commands->out_cnt == COMMANDS_MAX : commands_room(commands) == 0)
		return false;
	/* The ring has a slot for each command that is out. */
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

bool commands_end_follows(struct commands *commands)
{
	const uint64_t sent_cnt = commands->done_cnt + spsc_ring_waiting(commands->questions);

	if (commands->looked_cnt < commands->done_cnt)
		commands->looked_cnt = commands->done_cnt;
	for (unsigned i = 0; i < COMMANDS_PER_TURN_MAX && commands->looked_cnt < sent_cnt; i++) {
		const struct command *command = spsc_ring_at(
			commands->questions, (uint32_t)(commands->looked_cnt - commands->done_cnt));

		commands->looked_cnt++;
		if (ends_lane(command))
			commands->end_cnt = commands->looked_cnt;
	}
	return commands->end_cnt > commands->done_cnt;
}

void commands_done(struct commands *commands, int rc, uint64_t lsn)
{
	const struct command *command = spsc_ring_first(commands->questions);
	struct done_command *done = &commands->done[commands->done_cnt & (COMMANDS_MAX - 1)];

	CHECK(command != NULL);
	CHECK(rc <= 0 && lsn <= LSN_MAX);
	CHECK(commands->done_cnt - commands->answered_cnt < COMMANDS_MAX);
	*done = (struct done_command){.number = command->number, .lsn = lsn, .rc = rc};
	commands->done_cnt++;
	spsc_ring_drop(commands->questions);
}

void commands_release(struct commands *commands, uint64_t acknowledged_lsn, int error)
{
	CHECK(error >= 0);
	while (commands_wait(commands)) {
		const struct done_command *done =
			&commands->done[commands->answered_cnt & (COMMANDS_MAX - 1)];
		struct command_answer answer = {
			.number = done->number,
			.lsn = done->rc == 0 ? done->lsn : 0,
			.rc = done->rc,
		};

		if (done->lsn > acknowledged_lsn && error == 0)
			return;
		if (done->lsn > acknowledged_lsn)
			answer.rc = -error;
		CHECK(spsc_ring_put(commands->answers, &answer));
		commands->answered_cnt++;
	}
}

bool commands_wait(const struct commands *commands)
{
	DCHECK(commands->done_cnt - commands->answered_cnt <= COMMANDS_MAX);
	return commands->answered_cnt != commands->done_cnt;
}

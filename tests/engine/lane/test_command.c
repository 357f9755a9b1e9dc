#include "engine/lane/command.h"

#include <errno.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

static void send(struct commands *commands, uint64_t number)
{
	const struct command command = {.number = number, .verb = COMMAND_PUT_ON_SALE};

	cr_assert(commands_send(commands, &command));
}

static void carry_out(struct commands *commands, uint64_t number, int rc, uint64_t lsn)
{
	const struct command *command = commands_first(commands);

	cr_assert(command != NULL);
	cr_assert(eq(u64, command->number, number));
	commands_done(commands, rc, lsn);
}

static void expect_answer(struct commands *commands, uint64_t number, int rc, uint64_t lsn)
{
	struct command_answer answer;

	cr_assert(commands_answer(commands, &answer));
	cr_assert(eq(u64, answer.number, number));
	cr_assert(eq(i32, answer.rc, rc));
	cr_assert(eq(u64, answer.lsn, lsn));
}

Test(command, answers_in_order_and_never_before_its_record_is_durable)
{
	struct commands *commands = NULL;
	struct command_answer answer;

	cr_assert(eq(int, commands_open(&commands), 0));
	cr_assert(commands_first(commands) == NULL);
	send(commands, 1);
	send(commands, 2);
	send(commands, 3);
	carry_out(commands, 1, 0, 10);
	/* Rests on no record, but comes after one that does. */
	carry_out(commands, 2, -EEXIST, 0);
	carry_out(commands, 3, 0, 11);
	cr_assert(commands_first(commands) == NULL);
	commands_release(commands, 9, 0);
	cr_assert(not(commands_answer(commands, &answer)), "10 is not durable");
	commands_release(commands, 10, 0);
	expect_answer(commands, 1, 0, 10);
	expect_answer(commands, 2, -EEXIST, 0);
	cr_assert(not(commands_answer(commands, &answer)), "11 is not durable");
	cr_assert(commands_wait(commands));
	commands_release(commands, 11, 0);
	expect_answer(commands, 3, 0, 11);
	cr_assert(not(commands_wait(commands)));
	commands_close(commands);
}

Test(command, says_that_a_failed_lane_has_no_outcome)
{
	struct commands *commands = NULL;

	cr_assert(eq(int, commands_open(&commands), 0));
	for (uint64_t i = 1; i <= 3; i++) {
		send(commands, i);
		carry_out(commands, i, 0, i);
	}
	commands_release(commands, 1, EIO);
	expect_answer(commands, 1, 0, 1);
	expect_answer(commands, 2, -EIO, 2);
	expect_answer(commands, 3, -EIO, 3);
	commands_close(commands);
}

Test(command, is_bounded_until_answers_are_taken)
{
	struct commands *commands = NULL;
	const struct command offer = {.verb = COMMAND_PUT_ON_SALE};
	struct command command = {.verb = COMMAND_DRAIN};
	struct command_answer answer;

	cr_assert(eq(int, commands_open(&commands), 0));
	for (uint64_t i = 0; i < COMMANDS_MAX - COMMANDS_KEPT_FREE; i++)
		send(commands, i);
	cr_assert(eq(u32, commands_room(commands), 0));
	cr_assert(not(commands_send(commands, &offer)));
	/* What ends the lane has room all the same. */
	for (uint64_t i = COMMANDS_MAX - COMMANDS_KEPT_FREE; i < COMMANDS_MAX; i++) {
		command.number = i;
		cr_assert(commands_send(commands, &command));
	}
	cr_assert(not(commands_send(commands, &command)));
	/* Carried out and answered: the room comes back when the answer is taken, not before. */
	for (uint64_t i = 0; i < COMMANDS_MAX; i++)
		carry_out(commands, i, 0, 0);
	commands_release(commands, 0, 0);
	cr_assert(not(commands_send(commands, &command)));
	cr_assert(commands_answer(commands, &answer));
	cr_assert(commands_send(commands, &command));
	commands_close(commands);
}

/* A command that waits for room looks for what ends its wait, a turn's worth at a time. */
Test(command, sees_an_end_behind_what_waits)
{
	struct commands *commands = NULL;
	const struct command drain = {.number = COMMANDS_PER_TURN_MAX + 1, .verb = COMMAND_DRAIN};

	cr_assert(eq(int, commands_open(&commands), 0));
	cr_assert(not(commands_any(commands)));
	cr_assert(not(commands_end_follows(commands)));
	for (uint64_t i = 0; i <= COMMANDS_PER_TURN_MAX; i++)
		send(commands, i);
	cr_assert(commands_any(commands));
	cr_assert(not(commands_end_follows(commands)));
	cr_assert(commands_send(commands, &drain));
	cr_assert(commands_end_follows(commands));
	for (uint64_t i = 0; i <= COMMANDS_PER_TURN_MAX; i++) {
		cr_assert(commands_end_follows(commands), "%u", (unsigned)i);
		carry_out(commands, i, -ESHUTDOWN, 0);
	}
	cr_assert(commands_end_follows(commands));
	carry_out(commands, COMMANDS_PER_TURN_MAX + 1, 0, 0);
	cr_assert(not(commands_end_follows(commands)), "it was carried out");
	cr_assert(commands_any(commands), "nothing is answered");
	commands_release(commands, 0, 0);
	cr_assert(not(commands_any(commands)));
	send(commands, COMMANDS_PER_TURN_MAX + 2);
	cr_assert(not(commands_end_follows(commands)));
	commands_close(commands);
}

/* A refusal waits for the record that it rests on, but that is not its own. */
Test(command, a_refusal_waits_and_names_no_record)
{
	struct commands *commands = NULL;
	struct command_answer answer;

	cr_assert(eq(int, commands_open(&commands), 0));
	send(commands, 1);
	send(commands, 2);
	carry_out(commands, 1, -EEXIST, 7);
	carry_out(commands, 2, -EEXIST, 8);
	commands_release(commands, 6, 0);
	cr_assert(not(commands_answer(commands, &answer)));
	commands_release(commands, 7, 0);
	expect_answer(commands, 1, -EEXIST, 0);
	commands_release(commands, 7, EIO);
	expect_answer(commands, 2, -EIO, 0);
	commands_close(commands);
}

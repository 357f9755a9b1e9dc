#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/buy/outcome.h"
#include "tools/common/cli.h"

static int exit_of(uint8_t verdict)
{
	const struct client_answer answer = {.answered = true, .reply = {.verdict = verdict}};

	return outcome_exit(&answer);
}

/* A failure says in its text whether the outcome is known. */
Test(outcome, is_unknown_only_where_the_verdict_says_so)
{
	for (unsigned verdict = 0; verdict < VERDICT_END; verdict++) {
		const char *text = verdict_text((uint8_t)verdict);
		const int rc = exit_of((uint8_t)verdict);

		if (verdict == VERDICT_HOLD_EXPIRED)
			cr_assert(eq(int, rc, BUY_EXIT_REFUND));
		else if (verdict != VERDICT_NONE && verdict < VERDICT_REFUSAL_FIRST)
			cr_assert(eq(int, rc, CLI_EXIT_GOOD), "%s", text);
		else if (verdict == VERDICT_UNDER_WAY)
			cr_assert(eq(int, rc, CLI_EXIT_FAILED), "it may be carried out yet");
		else if (verdict < VERDICT_FAILURE_FIRST || strstr(text, "nothing was changed"))
			cr_assert(eq(int, rc, CLI_EXIT_BAD), "%s", text);
		else
			cr_assert(eq(int, rc, CLI_EXIT_FAILED), "%s", text);
	}
	cr_assert(eq(int, exit_of(VERDICT_CONFIRMED_LATE), CLI_EXIT_GOOD));
	cr_assert(eq(int, exit_of(VERDICT_ALREADY_HELD), CLI_EXIT_BAD));
	cr_assert(eq(int, exit_of(VERDICT_UNAVAILABLE), CLI_EXIT_FAILED));
	cr_assert(eq(int, exit_of(VERDICT_DRAINING), CLI_EXIT_BAD));
	cr_assert(eq(int, exit_of(VERDICT_TABLE_FULL), CLI_EXIT_BAD));
	cr_assert(eq(int, exit_of(VERDICT_JOURNAL_FULL), CLI_EXIT_BAD));
	cr_assert(eq(int, exit_of(95), CLI_EXIT_FAILED));
}

Test(outcome, is_unknown_without_an_answer)
{
	const struct client_answer answer = {.reply = {.verdict = VERDICT_ACCEPTED}};

	cr_assert(eq(int, outcome_exit(&answer), CLI_EXIT_FAILED));
}

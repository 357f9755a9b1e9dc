#include <signal.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/repair/decision.h"

enum {
	A1 = 1 << 0,
	A2 = 1 << 1,
	B1 = 1 << 0,
	B2 = 1 << 1,
	B3 = 1 << 2,
	C1 = 1 << 0,
	C2 = 1 << 1,
};

/* A row and what follows its condition, here its name. */
struct named_row {
	struct decision_row when;
	char name;
};

static const struct named_row rows[] = {
	{{{A1, ANY, ANY}}, 'a'},
	{{{A2, B1, ANY}}, 'b'},
	{{{A2, B2 | B3, C1}}, 'c'},
	{{{A2, B2 | B3, C2}}, 'd'},
};

static const struct decision decision = {
	.rows = rows,
	.row_bytes = sizeof(rows[0]),
	.row_cnt = 4,
	.fact_cnt = 3,
	.values = {A1 | A2, B1 | B2 | B3, C1 | C2},
};

/* The facts that were asked for, as letters, then the row's name. */
static const char *decide(uint8_t a, uint8_t b, uint8_t c)
{
	static char asked[8];
	const uint8_t values[] = {a, b, c};
	struct decision_facts facts = {0};
	unsigned cnt = 0;
	uint32_t fact;

	while ((fact = decision_ask(&decision, &facts)) < 3) {
		asked[cnt++] = (char)('A' + fact);
		decision_note(&decision, &facts, fact, values[fact]);
	}
	asked[cnt++] = rows[decision_made(&decision, &facts)].name;
	asked[cnt] = '\0';
	return asked;
}

Test(decision, asks_in_order_for_what_it_rests_on_and_no_more)
{
	cr_assert(eq(str, (char *)decide(A1, B1, C1), "Aa"));
	cr_assert(eq(str, (char *)decide(A1, B3, C2), "Aa"));
	cr_assert(eq(str, (char *)decide(A2, B1, C2), "ABb"));
	cr_assert(eq(str, (char *)decide(A2, B2, C1), "ABCc"));
	cr_assert(eq(str, (char *)decide(A2, B3, C1), "ABCc"));
	cr_assert(eq(str, (char *)decide(A2, B3, C2), "ABCd"));
}

/* A table with a hole or an overlap is a mistake of its author, and is found at once. */
Test(decision, a_combination_without_a_row_ends_the_process, .signal = SIGABRT)
{
	struct decision hole = decision;

	hole.row_cnt = 1;

	struct decision_facts facts = {.values = {A2, B1, C1}};

	(void)decision_made(&hole, &facts);
}

Test(decision, two_values_at_once_end_the_process, .signal = SIGABRT)
{
	struct decision_facts facts = {0};

	decision_note(&decision, &facts, 0, A1 | A2);
}

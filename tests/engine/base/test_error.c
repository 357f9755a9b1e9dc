#include "engine/base/error.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(error, says_a_line_and_returns_the_code)
{
	struct error error;

	cr_assert(eq(int, error_say(&error, -ENOENT, "%s:%u: not there", "keys", 3), -ENOENT));
	cr_assert(eq(str, error.text, "keys:3: not there"));
	error_set(&error, "another");
	cr_assert(eq(str, error.text, "another"));
	error_add(&error, "; %s", "free some space");
	cr_assert(eq(str, error.text, "another; free some space"));
}

Test(error, is_set_until_it_is_cleared)
{
	struct error error;

	error_clear(&error);
	cr_assert(not(error_is_set(&error)));
	error_set(&error, "%s", "full");
	cr_assert(error_is_set(&error));
	error_clear(&error);
	cr_assert(not(error_is_set(&error)));
}

Test(error, takes_its_own_text_as_an_argument)
{
	struct error error;

	error_set(&error, "no space");
	cr_assert(eq(int, error_say(&error, -ENOSPC, "lane %u: %s", 7U, error.text), -ENOSPC));
	cr_assert(eq(str, error.text, "lane 7: no space"));
	error_add(&error, " (%s)", error.text);
	cr_assert(eq(str, error.text, "lane 7: no space (lane 7: no space)"));
}

/* Whatever the length: it ends with 0, within its bounds, and a reader sees that it was cut. */
Test(error, cuts_what_is_too_long)
{
	struct {
		struct error error;
		char after;
	} one = {.after = 'x'};
	char longest[ERROR_BYTES];

	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	error_set(&one.error, "%s", longest);
	cr_assert(eq(str, one.error.text, longest));
	error_add(&one.error, "b");
	cr_assert(eq(sz, strlen(one.error.text), ERROR_BYTES - 1));
	cr_assert(eq(str, one.error.text + ERROR_BYTES - 5, "a..."));
	error_set(&one.error, "%s%s", longest, longest);
	cr_assert(eq(sz, strlen(one.error.text), ERROR_BYTES - 1));
	cr_assert(eq(str, one.error.text + ERROR_BYTES - 5, "a..."));
	error_set(&one.error, "%s", "short");
	for (unsigned i = 0; i < ERROR_BYTES; i++)
		error_add(&one.error, "%u", i % 10);
	cr_assert(eq(sz, strlen(one.error.text), ERROR_BYTES - 1));
	cr_assert(eq(str, one.error.text + ERROR_BYTES - 4, "..."));
	cr_assert(eq(chr, one.after, 'x'));
}

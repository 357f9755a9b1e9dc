#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/catalog/catalog.h"

#define HEADER "sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds\n"

static struct error error;

/* Loads a catalog of this text; NULL and error if it is refused. */
static struct catalog *load(const char *text, size_t bytes)
{
	char path[] = "/tmp/test-catalog-XXXXXX";
	struct catalog *catalog = NULL;
	const int fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert(eq(long, write(fd, text, bytes), (long)bytes));
	close(fd);
	error_clear(&error);
	if (catalog_load(path, &catalog, &error) != 0)
		catalog = NULL;
	unlink(path);
	return catalog;
}

static struct catalog *load_text(const char *text)
{
	return load(text, strlen(text));
}

Test(catalog, reads_what_is_written)
{
	struct catalog *catalog = load_text(
		"\xef\xbb\xbf" HEADER "1,15000,4990,1,,,\r\n"
		"\n"
		"18446744073709551615,0,0,0,2026-11-11T00:00:00+08:00,\"2026-11-12T00:00:00Z\",30");

	cr_assert(catalog != NULL, "%s", error.text);
	cr_assert(eq(u32, catalog->cnt, 2));
	cr_assert(eq(u64, catalog->offers[0].sku, 1));
	cr_assert(eq(u32, catalog->offers[0].stock, 15000));
	cr_assert(eq(u64, catalog->offers[0].unit_price, 4990));
	cr_assert(eq(u32, catalog->offers[0].limit_per_buyer, 1));
	cr_assert(eq(u64, catalog->offers[0].opens_at_ns, 0));
	cr_assert(eq(u64, catalog->offers[0].closes_at_ns, INSTANT_NEVER));
	cr_assert(eq(u64, catalog->offers[1].sku, UINT64_MAX));
	cr_assert(eq(u64, catalog->offers[1].opens_at_ns, UINT64_C(1794326400000000000)));
	cr_assert(eq(u64, catalog->offers[1].closes_at_ns, UINT64_C(1794441600000000000)));
	cr_assert(eq(u32, catalog->offers[1].hold_seconds, 30));
	catalog_free(catalog);
}

Test(catalog, names_line_and_column_of_what_is_wrong)
{
	static const struct {
		const char *text;
		const char *named;
	} cases[] = {
		{"", "no offers"},
		{"sku,stock\n1,2\n", ":1: the first line"},
		{HEADER, "no offers"},
		{HEADER "1,2,3,4,,\n", ":2: 6 fields"},
		{HEADER "1,2,3,4,,,,\n", ":2: more than 7 fields"},
		{HEADER "x,2,3,4,,,\n", ":2: column 1 (sku): 'x'"},
		{HEADER "18446744073709551616,2,3,4,,,\n", ":2: column 1 (sku)"},
		{HEADER "1,-2,3,4,,,\n", ":2: column 2 (stock): '-2'"},
		{HEADER "1,4294967296,3,4,,,\n", ":2: column 2 (stock)"},
		{HEADER "1,2,3.50,4,,,\n", ":2: column 3 (unit_price): '3.50'"},
		{HEADER "1,2,3,,,,\n", ":2: column 4 (limit_per_buyer): ''"},
		{HEADER "1,2,3,4,tomorrow,,\n", ":2: column 5 (opens_at): 'tomorrow'"},
		{HEADER "1,2,3,4,,2026-02-30T00:00:00Z,\n", ":2: column 6 (closes_at)"},
		{HEADER "1,2,3,4,2026-11-11T00:00:00Z,2026-11-11T00:00:00Z,\n",
		 ":2: column 6 (closes_at): closes before it opens"},
		{HEADER "1,2,3,4,,,soon\n", ":2: column 7 (hold_seconds): 'soon'"},
		{HEADER "1,2,3,4,,,\n2,2,3,4,,,\n1,9,3,4,,,\n",
		 ":4: column 1 (sku): SKU 1 is already in line 2"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_assert(load_text(cases[i].text) == NULL, "case %zu was taken", i);
		cr_assert(strstr(error.text, cases[i].named) != NULL, "case %zu: %s", i,
			  error.text);
	}
}

Test(catalog, refuses_binary_and_endless_lines)
{
	char text[2000];

	memset(text, '1', sizeof(text));
	memcpy(text, HEADER, strlen(HEADER));
	cr_assert(load(text, sizeof(text)) == NULL);
	memcpy(text + strlen(HEADER), "1\0,2", 4);
	cr_assert(load(text, strlen(HEADER) + 10) == NULL);
}

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/catalog/catalog.h"

#define HEADER       CATALOG_HEADER_PLAIN "\n"
#define HEADER_LATER CATALOG_HEADER "\n"

static struct error error;
static char *said; /* what was printed at the last load */

/* Loads a catalog of this text; NULL and error if it is refused. */
static struct catalog *load(const char *text, size_t bytes)
{
	size_t said_bytes;
	FILE *say = open_memstream(&said, &said_bytes);
	char path[] = "/tmp/test-catalog-XXXXXX";
	struct catalog *catalog = NULL;
	const int fd = mkstemp(path);

	cr_assert(fd >= 0);
	cr_assert(eq(long, write(fd, text, bytes), (long)bytes));
	close(fd);
	error_clear(&error);
	if (catalog_load_saying(path, say, &catalog, &error) != 0)
		catalog = NULL;
	fclose(say);
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
		{"sku,stock\n1,2\n", ":1: the header has no column unit_price"},
		{"1,2,3,4,,,\n", ":1: the first line must be the header sku,stock"},
		{HEADER, "no offers"},
		{HEADER "1,2,3,4,,\n", ":2: 6 fields"},
		{HEADER "1,2,3,4,,,,x\n", ":2: more than 7 fields"},
		{HEADER "x,2,3,4,,,\n", ":2: column 1 (sku): 'x'"},
		{HEADER "18446744073709551616,2,3,4,,,\n", ":2: column 1 (sku)"},
		{HEADER "1,-2,3,4,,,\n", ":2: column 2 (stock): '-2'"},
		{HEADER "1,4294967296,3,4,,,\n", ":2: column 2 (stock)"},
		{HEADER "1,2,3.50,4,,,\n", ":2: column 3 (unit_price): '3.50'"},
		{HEADER "1,2,3,,,,\n",
		 ":2: column 4 (limit_per_buyer): it is empty; write 0 for no limit"},
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

/* The row that the next test's files say in their own ways. */
static void check_bottle(const struct catalog *catalog, const char *text)
{
	const struct catalog_offer *offer;

	cr_assert(catalog != NULL, "%s: %s", text, error.text);
	cr_assert(eq(u32, catalog->cnt, 1), "%s", text);
	offer = &catalog->offers[0];
	cr_expect(eq(u64, offer->sku, 1001), "%s", text);
	cr_expect(eq(u32, offer->stock, 15000), "%s", text);
	cr_expect(eq(u64, offer->unit_price, 4990), "%s", text);
	cr_expect(eq(u32, offer->limit_per_buyer, 1), "%s", text);
	cr_expect(eq(u64, offer->opens_at_ns, UINT64_C(1794326400000000000)), "%s", text);
	cr_expect(eq(u64, offer->closes_at_ns, INSTANT_NEVER), "%s", text);
	cr_expect(eq(u32, offer->hold_seconds, 0), "%s", text);
}

Test(catalog, reads_what_spreadsheets_and_programs_write)
{
	static const char *const texts[] = {
		/* Separators, line ends, marks. */
		"sku;stock;unit_price;limit_per_buyer;opens_at;closes_at;hold_seconds\r\n"
		"1001;15000;4990;1;2026-11-11T00:00:00+08:00;;\r\n",
		"sku\tstock\tunit_price\tlimit_per_buyer\topens_at\tcloses_at\thold_seconds\n"
		"1001\t15000\t4990\t1\t2026-11-11T00:00:00+08:00\t\t\n",
		"sku|stock|unit_price|limit_per_buyer|opens_at|closes_at|hold_seconds\n"
		"1001|15000|4990|1|2026-11-11T00:00:00+08:00||\n",
		"\xef\xbb\xbfsep=;\r\n\r\n"
		"SKU;Stock;Unit_Price;Limit_per_buyer;Opens_at;Closes_at;Hold_seconds\r\n"
		"1001;15000;4990;1;2026-11-11T00:00:00+08:00;;\r\n",
		"\xef\xbb\xbf\"sku\",\"stock\",\"unit_price\",\"limit_per_buyer\",\"opens_at\","
		"\"closes_at\",\"hold_seconds\"\n"
		"\"1001\",\"15000\",\"4990\",\"1\",\"2026-11-11T00:00:00+08:00\",\"\",\"\"",
		/* Rows of separators only, and more of them at the end of each row. */
		HEADER
		",,,,,,\n1001,15000,4990,1,2026-11-11T00:00:00+08:00,,\n,,,,,,\r\n , ,,,,,,\n",
		HEADER "1001,15000,4990,1,2026-11-11T00:00:00+08:00,,,,,\n,,,,,,,,,\n",
		/* Other orders, more columns, fewer. */
		"unit_price,closes_at,stock,opens_at,sku,hold_seconds,limit_per_buyer\n"
		"4990,,15000,2026-11-11T00:00:00+08:00,1001,,1\n",
		"sku,title,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds,note\n"
		"1001,\"Bottle, 75 cl \"\"Grand Cru\"\"\nboxed\",15000,4990,1,"
		"2026-11-11T00:00:00+08:00,,,5\" x 3\"\n",
		"sku,stock,unit_price,limit_per_buyer,opens_at\n"
		"1001,15000,4990,1,2026-11-11T00:00:00+08:00\n",
		/* Numbers and instants. */
		HEADER "1001.0,15000.00,4990,1.0,2026-11-11T00:00:00+08:00,,0.0\n",
		HEADER "1001,15 000,4990,1,2026-11-11T00:00:00+08:00,,\n",
		HEADER "1001,15'000,4_990,1,2026-11-11 00:00:00+08,,\n",
		HEADER "1001,15\xc2\xa0"
		       "000,4\xe2\x80\xaf"
		       "990,1,2026-11-10T16:00:00.0000000000Z,,\n",
		HEADER "1001,15000,4990,1,2026-11-11T00:00:00+08:00,9999-12-31T23:59:59Z,\n",
		HEADER "1001,15000,4990,1,2026-11-11T00:00:00+08:00,0001-01-01T00:00:00Z,\n",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct catalog *catalog = load_text(texts[i]);

		check_bottle(catalog, texts[i]);
		catalog_free(catalog);
	}
}

Test(catalog, reads_instants_that_have_one_meaning)
{
	struct catalog *catalog =
		load_text(HEADER "1,2,3,0,0001-01-01T00:00:00Z,2016-12-31T23:59:60Z,\n");

	cr_assert(catalog != NULL, "%s", error.text);
	cr_assert(eq(u64, catalog->offers[0].opens_at_ns, 0));
	cr_assert(eq(u64, catalog->offers[0].closes_at_ns, UINT64_C(1483228800000000000)));
	catalog_free(catalog);
}

Test(catalog, says_which_columns_it_does_not_read)
{
	struct catalog *catalog =
		load_text("sku,title,stock,unit_price,limit_per_buyer,opens_at,closes_at,"
			  "hold_seconds,note\n1,a,2,3,4,,,,b\n");

	cr_assert(catalog != NULL, "%s", error.text);
	cr_assert(strstr(said, ":1: not read: column 2 ('title'), column 9 ('note')\n") != NULL,
		  "%s", said);
	catalog_free(catalog);
}

Test(catalog, names_a_value_as_what_it_is)
{
	static const struct {
		const char *text;
		const char *named;
	} cases[] = {
		{HEADER "1,\"15,000\",3,4,,,\n", "(stock): '15,000' may have thousands or decimals "
						 "after its mark; write 15000"},
		{HEADER "1,15.000,3,4,,,\n", "(stock): '15.000' may have"},
		{HEADER "1,2,49.90,4,,,\n", "in minor units: write 4990"},
		{HEADER "1,2,\"49,9\",4,,,\n", "in minor units: write 4990"},
		{HEADER "1,2,4990.00,4,,,\n", "in minor units: write 499000"},
		{HEADER "4.0123E+12,2,3,4,,,\n", "(sku): '4.0123E+12' is in scientific notation"},
		{HEADER "1,1e4,3,4,,,\n", "(stock): '1e4' is in scientific notation"},
		{HEADER "90071992547409930.0,2,3,4,,,\n",
		 "(sku): '90071992547409930.0' went through"},
		{HEADER "1,15 00,3,4,,,\n", "'15 00' is not a whole number"},
		{HEADER "1,1 000'000,3,4,,,\n", "is not a whole number"},
		{HEADER "1,4 294 967 296,3,4,,,\n", "is not a whole number"},
		{HEADER "1,2,3,4,2026-11-11T00:00:00,,\n", "has no time zone; end it with Z"},
		{HEADER "1,2,3,4,1794326400,,\n", "is a Unix time; write 2026-11-10T16:00:00Z"},
		{HEADER "1,2,3,4,,1794326400000,\n", "is a Unix time; write 2026-11-10T16:00:00Z"},
		{HEADER "1,2,3,4,,2026-11-11T00:00:60Z,\n", "has second 60"},
		{HEADER "1,2,3,4,2026-02-30T00:00:00Z,,\n", "that month has no such day"},
		{HEADER "1,2,3,4,1969-12-31T00:00:00Z,,\n",
		 "is before 1970; leave it empty for open"},
		{HEADER "1,2,3,4,9999-12-31T00:00:00Z,,\n",
		 "after the year 2500: it would never open"},
		{"sku,stock,unit_price,limit_per_buyer,opens_at,close_at\n1,2,3,4,,\n",
		 "no column closes_at, but columns that are not ours"},
		{"sku,stock,stock,unit_price,limit_per_buyer\n1,2,3,4,5\n",
		 "has column stock twice"},
		{"\xff\xfes\0k\0u\0", "is UTF-16"},
		{"PK\x03\x04", "is a spreadsheet's own file"},
		{"\x1f\x8b\x08", "is compressed"},
		{"sku,stock\r1,2\r", "lines end with CR alone"},
		{HEADER "1,2,3,4,,,\"30\"s\n",
		 ":2: field 7: there is text after its closing quote"},
		{HEADER "1,2,3,4,,,\"30\n", ":2: its quoted field does not end"},
		{"sku,\"stock", ":1: its quoted field does not end"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cr_expect(load_text(cases[i].text) == NULL, "case %zu was taken", i);
		cr_expect(strstr(error.text, cases[i].named) != NULL, "case %zu: %s", i,
			  error.text);
	}
}

/* All of a file's faults at once: each is a line, in the order of the file. */
Test(catalog, says_all_that_is_wrong)
{
	const char *at;

	cr_assert(load_text(HEADER "x,2,3.50,4,tomorrow,,\n"
				   "2,2,3,4,,,\n"
				   "3,,3,4,,,\n"
				   "2,9,9,9,,,\n"
				   "5,5,5,5,,\"soon\"er,\n"
				   "2,8,8,8,,,\n") == NULL);
	cr_assert(strstr(error.text, ": 7 faults; the first: ") != NULL, "%s", error.text);
	cr_assert(strstr(error.text, ":2: column 1 (sku): 'x'") != NULL, "%s", error.text);
	at = said;
	for (const char *const *wanted =
		     (const char *const[]){
			     ":2: column 1 (sku): 'x'", ":2: column 3 (unit_price): '3.50'",
			     ":2: column 5 (opens_at): 'tomorrow'",
			     ":4: column 2 (stock): it is empty", ":6: field 6: there is text",
			     ":5: column 1 (sku): SKU 2 is already in "
			     "line 3",
			     ":7: column 1 (sku): SKU 2 is already in "
			     "line 3",
			     NULL};
	     *wanted != NULL; wanted++) {
		at = strstr(at, *wanted);
		cr_assert(at != NULL, "no '%s' in its place in %s", *wanted, said);
	}
}

Test(catalog, bounds_what_it_says)
{
	static char text[200 * 16];
	size_t used = (size_t)snprintf(text, sizeof(text), HEADER);
	unsigned lines = 0;

	for (unsigned i = 0; i < 150; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "x,2,3,4,,,\n");
	cr_assert(load(text, used) == NULL);
	for (const char *at = said; (at = strchr(at, '\n')) != NULL; at++)
		lines++;
	cr_assert(eq(u32, lines, FAULTS_SHOWN_MAX + 1));
	cr_assert(strstr(said, ": and 50 more\n") != NULL, "%s", said);
	cr_assert(strstr(error.text, ": 150 faults; the first: ") != NULL, "%s", error.text);
}

/* What a file holds can't command the terminal. */
Test(catalog, says_no_control_characters)
{
	cr_assert(load_text(HEADER "\x1b[2J,2,3,4,,,\n") == NULL);
	cr_assert(strstr(error.text, "(sku): '?[2J'") != NULL, "%s", error.text);
}

/* One fault is said once: in what the program ends with. */
Test(catalog, says_one_fault_once)
{
	cr_assert(load_text(HEADER "x,2,3,4,,,\n") == NULL);
	cr_assert(eq(str, said, (char *)""));
}

Test(catalog, writes_what_it_reads)
{
	static const char text[] = HEADER
		"1,15000,4990,1,,,\n"
		"18446744073709551615,0,0,0,2026-11-11T00:00:00.5Z,2026-11-12T00:00:00Z,30\n";
	struct catalog *catalog = load_text(text);
	char *written = NULL;
	size_t bytes;
	FILE *out = open_memstream(&written, &bytes);

	cr_assert(catalog != NULL, "%s", error.text);
	catalog_write(catalog, out);
	fclose(out);
	cr_assert(eq(str, written, (char *)text));
	catalog_free(catalog);
}

/* All columns, as soon as one offer has something in the later ones. What an extension gives is
 * written where the file left it to hold_seconds. */
Test(catalog, writes_later_columns_that_it_reads)
{
	struct catalog *catalog = load_text(HEADER_LATER "1,10,4990,1,,,,,,,,\n"
							 "2,10,4990,0,,,600,2,,7,1,\n"
							 "3,10,4990,0,,,600,255,16777215,7,1,3\n");
	char *written = NULL;
	size_t bytes;
	FILE *out = open_memstream(&written, &bytes);

	cr_assert(catalog != NULL, "%s", error.text);
	catalog_write(catalog, out);
	fclose(out);
	cr_assert(eq(str, written,
		     (char *)HEADER_LATER "1,10,4990,1,,,,,,,,\n"
					  "2,10,4990,0,,,600,2,600,7,1,\n"
					  "3,10,4990,0,,,600,255,16777215,7,1,3\n"));
	catalog_free(catalog);
}

Test(catalog, reads_holds_groups_and_shards)
{
	struct catalog *catalog =
		load_text("shard,sku,stock,unit_price,limit_per_buyer,hold_seconds,extensions,"
			  "extend_seconds,group,group_limit\n"
			  "255,1,10,4990,0,16777215,255,16777215,2147483647,65535\n"
			  ",2,10,4990,0,600,3,,,\n"
			  "0,3,10,4990,0,,0,0,0,0\n");

	cr_assert(catalog != NULL, "%s", error.text);
	cr_assert(eq(u32, catalog->cnt, 3));
	cr_assert(eq(u32, catalog->shard_field, 1));
	for (unsigned i = 0; i < 3; i++) {
		static const uint32_t wanted[3][6] = {
			{16777215, 255, 16777215, INT32_MAX, 65535, 255},
			{600, 3, 600, 0, 0, 0},
			{0, 0, 0, 0, 0, 0},
		};
		for (unsigned k = 0; k < 6; k++)
			cr_expect(eq(u64,
				     catalog_column_value(&catalog->offers[i],
							  CATALOG_HOLD_SECONDS + k),
				     wanted[i][k]),
				  "line %u, column %s", i,
				  catalog_column_name(CATALOG_HOLD_SECONDS + k));
	}
	cr_expect(catalog->offers[0].shard_named && catalog->offers[2].shard_named);
	cr_expect(not(catalog->offers[1].shard_named));
	catalog_free(catalog);
}

/* What one line, or the lines of a group, say against each other. */
Test(catalog, names_terms_that_contradict)
{
	static const struct {
		const char *rows;
		const char *named;
	} cases[] = {
		{"1,2,3,4,,,16777216,,,,,\n", ":2: column 7 (hold_seconds): '16777216' is not a "
					      "whole number from 0 to 16777215"},
		{"1,2,3,4,,,1,256,,,,\n", ":2: column 8 (extensions): '256' is not a whole number "
					  "from 0 to 255"},
		{"1,2,3,4,,,1,1,16777216,,,\n", ":2: column 9 (extend_seconds): '16777216'"},
		{"1,2,3,4,,,,,,2147483648,1,\n", ":2: column 10 (group): '2147483648'"},
		{"1,2,3,4,,,,,,1,65536,\n", ":2: column 11 (group_limit): '65536'"},
		{"1,2,3,4,,,,,,,,256\n", ":2: column 12 (shard): '256' is not a whole number from "
					 "0 to 255"},
		{"1,2,3,4,,,,1,,,,\n",
		 ":2: column 8 (extensions): extensions without hold_seconds"},
		{"1,2,3,4,,,30,,60,,,\n",
		 ":2: column 9 (extend_seconds): extend_seconds without extensions"},
		{"1,2,3,4,,,,,,7,,\n", ":2: column 11 (group_limit): group 7 has no group_limit"},
		{"1,2,3,4,,,,,,,2,\n", ":2: column 10 (group): group_limit without a group"},
		{"1,2,3,4,,,,,,7,2,\n2,2,3,4,,,,,,8,3,\n3,2,3,4,,,,,,7,3,\n",
		 ":4: column 11 (group_limit): group 7 has group_limit 2 in line 2; write the "
		 "same"},
		{"1,2,3,4,,,,,,7,2,\n2,2,3,4,,,,,,7,2,3\n3,2,3,4,,,,,,7,2,1\n",
		 ":4: column 12 (shard): group 7 is put into shard 3 in line 3; a group is sold by "
		 "one shard"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), HEADER_LATER "%s", cases[i].rows);
		cr_expect(load_text(text) == NULL, "case %zu was taken", i);
		cr_expect(strstr(error.text, cases[i].named) != NULL, "case %zu: %s", i,
			  error.text);
	}
}

/* Columns that older catalogs don't have may be missing beside others, but not beside their slip.
 */
Test(catalog, sees_slips_of_later_columns)
{
	static const struct {
		const char *name;
		const char *meant;
	} slips[] = {
		{"extension", "extensions"},
		{"Max. extensions", "extensions"},
		{"extendSecs", "extend_seconds"},
		{"group_id", "group"},
		{"gruop", "group"},
		{"shards", "shard"},
		{"hsard", "shard"},
		{"shad", "shard"},
	};
	static const char *const others[] = {"title", "note", "hold", "sharing", "grape", "brand"};
	char text[256];
	char named[128];

	for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
		snprintf(text, sizeof(text), CATALOG_HEADER_PLAIN ",%s\n1,2,3,4,,,,\n",
			 slips[i].name);
		snprintf(named, sizeof(named),
			 ":1: the header has no column %s, but column 8 ('%s'), which may be",
			 slips[i].meant, slips[i].name);
		cr_expect(load_text(text) == NULL, "%s was taken", slips[i].name);
		cr_expect(strstr(error.text, named) != NULL, "%s: %s", slips[i].name, error.text);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct catalog *catalog;

		snprintf(text, sizeof(text), CATALOG_HEADER_PLAIN ",%s\n1,2,3,4,,,,\n", others[i]);
		catalog = load_text(text);
		cr_expect(catalog != NULL, "%s: %s", others[i], error.text);
		catalog_free(catalog);
	}
	/* Named beside it, the column is not missing. */
	cr_expect(load_text(CATALOG_HEADER_PLAIN ",group,group_id,group_limit\n"
						 "1,2,3,4,,,,7,x,1\n") != NULL,
		  "%s", error.text);
}

Test(catalog, makes_the_records_of_a_line)
{
	const struct catalog_offer line = {
		.sku = 5,
		.unit_price = 6,
		.closes_at_ns = INSTANT_NEVER,
		.stock = 7,
		.hold_seconds = 600,
		.extensions = 2,
		.extend_seconds = 300,
		.group = 70000,
		.group_limit = 3,
		.shard = 4,
		.placed = true,
	};
	const struct record offer = catalog_record(&line, 9);
	const struct record placed = catalog_placed_record(&line, 9);
	struct catalog_offer plain = line;
	struct record record;

	cr_expect(eq(u8, offer.kind, RECORD_OFFER));
	cr_expect(eq(u8, offer.flags, OFFER_PLACED));
	cr_expect(eq(u32, offer.quantity, 3));
	cr_expect(eq(u32, offer.channel, 70000));
	cr_expect(eq(u32, offer.offer.hold_seconds, 600));
	cr_expect(eq(u32, offer.offer.extend, 300 << EXTENSIONS_BITS | 2));
	cr_expect(record_is_new(&offer));
	cr_expect(eq(u8, placed.kind, RECORD_PLACED));
	cr_expect(eq(u64, placed.sku, 5));
	cr_expect(eq(u64, placed.at_ns, 9));
	cr_expect(eq(u32, placed.quantity, 4));
	/* An extension gives the hold time, unless the file says otherwise. */
	plain.extend_seconds = 0;
	record = catalog_record(&plain, 9);
	cr_expect(eq(u32, record.offer.extend, 600 << EXTENSIONS_BITS | 2));
	/* Without any of it the record is one that older programs read. */
	plain.extensions = 0;
	plain.group = plain.group_limit = 0;
	plain.placed = false;
	record = catalog_record(&plain, 9);
	cr_expect(eq(u32, record.offer.extend, 0));
	cr_expect(not(record_is_new(&record)));
}

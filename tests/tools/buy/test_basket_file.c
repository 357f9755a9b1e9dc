#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"
#include "tools/buy/basket_file.h"

static struct basket_file basket;
static struct error error;
static char *said;
static size_t said_bytes;

static void set_up(void)
{
	(void)temp_dir_make();
}

static void tear_down(void)
{
	free(said);
	temp_dir_remove();
}

TestSuite(basket_file, .init = set_up, .fini = tear_down);

static int read_text(const char *text)
{
	const char *path = temp_path("cart.csv");
	FILE *file = fopen(path, "we");
	FILE *say;
	int rc;

	fputs(text, file);
	fclose(file);
	free(said);
	said = NULL;
	say = open_memstream(&said, &said_bytes);
	error.text[0] = '\0';
	rc = basket_file_read(path, say, &basket, &error);
	fclose(say);
	return rc;
}

static void check_line(uint32_t idx, uint64_t sku, uint16_t quantity, uint64_t max_price)
{
	cr_assert(lt(u32, idx, basket.cnt));
	cr_expect(eq(u64, basket.lines[idx].sku, sku));
	cr_expect(eq(u16, basket.lines[idx].quantity, quantity));
	cr_expect(eq(u64, basket.lines[idx].max_price, max_price));
}

Test(basket_file, needs_no_header)
{
	cr_assert(eq(int, read_text("1001,2\n1002,1,5000\n1003,65535,0\n"), 0), "%s", error.text);
	cr_assert(eq(u32, basket.cnt, 3));
	check_line(0, 1001, 2, CLIENT_ANY_PRICE);
	check_line(1, 1002, 1, 5000);
	check_line(2, 1003, 65535, 0);
}

Test(basket_file, a_header_says_what_the_columns_are)
{
	cr_assert(eq(int,
		     read_text("Name,Quantity,SKU,max_price\n"
			       "a bottle,2,18446744073709551615,\n\n\"a, b\",1,7,4990\n"),
		     0),
		  "%s", error.text);
	cr_assert(eq(u32, basket.cnt, 2));
	check_line(0, UINT64_MAX, 2, CLIENT_ANY_PRICE);
	check_line(1, 7, 1, 4990);
	/* What a cart says that it costs is the most that the buyer pays. */
	cr_assert(eq(int, read_text("sku,quantity,price\n1,1,5\n2,1,6\n"), 0), "%s", error.text);
	check_line(1, 2, 1, 6);
	cr_assert(eq(int, read_text("unit_price;sku;quantity\r\n5;1;1\r\n6;2;1\r\n"), 0), "%s",
		  error.text);
	check_line(1, 2, 1, 6);
}

Test(basket_file, takes_what_spreadsheets_write)
{
	cr_assert(eq(int,
		     read_text("\xef\xbb\xbf"
			       "1001;2\r\n1002 ; \"1\"\r\n;;\r\n"),
		     0),
		  "%s", error.text);
	cr_assert(eq(u32, basket.cnt, 2));
	check_line(1, 1002, 1, CLIENT_ANY_PRICE);
}

static void make_lines(char *text, size_t bytes, unsigned cnt)
{
	size_t used = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < cnt; i++)
		used += (size_t)snprintf(text + used, bytes - used, "%u,1\n", i + 1);
}

Test(basket_file, has_2_to_29_lines)
{
	char text[1024];

	make_lines(text, sizeof(text), WIRE_ENTRY_CNT_MAX);
	cr_assert(eq(int, read_text(text), 0), "%s", error.text);
	cr_assert(eq(u32, basket.cnt, WIRE_ENTRY_CNT_MAX));
	check_line(28, 29, 1, CLIENT_ANY_PRICE);
	make_lines(text, sizeof(text), WIRE_ENTRY_CNT_MAX + 1);
	cr_assert(eq(int, read_text(text), -EINVAL));
	cr_expect(strstr(error.text, ":30: 30 lines; a basket has at most 29") != NULL, "%s",
		  error.text);
	cr_assert(eq(int, read_text("1001,2\n"), -EINVAL));
	cr_expect(strstr(error.text, ":1: one line is no basket") != NULL, "%s", error.text);
	cr_assert(eq(int, read_text("sku,quantity\n"), -EINVAL));
	cr_expect(strstr(error.text, ":1: no lines; a basket has 2") != NULL, "%s", error.text);
	cr_assert(eq(int, read_text(""), -EINVAL));
	cr_expect(strstr(error.text, ":1: no lines; a basket has 2") != NULL, "%s", error.text);
}

/* What is wrong is named with its line, its column and the remedy. */
Test(basket_file, faults_have_their_place)
{
	static const struct {
		const char *text;
		const char *said;
	} wrong[] = {
		{"1001,2\nx,1\n", "cart.csv:2: column 1 (sku): 'x' is not a whole number"},
		{"1001,2\n1002,0\n", "cart.csv:2: column 2 (quantity): '0' is not a whole number "
				     "from 1 to 65535"},
		{"1001,2\n1002,65536\n", ":2: column 2 (quantity): '65536' is not"},
		{"1001,2\n1002,-1\n", ":2: column 2 (quantity): '-1' is not"},
		{"1001,2\n1002,\n", ":2: column 2 (quantity): '' is not"},
		{"1001,2\n1002\n", ":2: column 2 (quantity): '' is not"},
		{"1001,2\n1002,1,4.99\n", ":2: column 3 (max_price): '4.99' is not"},
		{"1001,2\n1002,1,18446744073709551615\n", ":2: column 3 (max_price): "},
		{"18446744073709551616,2\n1002,1\n", ":1: column 1 (sku): "},
		{"1001,2\n\n1002,1\n1001,3\n",
		 ":4: column 1 (sku): SKU 1001 is in line 1 already; add the quantities up"},
		{"1001,2,5,7\n1002,1\n", ":1: '7' is more than sku,quantity,max_price; name"},
		{"sku,qty\n1001,2\n1002,1\n", ":1: the header has no column quantity"},
		{"quantity,price\n2,5\n1,5\n", ":1: the header has no column sku"},
		{"sku,quantity,price,max_price\n1,1,5,5\n",
		 ":1: columns 3 and 4 both say max_price"},
		{"1001,2\n1002,\"1\n", ":2: "},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect(eq(int, read_text(wrong[i].text), -EINVAL), "%s", wrong[i].text);
		cr_expect(strstr(error.text, wrong[i].said) != NULL, "%s said: %s", wrong[i].text,
			  error.text);
	}
}

Test(basket_file, says_every_fault)
{
	cr_assert(eq(int, read_text("a,2\n1002,b\n1003,1\n1003,1\n"), -EINVAL));
	cr_expect(strstr(error.text, "3 faults; the first: ") != NULL, "%s", error.text);
	cr_expect(strstr(said, ":1: column 1 (sku): 'a'") != NULL, "%s", said);
	cr_expect(strstr(said, ":2: column 2 (quantity): 'b'") != NULL, "%s", said);
	cr_expect(strstr(said, ":4: column 1 (sku): SKU 1003") != NULL, "%s", said);
}

Test(basket_file, that_is_none_is_said)
{
	cr_assert(eq(int, basket_file_read(temp_path("nowhere"), NULL, &basket, &error), -ENOENT));
	cr_expect(strstr(error.text, "nowhere: No such file") != NULL, "%s", error.text);
	cr_assert(eq(int, basket_file_read(temp_path("."), NULL, &basket, &error), -EIO));
	cr_expect(strstr(error.text, "cannot be read") != NULL, "%s", error.text);
}

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"
#include "tools/buy/options.h"

enum {
	ARGS_MAX = 40,
};

static struct buy_options options;
static char complaint[512];

static void set_up(void)
{
	(void)temp_dir_make();
}

TestSuite(buy_options, .init = set_up, .fini = temp_dir_remove);

/* The words of a command line, without the program's name; what it complains is kept. */
static enum buy_options_result parse(const char *line)
{
	static char words[512];
	const char *path = temp_path("complaints");
	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const int stderr_fd = dup(STDERR_FILENO);
	char *argv[ARGS_MAX] = {"buy"};
	char *rest = words;
	enum buy_options_result result;
	ssize_t bytes;
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	while ((argv[argc] = strsep(&rest, " ")) != NULL)
		argc += argv[argc][0] != '\0';
	optind = 0;
	dup2(fd, STDERR_FILENO);
	result = buy_options_parse(&options, argc, argv);
	dup2(stderr_fd, STDERR_FILENO);
	close(stderr_fd);
	bytes = pread(fd, complaint, sizeof(complaint) - 1, 0);
	complaint[bytes > 0 ? bytes : 0] = '\0';
	close(fd);
	return result;
}

#define TO    "--server 127.0.0.1:7700 --keys keys "
#define OF    TO "--sku 7 --buyer 42 "
#define ID    "000102030405060708090a0b0c0d0e0f"
#define ORDER UINT64_C(281474976710663)

static void check_request(const char *line, uint8_t op, uint64_t price_or_order, uint16_t quantity,
			  uint8_t flags)
{
	cr_assert(eq(int, parse(line), BUY_OPTIONS_OK), "%s: %s", line, complaint);
	cr_expect(eq(u8, options.request.op, op), "%s", line);
	cr_expect(eq(u64, options.request.price_or_order, price_or_order), "%s", line);
	cr_expect(eq(u16, options.request.quantity, quantity), "%s", line);
	cr_expect(eq(u8, options.request.flags, flags), "%s", line);
	cr_expect(eq(u64, options.request.sku, 7), "%s", line);
}

Test(buy_options, every_op_becomes_its_request)
{
	check_request(OF, WIRE_OP_BUY, 0, 1, 0);
	check_request(OF "--quantity 3 --max-price 500", WIRE_OP_BUY, 500, 3, 0);
	check_request(OF "--max-price 0", WIRE_OP_BUY, 0, 1, WIRE_ENTRY_AT_MOST_0);
	check_request(OF "--hold", WIRE_OP_HOLD, 0, 1, 0);
	check_request(OF "--hold --quantity 2 --max-price 0", WIRE_OP_HOLD, 0, 2,
		      WIRE_ENTRY_AT_MOST_0);
	check_request(OF "--confirm 281474976710663", WIRE_OP_CONFIRM, ORDER, 1, 0);
	check_request(OF "--quantity 2 --confirm 281474976710663", WIRE_OP_CONFIRM, ORDER, 2, 0);
	check_request(OF "--release 281474976710663", WIRE_OP_RELEASE, ORDER, 0, 0);
	check_request(OF "--release 281474976710663 --quantity 2", WIRE_OP_RELEASE, ORDER, 2, 0);
	check_request(OF "--extend 281474976710663", WIRE_OP_EXTEND, ORDER, 0, 0);
	check_request(OF "--return 281474976710663", WIRE_OP_RETURN, ORDER, 1, 0);
	check_request(OF "--return 281474976710663 --quantity 2 --write-off", WIRE_OP_RETURN, ORDER,
		      2, WIRE_ENTRY_WRITE_OFF);
	check_request(OF "--lookup-order 281474976710663", WIRE_OP_LOOKUP, ORDER, 0,
		      WIRE_ENTRY_BY_ORDER);
	cr_assert(eq(u64, options.request.buyer, 42));
	/* As the purchase that is looked up was asked. */
	check_request(OF "--quantity 2 --max-price 9 --lookup --request-id " ID, WIRE_OP_LOOKUP, 0,
		      0, 0);
	check_request(TO "--sku 7 --lookup --request-id " ID, WIRE_OP_LOOKUP, 0, 0, 0);
}

Test(buy_options, what_names_a_request_stays)
{
	uint8_t id[16];

	cr_assert(eq(int, parse(OF "--confirm 5 --channel 77 --request-id " ID), BUY_OPTIONS_OK));
	memcpy(id, options.request.id, sizeof(id));
	for (unsigned i = 0; i < sizeof(id); i++)
		cr_assert(eq(u8, id[i], i));
	cr_assert(eq(u32, options.request.channel, 77));
	cr_assert(eq(int, parse(TO "--again file --timeout-ms 5"), BUY_OPTIONS_OK));
	cr_assert(eq(str, (char *)options.again, "file"));
	cr_assert(eq(u32, options.timeout_ms, 5));
}

Test(buy_options, a_basket_comes_from_a_file_or_is_named)
{
	static const char of[] = TO "--buyer 42 ";
	char line[256];

	snprintf(line, sizeof(line), "%s--basket cart.csv --channel 7 --request-id " ID, of);
	cr_assert(eq(int, parse(line), BUY_OPTIONS_OK), "%s", complaint);
	cr_assert(eq(str, (char *)options.basket, "cart.csv"));
	cr_assert(eq(u8, options.request.op, WIRE_OP_BUY));
	cr_assert(eq(u64, options.request.buyer, 42));
	cr_assert(eq(u32, options.request.channel, 7));
	cr_assert(ne(u64, options.request.id[0], 0));
	cr_assert(not(options.what_there_is));
	snprintf(line, sizeof(line), "%s--basket - --hold --what-there-is", of);
	cr_assert(eq(int, parse(line), BUY_OPTIONS_OK), "%s", complaint);
	cr_assert(eq(str, (char *)options.basket, "-"));
	cr_assert(eq(u8, options.request.op, WIRE_OP_HOLD));
	cr_assert(options.what_there_is);
	snprintf(line, sizeof(line), "%s--hold --basket=cart.csv", of);
	cr_assert(eq(int, parse(line), BUY_OPTIONS_OK), "%s", complaint);
	cr_assert(eq(str, (char *)options.basket, "cart.csv"));

	check_request(OF "--confirm 281474976710663 --basket", WIRE_OP_CONFIRM, ORDER, 0,
		      WIRE_ENTRY_WHOLE_BASKET);
	cr_assert(options.basket == NULL);
	check_request(OF "--basket --release 281474976710663", WIRE_OP_RELEASE, ORDER, 0,
		      WIRE_ENTRY_WHOLE_BASKET);
}

/* What does not go together is refused, and the complaint begins with the flag that it is about. */
Test(buy_options, wrong_combinations_are_refused_by_name)
{
	static const struct {
		const char *line;
		const char *said;
	} wrong[] = {
		{OF "--hold --confirm 5", "--hold, --confirm: one of them"},
		{OF "--confirm 5 --release 5", "--confirm, --release: one of them"},
		{OF "--lookup --request-id " ID " --extend 5", "--lookup, --extend: one of them"},
		{OF "--return 5 --lookup-order 5", "--return, --lookup-order: one of them"},
		{OF "--confirm 5 --confirm 6", "--confirm: once"},
		{OF "--write-off", "--write-off: only with --return"},
		{OF "--release 5 --write-off", "--write-off: only with --return"},
		{OF "--confirm 5 --max-price 9", "--max-price: a hold is sold at the held price"},
		{OF "--release 5 --max-price 9", "--max-price: only to buy or to hold"},
		{OF "--extend 5 --max-price 9", "--max-price: a hold keeps its price"},
		{OF "--return 5 --max-price 9", "--max-price: only to buy or to hold"},
		{OF "--lookup-order 5 --max-price 9", "--max-price: only to buy or to hold"},
		{OF "--extend 5 --quantity 1", "--quantity: all units"},
		{OF "--lookup-order 5 --quantity 1", "--quantity: all units"},
		{OF "--lookup-order 5 --request-id " ID, "--request-id: the order is looked up"},
		{OF "--confirm 0", "--confirm: "},
		{OF "--confirm x", "--confirm: "},
		{OF "--quantity 65536 --hold", "--quantity: "},
		{TO "--sku 7 --confirm 5", "--buyer N is missing"},
		{TO "--sku 7 --lookup-order 5", "--buyer N is missing"},
		{TO "--buyer 42 --hold", "--sku N is missing"},
		{OF "--lookup", "--lookup: --request-id HEX is missing"},
		{"--keys keys --sku 7 --buyer 42 --hold", "--server HOST:PORT is missing"},
		{"--server a:1 --sku 7 --buyer 42", "--keys FILE is missing"},
		{TO "--again file --hold", "--again, --hold: one of them"},
		{TO "--again file --sku 7", "--again: the file says what and for whom"},
		{TO "--again file --json", "--again: the file says what and for whom"},
		{TO "--again file --basket cart.csv", "--again: the file says what and for whom"},
		{OF "--hold 5", "'5' is not a flag"},
		{TO "--buyer 42 --basket", "--basket: FILE is missing"},
		{TO "--buyer 42 --basket --hold", "--basket: FILE is missing"},
		{TO "--basket cart.csv", "--buyer N is missing"},
		{OF "--basket cart.csv", "--basket: the file says what; without --sku"},
		{TO "--buyer 42 --basket cart.csv --quantity 2", "without --quantity"},
		{TO "--buyer 42 --basket cart.csv --max-price 2", "without --max-price"},
		{OF "--confirm 5 --basket cart.csv", "--confirm ORDER --basket, without a file"},
		{OF "--release 5 --basket --quantity 1", "--quantity: a whole basket"},
		{OF "--extend 5 --basket", "--basket, --extend: one of them"},
		{OF "--lookup --request-id " ID " --basket -", "--basket, --lookup: one of them"},
		{TO "--buyer 42 --confirm 5 --basket", "--sku N is missing"},
		{OF "--what-there-is", "--what-there-is: only with --basket FILE"},
		{OF "--confirm 5 --basket --what-there-is", "--what-there-is: only with"},
	};

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		cr_expect(eq(int, parse(wrong[i].line), BUY_OPTIONS_WRONG), "%s", wrong[i].line);
		cr_expect(strstr(complaint, wrong[i].said) != NULL, "%s said: %s", wrong[i].line,
			  complaint);
	}
}

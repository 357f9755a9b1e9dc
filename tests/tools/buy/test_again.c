#include "tools/buy/again.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/client_rig.h"
#include "tests/support/temp_dir.h"
#include "tools/common/cli.h"

static void set_up(void)
{
	(void)temp_dir_make();
}

TestSuite(again, .init = set_up, .fini = temp_dir_remove);

#define LINE(kind, id, sku, quantity, order, more)                                                 \
	"{\"kind\":\"" kind "\",\"request_id\":\"000000000000000000000000000000" id "\","          \
	"\"buyer\":\"42\",\"sku\":\"" sku "\",\"quantity\":" quantity ",\"unit_price\":\"100\","   \
	"\"channel\":0,\"order_id\":\"" order "\"" more "}\n"
#define PRICE ",\"max_price\":\"0\""

/* Orders and holds get the ids 900 + SKU; SKU 9 is sold out. */
static enum fake_fate sell(struct fake_engine *of, struct fake_datagram *reply)
{
	const struct fake_datagram *asked = &of->requests[of->seen - 1];

	for (unsigned i = 0; i < fake_header(reply)->count; i++) {
		const struct wire_request *request = &fake_requests(asked)[i];
		struct wire_reply *answer = &fake_replies(reply)[i];

		answer->order_id = request->op == WIRE_OP_BUY || request->op == WIRE_OP_HOLD
					   ? 900 + request->sku
					   : request->price_or_order;
		answer->verdict = request->sku == 9             ? VERDICT_SOLD_OUT
				  : request->op == WIRE_OP_HOLD ? VERDICT_HELD
								: VERDICT_ACCEPTED;
	}
	return FATE_ANSWER;
}

/* Sells a file again. Returns the exit code; what is printed is in `out`. */
static int sell_again(const char *text, char *out, size_t out_bytes)
{
	const char *path = temp_path("report");
	const char *printed = temp_path("printed");
	const int fd = open(printed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	const int stdout_fd = dup(STDOUT_FILENO);
	struct client_options options;
	ssize_t bytes;
	int rc;

	fake_engine_init(&engine, 1);
	engine.rule = sell;
	options = (struct client_options){
		.server = "fake",
		.key = &engine.key,
		.transport = &engine.transport,
		.timeout_ms = TIMEOUT_MS,
	};
	write_text(path, text);
	fflush(stdout);
	dup2(fd, STDOUT_FILENO);
	rc = again(path, &options);
	fflush(stdout);
	dup2(stdout_fd, STDOUT_FILENO);
	close(stdout_fd);
	bytes = pread(fd, out, out_bytes - 1, 0);
	out[bytes > 0 ? bytes : 0] = '\0';
	close(fd);
	return rc;
}

static const struct wire_request *sent(unsigned datagram, unsigned entry)
{
	cr_assert(all(lt(u32, datagram, engine.seen),
		      lt(u32, entry, fake_header(&engine.requests[datagram])->count)));
	return &fake_requests(&engine.requests[datagram])[entry];
}

/* A payment is of the hold as it is named now; of an order that was kept, under the id it has. */
Test(again, changes_follow_the_new_ids)
{
	char out[4096];
	const int rc = sell_again(
		LINE("hold", "01", "1", "3", "11", PRICE) LINE("order", "02", "2", "1", "12", PRICE)
			LINE("confirm", "03", "1", "2", "11", ",\"refund\":false")
				LINE("return", "04", "2", "1", "12", ",\"write_off\":true")
					LINE("release", "05", "3", "2", "7", ",\"all\":true")
						LINE("extend", "06", "3", "0", "8", ""),
		out, sizeof(out));

	cr_assert(eq(int, rc, CLI_EXIT_GOOD), "%s", out);
	/* The changes wait for the ids. */
	cr_assert(eq(u32, engine.seen, 2));
	cr_assert(eq(u8, sent(0, 0)->op, WIRE_OP_HOLD));
	cr_assert(all(eq(u8, sent(1, 0)->op, WIRE_OP_CONFIRM), eq(u16, sent(1, 0)->quantity, 2),
		      eq(u64, sent(1, 0)->price_or_order, 901)));
	cr_assert(all(eq(u8, sent(1, 1)->op, WIRE_OP_RETURN),
		      eq(u8, sent(1, 1)->flags, WIRE_ENTRY_WRITE_OFF),
		      eq(u64, sent(1, 1)->price_or_order, 902)));
	cr_assert(all(eq(u8, sent(1, 2)->op, WIRE_OP_RELEASE), eq(u16, sent(1, 2)->quantity, 0),
		      eq(u64, sent(1, 2)->price_or_order, 7)));
	cr_assert(all(eq(u8, sent(1, 3)->op, WIRE_OP_EXTEND),
		      eq(u64, sent(1, 3)->price_or_order, 8)));
	cr_assert(strstr(out, "\n11,901,00000000000000000000000000000001,42,1,3,100,HELD\n") !=
			  NULL,
		  "%s", out);
}

/* What cannot be asked again is listed, and settled by hand. */
Test(again, what_cannot_be_asked_is_listed)
{
	char out[4096];
	const int rc = sell_again(
		LINE("hold", "01", "9", "1", "11", PRICE) LINE("confirm", "02", "9", "1", "11",
							       ",\"refund\":false")
			LINE("hold", "03", "1", "1", "13", PRICE)
				LINE("confirm", "04", "1", "1", "13",
				     ",\"refund\":true") "{\"kind\":\"expire\",\"sku\":\"1\"}\n",
		out, sizeof(out));

	cr_assert(eq(int, rc, CLI_EXIT_BAD), "%s", out);
	cr_assert(strstr(out, "\n11,,00000000000000000000000000000001,42,9,1,100,SOLD_OUT\n") !=
			  NULL,
		  "%s", out);
	cr_assert(
		strstr(out, "\n11,,00000000000000000000000000000002,42,9,1,100,ORDER_REFUSED\n") !=
			NULL,
		"%s", out);
	cr_assert(strstr(out, "\n13,901,00000000000000000000000000000003,42,1,1,100,HELD\n") !=
			  NULL,
		  "%s", out);
	cr_assert(strstr(out,
			 "\n13,,00000000000000000000000000000004,42,1,1,100,REFUNDED_BEFORE\n") !=
			  NULL,
		  "%s", out);
	for (unsigned i = 0; i < engine.seen; i++) {
		for (unsigned k = 0; k < fake_header(&engine.requests[i])->count; k++)
			cr_assert(eq(u8, sent(i, k)->op, WIRE_OP_HOLD));
	}
}

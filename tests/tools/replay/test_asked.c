#include <criterion/criterion.h>

#include "net/wire.h"
#include "tools/replay/asked.h"

static const uint8_t *datagram(uint64_t id, uint8_t op)
{
	static uint8_t bytes[WIRE_DATAGRAM_BYTES_MAX];

	((struct wire_header *)bytes)->count = 1;
	((struct wire_header *)bytes)->echo = id;
	wire_requests(bytes)[0] = (struct wire_request){.id = {id, 1}, .op = op};
	return bytes;
}

Test(asked, knows_what_was_asked_when_the_answer_comes)
{
	struct asked *asked = asked_open();

	asked_put(asked, 3, datagram(1, WIRE_OP_HOLD));
	asked_put(asked, 3, datagram(2, WIRE_OP_CONFIRM));
	asked_put(asked, 3, datagram(3, 200));
	cr_expect_eq(asked_find(asked, 3, datagram(1, 0))[0], WIRE_OP_HOLD);
	cr_expect_eq(asked_find(asked, 3, datagram(2, 0))[0], WIRE_OP_CONFIRM);
	cr_expect_eq(asked_find(asked, 3, datagram(3, 0))[0], 0);
	cr_expect_null(asked_find(asked, 4, datagram(1, 0)));
	cr_expect_null(asked_find(asked, 3, datagram(4, 0)));
	asked_close(asked);
}

Test(asked, forgets_the_oldest)
{
	struct asked *asked = asked_open();
	uint64_t known = 0;

	for (uint64_t id = 1; id <= 4 * ASKED_MAX; id++)
		asked_put(asked, 0, datagram(id, WIRE_OP_BUY));
	for (uint64_t id = 1; id <= 4 * ASKED_MAX; id++)
		known += asked_find(asked, 0, datagram(id, 0)) != NULL;
	cr_expect_leq(known, ASKED_MAX);
	cr_expect_not_null(asked_find(asked, 0, datagram(4 * ASKED_MAX, 0)));
	cr_expect_null(asked_find(asked, 0, datagram(1, 0)));
	asked_close(asked);
}

#include "tools/load/waiting.h"

#include <stdlib.h>

#include "engine/base/check.h"

bool waiting_open(struct waiting *waiting, uint32_t max)
{
	CHECK(max > 0);
	/* Only the pages of those who wait are ever touched. */
	*waiting = (struct waiting){.buyers = malloc(max * sizeof(*waiting->buyers)), .max = max};
	return waiting->buyers != NULL;
}

void waiting_close(struct waiting *waiting)
{
	free(waiting->buyers);
	*waiting = (struct waiting){0};
}

void waiting_add(struct waiting *waiting, uint64_t at_ns, uint32_t idx)
{
	struct waiting_buyer *buyers = waiting->buyers;
	uint32_t at = waiting->cnt;

	CHECK(waiting->cnt < waiting->max);
	if (at_ns <= waiting->asked_ns)
		at_ns = waiting->asked_ns + WAITING_AGAIN_NS;
	waiting->cnt++;
	for (; at > 0 && buyers[(at - 1) / 2].at_ns > at_ns; at = (at - 1) / 2)
		buyers[at] = buyers[(at - 1) / 2];
	buyers[at] = (struct waiting_buyer){at_ns, idx};
}

const struct waiting_buyer *waiting_first(const struct waiting *waiting)
{
	return waiting->cnt > 0 ? &waiting->buyers[0] : NULL;
}

void waiting_remove_first(struct waiting *waiting, uint64_t now_ns)
{
	struct waiting_buyer *buyers = waiting->buyers;
	uint64_t at = 0;

	CHECK(waiting->cnt > 0);
	waiting->cnt--;
	waiting->asked_ns = now_ns;

	const struct waiting_buyer moved = buyers[waiting->cnt];

	for (uint64_t child = 1; child < waiting->cnt; child = 2 * at + 1) {
		if (child + 1 < waiting->cnt && buyers[child + 1].at_ns < buyers[child].at_ns)
			child++;
		if (buyers[child].at_ns >= moved.at_ns)
			break;
		buyers[at] = buyers[child];
		at = child;
	}
	buyers[at] = moved;
}

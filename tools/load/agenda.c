#include "tools/load/agenda.h"

#include <stdlib.h>

#include "engine/base/check.h"

bool agenda_open(struct agenda *agenda, uint32_t max)
{
	CHECK(max > 0);
	*agenda = (struct agenda){.entries = malloc(max * sizeof(*agenda->entries)), .max = max};
	return agenda->entries != NULL;
}

void agenda_close(struct agenda *agenda)
{
	free(agenda->entries);
	*agenda = (struct agenda){0};
}

void agenda_add(struct agenda *agenda, uint64_t due_ns, uint32_t idx)
{
	struct agenda_entry *entries = agenda->entries;
	uint32_t at = agenda->cnt;

	CHECK(agenda->cnt < agenda->max);
	agenda->cnt++;
	for (; at > 0 && entries[(at - 1) / 2].due_ns > due_ns; at = (at - 1) / 2)
		entries[at] = entries[(at - 1) / 2];
	entries[at] = (struct agenda_entry){due_ns, idx};
}

const struct agenda_entry *agenda_first(const struct agenda *agenda)
{
	return agenda->cnt > 0 ? &agenda->entries[0] : NULL;
}

void agenda_remove_first(struct agenda *agenda)
{
	struct agenda_entry *entries = agenda->entries;
	uint64_t at = 0;

	CHECK(agenda->cnt > 0);
	agenda->cnt--;

	const struct agenda_entry moved = entries[agenda->cnt];

	for (uint64_t child = 1; child < agenda->cnt; child = 2 * at + 1) {
		if (child + 1 < agenda->cnt && entries[child + 1].due_ns < entries[child].due_ns)
			child++;
		if (entries[child].due_ns >= moved.due_ns)
			break;
		entries[at] = entries[child];
		at = child;
	}
	entries[at] = moved;
}

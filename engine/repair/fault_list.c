#include "engine/repair/fault_list.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

void fault_list_add(struct fault_list *list, const struct lane_fault *fault)
{
	struct lane_fault *more = reallocarray(list->faults, list->cnt + 1, sizeof(*more));
	uint64_t at = list->cnt++;

	CHECK(more != NULL);
	list->faults = more;
	for (; at > 0 && lane_place_before(fault->place, more[at - 1].place); at--)
		more[at] = more[at - 1];
	more[at] = *fault;
	CHECK(at + 1 == list->cnt || lane_place_before(fault->place, more[at + 1].place));
}

static bool has(const struct fault_list *list, const struct lane_fault *fault)
{
	for (uint64_t i = 0; i < list->cnt; i++) {
		if (list->faults[i].place.segment == fault->place.segment &&
		    strcmp(list->faults[i].text, fault->text) == 0)
			return true;
	}
	return false;
}

void fault_list_merge(struct fault_list *list, const struct lane_fault *faults, uint64_t cnt)
{
	/* Growing the list would move its own faults. */
	CHECK(cnt == 0 || faults != list->faults);
	for (uint64_t i = 0; i < cnt; i++) {
		if (!has(list, &faults[i]))
			fault_list_add(list, &faults[i]);
	}
}

void fault_list_free(struct fault_list *list)
{
	CHECK((list->faults == NULL) == (list->cnt == 0));
	free(list->faults);
	*list = (struct fault_list){0};
}

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/repair/fault_list.h"

static struct lane_fault fault(uint64_t segment, uint64_t offset, const char *text)
{
	struct lane_fault made = {.place.segment = segment, .place.offset = offset};

	snprintf(made.text, sizeof(made.text), "%s", text);
	return made;
}

Test(fault_list, keeps_faults_in_lane_order)
{
	static const uint64_t places[][2] = {{3, 0}, {1, 4096}, {1, 0}, {2, 8192}};
	struct fault_list list = {0};

	for (unsigned i = 0; i < 4; i++) {
		const struct lane_fault one = fault(places[i][0], places[i][1], "");

		fault_list_add(&list, &one);
	}
	cr_assert(eq(u64, list.cnt, 4));
	for (unsigned i = 1; i < 4; i++) {
		const struct lane_fault *one = &list.faults[i - 1];

		cr_assert(one->place.segment < one[1].place.segment ||
			  (one->place.segment == one[1].place.segment &&
			   one->place.offset < one[1].place.offset));
	}
	fault_list_free(&list);
	cr_assert(eq(u64, list.cnt, 0));
}

Test(fault_list, keeps_those_of_one_place_as_they_were_added)
{
	static const char *const texts[] = {"one", "two", "three"};
	struct fault_list list = {0};

	for (unsigned i = 0; i < 3; i++) {
		const struct lane_fault one = fault(7, 4096, texts[i]);

		fault_list_add(&list, &one);
	}
	for (unsigned i = 0; i < 3; i++)
		cr_assert(eq(str, list.faults[i].text, (char *)texts[i]));
	fault_list_free(&list);
}

/* The same text for the same segment is the same fault, wherever it was noticed. */
Test(fault_list, merges_what_it_does_not_have)
{
	const struct lane_fault others[] = {fault(1, 4096, "bad"), fault(2, 0, "bad"),
					    fault(1, 0, "worse"), fault(1, 8192, "worse")};
	const struct lane_fault mine = fault(1, 0, "bad");
	struct fault_list list = {0};

	fault_list_merge(&list, NULL, 0);
	cr_assert(eq(u64, list.cnt, 0));
	fault_list_add(&list, &mine);
	fault_list_merge(&list, others, 4);
	cr_assert(eq(u64, list.cnt, 3));
	cr_assert(eq(str, list.faults[0].text, "bad"));
	cr_assert(eq(str, list.faults[1].text, "worse"));
	cr_assert(eq(u64, list.faults[1].place.offset, 0));
	cr_assert(eq(u64, list.faults[2].place.segment, 2));
	fault_list_free(&list);
}

#include "tools/replay/member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The middle one of the held packets' instants; of two the earlier one. */
static uint64_t middle_ns(const struct member *member)
{
	uint64_t sorted[MEMBER_HELD];
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < member->held_cnt; i++) {
		uint32_t at = cnt;

		if (!member->held[i].has_instant)
			continue;
		for (; at > 0 && sorted[at - 1] > member->held[i].at_ns; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = member->held[i].at_ns;
		cnt++;
	}
	return cnt > 0 ? sorted[(cnt - 1) / 2] : 0;
}

static uint64_t distance(uint64_t one, uint64_t other)
{
	return one > other ? one - other : other - one;
}

/* Reads the first packets and copies them. False: no memory. */
static bool hold_first(struct member *member)
{
	uint64_t middle;

	while (member->held_cnt < MEMBER_HELD &&
	       (member->rc = capture_file_next(member->file, &member->head)) == 1) {
		struct packet *held = &member->held[member->held_cnt];
		uint8_t *bytes = malloc(member->head.kept + 1);

		if (bytes == NULL)
			return false;
		if (member->head.kept > 0)
			memcpy(bytes, member->head.bytes, member->head.kept);
		*held = member->head;
		held->bytes = bytes;
		member->held_bytes[member->held_cnt++] = bytes;
	}
	middle = middle_ns(member);
	for (uint32_t i = 0; i < member->held_cnt; i++) {
		struct packet *held = &member->held[i];

		held->beyond_gap =
			held->has_instant && distance(held->at_ns, middle) > member->max_gap_ns;
	}
	return true;
}

static void note_instant(struct member *member)
{
	struct packet *head = &member->head;

	if (!head->has_instant || head->beyond_gap)
		return;
	if (member->max_gap_ns > 0 && member->furthest_ns > 0 &&
	    head->at_ns > member->furthest_ns &&
	    head->at_ns - member->furthest_ns > member->max_gap_ns)
		head->beyond_gap = true;
	else if (head->at_ns > member->furthest_ns)
		member->furthest_ns = head->at_ns;
}

void member_advance(struct member *member)
{
	if (member->held_at < member->held_cnt) {
		member->head = member->held[member->held_at++];
		member->has_head = true;
	} else {
		if (member->rc == 1)
			member->rc = capture_file_next(member->file, &member->head);
		member->has_head = member->rc == 1;
	}
	if (!member->has_head)
		return;
	member->given++;
	note_instant(member);
}

int member_begin(struct member *member, struct capture_file *file, uint64_t max_gap_ns)
{
	member->file = file;
	member->max_gap_ns = max_gap_ns;
	member->rc = 1;
	if (max_gap_ns > 0 && !hold_first(member))
		return -ENOMEM;
	member_advance(member);
	return 0;
}

uint64_t member_due_ns(const struct member *member)
{
	const struct packet *head = &member->head;

	return head->has_instant && !head->beyond_gap ? head->at_ns : member->furthest_ns;
}

void member_close(struct member *member)
{
	capture_file_close(member->file);
	for (uint32_t i = 0; i < member->held_cnt; i++)
		free(member->held_bytes[i]);
	*member = (struct member){0};
}

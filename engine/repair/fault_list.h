/*
 * fault_list: what is wrong with a lane, in lane order: by segment, then by offset, then as it was
 * added. Each stage of a repair has a list of its own; a later stage copies the faults of an
 * earlier one.
 *
 * Cold calls, one thread. A list of zeros is empty.
 */
#ifndef DB_ENGINE_REPAIR_FAULT_LIST_H
#define DB_ENGINE_REPAIR_FAULT_LIST_H

#include <stdint.h>

#include "engine/journal/lane_reader.h"

struct fault_list {
	struct lane_fault *faults; /* owned */
	uint64_t cnt;
};

/* Copies the fault to its place. */
void fault_list_add(struct fault_list *list, const struct lane_fault *fault);

/* Copies those that the list does not have yet. It has one if a fault of the same segment has the
 * same text. */
void fault_list_merge(struct fault_list *list, const struct lane_fault *faults, uint64_t cnt);

/* The list is empty after it. */
void fault_list_free(struct fault_list *list);

#endif

/*
 * agenda: who is to do something next, and when: a heap by the instant. One thread.
 */
#ifndef DB_TOOLS_LOAD_AGENDA_H
#define DB_TOOLS_LOAD_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

/* Buyer `idx` acts at `due_ns`, by whatever clock the caller has. */
struct agenda_entry {
	uint64_t due_ns;
	uint32_t idx;
};

struct agenda {
	struct agenda_entry *entries; /* a heap: none is due before the first */
	uint32_t cnt;
	uint32_t max;
};

/* Room for `max` entries at a time, max > 0. False: no memory. */
bool agenda_open(struct agenda *agenda, uint32_t max);
/* What is zeroed may be closed, too. */
void agenda_close(struct agenda *agenda);

/* There must be room. */
void agenda_add(struct agenda *agenda, uint64_t due_ns, uint32_t idx);

/* What is due first; valid until the next add or remove. NULL: nothing is. */
const struct agenda_entry *agenda_first(const struct agenda *agenda);
/* Takes the first away; there must be one. */
void agenda_remove_first(struct agenda *agenda);

#endif

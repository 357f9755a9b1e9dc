/*
 * told: what told.c and told_basket.c share: an answer, compared with earlier answers and with what
 * was written.
 */
#ifndef DB_TESTS_SIM_TOLD_H
#define DB_TESTS_SIM_TOLD_H

#include "tests/sim/buyers.h"

/* An answer to one entry. */
struct answer {
	struct buyers *buyers; /* those of the entry's lane */
	const struct truth *truth;
	const struct buyers *asked; /* those of the lane that was asked */
	const struct parcel *parcel;
	const struct wire_request *request;
	struct wish *wish;
	struct wire_reply reply;
	uint64_t now_ns; /* the lane's clock, if the answer says so; else 0 */
	bool content;
	bool healthy;
	bool failed;
	bool stale;
};

/* Where the wish's record is among those up to an LSN; 0: nowhere. */
uint64_t told_find(struct wish *wish, const struct truth *truth, uint64_t last_lsn);

/* The wish is committed, as an answer says that rests on its record and may on later ones. */
void told_done(const struct answer *answer);

/* Whether the answer may have been decided before a yes that was heard earlier. */
bool told_overtaken(const struct answer *answer);

/* A yes to a line of a basket: its record stands where it must. */
void told_check_lines(const struct answer *answer);

/* These take an answer that a basket's line got because of the others, or because the basket is
 * being decided. */
bool told_of_basket(const struct answer *answer, const struct wire_header *header);
bool told_under_way(const struct answer *answer);

/* The one answer for all lines of a basket. */
void told_whole(const struct answer *answer);

/* Keeps a basket that was held, so that it is paid or released as a whole. */
void told_keep_held(struct buyers *buyers, const struct parcel *parcel,
		    const struct wire_reply *replies);

/* Of a basket that is committed no line is refused. */
void told_check_all(struct buyers *buyers, const struct parcel *parcel,
		    const struct wire_reply *replies);

#endif

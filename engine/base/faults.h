/*
 * faults: what is wrong in a file that an operator wrote, all of it at once: a line for each fault,
 * as place.h names places. With one fault the caller's error has it. With more, each is printed as
 * it is found, FAULTS_SHOWN_MAX of them, and the error says how many there are and which is first.
 *
 * The caller owns the struct and sets path and out. One thread.
 */
#ifndef DB_ENGINE_BASE_FAULTS_H
#define DB_ENGINE_BASE_FAULTS_H

#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"

struct faults {
	const char *path;
	FILE *out; /* where faults are printed; NULL: nowhere, they are counted */
	uint64_t cnt;
	struct error first;
};

/* Takes a fault: its whole line, with its place. Makes its control characters question marks. */
void faults_add(struct faults *faults, struct error *fault);

/* Prints a line, with its place, that is no fault. */
void faults_note(const struct faults *faults, struct error *note);

/* After the last: 0 if there was none, or -EINVAL with a line in error. */
int faults_end(const struct faults *faults, struct error *error);

#endif

/*
 * reading: how the options say that a capture is to be read, and what the reading lacks.
 */
#ifndef DB_TOOLS_REPLAY_READING_H
#define DB_TOOLS_REPLAY_READING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/replay/options.h"
#include "tools/replay/reader.h"

enum {
	READING_WHY_BYTES = 512,
};

/* After reader_open, before the first reader_next. 0 or -ENOMEM with a line in error. */
int reading_begin(struct reader *reader, const struct replay_options *options, struct error *error);

/* Packets that may have held requests or replies which nothing else of the capture gives: cut ones,
 * fragments of tunnels, and the like. With --strict a replay without them has failed. */
uint64_t reading_lost_cnt(const struct reader_counts *counts);

/* Why no request, or hardly one, was found: what most packets were passed over for, and what helps;
 * if none was, the damage that ended the capture (reader_damage), or NULL. */
void reading_why(const struct reader_counts *counts, const char *damage,
		 char why[READING_WHY_BYTES]);

/* Under --strict: complains of lost packets. False: there are some. */
bool reading_is_whole(const struct reader_counts *counts, const char *capture);

#endif

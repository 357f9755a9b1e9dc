/*
 * figures: numbers as people read them: with thousands separators, and spans of time in units that
 * fit. Pure; any thread.
 */
#ifndef DB_TOOLS_REPLAY_FIGURES_H
#define DB_TOOLS_REPLAY_FIGURES_H

#include <stdint.h>

/* A sum of prices in minor units, of whatever currency the catalog's unit_price is in. A price has
 * 64 bits and a quantity 16: 2^48 such orders fit. */
typedef unsigned __int128 minor_units;

enum {
	/* 39 digits of 128 bits, 12 separators, a sign, the end. */
	FIGURE_BYTES = 56,
};

/* All of these write into out and return it. */

/* 1,234,567 */
const char *figure(minor_units value, char out[FIGURE_BYTES]);

/* 1234567, for programs */
const char *figure_plain(minor_units value, char out[FIGURE_BYTES]);

/* How far value is from before: +1,234, -1,234, or 0 */
const char *figure_change(minor_units value, minor_units before, char out[FIGURE_BYTES]);

/* 0.000412 s, 3.214 s, 12 min 03.2 s, 3 h 02 min 03 s; rounded down */
const char *figure_span(uint64_t ns, char out[FIGURE_BYTES]);

/* The same in a buffer of their own that lives as long as the block they are used in. */
#define FIGURE(value)                figure((value), (char[FIGURE_BYTES]){0})
#define FIGURE_PLAIN(value)          figure_plain((value), (char[FIGURE_BYTES]){0})
#define FIGURE_CHANGE(value, before) figure_change((value), (before), (char[FIGURE_BYTES]){0})
#define FIGURE_SPAN(ns)              figure_span((ns), (char[FIGURE_BYTES]){0})

#endif

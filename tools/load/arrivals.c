#include "tools/load/arrivals.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/wire.h"

enum {
	PIECES_MAX = 6,
	RECORDED_FIRST_CNT = 4096,
};

static const double NS_PER_S = 1e9;
/* 292 years: a longer run does not fit into ns. */
static const double RECORDED_MAX_S = 9e9;

/* From begin_s on the rate changes by slope a second; before it `before` arrivals were due. */
struct piece {
	double begin_s;
	double rate;
	double slope;
	double before;
};

struct pieces {
	struct piece at[PIECES_MAX];
	unsigned cnt;
};

static double expected_in(const struct piece *piece, double seconds)
{
	return piece->rate * seconds + piece->slope * seconds * seconds / 2;
}

/* The next piece lasts from begin_s to end_s and goes from one rate to another. */
static void add_piece(struct pieces *pieces, double begin_s, double end_s, double from, double to)
{
	const struct piece *last = pieces->cnt > 0 ? &pieces->at[pieces->cnt - 1] : NULL;
	const double length_s = end_s - begin_s;

	if (length_s <= 0)
		return;
	pieces->at[pieces->cnt++] = (struct piece){
		.begin_s = begin_s,
		.rate = from,
		.slope = (to - from) / length_s,
		.before = last != NULL ? last->before + expected_in(last, begin_s - last->begin_s)
				       : 0,
	};
}

static void pieces_of(const struct arrivals_profile *profile, struct pieces *out)
{
	const double rate = profile->rate;
	const double high = rate * profile->spike_factor;
	double at_s = profile->ramp_s;

	*out = (struct pieces){0};
	add_piece(out, 0, at_s, 0, rate);
	if (profile->spike_factor > 0) {
		const double begin_s = profile->spike_at_s > at_s ? profile->spike_at_s : at_s;
		const double top_s = begin_s + profile->spike_rise_s;
		const double end_s = top_s + profile->spike_hold_s;

		add_piece(out, at_s, begin_s, rate, rate);
		add_piece(out, begin_s, top_s, rate, high);
		add_piece(out, top_s, end_s, high, high);
		at_s = end_s;
	}
	add_piece(out, at_s, at_s + RECORDED_MAX_S, rate, rate);
}

static const struct piece *piece_at(const struct pieces *pieces, double seconds)
{
	unsigned i = pieces->cnt - 1;

	while (i > 0 && pieces->at[i].begin_s > seconds)
		i--;
	return &pieces->at[i];
}

double arrivals_expected(const struct arrivals_profile *profile, double seconds)
{
	struct pieces pieces;
	const struct piece *piece;

	pieces_of(profile, &pieces);
	piece = piece_at(&pieces, seconds);
	return piece->before + expected_in(piece, seconds - piece->begin_s);
}

double arrivals_rate_at(const struct arrivals_profile *profile, double seconds)
{
	struct pieces pieces;
	const struct piece *piece;

	pieces_of(profile, &pieces);
	piece = piece_at(&pieces, seconds);
	return piece->rate + piece->slope * (seconds - piece->begin_s);
}

/* When this many arrivals were expected; *i is the piece to begin looking in, and moves on. The
 * root of slope/2 t^2 + rate t - wanted, in the form that has no difference of nearly equals. */
static uint64_t instant_of(const struct pieces *pieces, unsigned *i, double wanted)
{
	const struct piece *piece;
	double rest;
	double root;

	while (*i + 1 < pieces->cnt && pieces->at[*i + 1].before <= wanted)
		(*i)++;
	piece = &pieces->at[*i];
	rest = wanted - piece->before;
	root = sqrt(fmax(0, piece->rate * piece->rate + 2 * piece->slope * rest));
	if (rest <= 0 || piece->rate + root <= 0)
		return (uint64_t)(piece->begin_s * NS_PER_S);
	return (uint64_t)((piece->begin_s + 2 * rest / (piece->rate + root)) * NS_PER_S);
}

void arrivals_constant(const struct arrivals_profile *profile, uint64_t *due_ns, uint32_t cnt)
{
	struct pieces pieces;
	unsigned piece = 0;

	pieces_of(profile, &pieces);
	for (uint32_t i = 0; i < cnt; i++)
		due_ns[i] = instant_of(&pieces, &piece, i);
}

/* Unit exponential steps of the expected count: a Poisson process, whatever the profile. */
void arrivals_poisson(const struct arrivals_profile *profile, uint64_t seed, uint64_t *due_ns,
		      uint32_t cnt)
{
	struct pieces pieces;
	unsigned piece = 0;
	double expected = 0;

	pieces_of(profile, &pieces);
	for (uint32_t i = 0; i < cnt; i++) {
		/* Above 0 and at most 1. */
		const double draw = ((double)(mix64(seed + i) >> 11) + 1) / 9007199254740992.0;

		expected -= log(draw);
		due_ns[i] = instant_of(&pieces, &piece, expected);
	}
}

struct recording {
	uint64_t *due_ns;
	uint32_t cnt;
	uint32_t cnt_max;
	double first_s;
};

/* What is wrong with a line; NULL: nothing. */
static const char *add_line(struct recording *recording, char *line)
{
	double instant_s;
	uint64_t due_ns;
	char *end;

	line[strcspn(line, "#\r\n")] = '\0';
	if (line[strspn(line, " \t")] == '\0')
		return NULL;
	instant_s = strtod(line, &end);
	if (end == line || end[strspn(end, " \t")] != '\0' || !(instant_s >= 0) ||
	    instant_s > RECORDED_MAX_S)
		return "is not an instant; expected seconds, like 12.000345";
	if (recording->cnt == 0)
		recording->first_s = instant_s;
	if (instant_s < recording->first_s)
		return "is before the first; sort the file";
	due_ns = (uint64_t)((instant_s - recording->first_s) * NS_PER_S + 0.5);
	if (recording->cnt > 0 && due_ns < recording->due_ns[recording->cnt - 1])
		return "is before the line above; sort the file";
	if (recording->cnt == UINT32_MAX)
		return "is one too many; 4294967295 instants are the most";
	if (recording->cnt == recording->cnt_max) {
		const uint32_t more = recording->cnt_max == 0         ? RECORDED_FIRST_CNT
				      : recording->cnt_max > 1U << 30 ? UINT32_MAX
								      : recording->cnt_max * 2;
		uint64_t *grown = realloc(recording->due_ns, more * sizeof(*grown));

		if (grown == NULL)
			return "is beyond this machine's memory";
		recording->due_ns = grown;
		recording->cnt_max = more;
	}
	recording->due_ns[recording->cnt++] = due_ns;
	return NULL;
}

int arrivals_recorded(const char *path, uint64_t **due_ns, uint32_t *cnt, struct error *error)
{
	struct recording recording = {0};
	FILE *file = fopen(path, "re");
	uint64_t line_no = 0;
	char line[256];
	int rc = 0;

	if (file == NULL) {
		rc = -errno;
		return error_say(error, rc, "%s: %s", path, strerror(-rc));
	}
	while (rc == 0 && fgets(line, sizeof(line), file) != NULL) {
		const char *wrong = add_line(&recording, line);

		line_no++;
		if (wrong != NULL) {
			rc = error_say(error, -EINVAL, "%s:%" PRIu64 ": '%.40s' %s", path, line_no,
				       line, wrong);
		}
	}
	if (rc == 0 && ferror(file) != 0) {
		rc = -EIO;
		error_set(error, "%s: cannot be read", path);
	} else if (rc == 0 && recording.cnt == 0) {
		rc = -EINVAL;
		error_set(error, "%s: no instant in it; one a line is expected", path);
	}
	fclose(file);
	if (rc != 0) {
		free(recording.due_ns);
		return rc;
	}
	*due_ns = recording.due_ns;
	*cnt = recording.cnt;
	return 0;
}

#include "tools/replay/figures.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint64_t NS_PER_S = 1000000000;

/* With a separator before every third digit, or without: '\0'. */
static const char *put_digits(minor_units value, char separator, char *out)
{
	char reversed[FIGURE_BYTES];
	unsigned digits = 0;
	unsigned cnt = 0;

	do {
		if (separator != '\0' && digits > 0 && digits % 3 == 0)
			reversed[cnt++] = separator;
		reversed[cnt++] = (char)('0' + (unsigned)(value % 10));
		digits++;
		value /= 10;
	} while (value > 0);
	for (unsigned i = 0; i < cnt; i++)
		out[i] = reversed[cnt - 1 - i];
	out[cnt] = '\0';
	return out;
}

const char *figure(minor_units value, char out[FIGURE_BYTES])
{
	return put_digits(value, ',', out);
}

const char *figure_plain(minor_units value, char out[FIGURE_BYTES])
{
	return put_digits(value, '\0', out);
}

const char *figure_change(minor_units value, minor_units before, char out[FIGURE_BYTES])
{
	if (value == before)
		return figure(0, out);
	out[0] = value > before ? '+' : '-';
	put_digits(value > before ? value - before : before - value, ',', out + 1);
	return out;
}

const char *figure_span(uint64_t ns, char out[FIGURE_BYTES])
{
	const uint64_t s = ns / NS_PER_S;
	const uint64_t rest_ns = ns % NS_PER_S;
	char hours[FIGURE_BYTES];

	if (ns < NS_PER_S / 100)
		snprintf(out, FIGURE_BYTES, "0.%06" PRIu64 " s", rest_ns / 1000);
	else if (s < 60)
		snprintf(out, FIGURE_BYTES, "%" PRIu64 ".%03" PRIu64 " s", s, rest_ns / 1000000);
	else if (s < 3600)
		snprintf(out, FIGURE_BYTES, "%" PRIu64 " min %02" PRIu64 ".%" PRIu64 " s", s / 60,
			 s % 60, rest_ns / (NS_PER_S / 10));
	else
		snprintf(out, FIGURE_BYTES, "%.20s h %02" PRIu64 " min %02" PRIu64 " s",
			 figure(s / 3600, hours), s / 60 % 60, s % 60);
	return out;
}

#include "engine/base/rfc3339.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Reads cnt digits at *text, within [min, max], and moves *text on. */
static bool digits(const char **text, int cnt, int min, int max, int *out)
{
	int value = 0;

	for (int i = 0; i < cnt; i++, (*text)++) {
		if (!isdigit((unsigned char)**text))
			return false;
		value = value * 10 + (**text - '0');
	}
	*out = value;
	return value >= min && value <= max;
}

static bool literal(const char **text, char upper)
{
	if (toupper((unsigned char)**text) != upper)
		return false;
	(*text)++;
	return true;
}

static bool fraction(const char **text, uint64_t *ns)
{
	uint64_t scale = 100000000;

	*ns = 0;
	if (**text != '.')
		return true;
	(*text)++;
	if (!isdigit((unsigned char)**text))
		return false;
	for (; isdigit((unsigned char)**text); (*text)++, scale /= 10) {
		if (scale == 0)
			return false;
		*ns += (uint64_t)(**text - '0') * scale;
	}
	return true;
}

static bool zone(const char **text, int *offset_s)
{
	const char sign = **text;
	int hours;
	int minutes;

	*offset_s = 0;
	if (literal(text, 'Z'))
		return true;
	if (sign != '+' && sign != '-')
		return false;
	(*text)++;
	if (!digits(text, 2, 0, 23, &hours) || !literal(text, ':') ||
	    !digits(text, 2, 0, 59, &minutes))
		return false;
	*offset_s = (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	return true;
}

int rfc3339_parse(const char *text, uint64_t *instant_ns)
{
	struct tm tm = {0};
	uint64_t fraction_ns;
	int offset_s;

	if (!digits(&text, 4, 1970, 2500, &tm.tm_year) || !literal(&text, '-') ||
	    !digits(&text, 2, 1, 12, &tm.tm_mon) || !literal(&text, '-') ||
	    !digits(&text, 2, 1, 31, &tm.tm_mday))
		return -EINVAL;
	if (*text == ' ')
		text++;
	else if (!literal(&text, 'T'))
		return -EINVAL;
	if (!digits(&text, 2, 0, 23, &tm.tm_hour) || !literal(&text, ':') ||
	    !digits(&text, 2, 0, 59, &tm.tm_min) || !literal(&text, ':') ||
	    !digits(&text, 2, 0, 59, &tm.tm_sec) || !fraction(&text, &fraction_ns) ||
	    !zone(&text, &offset_s) || *text != '\0')
		return -EINVAL;

	const int day = tm.tm_mday;

	tm.tm_year -= 1900;
	tm.tm_mon -= 1;

	const time_t local = timegm(&tm);

	/* timegm turns 31 February into a day of March, which nobody wrote. */
	if (tm.tm_mday != day || local < offset_s)
		return -EINVAL;
	*instant_ns = (uint64_t)(local - offset_s) * 1000000000 + fraction_ns;
	return 0;
}

void rfc3339_format(uint64_t instant_ns, char out[RFC3339_BYTES])
{
	const time_t second = (time_t)(instant_ns / 1000000000);
	const unsigned nanoseconds = (unsigned)(instant_ns % 1000000000);
	struct tm parts;
	char decimals[12];
	size_t used;

	gmtime_r(&second, &parts);
	used = strftime(out, RFC3339_BYTES, "%Y-%m-%dT%H:%M:%S", &parts);
	if (nanoseconds > 0) {
		size_t cnt = (size_t)snprintf(decimals, sizeof(decimals), ".%09u", nanoseconds);

		while (decimals[cnt - 1] == '0')
			cnt--;
		memcpy(out + used, decimals, cnt);
		used += cnt;
	}
	memcpy(out + used, "Z", 2);
}

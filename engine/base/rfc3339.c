#include "engine/base/rfc3339.h"

#include <ctype.h>
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
	/* Beyond the ninth digit the scale is 0: less than a ns. */
	for (; isdigit((unsigned char)**text); (*text)++, scale /= 10)
		*ns += (uint64_t)(**text - '0') * scale;
	return true;
}

static bool zone(const char **text, int *offset_s)
{
	const char sign = **text;
	int hours;
	int minutes = 0;

	*offset_s = 0;
	if (literal(text, 'Z'))
		return true;
	if (sign != '+' && sign != '-')
		return false;
	(*text)++;
	if (!digits(text, 2, 0, 23, &hours))
		return false;
	if (**text != '\0') {
		*text += **text == ':';
		if (!digits(text, 2, 0, 59, &minutes))
			return false;
	}
	*offset_s = (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	return true;
}

/* Reads date and time of day; *text is then at the zone. */
static bool date_and_time(const char **text, struct tm *tm, uint64_t *fraction_ns)
{
	if (!digits(text, 4, 0, 9999, &tm->tm_year) || !literal(text, '-') ||
	    !digits(text, 2, 1, 12, &tm->tm_mon) || !literal(text, '-') ||
	    !digits(text, 2, 1, 31, &tm->tm_mday))
		return false;
	if (**text == ' ')
		(*text)++;
	else if (!literal(text, 'T'))
		return false;
	return digits(text, 2, 0, 23, &tm->tm_hour) && literal(text, ':') &&
	       digits(text, 2, 0, 59, &tm->tm_min) && literal(text, ':') &&
	       digits(text, 2, 0, 60, &tm->tm_sec) && fraction(text, fraction_ns);
}

/* Whether a month begins with this second: leap seconds come only before one. */
static bool begins_month(time_t second)
{
	struct tm parts;

	return second % 86400 == 0 && gmtime_r(&second, &parts) != NULL && parts.tm_mday == 1;
}

enum rfc3339_result rfc3339_parse(const char *text, uint64_t *instant_ns)
{
	struct tm tm = {0};
	uint64_t fraction_ns;
	int offset_s;

	if (!date_and_time(&text, &tm, &fraction_ns))
		return RFC3339_NO_INSTANT;
	if (*text == '\0')
		return RFC3339_NO_ZONE;
	if (!zone(&text, &offset_s) || *text != '\0')
		return RFC3339_NO_INSTANT;

	const int year = tm.tm_year;
	const bool leap = tm.tm_sec == 60;

	/* The leap second as a whole is the instant after it, so that no order of instants turns.
	 */
	if (leap)
		fraction_ns = 0;
	tm.tm_sec -= leap;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;

	const int day = tm.tm_mday;
	const time_t second = timegm(&tm) + leap - offset_s;

	/* timegm turns 31 February into a day of March, which nobody wrote. */
	if (tm.tm_mday != day)
		return RFC3339_NO_SUCH_DAY;
	if (leap && !begins_month(second))
		return RFC3339_NO_LEAP_SECOND;
	if (second < 0)
		return RFC3339_TOO_EARLY;
	if (year > 2500)
		return RFC3339_TOO_LATE;
	*instant_ns = (uint64_t)second * 1000000000 + fraction_ns;
	return RFC3339_GOOD;
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

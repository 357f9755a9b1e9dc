#include "engine/catalog/column.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/base/limits.h"
#include "engine/sale/record.h"

enum {
	/* Digits of the longest value, with its separators; longer texts are no numbers. */
	NUMBER_BYTES = 64,
	/* Unix times of our years, in s and in ms, have so many digits. */
	UNIX_S_DIGITS = 10,
	UNIX_MS_DIGITS = 13,
};

/* Beyond it a double has no longer every whole number. */
static const uint64_t DOUBLE_WHOLE_MAX = UINT64_C(1) << 53;

static const char *const names[CATALOG_COLUMN_CNT] = {
	"sku",         "stock",        "unit_price", "limit_per_buyer", "opens_at",
	"closes_at",   "hold_seconds", "extensions", "extend_seconds",  "group",
	"group_limit", "shard",
};

const char *catalog_column_name(enum catalog_column column)
{
	return names[column];
}

enum catalog_column catalog_column_find(const char *name)
{
	unsigned i = 0;

	while (i < CATALOG_COLUMN_CNT && strcasecmp(names[i], name) != 0)
		i++;
	return (enum catalog_column)i;
}

/* What a name must contain to be a slip of the column's. Letters and digits only. */
static const char *stem_of(enum catalog_column column)
{
	switch (column) {
	case CATALOG_EXTENSIONS:
		return "extension";
	case CATALOG_EXTEND_SECONDS:
		return "extend";
	case CATALOG_GROUP:
		return "group";
	case CATALOG_GROUP_LIMIT:
		return "grouplimit";
	default:
		return "shard";
	}
}

/* Whether two names differ by one letter: one more, one less, another, or two exchanged. */
static bool is_one_slip(const char *one, const char *two)
{
	size_t head = 0;

	while (one[head] != '\0' && tolower(one[head]) == tolower(two[head]))
		head++;
	one += head;
	two += head;
	if (*one == '\0' || *two == '\0')
		return strlen(one) + strlen(two) <= 1;
	return strcasecmp(one + 1, two) == 0 || strcasecmp(one, two + 1) == 0 ||
	       strcasecmp(one + 1, two + 1) == 0 ||
	       (tolower(one[0]) == tolower(two[1]) && tolower(one[1]) == tolower(two[0]) &&
		strcasecmp(one + 2, two + 2) == 0);
}

bool catalog_column_resembles(enum catalog_column column, const char *name)
{
	char letters[NUMBER_BYTES];
	size_t used = 0;

	for (const char *at = name; *at != '\0' && used + 1 < sizeof(letters); at++) {
		if (isalnum((unsigned char)*at))
			letters[used++] = (char)tolower((unsigned char)*at);
	}
	letters[used] = '\0';
	return strstr(letters, stem_of(column)) != NULL || is_one_slip(names[column], name);
}

static uint64_t max_of(enum catalog_column column)
{
	switch (column) {
	case CATALOG_SKU:
	case CATALOG_UNIT_PRICE:
		return UINT64_MAX;
	case CATALOG_HOLD_SECONDS:
		return HOLD_SECONDS_MAX;
	case CATALOG_EXTENSIONS:
		return EXTENSIONS_MAX;
	case CATALOG_EXTEND_SECONDS:
		return EXTEND_SECONDS_MAX;
	case CATALOG_GROUP:
		return GROUP_MAX;
	case CATALOG_GROUP_LIMIT:
		return GROUP_LIMIT_MAX;
	case CATALOG_SHARD:
		return SHARDS_MAX - 1;
	default:
		return UINT32_MAX;
	}
}

/* Reads digits and nothing else. */
static bool read_digits(const char *text, uint64_t max, uint64_t *out)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++) {
		const unsigned digit = (unsigned char)*text - '0';

		if (digit > 9 || value > (UINT64_MAX - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*out = value;
	return value <= max;
}

/* Bytes of what separates thousands and nothing else: a blank, ', _ or a no-break space. */
static size_t separator_bytes(const char *text)
{
	if (*text == ' ' || *text == '\'' || *text == '_')
		return 1;
	if (strncmp(text, "\xc2\xa0", 2) == 0)
		return 2;
	return strncmp(text, "\xe2\x80\xaf", 3) == 0 ? 3 : 0;
}

/*
 * Copies a number without what separates its thousands: one to three digits, then groups of three,
 * always with the same separator. Returns false if it isn't that.
 */
static bool without_thousands(const char *text, bool marks, char out[NUMBER_BYTES])
{
	const size_t head = strspn(text, "0123456789");
	const char *separator = text + head;
	size_t bytes =
		marks ? separator[0] == ',' || separator[0] == '.' : separator_bytes(separator);
	const char *at = separator;
	size_t used = head;

	if (head == 0 || head > 3 || bytes == 0)
		return false;
	memcpy(out, text, head);
	while (*at != '\0') {
		if (strncmp(at, separator, bytes) != 0)
			return false;
		at += bytes;
		if (strspn(at, "0123456789") != 3 || used + 3 >= NUMBER_BYTES)
			return false;
		memcpy(out + used, at, 3);
		used += 3;
		at += 3;
	}
	out[used] = '\0';
	return true;
}

/* A whole number with decimals, all of them 0: what a data frame makes of one. */
static bool read_zero_decimals(const char *text, uint64_t max, uint64_t *out)
{
	const size_t head = strspn(text, "0123456789");
	char digits[NUMBER_BYTES];
	const char *zeros;

	if (head == 0 || head >= sizeof(digits) || text[head] != '.')
		return false;
	zeros = text + head + 1;
	if (zeros[0] == '\0' || strspn(zeros, "0") != strlen(zeros))
		return false;
	memcpy(digits, text, head);
	digits[head] = '\0';
	return read_digits(digits, max, out);
}

/* A number like 1.5E+04. */
static bool is_scientific(const char *text)
{
	text += strspn(text, "0123456789");
	if (*text == '.' || *text == ',')
		text += 1 + strspn(text + 1, "0123456789");
	if (*text != 'e' && *text != 'E')
		return false;
	text++;
	if (*text == '+' || *text == '-')
		text++;
	return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* A price like 49.90: its units and hundredths in out, without the mark. */
static bool is_major_units(const char *text, char out[NUMBER_BYTES])
{
	const size_t head = strspn(text, "0123456789");
	const char *rest = text + head;
	size_t decimals;

	if (head == 0 || head + 3 > NUMBER_BYTES || (*rest != '.' && *rest != ','))
		return false;
	decimals = strspn(rest + 1, "0123456789");
	if (decimals == 0 || decimals > 2 || rest[1 + decimals] != '\0')
		return false;
	snprintf(out, NUMBER_BYTES, "%.*s%c%c", (int)head, text, rest[1],
		 decimals == 2 ? rest[2] : '0');
	return true;
}

/* Says what a text is that is no whole number of a column. */
static int wrong_number(const char *text, enum catalog_column column, struct error *error)
{
	char digits[NUMBER_BYTES];

	if (text[0] == '\0')
		return error_say(error, -EINVAL, "it is empty%s",
				 column == CATALOG_LIMIT_PER_BUYER ? "; write 0 for no limit" : "");
	if (is_scientific(text))
		return error_say(error, -EINVAL,
				 "'%.60s' is in scientific notation, which may have lost digits; "
				 "write all of them (in a spreadsheet: format the column as text)",
				 text);
	if (column == CATALOG_UNIT_PRICE && is_major_units(text, digits))
		return error_say(error, -EINVAL,
				 "'%.60s' has a decimal mark, and prices are in minor units: write "
				 "%s if that is what it means in cents",
				 text, digits);
	if (without_thousands(text, true, digits))
		return error_say(error, -EINVAL,
				 "'%.60s' may have thousands or decimals after its mark; write %s, "
				 "if it means that",
				 text, digits);
	return error_say(error, -EINVAL, "'%.60s' is not a whole number from 0 to %" PRIu64, text,
			 max_of(column));
}

static int read_number(const char *text, enum catalog_column column, uint64_t *out,
		       struct error *error)
{
	const uint64_t max = max_of(column);
	char digits[NUMBER_BYTES];

	if (read_digits(text, max, out))
		return 0;
	if (without_thousands(text, false, digits) && read_digits(digits, max, out))
		return 0;
	/* Of a price the decimals could be the cents, and three of them thousands of anything. */
	if (column == CATALOG_UNIT_PRICE || without_thousands(text, true, digits) ||
	    !read_zero_decimals(text, max, out))
		return wrong_number(text, column, error);
	if (*out > DOUBLE_WHOLE_MAX)
		return error_say(error, -EINVAL,
				 "'%.60s' went through a floating-point number, which keeps 15 "
				 "digits; write it as a whole number, read as text",
				 text);
	return 0;
}

/* A Unix time: the instant that it may mean in out. */
static bool is_unix_time(const char *text, char out[RFC3339_BYTES])
{
	const size_t digits = strlen(text);
	uint64_t value;

	if ((digits != UNIX_S_DIGITS && digits != UNIX_MS_DIGITS) ||
	    !read_digits(text, UINT64_MAX, &value))
		return false;
	rfc3339_format(value * (digits == UNIX_S_DIGITS ? 1000000000 : 1000000), out);
	return true;
}

static int wrong_instant(const char *text, enum rfc3339_result result, enum catalog_column column,
			 struct error *error)
{
	char instant[RFC3339_BYTES];

	switch (result) {
	case RFC3339_NO_ZONE:
		return error_say(error, -EINVAL,
				 "'%.60s' has no time zone; end it with Z for UTC, or like +08:00",
				 text);
	case RFC3339_NO_SUCH_DAY:
		return error_say(error, -EINVAL, "'%.60s': that month has no such day", text);
	case RFC3339_NO_LEAP_SECOND:
		return error_say(error, -EINVAL,
				 "'%.60s' has second 60, which only the last minute of a month in "
				 "UTC can have; write the minute after it",
				 text);
	case RFC3339_TOO_EARLY:
		return error_say(error, -EINVAL, "'%.60s' is before 1970; %s", text,
				 column == CATALOG_OPENS_AT ? "leave it empty for open now"
							    : "leave it empty for never");
	case RFC3339_TOO_LATE:
		return error_say(error, -EINVAL,
				 "'%.60s' is after the year 2500: it would never open", text);
	case RFC3339_GOOD:
	case RFC3339_NO_INSTANT:
		break;
	}
	if (is_unix_time(text, instant))
		return error_say(error, -EINVAL, "'%.60s' is a Unix time; write %s", text, instant);
	return error_say(error, -EINVAL,
			 "'%.60s' is not an RFC 3339 instant; write it like "
			 "2026-11-11T00:00:00+08:00 or leave it empty",
			 text);
}

static int read_instant(const char *text, enum catalog_column column, uint64_t *out,
			struct error *error)
{
	const uint64_t unset_ns = column == CATALOG_OPENS_AT ? 0 : INSTANT_NEVER;
	enum rfc3339_result result;

	*out = unset_ns;
	if (text[0] == '\0')
		return 0;
	result = rfc3339_parse(text, out);
	if (result == RFC3339_GOOD)
		return 0;
	/* Go's zero time: what its programs write for an instant that was not set. */
	if (result == RFC3339_TOO_EARLY && strncmp(text, "0001-01-01", 10) == 0)
		return 0;
	/* Year 9999 is how many databases say never. */
	if (result == RFC3339_TOO_LATE && column == CATALOG_CLOSES_AT)
		return 0;
	return wrong_instant(text, result, column, error);
}

static void set_value(struct catalog_offer *offer, enum catalog_column column, uint64_t value)
{
	switch (column) {
	case CATALOG_SKU:
		offer->sku = value;
		break;
	case CATALOG_STOCK:
		offer->stock = (uint32_t)value;
		break;
	case CATALOG_UNIT_PRICE:
		offer->unit_price = value;
		break;
	case CATALOG_LIMIT_PER_BUYER:
		offer->limit_per_buyer = (uint32_t)value;
		break;
	case CATALOG_OPENS_AT:
		offer->opens_at_ns = value;
		break;
	case CATALOG_CLOSES_AT:
		offer->closes_at_ns = value;
		break;
	case CATALOG_HOLD_SECONDS:
		offer->hold_seconds = (uint32_t)value;
		break;
	case CATALOG_EXTENSIONS:
		offer->extensions = (uint8_t)value;
		break;
	case CATALOG_EXTEND_SECONDS:
		offer->extend_seconds = (uint32_t)value;
		break;
	case CATALOG_GROUP:
		offer->group = (uint32_t)value;
		break;
	case CATALOG_GROUP_LIMIT:
		offer->group_limit = (uint16_t)value;
		break;
	case CATALOG_SHARD:
		offer->shard = (uint16_t)value;
		break;
	case CATALOG_COLUMN_CNT:
		break;
	}
}

int catalog_column_read(struct catalog_offer *offer, enum catalog_column column, const char *text,
			struct error *error)
{
	uint64_t value = 0;
	int rc = 0;

	if (column == CATALOG_OPENS_AT || column == CATALOG_CLOSES_AT)
		rc = read_instant(text, column, &value, error);
	else if (column < CATALOG_HOLD_SECONDS || text[0] != '\0')
		rc = read_number(text, column, &value, error);
	if (rc != 0)
		return rc;
	set_value(offer, column, value);
	if (column == CATALOG_SHARD)
		offer->shard_named = text[0] != '\0';
	return 0;
}

/* What an extension gives; 0: there is none. */
static uint32_t extend_seconds(const struct catalog_offer *offer)
{
	if (offer->extensions == 0)
		return 0;
	return offer->extend_seconds > 0 ? offer->extend_seconds : offer->hold_seconds;
}

unsigned catalog_columns_of(const struct catalog_offer *offer)
{
	return offer->extensions > 0 || offer->group > 0 || offer->shard_named ? CATALOG_COLUMN_CNT
									       : CATALOG_PLAIN_CNT;
}

uint64_t catalog_column_value(const struct catalog_offer *offer, enum catalog_column column)
{
	switch (column) {
	case CATALOG_SKU:
		return offer->sku;
	case CATALOG_STOCK:
		return offer->stock;
	case CATALOG_UNIT_PRICE:
		return offer->unit_price;
	case CATALOG_LIMIT_PER_BUYER:
		return offer->limit_per_buyer;
	case CATALOG_OPENS_AT:
		return offer->opens_at_ns;
	case CATALOG_CLOSES_AT:
		return offer->closes_at_ns;
	case CATALOG_HOLD_SECONDS:
		return offer->hold_seconds;
	case CATALOG_EXTENSIONS:
		return offer->extensions;
	case CATALOG_EXTEND_SECONDS:
		return extend_seconds(offer);
	case CATALOG_GROUP:
		return offer->group;
	case CATALOG_GROUP_LIMIT:
		return offer->group_limit;
	case CATALOG_SHARD:
		return offer->shard;
	case CATALOG_COLUMN_CNT:
		break;
	}
	return 0;
}

void catalog_column_text(const struct catalog_offer *offer, enum catalog_column column,
			 char out[CATALOG_VALUE_BYTES])
{
	const uint64_t value = catalog_column_value(offer, column);
	const bool instant = column == CATALOG_OPENS_AT || column == CATALOG_CLOSES_AT;

	out[0] = '\0';
	if (column == CATALOG_SHARD && !offer->shard_named)
		return;
	if ((column == CATALOG_OPENS_AT ||
	     (column >= CATALOG_HOLD_SECONDS && column != CATALOG_SHARD)) &&
	    value == 0)
		return;
	if (column == CATALOG_CLOSES_AT && value == INSTANT_NEVER)
		return;
	if (instant)
		rfc3339_format(value, out);
	else
		snprintf(out, CATALOG_VALUE_BYTES, "%" PRIu64, value);
}

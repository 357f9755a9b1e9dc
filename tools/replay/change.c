#include "tools/replay/change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/catalog/terms.h"
#include "tools/common/cli.h"

enum {
	WORD_BYTES = 128,
};

struct catalog *catalog_copy(const struct catalog *catalog)
{
	const size_t bytes = sizeof(*catalog) + catalog->cnt * sizeof(catalog->offers[0]);
	struct catalog *copy = malloc(bytes);

	if (copy != NULL)
		memcpy(copy, catalog, bytes);
	return copy;
}

/* The next word of *at, up to a blank, a ';' or the end. False: none is left in this part. */
static bool next_word(const char **at, char out[WORD_BYTES])
{
	size_t bytes;

	*at += strspn(*at, " \t");
	bytes = strcspn(*at, " \t;");
	if (bytes == 0 || bytes >= WORD_BYTES)
		return false;
	memcpy(out, *at, bytes);
	out[bytes] = '\0';
	*at += bytes;
	return true;
}

/* Which offers a part is about: all, or the one with this SKU. */
struct subject {
	bool all;
	uint64_t sku;
};

static bool read_subject(const char *word, struct subject *subject)
{
	subject->all = strcmp(word, "sku=*") == 0;
	return subject->all || (strncmp(word, "sku=", 4) == 0 &&
				cli_parse_u64(word + 4, UINT64_MAX, &subject->sku));
}

/* 0, or -EINVAL with what is wrong with the word. *found: there was such an offer. */
static int change_offers(struct catalog *catalog, const struct subject *subject, char *word,
			 bool *found, struct error *error)
{
	char *value = strchr(word, '=');
	enum catalog_column column = CATALOG_COLUMN_CNT;

	if (value != NULL) {
		*value++ = '\0';
		column = catalog_column_find(word);
	}
	if (column == CATALOG_COLUMN_CNT || column == CATALOG_SKU)
		return error_say(error, -EINVAL, "it names no column that can be changed");
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		struct catalog_offer *offer = &catalog->offers[i];

		if (!subject->all && offer->sku != subject->sku)
			continue;
		*found = true;
		if (catalog_column_read(offer, column, value, error) != 0)
			return -EINVAL;
	}
	return 0;
}

static int change_part(struct catalog *catalog, const char **at, struct error *error)
{
	struct subject subject = {0};
	char word[WORD_BYTES];
	char shown[WORD_BYTES];
	bool found = false;
	bool any = false;

	if (!next_word(at, word) || !read_subject(word, &subject)) {
		return error_say(error, -EINVAL,
				 "each part begins with sku=N or sku=*, like 'sku=42 stock=20000'");
	}
	while (next_word(at, word)) {
		any = true;
		memcpy(shown, word, sizeof(shown));
		if (change_offers(catalog, &subject, word, &found, error) != 0)
			return error_say(error, -EINVAL,
					 "'%s' is not a column of the catalog with a valid value: "
					 "%s",
					 shown, error->text);
		if (!found) {
			return error_say(error, -EINVAL, "SKU %" PRIu64 " is not in the catalog",
					 subject.sku);
		}
	}
	if (**at != '\0' && **at != ';') {
		return error_say(error, -EINVAL, "'%.40s' is too long for a column and its value",
				 *at);
	}
	if (!any)
		return error_say(error, -EINVAL, "there is no column after sku=, like stock=20000");
	return 0;
}

/* Keeps the first fault. */
static void take_fault(void *context, const struct catalog_offer *offer, enum catalog_column column,
		       const struct error *what)
{
	struct error *error = context;

	(void)column;
	if (!error_is_set(error))
		error_set(error, "SKU %" PRIu64 ": %s", offer->sku, what->text);
}

/* Checked as a catalog's lines are, but after all changes, so that what must fit together can be
 * changed together. */
static int check_changed(const struct catalog *catalog, struct error *error)
{
	error_clear(error);
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		if (!catalog_check_offer(&catalog->offers[i], take_fault, error))
			return -EINVAL;
	}
	if (catalog_check_groups(catalog->offers, catalog->cnt, take_fault, error) != 0)
		return error_say(error, -ENOMEM, "no memory to check the groups");
	return error_is_set(error) ? -EINVAL : 0;
}

int catalog_change(struct catalog *catalog, const char *text, struct error *error)
{
	const char *at = text;
	int rc;

	do {
		rc = change_part(catalog, &at, error);
	} while (rc == 0 && *at++ == ';');
	return rc != 0 ? rc : check_changed(catalog, error);
}

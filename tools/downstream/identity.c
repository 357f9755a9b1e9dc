#include "tools/downstream/identity.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char file_scheme[] = "file:";

/* The last setting of a key, or what holds without one. */
static const char *setting(const struct downstream_options *options, const char *key,
			   const char *otherwise)
{
	for (unsigned i = options->setting_cnt; i > 0; i--) {
		if (strcmp(options->settings[i - 1].key, key) == 0)
			return options->settings[i - 1].value;
	}
	return otherwise;
}

/* A directory by one name, however it is written; it may not be there yet, but its parent. */
static void absolute(const char *path, char out[PATH_MAX])
{
	char parent[PATH_MAX];
	char real[PATH_MAX];
	char *slash;

	if (realpath(path, out) != NULL)
		return;
	snprintf(out, PATH_MAX, "%s", path);
	/* Slashes at the end name nothing that is to be made. */
	for (size_t bytes = strlen(out); bytes > 1 && out[bytes - 1] == '/'; bytes--)
		out[bytes - 1] = '\0';
	snprintf(parent, sizeof(parent), "%s", out);
	slash = strrchr(parent, '/');
	if (slash == NULL) {
		if (realpath(".", real) != NULL)
			snprintf(out, PATH_MAX, "%.*s/%.*s", PATH_MAX / 2, real, PATH_MAX / 2 - 2,
				 parent);
		return;
	}
	*slash = '\0';
	if (slash != parent && realpath(parent, real) != NULL)
		snprintf(out, PATH_MAX, "%.*s/%s", PATH_MAX / 2, real, slash + 1);
}

void identity_describe(const struct downstream_options *options, char out[IDENTITY_BYTES])
{
	const bool json = options->format == FORMAT_JSON;
	const char *format = json ? " json" : "";
	char path[PATH_MAX];

	if (strncmp(options->to, file_scheme, strlen(file_scheme)) == 0) {
		absolute(options->to + strlen(file_scheme), path);
		snprintf(out, IDENTITY_BYTES, "file %.*s%s", IDENTITY_BYTES / 2, path, format);
	} else if (strncmp(options->to, "kafka:", strlen("kafka:")) == 0) {
		snprintf(out, IDENTITY_BYTES, "kafka %s%s", setting(options, "topic", "doorbuster"),
			 format);
	} else {
		snprintf(out, IDENTITY_BYTES, "nats %s%s",
			 setting(options, "stream", json ? "doorbuster-json" : "doorbuster"),
			 format);
	}
}

/* Takes a word off the end of a text: true if it was there. */
static bool cut_word(char *text, const char *word)
{
	const size_t bytes = strlen(text);
	const size_t word_bytes = strlen(word);

	if (bytes < word_bytes || strcmp(text + bytes - word_bytes, word) != 0)
		return false;
	text[bytes - word_bytes] = '\0';
	return true;
}

/* What a relay wrote that wrote its address: ADDRESS[ json][ stream=NAME|topic=NAME]... */
static void describe_old(const char *text, char out[IDENTITY_BYTES])
{
	char copy[IDENTITY_BYTES];
	char *save = NULL;
	struct downstream_options old = {.to = copy};

	snprintf(copy, sizeof(copy), "%s", text);
	if (strncmp(copy, file_scheme, strlen(file_scheme)) == 0) {
		old.format = cut_word(copy, " json") ? FORMAT_JSON : FORMAT_BLOCK;
		identity_describe(&old, out);
		return;
	}
	(void)strtok_r(copy, " ", &save);
	for (char *word; (word = strtok_r(NULL, " ", &save)) != NULL;) {
		char *equals = strchr(word, '=');

		if (strcmp(word, "json") == 0)
			old.format = FORMAT_JSON;
		if (equals == NULL || old.setting_cnt == DOWNSTREAM_SETTINGS_MAX)
			continue;
		*equals = '\0';
		old.settings[old.setting_cnt++] =
			(struct downstream_setting){.key = word, .value = equals + 1};
	}
	identity_describe(&old, out);
}

bool identity_matches(const char *text, const struct downstream_options *options)
{
	const size_t kind_bytes = strcspn(text, ": ");
	char known[IDENTITY_BYTES];
	char now[IDENTITY_BYTES];

	identity_describe(options, now);
	if (text[kind_bytes] == ':')
		describe_old(text, known);
	else
		snprintf(known, sizeof(known), "%s", text);
	return strcmp(known, now) == 0;
}

#include "tools/downstream/downstream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/cli.h"

static const struct downstream_kind *const block_kinds[] = {
	&downstream_file_kind,
	&downstream_stdout_kind,
	&downstream_nats_kind,
	&downstream_kafka_kind,
};

static const struct downstream_kind *const json_kinds[] = {
	&downstream_lines_kind,
	&downstream_stdout_kind,
	&downstream_nats_kind,
};

void downstream_address(const char *address, char *out, size_t out_bytes)
{
	const char *scheme = strstr(address, "://");
	size_t used = 0;

	out[0] = '\0';
	if (scheme == NULL) {
		snprintf(out, out_bytes, "%s", address);
		return;
	}
	while (*address != '\0' && used < out_bytes) {
		const char *end = address + strcspn(address, ",");
		const char *host = memrchr(address, '@', (size_t)(end - address));
		int scheme_bytes = 0;

		scheme = strstr(address, "://");
		if (scheme != NULL && scheme < end)
			scheme_bytes = (int)(scheme + 3 - address);
		host = host != NULL ? host + 1 : address + scheme_bytes;
		used += (size_t)snprintf(out + used, out_bytes - used, "%.*s%.*s%s", scheme_bytes,
					 address, (int)(end - host), host, *end == ',' ? "," : "");
		address = *end == ',' ? end + 1 : end;
	}
}

bool downstream_parse_setting(char *text,
			      struct downstream_setting settings[DOWNSTREAM_SETTINGS_MAX],
			      unsigned *cnt)
{
	char *equals = strchr(text, '=');

	if (equals == NULL || equals == text)
		return cli_wrong("--set: '%s' is not KEY=VALUE", text);
	if (*cnt == DOWNSTREAM_SETTINGS_MAX)
		return cli_wrong("--set: more than %d", DOWNSTREAM_SETTINGS_MAX);
	*equals = '\0';
	settings[(*cnt)++] = (struct downstream_setting){.key = text, .value = equals + 1};
	return true;
}

static bool has_scheme(const char *to, const char *scheme)
{
	return strcmp(scheme, "-") == 0 ? strcmp(to, "-") == 0
					: strncmp(to, scheme, strlen(scheme)) == 0;
}

static const struct downstream_kind *kind_of(const struct downstream_options *options)
{
	const bool json = options->format == FORMAT_JSON;
	const struct downstream_kind *const *kinds = json ? json_kinds : block_kinds;
	const size_t cnt =
		json ? sizeof(json_kinds) / sizeof(*kinds) : sizeof(block_kinds) / sizeof(*kinds);

	for (size_t i = 0; i < cnt; i++) {
		if (has_scheme(options->to, kinds[i]->scheme) ||
		    (kinds[i]->also != NULL && has_scheme(options->to, kinds[i]->also)))
			return kinds[i];
	}
	return NULL;
}

int downstream_target_open(struct downstream_target **out, const struct downstream_options *options,
			   struct error *error)
{
	const struct downstream_kind *kind = kind_of(options);
	char shown[DOWNSTREAM_ADDRESS_BYTES];
	int rc;

	downstream_address(options->to, shown, sizeof(shown));
	if (kind == NULL)
		return error_say(error, -EINVAL,
				 "'%s' is not a downstream: there is file:DIR, nats://HOST:PORT, "
				 "tls://HOST:PORT, kafka://HOST:PORT (only --format block) and - "
				 "(stdout)",
				 shown);
	rc = kind->target_open(out, options, error);
	if (rc == 0) {
		(*out)->kind = kind;
		(*out)->options = *options;
	}
	return rc;
}

void downstream_target_close(struct downstream_target *target)
{
	if (target != NULL)
		target->kind->target_close(target);
}

unsigned downstream_settle_s(const struct downstream_target *target)
{
	return target->kind->settle_s;
}

int downstream_open(struct downstream **out, struct downstream_target *target, uint16_t lane,
		    struct error *error)
{
	const int rc = target->kind->open(out, target, lane, error);

	if (rc == 0) {
		(*out)->target = target;
		(*out)->lane = lane;
	}
	return rc;
}

int downstream_end(struct downstream *downstream, struct lane_mark *last, bool *part,
		   struct error *error)
{
	*last = (struct lane_mark){0};
	*part = false;
	return downstream->target->kind->end(downstream, last, part, error);
}

int downstream_publish(struct downstream *downstream, const struct lane_block *block,
		       struct error *error)
{
	return downstream->target->kind->publish(downstream, block, error);
}

int downstream_reap(struct downstream *downstream, struct error *error)
{
	return downstream->target->kind->reap(downstream, error);
}

void downstream_close(struct downstream *downstream)
{
	if (downstream != NULL)
		downstream->target->kind->close(downstream);
}

void downstream_relay_text(const struct downstream_options *options,
			   char out[DOWNSTREAM_RELAY_BYTES])
{
	snprintf(out, DOWNSTREAM_RELAY_BYTES, "%016" PRIx64 " %" PRIu64 " %016" PRIx64,
		 options->relay_id, options->run, options->start);
}

int downstream_relay_check(const struct downstream_options *options, const char *text)
{
	uint64_t relay_id = 0;
	uint64_t run = 0;
	uint64_t start = 0;

	/* Streams that are older than the third have two. */
	if (sscanf(text, "%16" SCNx64 " %" SCNu64 " %16" SCNx64, &relay_id, &run, &start) < 2)
		return -EPROTO;
	if (relay_id != options->relay_id || run > options->run)
		return -EBUSY;
	return run == options->run && start != options->start ? -EBUSY : 0;
}

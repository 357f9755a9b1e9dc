#include "tools/common/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "engine/base/log.h"

static const char *program = "doorbuster";

void cli_program(const char *name)
{
	program = name;
}

static void complain(const char *mark, const char *format, va_list args)
{
	/* If both streams go to one file, this keeps the lines in order. */
	fflush(stdout);
	flockfile(stderr);
	fprintf(stderr, "%s%s: ", log_mark(mark), program);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	funlockfile(stderr);
}

bool cli_wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(LOG_AS_ERROR, format, args);
	va_end(args);
	return false;
}

void cli_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(LOG_AS_WARNING, format, args);
	va_end(args);
}

int cli_end(int rc)
{
	/* If an earlier write failed, errno does not say why. */
	const bool failed_before = ferror(stdout) != 0;

	if (fflush(stdout) == 0 && !failed_before)
		return rc;
	if (failed_before)
		cli_wrong("stdout: not all of the output could be written");
	else
		cli_wrong("stdout: not all of the output could be written: %s", strerror(errno));
	return CLI_EXIT_FAILED;
}

int cli_usage(const char *usage)
{
	fputs(usage, stderr);
	return CLI_EXIT_FAILED;
}

int cli_flags(int argc, char **argv, const char *usage, const struct option *flags,
	      bool (*parse)(int flag, void *options), void *options)
{
	int flag;

	while ((flag = getopt_long(argc, argv, "", flags, NULL)) != -1) {
		if (flag == CLI_FLAG_HELP) {
			fputs(usage, stdout);
			return cli_end(CLI_EXIT_GOOD);
		}
		if (flag == '?')
			return cli_usage(usage);
		if (!parse(flag, options))
			return CLI_EXIT_FAILED;
	}
	if (optind == argc)
		return -1;
	cli_wrong("%s is too much", argv[optind]);
	return cli_usage(usage);
}

bool cli_parse_u64(const char *text, uint64_t max, uint64_t *out)
{
	char *end = NULL;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out <= max;
}

bool cli_u64(const char *flag, const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	if (cli_parse_u64(text, max, out) && *out >= min)
		return true;
	return cli_wrong("%s: '%s' is not a whole number from %" PRIu64 " to %" PRIu64, flag, text,
			 min, max);
}

bool cli_u32(const char *flag, const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t value = 0;

	if (!cli_u64(flag, text, min, max, &value))
		return false;
	*out = (uint32_t)value;
	return true;
}

bool cli_u16(const char *flag, const char *text, uint16_t min, uint16_t max, uint16_t *out)
{
	uint64_t value = 0;

	if (!cli_u64(flag, text, min, max, &value))
		return false;
	*out = (uint16_t)value;
	return true;
}

bool cli_parse_request_id(const char *text, uint64_t id[2])
{
	const char *end = NULL;
	size_t bytes = 0;

	return sodium_hex2bin((unsigned char *)id, 16, text, strlen(text), NULL, &bytes, &end) ==
		       0 &&
	       bytes == 16 && *end == '\0';
}

bool cli_request_id(const char *flag, const char *text, uint64_t id[2])
{
	if (!cli_parse_request_id(text, id))
		return cli_wrong("%s: '%s' is not a request id; write 32 hex digits", flag, text);
	if ((id[0] | id[1]) == 0)
		return cli_wrong(
			"%s: a request id is not all zero; leave the flag out for a random one",
			flag);
	return true;
}

void cli_request_id_text(const uint64_t id[2], char out[33])
{
	sodium_bin2hex(out, 33, (const unsigned char *)id, 16);
}

bool cli_key(const char *path, uint64_t id, struct key *out)
{
	struct key_ring *ring = NULL;
	const struct key *key;
	struct error error;

	if (keys_load(path, &ring, &error) != 0)
		return cli_wrong("--keys: %s", error.text);
	key = id == UINT64_MAX   ? &ring->keys[0]
	      : id <= UINT32_MAX ? keys_find(ring, (uint32_t)id)
				 : NULL;
	if (key != NULL)
		*out = *key;
	keys_free(ring);
	return key != NULL || cli_wrong("--key-id: %s has no key %" PRIu64, path, id);
}

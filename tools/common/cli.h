/*
 * cli: what all tools do with their command lines. Complaints go to stderr as
 * `PROGRAM: --flag: what is wrong; what to do`.
 */
#ifndef DB_TOOLS_COMMON_CLI_H
#define DB_TOOLS_COMMON_CLI_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/keys.h"

enum {
	CLI_EXIT_GOOD = 0,
	CLI_EXIT_BAD = 1,   /* it ran, and the answer is no */
	CLI_EXIT_FAILED = 2 /* it could not run: usage, files, no answer */
};

enum {
	CLI_FLAG_HELP = 1000, /* the val of --help */
};

/* The name that complaints begin with; the caller keeps the string. */
void cli_program(const char *name);

/* Complains; printf-like. Always false. */
__attribute__((format(printf, 1, 2))) bool cli_wrong(const char *format, ...);

/* The same of what passes or does no harm. */
__attribute__((format(printf, 1, 2))) void cli_warn(const char *format, ...);

/* The exit code of a program that would end with rc. CLI_EXIT_FAILED, with a complaint, if not all
 * that it printed on stdout could be written. */
int cli_end(int rc);

/*
 * Reads the flags of a program that takes nothing else. parse gets the val of each flag and
 * complains by itself. -1: continue; else the exit code to end with, also after --help
 * (CLI_FLAG_HELP).
 */
int cli_flags(int argc, char **argv, const char *usage, const struct option *flags,
	      bool (*parse)(int flag, void *options), void *options);

/* Prints the usage as a complaint. Returns the exit code to end with. */
int cli_usage(const char *usage);

/* A whole decimal number up to max, and nothing else in the text. Doesn't complain. */
bool cli_parse_u64(const char *text, uint64_t max, uint64_t *out);

/* A whole decimal number from min to max. */
bool cli_u64(const char *flag, const char *text, uint64_t min, uint64_t max, uint64_t *out);
bool cli_u32(const char *flag, const char *text, uint32_t min, uint32_t max, uint32_t *out);
bool cli_u16(const char *flag, const char *text, uint16_t min, uint16_t max, uint16_t *out);

/* 16 bytes as 32 hex digits, in the order they have on the wire. The first doesn't complain; the
 * second does, also of an id of all zero, which is not valid. */
bool cli_parse_request_id(const char *text, uint64_t id[2]);
bool cli_request_id(const char *flag, const char *text, uint64_t id[2]);
void cli_request_id_text(const uint64_t id[2], char out[33]);

/* The key of a key file with this id, or the lowest if id is UINT64_MAX. Copied to *out. */
bool cli_key(const char *path, uint64_t id, struct key *out);

#endif

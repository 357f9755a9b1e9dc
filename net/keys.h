/*
 * The key file: lines of `key_id hex-128-bit-key`, '#' starts a comment. Key ids are 32-bit
 * decimal, unique; at most KEYS_MAX (engine/base/limits.h) keys. The file must be a regular file
 * that only its owner can write, and nobody else can read but a group that this process has (mode
 * 0440 or 0640: Kubernetes secrets under fsGroup). Links in its path are followed, as a secret's
 * file is one to `..data/FILE`: what counts is the file they lead to, which is only read, and which
 * whoever names the path chose. Each load resolves it anew.
 */
#ifndef DB_NET_KEYS_H
#define DB_NET_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "net/wire.h"

struct key {
	uint32_t id;
	uint8_t bytes[WIRE_KEY_BYTES];
};

/* Sorted by id. Immutable after keys_load; any thread may read. */
struct key_ring {
	uint32_t cnt;
	struct key keys[];
};

/*
 * Reads a key file. From here on the process is not dumpable (engine/base/secret.h), and the ring
 * is in memory that is in no core. 0 and *out (owned by the caller, free with keys_free), or -errno
 * and a line for the operator in error that names file, line and remedy.
 */
int keys_load(const char *path, struct key_ring **out, struct error *error);

/* Wipes and frees. NULL is allowed. */
void keys_free(struct key_ring *ring);

/* The key with this id, or NULL. */
const struct key *keys_find(const struct key_ring *ring, uint32_t id);

/*
 * Makes a new key file (mode 0600) with one random key under `id`; -EEXIST if the path exists.
 * Error text as above.
 */
int keys_generate(const char *path, uint32_t id, struct error *error);

/* Appends a random key under `id` to an existing key file; -EEXIST if it has that id, -E2BIG if it
 * has KEYS_MAX keys. */
int keys_append(const char *path, uint32_t id, struct error *error);

#endif

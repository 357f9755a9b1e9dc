#include "net/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "engine/base/limits.h"
#include "engine/base/place.h"
#include "engine/base/secret.h"

enum {
	LINE_BYTES = 4096,
	HEX_CHARS = 2 * WIRE_KEY_BYTES,
};

static int by_id(const void *a, const void *b)
{
	const struct key *one = a;
	const struct key *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

/* Reads `key_id hex`; false if the line is anything else. */
static bool parse_line(char *line, struct key *key)
{
	char *rest = line;
	const char *id = strsep(&rest, " \t");
	const char *hex_end = NULL;
	size_t got_bytes = 0;
	char *end = NULL;

	while (rest != NULL && (*rest == ' ' || *rest == '\t'))
		rest++;
	if (rest == NULL || id[0] < '0' || id[0] > '9')
		return false;
	errno = 0;

	const unsigned long long value = strtoull(id, &end, 10);

	if (*end != '\0' || errno != 0 || value > UINT32_MAX || strlen(rest) != HEX_CHARS ||
	    sodium_hex2bin(key->bytes, sizeof(key->bytes), rest, HEX_CHARS, NULL, &got_bytes,
			   &hex_end) != 0 ||
	    got_bytes != sizeof(key->bytes))
		return false;
	key->id = (uint32_t)value;
	return true;
}

/* Cuts comment, line end and blanks at both ends; returns what is left. */
static char *bare(char *line)
{
	size_t bytes;

	line[strcspn(line, "#\r\n")] = '\0';
	while (*line == ' ' || *line == '\t')
		line++;
	bytes = strlen(line);
	while (bytes > 0 && (line[bytes - 1] == ' ' || line[bytes - 1] == '\t'))
		line[--bytes] = '\0';
	return line;
}

/* Takes a line's key, if it has one; lines[i] is the line of key i. */
static int read_line(const char *path, unsigned line, char *text, struct key_ring *ring,
		     unsigned lines[KEYS_MAX], struct error *error)
{
	struct key *key = &ring->keys[ring->cnt];

	text = bare(text);
	if (text[0] == '\0')
		return 0;
	place_set(error, path, line, 0, "");
	if (ring->cnt == KEYS_MAX) {
		error_add(error, "more than %d keys; remove old ones", KEYS_MAX);
		return -E2BIG;
	}
	if (!parse_line(text, key)) {
		error_add(error,
			  "not a key; write the key id, a blank and %d hex digits, or let "
			  "`doorbuster keygen` do it",
			  HEX_CHARS);
		return -EINVAL;
	}
	for (uint32_t i = 0; i < ring->cnt; i++) {
		if (ring->keys[i].id != key->id)
			continue;
		error_add(error, "key id %" PRIu32 " is already in line %u; keep one of them",
			  key->id, lines[i]);
		return -EINVAL;
	}
	lines[ring->cnt++] = line;
	return 0;
}

static size_t ring_bytes(void)
{
	return sizeof(struct key_ring) + KEYS_MAX * sizeof(struct key);
}

/* Reads all lines, and wipes the buffer. When getline takes a bigger buffer it leaves the old one
 * unwiped, so it begins with one that only a long comment outgrows. */
static int read_lines(const char *path, FILE *file, struct key_ring *ring, struct error *error)
{
	unsigned lines[KEYS_MAX] = {0};
	size_t buffer_bytes = LINE_BYTES;
	char *buffer = malloc(buffer_bytes);
	unsigned line = 0;
	int rc = 0;

	while (rc == 0 && buffer != NULL && getline(&buffer, &buffer_bytes, file) >= 0)
		rc = read_line(path, ++line, buffer, ring, lines, error);
	if (rc == 0 && (buffer == NULL || feof(file) == 0)) {
		rc = errno != 0 ? -errno : -EIO;
		place_set(error, path, line + 1U, 0, "");
		error_add(error, "cannot be read: %s", strerror(-rc));
	}
	if (buffer != NULL)
		sodium_memzero(buffer, buffer_bytes);
	free(buffer);
	return rc;
}

static int read_keys(const char *path, FILE *file, struct key_ring *ring, struct error *error)
{
	const int rc = read_lines(path, file, ring, error);

	if (rc != 0)
		return rc;
	if (ring->cnt == 0) {
		return error_say(error, -EINVAL, "%s: holds no key; `doorbuster keygen` makes one",
				 path);
	}
	qsort(ring->keys, ring->cnt, sizeof(ring->keys[0]), by_id);
	return 0;
}

/* Whether the process has this group: its own, or one of those beside it. */
static bool is_own_group(gid_t group)
{
	static gid_t groups[NGROUPS_MAX];
	const int cnt = getgroups(NGROUPS_MAX, groups);

	for (int i = 0; i < cnt; i++) {
		if (groups[i] == group)
			return true;
	}
	return group == getegid();
}

/* Its group may read it where that is ours, as the secrets of Kubernetes have it (fsGroup). */
static int check_mode(const char *path, const struct stat *info, struct error *error)
{
	const unsigned mode = info->st_mode & 07777;

	if (!S_ISREG(info->st_mode))
		return error_say(error, -EACCES, "%s: not a regular file", path);
	if ((mode & (S_IRWXO | S_IWGRP | S_IXGRP)) != 0)
		return error_say(error, -EACCES,
				 "%s: others can read or write it (mode %04o); chmod 600 %s (a "
				 "Kubernetes secret: defaultMode: 0440)",
				 path, mode, path);
	if ((mode & S_IRGRP) != 0 && !is_own_group(info->st_gid))
		return error_say(error, -EACCES,
				 "%s: group %u can read it (mode %04o), and is none of this "
				 "process's; chmod 600 %s, or run with that group (Kubernetes: "
				 "fsGroup)",
				 path, info->st_gid, mode, path);
	return 0;
}

/* Opens a key file if nobody else can read or write it. 0 or -errno. */
static int open_private(const char *path, int flags, FILE **out, struct error *error)
{
	/* A FIFO must not make us wait for its writer. */
	const int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	FILE *file = fd >= 0 ? fdopen(fd, (flags & O_ACCMODE) == O_RDONLY ? "r" : "a+") : NULL;
	struct stat info;
	int rc;

	if (file == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return error_say(error, rc, "%s: %s%s", path, strerror(-rc),
				 rc == -ENOENT ? "; `doorbuster keygen` makes a key file" : "");
	}
	rc = fstat(fileno(file), &info) == 0
		     ? check_mode(path, &info, error)
		     : error_say(error, -errno, "%s: %s", path, strerror(errno));
	if (rc == 0)
		*out = file;
	else
		fclose(file);
	return rc;
}

static int keep_out_of_dumps(const char *path, struct error *error)
{
	const int rc = secret_keep();

	if (rc != 0)
		error_set(error,
			  "%s: its keys can't be kept out of core dumps: %s; allow prctl and "
			  "madvise",
			  path, strerror(-rc));
	return rc;
}

int keys_load(const char *path, struct key_ring **out, struct error *error)
{
	char buffer[BUFSIZ];
	struct key_ring *ring;
	FILE *file = NULL;
	int rc = keep_out_of_dumps(path, error);

	if (rc == 0)
		rc = open_private(path, O_RDONLY, &file, error);
	if (rc != 0)
		return rc;
	ring = secret_alloc(ring_bytes());
	if (ring == NULL) {
		error_set(error, "%s: no memory to read it", path);
		fclose(file);
		return -ENOMEM;
	}
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	rc = read_keys(path, file, ring, error);
	fclose(file);
	sodium_memzero(buffer, sizeof(buffer));
	if (rc != 0) {
		keys_free(ring);
		return rc;
	}
	*out = ring;
	return 0;
}

void keys_free(struct key_ring *ring)
{
	/* Wipes all of it, because a line that was refused half-way is not counted. */
	secret_free(ring, ring_bytes());
}

const struct key *keys_find(const struct key_ring *ring, uint32_t id)
{
	uint32_t low = 0;
	uint32_t high = ring->cnt;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (ring->keys[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ring->cnt && ring->keys[low].id == id ? &ring->keys[low] : NULL;
}

/* Writes one line with a new key and syncs it. Closes the file and wipes its buffer, `buffer` of
 * BUFSIZ. */
static int write_key(FILE *file, char *buffer, const char *path, uint32_t id, struct error *error)
{
	uint8_t key[WIRE_KEY_BYTES];
	char hex[HEX_CHARS + 1];
	int rc = 0;

	randombytes_buf(key, sizeof(key));
	sodium_bin2hex(hex, sizeof(hex), key, sizeof(key));
	if (fprintf(file, "%" PRIu32 " %s\n", id, hex) < 0 || fflush(file) != 0 ||
	    fsync(fileno(file)) != 0)
		rc = -errno;
	sodium_memzero(key, sizeof(key));
	sodium_memzero(hex, sizeof(hex));
	if (fclose(file) != 0 && rc == 0)
		rc = -errno;
	sodium_memzero(buffer, BUFSIZ);
	if (rc != 0)
		error_set(error, "%s: %s", path, strerror(-rc));
	return rc;
}

int keys_generate(const char *path, uint32_t id, struct error *error)
{
	char buffer[BUFSIZ];
	int rc = keep_out_of_dumps(path, error);

	if (rc != 0)
		return rc;

	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0) {
		rc = -errno;
		return error_say(
			error, rc, "%s: %s%s", path, strerror(-rc),
			rc == -EEXIST ? "; keys are never overwritten: name another file, or add "
					"to it with --append"
				      : "");
	}

	FILE *file = fdopen(fd, "w");

	if (file == NULL) {
		close(fd);
		return error_say(error, -ENOMEM, "%s: no memory to write it", path);
	}

	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	rc = write_key(file, buffer, path, id, error);
	if (rc != 0)
		unlink(path);
	return rc;
}

int keys_append(const char *path, uint32_t id, struct error *error)
{
	struct key_ring *ring = NULL;
	int rc = keys_load(path, &ring, error);

	if (rc != 0 || ring == NULL)
		return rc;

	const bool known = keys_find(ring, id) != NULL;
	const bool full = ring->cnt == KEYS_MAX;

	keys_free(ring);
	if (known) {
		return error_say(error, -EEXIST,
				 "%s: has a key %" PRIu32 " already; choose another --id", path,
				 id);
	}
	if (full) {
		return error_say(error, -E2BIG, "%s: has %d keys, and no more fit; remove old ones",
				 path, KEYS_MAX);
	}

	char buffer[BUFSIZ];
	FILE *file = NULL;

	rc = open_private(path, O_RDWR | O_APPEND, &file, error);
	if (rc != 0)
		return rc;
	setvbuf(file, buffer, _IOFBF, sizeof(buffer));
	/* An editor may have left the last line without its end. */
	if (fseek(file, -1, SEEK_END) == 0 && fgetc(file) != '\n' && fseek(file, 0, SEEK_END) == 0)
		fputc('\n', file);
	return write_key(file, buffer, path, id, error);
}

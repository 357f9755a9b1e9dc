#include "tools/replay/output.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "tools/common/cli.h"
#include "tools/common/output_file.h"

enum {
	OUTPUTS_MAX = 5,
	INPUTS_MAX = 3 + VARIANTS_MAX,
	/* Of temporary names, before one is free. */
	NAMES_MAX = 100,
};

/* A file beside the path, which takes its name at the end. 0 or -errno. */
static int open_beside(struct output *output)
{
	const char *name;
	uint32_t random = 0;
	int rc = -EEXIST;
	int fd = -1;

	output->dir = safe_parent_open(output->path, &name);
	if (output->dir < 0)
		return output->dir;
	for (unsigned i = 0; i < NAMES_MAX && rc == -EEXIST; i++) {
		CHECK(getrandom(&random, sizeof(random), 0) == sizeof(random));
		snprintf(output->temporary, sizeof(output->temporary), "%s.%08" PRIx32, name,
			 random);
		fd = openat(output->dir, output->temporary,
			    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		rc = fd < 0 ? -errno : 0;
	}
	output->file = rc == 0 ? fdopen(fd, "w") : NULL;
	if (output->file != NULL)
		return 0;
	if (rc != 0)
		output->temporary[0] = '\0';
	else
		close(fd);
	output_discard(output);
	return rc != 0 ? rc : -ENOMEM;
}

int output_open(struct output *output, const char *path)
{
	struct stat info;
	int fd;

	*output = (struct output){.dir = -1};
	if (strcmp(path, "-") == 0)
		path = "/dev/stdout";
	if (strlen(path) >= sizeof(output->path))
		return -ENAMETOOLONG;
	snprintf(output->path, sizeof(output->path), "%s", path);
	if (!output_file_is_stream(path)) {
		const int rc = safe_lstat(path, &info);

		if (rc == -ENOENT || (rc == 0 && S_ISREG(info.st_mode)))
			return open_beside(output);
	}
	fd = output_file_open(path, 0);
	output->file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (output->file != NULL)
		return 0;
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : -ENOMEM;
}

static const char *name_of(const struct output *output)
{
	const char *slash = strrchr(output->path, '/');

	return slash == NULL ? output->path : slash + 1;
}

int output_commit(struct output *output)
{
	const bool failed = ferror(output->file) != 0;
	int rc = 0;

	errno = 0;
	if (fclose(output->file) != 0 || failed)
		rc = errno != 0 ? -errno : -EIO;
	output->file = NULL;
	if (rc == 0 && output->temporary[0] != '\0' &&
	    renameat(output->dir, output->temporary, output->dir, name_of(output)) != 0)
		rc = -errno;
	if (rc == 0)
		output->temporary[0] = '\0';
	output_discard(output);
	return rc;
}

void output_discard(struct output *output)
{
	if (output->file != NULL)
		fclose(output->file);
	output->file = NULL;
	if (output->temporary[0] != '\0')
		(void)unlinkat(output->dir, output->temporary, 0);
	output->temporary[0] = '\0';
	if (output->path[0] != '\0' && output->dir >= 0)
		close(output->dir);
	output->dir = -1;
}

/* Looks at the file that a flag names; - is the stream of that number. False: there is no such file
 * yet. */
static bool look_at(const char *path, int stream_fd, struct stat *info)
{
	return path != NULL &&
	       (strcmp(path, "-") == 0 ? fstat(stream_fd, info) : stat(path, info)) == 0;
}

static bool is_one_file(const struct stat *one, const struct stat *other)
{
	return S_ISREG(one->st_mode) && one->st_dev == other->st_dev &&
	       one->st_ino == other->st_ino;
}

struct named {
	const char *flag;
	const char *path; /* NULL: not given */
};

/* Of one file, or of thousands. */
static bool spares_captures(const struct named *output, const struct capture_list *captures)
{
	struct stat written;
	struct stat read;

	if (!look_at(output->path, STDOUT_FILENO, &written))
		return true;
	for (uint32_t i = 0; i < captures->cnt; i++) {
		if (look_at(captures->paths[i], STDIN_FILENO, &read) &&
		    is_one_file(&written, &read))
			return cli_wrong(
				"%s %s: is the file of CAPTURE, which is an input; name another",
				output->flag, output->path);
	}
	return true;
}

static bool spares_inputs(const struct named *output, const struct named *inputs, uint32_t cnt)
{
	struct stat written;
	struct stat read;

	if (!look_at(output->path, STDOUT_FILENO, &written))
		return true;
	for (uint32_t i = 0; i < cnt; i++) {
		if (look_at(inputs[i].path, STDIN_FILENO, &read) && is_one_file(&written, &read))
			return cli_wrong(
				"%s %s: is the file of %s, which is an input; name another",
				output->flag, output->path, inputs[i].flag);
	}
	return true;
}

bool outputs_spare_inputs(const struct replay_options *options)
{
	const struct named outputs[OUTPUTS_MAX] = {
		{"--write", options->write}, {"--catalog-out", options->catalog_out},
		{"--csv", options->csv},     {"--buyers-csv", options->buyers_csv},
		{"--html", options->html},
	};
	struct named inputs[INPUTS_MAX] = {
		{"--keys", options->keys},
		{"--scrub", options->scrub},
		{"--captured-keys", options->captured_keys},
	};

	for (uint32_t i = 0; i < options->variant_cnt; i++)
		inputs[3 + i] = (struct named){"--catalog", options->variants[i].catalog};
	for (uint32_t i = 0; i < OUTPUTS_MAX; i++) {
		if (!spares_inputs(&outputs[i], inputs, INPUTS_MAX) ||
		    !spares_captures(&outputs[i], &options->captures))
			return false;
		for (uint32_t k = 0; k < i && outputs[i].path != NULL; k++) {
			if (outputs[k].path != NULL &&
			    strcmp(outputs[i].path, outputs[k].path) == 0)
				return cli_wrong("%s and %s: the same file; name two",
						 outputs[k].flag, outputs[i].flag);
		}
	}
	return true;
}

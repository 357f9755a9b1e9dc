#include "tools/replay/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/cli.h"

enum {
	OUTPUTS_MAX = 5,
	INPUTS_MAX = 4 + VARIANTS_MAX,
};

/* A file beside the path, which takes its name at the end. 0 or -errno. */
static int open_beside(struct output *output)
{
	int fd;

	snprintf(output->temporary, sizeof(output->temporary), "%s.XXXXXX", output->path);
	fd = mkostemp(output->temporary, O_CLOEXEC); /* mode 0600 */
	if (fd < 0) {
		const int rc = -errno;

		output->temporary[0] = '\0';
		return rc;
	}
	output->file = fdopen(fd, "w");
	return output->file != NULL ? 0 : -ENOMEM;
}

int output_open(struct output *output, const char *path)
{
	struct stat info;

	*output = (struct output){0};
	if (strcmp(path, "-") == 0) {
		const int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);

		output->file = fd >= 0 ? fdopen(fd, "w") : NULL;
		return output->file != NULL ? 0 : -errno;
	}
	if (strlen(path) >= sizeof(output->path))
		return -ENAMETOOLONG;
	if (realpath(path, output->path) == NULL)
		snprintf(output->path, sizeof(output->path), "%s", path);
	if (stat(output->path, &info) == 0 && !S_ISREG(info.st_mode)) {
		output->file = fopen(output->path, "we");
		return output->file != NULL ? 0 : -errno;
	}
	return open_beside(output);
}

int output_commit(struct output *output)
{
	const bool failed = ferror(output->file) != 0;
	int rc = 0;

	errno = 0;
	if (fclose(output->file) != 0 || failed)
		rc = errno != 0 ? -errno : -EIO;
	output->file = NULL;
	if (rc == 0 && output->temporary[0] != '\0' && rename(output->temporary, output->path) != 0)
		rc = -errno;
	if (rc != 0)
		output_discard(output);
	return rc;
}

void output_discard(struct output *output)
{
	if (output->file != NULL)
		fclose(output->file);
	output->file = NULL;
	if (output->temporary[0] != '\0')
		(void)unlink(output->temporary);
	output->temporary[0] = '\0';
}

/* What a flag names; - is the stream of that number. False: no file has the name yet. */
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

static bool spares_inputs(const struct named *output, const struct named *inputs, uint32_t cnt)
{
	struct stat written;
	struct stat read;

	if (!look_at(output->path, STDOUT_FILENO, &written))
		return true;
	for (uint32_t i = 0; i < cnt; i++) {
		if (look_at(inputs[i].path, STDIN_FILENO, &read) && is_one_file(&written, &read))
			return cli_wrong("%s %s: is the file of %s, which is read; name another",
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
		{"CAPTURE", options->capture},
		{"--keys", options->keys},
		{"--scrub", options->scrub},
		{"--captured-keys", options->captured_keys},
	};

	for (uint32_t i = 0; i < options->variant_cnt; i++)
		inputs[4 + i] = (struct named){"--catalog", options->variants[i].catalog};
	for (uint32_t i = 0; i < OUTPUTS_MAX; i++) {
		if (!spares_inputs(&outputs[i], inputs, INPUTS_MAX))
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

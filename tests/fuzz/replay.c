/*
 * replay: the main of a fuzz target without libFuzzer. Gives it every file named, and every file of
 * the directories named, once; the target aborts on what it finds. Fails, too, if there was none.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static unsigned replayed;

static int replay_file(const char *path, size_t bytes)
{
	FILE *file = fopen(path, "re");
	/* A block of its own, of this size: AddressSanitizer sees the first byte behind it. */
	uint8_t *data = malloc(bytes);
	int rc = 0;

	if (file == NULL || data == NULL || fread(data, 1, bytes, file) != bytes) {
		fprintf(stderr, "%s: cannot be read\n", path);
		rc = 1;
	} else {
		printf("%s\n", path);
		fflush(stdout);
		(void)LLVMFuzzerTestOneInput(data, bytes);
		replayed++;
	}
	if (file != NULL)
		fclose(file);
	free(data);
	return rc;
}

static int replay(const char *path)
{
	struct stat info;
	struct dirent **entries = NULL;
	int cnt;
	int rc = 0;

	if (stat(path, &info) != 0) {
		fprintf(stderr, "%s: not there\n", path);
		return 1;
	}
	if (!S_ISDIR(info.st_mode))
		return replay_file(path, (size_t)info.st_size);
	cnt = scandir(path, &entries, NULL, alphasort);
	for (int i = 0; i < cnt; i++) {
		char inner[1024];

		snprintf(inner, sizeof(inner), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			rc |= replay(inner);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

int main(int argc, char **argv)
{
	int rc = 0;

	for (int i = 1; i < argc; i++)
		rc |= replay(argv[i]);
	printf("%u inputs\n", replayed);
	return rc != 0 || replayed == 0;
}

#include "tests/support/smaps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

uint64_t smaps_kib(const void *memory, const char *field)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	const size_t field_bytes = strlen(field);
	char line[512];
	uint64_t sum_kib = 0;
	bool inside = false;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		unsigned long first;
		unsigned long end;
		uint64_t kib;

		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			inside = memory == NULL ||
				 ((uintptr_t)memory >= first && (uintptr_t)memory < end);
		else if (inside && strncmp(line, field, field_bytes) == 0 &&
			 sscanf(line + field_bytes, ": %" SCNu64 " kB", &kib) == 1)
			sum_kib += kib;
	}
	if (file != NULL)
		fclose(file);
	return sum_kib;
}

bool smaps_flag(const void *memory, const char *flag)
{
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	bool inside = false;
	bool found = false;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		unsigned long first;
		unsigned long end;

		if (sscanf(line, "%lx-%lx ", &first, &end) == 2)
			inside = (uintptr_t)memory >= first && (uintptr_t)memory < end;
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = strstr(line + 8, flag) != NULL;
	}
	if (file != NULL)
		fclose(file);
	return found;
}

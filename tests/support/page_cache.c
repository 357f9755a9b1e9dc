#include "tests/support/page_cache.h"

#include <unistd.h>

/* cachestat(2); no header of Debian 12 knows it. */
enum {
	SYS_CACHESTAT = 451,
};

struct range {
	uint64_t offset;
	uint64_t bytes; /* 0: to the end */
};

struct counts {
	uint64_t cached;
	uint64_t dirty;
	uint64_t writeback;
	uint64_t evicted;
	uint64_t recently_evicted;
};

bool page_cache_look(int fd, uint64_t *cached, uint64_t *unwritten)
{
	struct range all = {0, 0};
	struct counts counts;

	if (syscall(SYS_CACHESTAT, fd, &all, &counts, 0) != 0)
		return false;
	*cached = counts.cached;
	*unwritten = counts.dirty + counts.writeback;
	return true;
}

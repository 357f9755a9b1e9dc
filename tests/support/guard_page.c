#include "tests/support/guard_page.h"

#include <string.h>
#include <sys/mman.h>

#include "engine/base/check.h"

enum {
	ROOM_BYTES = 65536,
	PAGE_BYTES = 4096,
};

uint8_t *guarded_copy(const void *data, uint32_t bytes)
{
	static uint8_t *room;

	CHECK(bytes <= ROOM_BYTES);
	if (room == NULL) {
		room = mmap(NULL, ROOM_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(room != MAP_FAILED);
		CHECK(mprotect(room + ROOM_BYTES, PAGE_BYTES, PROT_NONE) == 0);
	}
	memcpy(room + ROOM_BYTES - bytes, data, bytes);
	return room + ROOM_BYTES - bytes;
}

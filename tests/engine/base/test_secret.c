#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "alloc/arena.h"
#include "engine/base/secret.h"
#include "tests/support/forbid_call.h"
#include "tests/support/smaps.h"

enum {
	BYTES = 10000,
};

Test(secret, memory_is_zeroed_and_in_no_dump)
{
	static const uint8_t zeros[BYTES];
	uint8_t *memory = secret_alloc(BYTES);

	cr_assert(ne(ptr, memory, NULL));
	cr_assert(eq(int, memcmp(memory, zeros, BYTES), 0));
	cr_assert(smaps_flag(memory, "dd"));
	cr_assert(smaps_flag(memory + BYTES - 1, "dd"));
	memset(memory, 1, BYTES);
	secret_free(memory, BYTES);
	cr_assert(eq(int, msync(memory, BYTES, MS_ASYNC), -1), "it is still mapped");
	secret_free(NULL, BYTES);
}

/* Rather none than what a dump would have. */
Test(secret, there_is_none_where_it_would_be_dumped)
{
	forbid_call(SYS_madvise, EPERM);
	cr_assert(eq(ptr, secret_alloc(BYTES), NULL));
}

static void *keep(void *context)
{
	uint8_t local[64];

	*(bool *)context = secret_keep() == 0 && smaps_flag(local, "dd");
	return NULL;
}

Test(secret, process_and_stacks_are_in_no_dump)
{
	uint8_t local[64];
	bool kept = false;
	pthread_t thread;

	cr_assert(eq(int, prctl(PR_GET_DUMPABLE), 1));
	cr_assert(not(smaps_flag(local, "dd")));
	cr_assert(eq(int, secret_keep(), 0));
	cr_assert(eq(int, prctl(PR_GET_DUMPABLE), 0));
	cr_assert(smaps_flag(local, "dd"));
	cr_assert(eq(int, pthread_create(&thread, NULL, keep, &kept), 0));
	cr_assert(eq(int, pthread_join(thread, NULL), 0));
	cr_assert(kept);
}

Test(secret, privileges_are_forgone)
{
	cr_assert(eq(int, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0));
	cr_assert(eq(int, secret_forgo_privileges(), 0));
	cr_assert(eq(int, prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1));
}

/* Small and big: batches, backlogs, tables, journal buffers. */
Test(secret, arenas_are_in_no_dump)
{
	struct arena *arena = NULL;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(smaps_flag(arena_alloc(arena, 100), "dd"));
	cr_assert(smaps_flag(arena_alloc(arena, 100000), "dd"));
	cr_assert(smaps_flag(arena_alloc(arena, 5 << 20), "dd"));
	arena_close(arena);
}

/*
 * forbid_call: a system call that fails from now on, for this thread and what it starts, as under a
 * container's seccomp profile. There is no way back: for tests in a process of their own.
 */
#ifndef DB_TESTS_SUPPORT_FORBID_CALL_H
#define DB_TESTS_SUPPORT_FORBID_CALL_H

/* `call`: a SYS_ number; `error`: the errno that it fails with. */
void forbid_call(int call, int error);

#endif

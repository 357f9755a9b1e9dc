/*
 * log: what a long-running program says on stderr, for the people who read it later. From log_begin
 * on each line has its time (RFC 3339, UTC) and its level before it:
 *
 *	2026-11-30T14:26:48.463Z warning lane 0: ...
 *
 * Under journald, which has times of its own, the line begins with the priority instead, as
 * sd-daemon(3) says: `<4>lane 0: ...`. journald is there if JOURNAL_STREAM names the device and the
 * inode of stderr, as systemd.exec(5) says. DOORBUSTER_LOG=plain leaves the lines as they are.
 *
 * log_begin makes stderr another stdio stream, so that lines of DPDK, libc and other libraries get
 * time and level, too. Callers write to stderr as ever, from any thread: stdio locks the stream for
 * a call, and a line made by several calls needs flockfile. What writes to descriptor 2 itself, and
 * what a program writes after exec, stays as it is.
 *
 * A line that begins with one of the marks below has that level; all others are for information.
 * Only programs that call log_begin take the marks off: code that others share uses log_mark.
 */
#ifndef DB_ENGINE_BASE_LOG_H
#define DB_ENGINE_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The priorities of syslog(3), after a character that no text has. */
#define LOG_MARK '\1'
/* The program, or part of it, can't go on. */
#define LOG_AS_ERROR                                                                               \
	"\1"                                                                                       \
	"3"
/* Something begins that somebody should look at. */
#define LOG_AS_WARNING                                                                             \
	"\1"                                                                                       \
	"4"
#define LOG_AS_INFO                                                                                \
	"\1"                                                                                       \
	"6"
/* For a program to read: nothing is put before it. */
#define LOG_AS_DATA                                                                                \
	"\1"                                                                                       \
	"-"

enum log_form {
	LOG_FORM_TIME,
	LOG_FORM_JOURNALD,
	LOG_FORM_PLAIN,
};

enum {
	LOG_PREFIX_BYTES = 64,
};

/* Once, before other threads start. If there is no memory, lines stay as they are. */
void log_begin(void);

/* The mark once log_begin was called, else "". */
const char *log_mark(const char *mark);

/* The two halves of it. Pure. `stream` is the value of JOURNAL_STREAM, `wish` that of
 * DOORBUSTER_LOG; either may be NULL. */
enum log_form log_form_of(const char *wish, const char *stream, dev_t device, ino_t inode);
/* What stands before a line of this priority ('3' to '7', or '-'); returns its bytes. */
size_t log_prefix(enum log_form form, char priority, uint64_t wall_ns, char out[LOG_PREFIX_BYTES]);

#endif

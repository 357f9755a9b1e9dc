/*
 * eal_log: what DPDK says goes to stderr as lines of our own do, by its level. Left alone, DPDK
 * also gives each line to syslog, where journald would have it twice.
 */
#include <stdio.h>

#include <rte_log.h>

#include "engine/base/log.h"
#include "engine/serve/state.h"

/* DPDK hands over a message at a time. An error of its own need not be one of the engine's: if it
 * is, our line after it says so. */
static ssize_t write_message(void *cookie, const char *text, size_t bytes)
{
	const bool warns = rte_log_cur_msg_loglevel() <= (int)RTE_LOG_WARNING;

	(void)cookie;
	fprintf(stderr, "%s%.*s", log_mark(warns ? LOG_AS_WARNING : LOG_AS_INFO), (int)bytes, text);
	return (ssize_t)bytes;
}

void serve_eal_log(void)
{
	const cookie_io_functions_t functions = {.write = write_message};
	FILE *stream = fopencookie(NULL, "w", functions);

	/* Without memory for it, DPDK writes to stderr itself. */
	if (stream != NULL)
		(void)rte_openlog_stream(stream);
}

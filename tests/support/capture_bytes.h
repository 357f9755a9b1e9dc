/*
 * capture_bytes: capture files in the making, in either byte order, for tests of what reads them.
 */
#ifndef DB_TESTS_SUPPORT_CAPTURE_BYTES_H
#define DB_TESTS_SUPPORT_CAPTURE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CAPTURE_BYTES_MAX = 1 << 20,
	/* Of a file's path that capture_bytes_save gives. */
	CAPTURE_PATH_BYTES = 64,
};

struct capture_bytes {
	bool swapped; /* the other byte order than this machine's */
	size_t cnt;
	uint8_t at[CAPTURE_BYTES_MAX];
};

void put_bytes(struct capture_bytes *bytes, const void *more, size_t cnt);
void put_u16(struct capture_bytes *bytes, uint16_t value);
void put_u32(struct capture_bytes *bytes, uint32_t value);

/* The header of a pcap, and a packet of it: the text, of which `sent` bytes were sent. */
void put_pcap(struct capture_bytes *bytes, uint32_t magic, uint32_t snaplen, uint32_t link);
void put_record(struct capture_bytes *bytes, uint32_t s, uint32_t fraction, const char *text,
		uint32_t sent);

/* Puts the bytes into a file in memory. The caller closes the descriptor. */
int capture_bytes_save(const struct capture_bytes *bytes, char path[CAPTURE_PATH_BYTES]);

#endif

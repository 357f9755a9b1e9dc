#include "tests/support/capture_bytes.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/check.h"

void put_bytes(struct capture_bytes *bytes, const void *more, size_t cnt)
{
	CHECK(cnt <= sizeof(bytes->at) - bytes->cnt);
	memcpy(bytes->at + bytes->cnt, more, cnt);
	bytes->cnt += cnt;
}

void put_u16(struct capture_bytes *bytes, uint16_t value)
{
	if (bytes->swapped)
		value = __builtin_bswap16(value);
	put_bytes(bytes, &value, sizeof(value));
}

void put_u32(struct capture_bytes *bytes, uint32_t value)
{
	if (bytes->swapped)
		value = __builtin_bswap32(value);
	put_bytes(bytes, &value, sizeof(value));
}

void put_pcap(struct capture_bytes *bytes, uint32_t magic, uint32_t snaplen, uint32_t link)
{
	put_u32(bytes, magic);
	put_u16(bytes, 2);
	put_u16(bytes, 4);
	put_u32(bytes, 0);
	put_u32(bytes, 0);
	put_u32(bytes, snaplen);
	put_u32(bytes, link);
}

void put_record(struct capture_bytes *bytes, uint32_t s, uint32_t fraction, const char *text,
		uint32_t sent)
{
	put_u32(bytes, s);
	put_u32(bytes, fraction);
	put_u32(bytes, (uint32_t)strlen(text));
	put_u32(bytes, sent);
	put_bytes(bytes, text, strlen(text));
}

int capture_bytes_save(const struct capture_bytes *bytes, char path[CAPTURE_PATH_BYTES])
{
	const int fd = memfd_create("capture", MFD_CLOEXEC);

	CHECK(fd >= 0 && write(fd, bytes->at, bytes->cnt) == (ssize_t)bytes->cnt);
	snprintf(path, CAPTURE_PATH_BYTES, "/proc/self/fd/%d", fd);
	return fd;
}

#include "tools/replay/markup.h"

#include <stddef.h>
#include <stdint.h>

static const char *entity_of(char c)
{
	switch (c) {
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '&':
		return "&amp;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/* How many bytes the UTF-8 character has that begins here; 0: none does (RFC 3629). */
static unsigned character_bytes(const uint8_t *at)
{
	const unsigned bytes = at[0] < 0x80 ? 1 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint32_t code = bytes == 1 ? at[0] : at[0] & (0x7fU >> bytes);

	if ((at[0] >= 0x80 && at[0] < 0xc0) || at[0] >= 0xf8)
		return 0;
	/* The end of the text is no such byte, so nothing after it is read. */
	for (unsigned i = 1; i < bytes; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3f);
	}
	if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	/* Control characters of both kinds, and the two that XML does not allow. */
	if (code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xfffe || code == 0xffff)
		return 0;
	return bytes;
}

void markup_text(const char *text, FILE *out)
{
	while (*text != '\0') {
		const char *entity = entity_of(*text);
		const unsigned bytes = character_bytes((const uint8_t *)text);

		if (entity != NULL)
			fputs(entity, out);
		else if (bytes > 0)
			fwrite(text, bytes, 1, out);
		else
			fputs("&#xfffd;", out);
		text += bytes > 0 ? bytes : 1;
	}
}

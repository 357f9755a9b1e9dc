#include "engine/base/error.h"

#include <stdio.h>
#include <string.h>

/* Writes the text from `used` on. By way of a copy: the arguments may point into the text. */
static void write_text(struct error *error, size_t used, const char *format, va_list args)
{
	static const char cut[] = "...";
	char text[ERROR_BYTES];
	const size_t room = sizeof(text) - used;
	const int cnt = vsnprintf(text, room, format, args);

	if (cnt < 0)
		text[0] = '\0';
	memcpy(error->text + used, text, strlen(text) + 1);
	if (cnt >= 0 && (size_t)cnt >= room)
		memcpy(error->text + sizeof(error->text) - sizeof(cut), cut, sizeof(cut));
}

int error_say(struct error *error, int rc, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_text(error, 0, format, args);
	va_end(args);
	return rc;
}

void error_set(struct error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	write_text(error, 0, format, args);
	va_end(args);
}

void error_add(struct error *error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	error_vadd(error, format, args);
	va_end(args);
}

void error_vadd(struct error *error, const char *format, va_list args)
{
	write_text(error, strlen(error->text), format, args);
}

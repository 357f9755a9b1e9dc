#include "engine/base/place.h"

#include <inttypes.h>

void place_set(struct error *error, const char *path, uint64_t line, unsigned column,
	       const char *name)
{
	error_set(error, "%s:%" PRIu64 ": ", path, line);
	if (column > 0)
		error_add(error, "column %u (%s): ", column, name);
}

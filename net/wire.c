#include "net/wire.h"

const char *verdict_text(uint8_t verdict)
{
	switch (verdict) {
#define VERDICT(name, value, text)                                                                 \
	case (value):                                                                              \
		return text;
#include "net/verdict.def"
#undef VERDICT
	default:
		return "unknown verdict";
	}
}

const char *verdict_name(uint8_t verdict)
{
	switch (verdict) {
#define VERDICT(name, value, text)                                                                 \
	case (value):                                                                              \
		return #name;
#include "net/verdict.def"
#undef VERDICT
	default:
		return "UNKNOWN";
	}
}

const char *durability_name(uint8_t durability)
{
	static const char *const names[] = {"none", "memory", "durable", "replicated"};

	return durability < sizeof(names) / sizeof(names[0]) ? names[durability] : "unknown";
}

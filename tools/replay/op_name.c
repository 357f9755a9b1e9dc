#include "tools/replay/op_name.h"

#include "net/wire.h"

const char *op_name(uint8_t op)
{
	static const char *const names[WIRE_OP_END] = {
		[0] = "OTHER",
		[WIRE_OP_BUY] = "BUY",
		[WIRE_OP_HOLD] = "HOLD",
		[WIRE_OP_CONFIRM] = "CONFIRM",
		[WIRE_OP_RELEASE] = "RELEASE",
		[WIRE_OP_LOOKUP] = "LOOKUP",
		[WIRE_OP_PING] = "PING",
		[WIRE_OP_EXTEND] = "EXTEND",
		[WIRE_OP_RETURN] = "RETURN",
	};

	return op < WIRE_OP_END ? names[op] : names[0];
}

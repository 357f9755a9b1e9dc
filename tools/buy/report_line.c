#include "tools/buy/report_line.h"

#include <stdbool.h>
#include <string.h>

#include "engine/sale/record.h"
#include "tools/common/cli.h"

enum {
	/* The longest value that is read: a request id. */
	VALUE_BYTES = 40,
};

static const char *skip_blanks(const char *at)
{
	return at + strspn(at, " \t\r\n");
}

/* After the string that begins here; NULL: it does not end. */
static const char *skip_string(const char *at)
{
	for (at++; *at != '"'; at++) {
		if (*at == '\\')
			at++;
		if (*at == '\0')
			return NULL;
	}
	return at + 1;
}

/* After the value that begins here, whatever it is; NULL: it does not end. */
static const char *skip_value(const char *at)
{
	unsigned depth = 0;

	while (at != NULL && *at != '\0') {
		if (depth == 0 && (*at == ',' || *at == '}'))
			return at;
		if (*at == '"') {
			at = skip_string(at);
			continue;
		}
		depth += *at == '{' || *at == '[';
		depth -= *at == '}' || *at == ']';
		at++;
	}
	return NULL;
}

/* Copies a string's or a number's characters. False: the line has no such value, or it is longer.
 */
static bool find(const char *line, const char *name, char out[VALUE_BYTES])
{
	const size_t name_bytes = strlen(name);
	const char *at = skip_blanks(line);

	if (*at != '{')
		return false;
	do {
		const char *key = skip_blanks(at + 1);
		const char *key_end = *key == '"' ? skip_string(key) : NULL;
		const char *value = key_end != NULL ? skip_blanks(key_end) : NULL;
		size_t bytes;

		if (value == NULL || *value != ':')
			return false;
		value = skip_blanks(value + 1);
		at = skip_value(value);
		if (at == NULL)
			return false;
		if ((size_t)(key_end - key) != name_bytes + 2 ||
		    memcmp(key + 1, name, name_bytes) != 0)
			continue;
		value += *value == '"';
		bytes = strcspn(value, "\", }\r\n");
		if (bytes >= VALUE_BYTES)
			return false;
		memcpy(out, value, bytes);
		out[bytes] = '\0';
		return true;
	} while (*at == ',');
	return false;
}

static bool find_u64(const char *line, const char *name, uint64_t max, uint64_t *out)
{
	char text[VALUE_BYTES];

	return find(line, name, text) && cli_parse_u64(text, max, out);
}

/* The op that made a kind of record. */
static uint8_t op_of(const char *kind)
{
	static const struct {
		const char *kind;
		uint8_t op;
	} ops[] = {
		{"order", WIRE_OP_BUY},       {"hold", WIRE_OP_HOLD},
		{"confirm", WIRE_OP_CONFIRM}, {"release", WIRE_OP_RELEASE},
		{"extend", WIRE_OP_EXTEND},   {"return", WIRE_OP_RETURN},
	};

	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(kind, ops[i].kind) == 0)
			return ops[i].op;
	}
	return 0;
}

/* A flag of the record; false where the line has none. */
static bool is_set(const char *line, const char *name)
{
	char text[VALUE_BYTES];

	return find(line, name, text) && strcmp(text, "true") == 0;
}

/* What of the content only one kind has. False: it lacks something. */
static bool read_rest(const char *line, struct report_order *out)
{
	struct client_request *request = &out->request;

	switch (request->op) {
	case WIRE_OP_BUY:
	case WIRE_OP_HOLD:
		if (!find_u64(line, "max_price", UINT64_MAX, &request->price_or_order))
			return false;
		/* Also where the offer has a price by now, the buyer pays none. */
		if (request->price_or_order == PRICE_AT_MOST_0 && out->unit_price == 0) {
			request->price_or_order = 0;
			request->flags = WIRE_ENTRY_AT_MOST_0;
		}
		return true;
	case WIRE_OP_RELEASE:
		/* The record says how many these were. */
		if (is_set(line, "all"))
			request->quantity = 0;
		break;
	case WIRE_OP_RETURN:
		if (is_set(line, "write_off"))
			request->flags = WIRE_ENTRY_WRITE_OFF;
		break;
	default:
		out->refund = is_set(line, "refund");
		break;
	}
	request->price_or_order = out->order_id;
	return true;
}

enum report_line report_line_read(const char *line, struct report_order *out)
{
	struct client_request *request = &out->request;
	char text[VALUE_BYTES];
	uint64_t quantity;
	uint64_t channel;

	*out = (struct report_order){0};
	if (!find(line, "kind", text))
		return REPORT_WRONG;
	request->op = op_of(text);
	if (request->op == 0)
		return REPORT_OTHER;
	if (!find(line, "request_id", text) || !cli_parse_request_id(text, request->id) ||
	    !find_u64(line, "buyer", UINT64_MAX, &request->buyer) ||
	    !find_u64(line, "sku", UINT64_MAX, &request->sku) ||
	    !find_u64(line, "quantity", UINT16_MAX, &quantity) ||
	    !find_u64(line, "channel", UINT32_MAX, &channel) ||
	    !find_u64(line, "unit_price", UINT64_MAX, &out->unit_price) ||
	    !find_u64(line, "order_id", UINT64_MAX, &out->order_id))
		return REPORT_WRONG;
	request->quantity = (uint16_t)quantity;
	request->channel = (uint32_t)channel;
	if (!read_rest(line, out))
		return REPORT_WRONG;
	return request->op == WIRE_OP_BUY || request->op == WIRE_OP_HOLD ? REPORT_ORDER
									 : REPORT_CHANGE;
}

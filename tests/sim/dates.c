#include "tests/sim/dates.h"

static const uint64_t MS_NS = 1000000;
static const uint64_t HOUR_NS = UINT64_C(3600000000000);

enum {
	UNDATED = 300, /* per mille */
	OLD = 350,
	FAR_AHEAD = 400,
	OTHER_SALE = 450,
	A_LITTLE_AHEAD = 500,
	SHORT = 600,
	AGE_NS_MAX = 30 * 1000000,
	SHORT_MS_MAX = 20,
	LONG_MS_MAX = 60000,
};

static void put(struct parcel *parcel, uint64_t issued_at_ns, uint32_t valid_ms, uint32_t sale)
{
	struct wire_header *header = (struct wire_header *)parcel->datagram;

	header->flags |= WIRE_FLAG_DATED;
	parcel->dated = true;
	parcel->date = (struct wire_date){issued_at_ns, valid_ms, sale};
	*wire_date(parcel->datagram) = parcel->date;
}

void dates_choose(const struct buyers *buyers, struct parcel *parcel)
{
	struct sim_random *random = buyers->random;
	const uint64_t now_ns = *buyers->clock_ns;
	const uint64_t way = random_below(random, 1000);
	const uint64_t issued_ns = now_ns - random_below(random, AGE_NS_MAX);
	const uint32_t valid_ms = 1 + (uint32_t)random_below(random, LONG_MS_MAX);

	parcel->dated = false;
	if (way < UNDATED)
		return;
	if (way < OLD)
		put(parcel, issued_ns - HOUR_NS, valid_ms, buyers->sale);
	else if (way < FAR_AHEAD)
		put(parcel, issued_ns + HOUR_NS, valid_ms, buyers->sale);
	else if (way < OTHER_SALE)
		put(parcel, issued_ns, valid_ms, buyers->sale + 1);
	else if (way < A_LITTLE_AHEAD)
		put(parcel, now_ns + random_below(random, 2 * WIRE_AHEAD_MS_MAX * MS_NS), valid_ms,
		    buyers->sale);
	else if (way < SHORT)
		put(parcel, issued_ns, (uint32_t)random_below(random, SHORT_MS_MAX), buyers->sale);
	else
		put(parcel, issued_ns, valid_ms, buyers->sale);
}

void dates_good(const struct buyers *buyers, struct parcel *parcel)
{
	put(parcel, *buyers->clock_ns, UINT32_MAX, buyers->sale);
}

bool dates_stale(const struct buyers *buyers, const struct parcel *parcel, uint64_t now_ns)
{
	const struct wire_date *date = &parcel->date;
	uint64_t life_ns;

	if (!parcel->dated)
		return buyers->undated_refused;
	life_ns = date->valid_ms * MS_NS;
	if (life_ns > WIRE_VALID_MS_MAX * MS_NS)
		life_ns = WIRE_VALID_MS_MAX * MS_NS;
	return date->sale != buyers->sale || life_ns == 0 ||
	       now_ns > date->issued_at_ns + life_ns ||
	       now_ns + WIRE_AHEAD_MS_MAX * MS_NS < date->issued_at_ns;
}

uint64_t dates_asked_ns(const struct buyers *buyers, const struct parcel *parcel)
{
	const uint64_t now_ns = *buyers->clock_ns;

	if (!parcel->dated)
		return buyers->undated_refused ? 0 : UINT64_MAX;
	if (parcel->date.sale != buyers->sale || parcel->date.valid_ms == 0 ||
	    parcel->date.issued_at_ns + HOUR_NS / 2 < now_ns ||
	    parcel->date.issued_at_ns > now_ns + HOUR_NS / 2)
		return 0;
	return parcel->date.issued_at_ns > now_ns ? UINT64_MAX : parcel->date.issued_at_ns;
}

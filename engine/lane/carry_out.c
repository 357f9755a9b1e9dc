#include "engine/lane/carry_out.h"

#include <errno.h>

#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"

/* Whether there is no room for a record, but waiting will bring some. */
static bool waits_for_room(const struct lane *lane)
{
	return !lane->draining && journal_error(lane->journal) == 0 &&
	       !journal_has_room(lane->journal, 1) && !journal_is_full(lane->journal);
}

/*
 * Whether the record may be the lane's next. 0, -EEXIST if the lane knows it already, or -EBADMSG:
 * an offer is of this lane by its SKU's number, or is placed here; a SKU that is sold elsewhere is
 * of this lane by its number, and is not on sale here.
 */
static int judge(const struct lane *lane, const struct record *record)
{
	const uint16_t owner = shard_owner(lane->shard, record->sku);
	struct offer_view known;
	const bool on_sale = shard_find_offer(lane->shard, record->sku, &known);

	DCHECK(owner < SHARDS_MAX);
	DCHECK(!on_sale || owner == lane->idx);
	if (record->kind == RECORD_OFFER) {
		const bool placed = (record->flags & OFFER_PLACED) != 0;

		if (on_sale)
			return -EEXIST;
		return placed == (owner != lane->idx) ? 0 : -EBADMSG;
	}
	if (record->kind != RECORD_PLACED || record->quantity == lane->idx || on_sale)
		return -EBADMSG;
	if (owner == record->quantity)
		return -EEXIST;
	return owner == lane->idx ? 0 : -EBADMSG;
}

/* 0, and *lsn is its record; or -errno, and *lsn is the last record that the refusal rests on. */
static int put_on_sale(struct lane *lane, const struct record *asked, uint64_t *lsn)
{
	const uint64_t next_lsn = journal_next_lsn(lane->journal);
	struct record record = *asked;
	const char *why;
	int rc;

	if (journal_error(lane->journal) != 0)
		return -journal_error(lane->journal);
	if (lane->draining)
		return -ESHUTDOWN;
	rc = judge(lane, asked);
	if (rc == -EBADMSG)
		return rc;
	*lsn = next_lsn - 1;
	if (rc != 0)
		return rc;
	if (!journal_has_room(lane->journal, 1))
		return -EAGAIN;
	record.at_ns = lane->clock_ns;
	rc = shard_apply(lane->shard, next_lsn, &record, &why);
	if (rc != 0)
		return rc;
	*journal_slot(lane->journal) = record;
	journal_commit(lane->journal);
	*lsn = next_lsn;
	CHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
	return 0;
}

/* A lane that drains writes nothing from now on, even if it had nothing to give up. */
static int abandon(struct lane *lane, int error)
{
	const int failed = journal_error(lane->journal);

	CHECK(error > 0);
	if (failed != 0)
		return -failed;
	lane->given_up = lane->draining;
	if (!journal_idle(lane->journal))
		journal_abandon(lane->journal, error);
	return 0;
}

/* Carries out the oldest command. False: there is none, or it waits for a later turn. */
static bool carry_out_one(struct lane *lane)
{
	const struct command *command = commands_first(lane->commands);
	uint64_t lsn = 0;
	int rc = 0;

	if (command == NULL)
		return false;
	switch (command->verb) {
	case COMMAND_PUT_ON_SALE:
		if (!waits_for_room(lane))
			rc = put_on_sale(lane, &command->record, &lsn);
		else if (commands_end_follows(lane->commands))
			rc = -ESHUTDOWN;
		else
			return false;
		break;
	case COMMAND_DRAIN:
		lane->draining = true;
		rc = -journal_error(lane->journal);
		break;
	case COMMAND_ABANDON:
		rc = abandon(lane, command->error);
		break;
	default:
		CHECK(!"a command that no lane carries out");
	}
	commands_done(lane->commands, rc, lsn);
	return true;
}

void carry_out_commands(struct lane *lane)
{
	for (unsigned i = 0; i < COMMANDS_PER_TURN_MAX; i++) {
		if (!carry_out_one(lane))
			break;
	}
	commands_release(lane->commands, command_acknowledged_lsn(lane),
			 journal_error(lane->journal));
}

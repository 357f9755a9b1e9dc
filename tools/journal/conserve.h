/*
 * conserve: proves that no unit is made or lost: after each block, of every SKU that the block has
 * a record of, stock == free + held + sold + written off. A block changes no other SKU, so this
 * proves it for all, block by block, from a beginning where it was proved for all.
 */
#ifndef DB_TOOLS_JOURNAL_CONSERVE_H
#define DB_TOOLS_JOURNAL_CONSERVE_H

#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/format.h"
#include "engine/sale/shard.h"

struct conserve;

/* For a shard that gets offer_cnt SKUs at most; it must stay open. 0, or -ENOMEM with a line. */
int conserve_open(struct conserve **out, const struct shard *shard, uint16_t lane,
		  uint64_t offer_cnt, struct error *error);

/* Proves it for all SKUs of the shard as it is now. 0; -EBADMSG with a line that names the SKU. */
int conserve_all(struct conserve *conserve, struct error *error);

/* After a block was applied: for the SKUs in it. A recover_block_fn; context: the conserve. Errors
 * as above. */
int conserve_block(void *context, const struct block_header *block, const struct record *records,
		   struct error *error);

/* Blocks with records for which it was proved. */
uint64_t conserve_blocks(const struct conserve *conserve);

/* NULL is allowed. */
void conserve_close(struct conserve *conserve);

#endif

/*
 * stock: whether each unit is accounted for, by what buyers see: what is free of each SKU before
 * the first of them asks and after the last hold has ended, and what they bought in between.
 */
#ifndef DB_TOOLS_LOAD_STOCK_H
#define DB_TOOLS_LOAD_STOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Orders, holds, payments or baskets, and their units. */
struct units_count {
	uint64_t cnt;
	uint64_t units;
};

static inline void units_count_add(struct units_count *of, uint64_t units)
{
	of->cnt++;
	of->units += units;
}

struct stock_sku {
	uint64_t first_free; /* stock left before the first request, */
	uint64_t last_free;  /* and after the last hold ended */
	uint64_t sold;       /* and not returned */
	uint64_t gone;       /* written off */
};

/* SKU n is skus[n - 1]. */
struct stock {
	struct stock_sku *skus;
	uint32_t sku_cnt;
	bool known;              /* first_free and last_free are */
	uint64_t units_stranded; /* more or fewer free at the end than there must be */
	uint64_t units_oversold; /* more sold than there were */
};

/* False: no memory. What is zeroed may be closed. */
bool stock_open(struct stock *stock, uint32_t sku_cnt);
void stock_close(struct stock *stock);

/* Whether each unit that was not sold is free, by last_free. Sets units_stranded and
 * units_oversold. */
bool stock_all_free(struct stock *stock);

#endif

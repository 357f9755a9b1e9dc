#include "tools/load/stock.h"

#include <stdlib.h>

bool stock_open(struct stock *stock, uint32_t sku_cnt)
{
	*stock = (struct stock){
		.skus = calloc(sku_cnt, sizeof(*stock->skus)),
		.sku_cnt = sku_cnt,
	};
	return stock->skus != NULL;
}

void stock_close(struct stock *stock)
{
	free(stock->skus);
	stock->skus = NULL;
}

bool stock_all_free(struct stock *stock)
{
	stock->units_stranded = stock->units_oversold = 0;
	for (uint32_t i = 0; i < stock->sku_cnt; i++) {
		const struct stock_sku *sku = &stock->skus[i];
		const uint64_t taken = sku->sold + sku->gone;
		const uint64_t have = sku->last_free + taken;

		stock->units_stranded +=
			sku->first_free > have ? sku->first_free - have : have - sku->first_free;
		if (taken > sku->first_free)
			stock->units_oversold += taken - sku->first_free;
	}
	return stock->units_stranded == 0;
}

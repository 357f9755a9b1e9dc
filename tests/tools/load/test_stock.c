#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/load/stock.h"

static struct stock stock;

static void set_up(void)
{
	cr_assert(stock_open(&stock, 2));
	stock.skus[0] = (struct stock_sku){.first_free = 10, .last_free = 4, .sold = 5, .gone = 1};
	stock.skus[1] = (struct stock_sku){.first_free = 3, .last_free = 3};
}

static void tear_down(void)
{
	stock_close(&stock);
	stock_close(&stock);
}

TestSuite(stock, .init = set_up, .fini = tear_down);

static void check(bool free, uint64_t stranded, uint64_t oversold)
{
	cr_expect(eq(u8, stock_all_free(&stock), free));
	cr_expect(eq(u64, stock.units_stranded, stranded));
	cr_expect(eq(u64, stock.units_oversold, oversold));
}

Test(stock, each_unit_is_free_sold_or_gone)
{
	check(true, 0, 0);
	/* One too few of one SKU is not made good by one too many of another. */
	stock.skus[0].last_free = 3;
	stock.skus[1].last_free = 4;
	check(false, 2, 0);
	stock.skus[0].last_free = 4;
	stock.skus[1] = (struct stock_sku){.first_free = 3, .last_free = 0, .sold = 4, .gone = 1};
	check(false, 2, 2);
}

/*
 * basket: a basket from a file, bought or held in one datagram. All lines have one request id: they
 * differ by their SKU.
 */
#ifndef DB_TOOLS_BUY_BASKET_H
#define DB_TOOLS_BUY_BASKET_H

#include "net/client.h"
#include "tools/buy/options.h"

/*
 * Prints an outcome a line. client_options: of the client. Returns an exit code: CLI_EXIT_GOOD all
 * lines were carried out, CLI_EXIT_BAD one was not, CLI_EXIT_FAILED the outcome of one is unknown,
 * or nothing was asked.
 */
int basket(const struct buy_options *options, const struct client_options *client_options);

#endif

/*
 * again: sells the orders of a repair's report again, in the order of the file, each under its old
 * request id and with the content of its request; holds too, and what was done to orders and holds:
 * payments, releases, extensions, returns, with the new id of an order that has one. A payment that
 * was answered with a refund is left out: the buyer has his money back. So a buyer that asks again
 * gets the old answer, and the same file may be sold again as often as needed: what is sold already
 * stays as it is.
 */
#ifndef DB_TOOLS_BUY_AGAIN_H
#define DB_TOOLS_BUY_AGAIN_H

#include "net/client.h"

/*
 * Prints a line of CSV an order: its old id and the new one, or why it was refused. options: of the
 * client. Returns an exit code: CLI_EXIT_GOOD all are sold, CLI_EXIT_BAD some were refused,
 * CLI_EXIT_FAILED the rest of the file was not sold, because the outcome of one is unknown or the
 * file is wrong.
 */
int again(const char *path, const struct client_options *options);

#endif

/*
 * words: an answer as it is printed, for people or for programs.
 */
#ifndef DB_TOOLS_BUY_WORDS_H
#define DB_TOOLS_BUY_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#include "net/client.h"

/* One line: what the verdict means for the buyer, and what to do next. request: what was asked. */
void words_print(FILE *out, const struct client_request *request,
		 const struct client_answer *answer);

/* The same of a line of a basket, after its SKU. */
void words_print_line(FILE *out, const struct client_request *request,
		      const struct client_answer *answer);

/* One object on a line. line: of a basket, to say its SKU; NULL: no basket. numbers: values of 64
 * bits are numbers, not strings of digits. */
void words_print_json(FILE *out, const struct client_request *line,
		      const struct client_answer *answer, bool numbers);

#endif

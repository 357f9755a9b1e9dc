/*
 * markup: text inside an HTML or XML element.
 */
#ifndef DB_TOOLS_REPLAY_MARKUP_H
#define DB_TOOLS_REPLAY_MARKUP_H

#include <stdio.h>

/* Writes text so that it is shown as it is and cannot end its element or a quoted attribute. What
 * is not UTF-8, or is a control character, becomes U+FFFD: names of files may hold any byte. */
void markup_text(const char *text, FILE *out);

#endif

/* SPDX-License-Identifier: MIT */
/* Facts: a row's state, published. All of it comes from the row. Poll thread.
 */
#ifndef JAFFLR_FACTS_H
#define JAFFLR_FACTS_H

#include "workers/jafflr/toastie_row.h"
#include "workers/runtime/publish.h"

/* Rows that are collecting, or only know of a cancellation, are not published.
 */
bool facts_has(const struct toastie_row *row);
void facts_publish(const struct toastie_row *row, uint64_t token,
		   struct publisher *publisher);

#endif

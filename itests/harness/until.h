/* SPDX-License-Identifier: MIT */
/*
 * Until: wait for something to come true, with a deadline.
 */
#ifndef HARNESS_UNTIL_H
#define HARNESS_UNTIL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How long anything that must come true may take: many times what it takes
 * where one core bears all. It costs nothing as long as all is well. Shorter
 * times are for what the product promises.
 */
enum { PATIENCE_MS = 120000 };

typedef bool (*until_fn)(void *arg);

/* Asks @fn again and again; false when it was not true within @timeout_ms. */
bool until(int64_t timeout_ms, until_fn fn, void *arg);

/* Milliseconds since @start_ms, for a line that says how long it took. */
int64_t since_ms(int64_t start_ms);

#endif

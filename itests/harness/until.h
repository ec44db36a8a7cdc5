/* SPDX-License-Identifier: MIT */
/*
 * Until: wait for something to come true, with a deadline.
 *
 *	int64_t deadline_at_ms = within(PATIENCE_MS);
 *
 *	while (!program_ended(program))
 *		wait_more(deadline_at_ms, "%s does not end", program->name);
 */
#ifndef HARNESS_UNTIL_H
#define HARNESS_UNTIL_H

#include <stdint.h>

/*
 * How long anything that must come true may take: many times what it takes
 * where one core bears all. It costs nothing as long as all is well. Shorter
 * times are for what the product promises.
 */
enum { PATIENCE_MS = 120000 };

/* The instant at which that time from now has passed. */
int64_t within(int64_t timeout_ms);
/* Waits a moment; once the deadline has passed the test fails with that
 * sentence. */
void wait_more(int64_t deadline_at_ms, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Milliseconds since @start_ms, for a line that says how long it took. */
int64_t since_ms(int64_t start_ms);

#endif

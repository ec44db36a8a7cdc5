/* SPDX-License-Identifier: MIT */
/*
 * Control: a line in, a line out, over TCP: what makes the grill misbehave.
 *
 *	plate 3 slow 500	ok
 *	plate 99 slow 500	error: no such plate
 *
 * For tests and demonstrations, on an address that only they can reach. Runs
 * in the loop's thread.
 */
#ifndef GRILLSIM_CONTROL_H
#define GRILLSIM_CONTROL_H

#include <stddef.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"
#include "infra/lib/str.h"

/*
 * Does what a line says. 0: done, with what is to be shown in @out. Positive:
 * wrongly said, with the complaint in @out. Negative: a fault.
 */
typedef int (*control_fn)(void *arg, const char *line, size_t n,
			  struct buf *out);

struct control;

int control_new(struct control **ret, struct loop *loop, const char *address,
		control_fn fn, void *arg);
struct control *control_free(struct control *control);
DEFINE_CLEANUP(struct control, control_free);

/* "host:port", the port that was bound. */
const char *control_address(const struct control *control);

#endif

/* SPDX-License-Identifier: MIT */
/* Stall: which one a record is about, without decoding all of it. */
#ifndef SCHEMAS_MESSAGES_STALL_H
#define SCHEMAS_MESSAGES_STALL_H

#include "schemas/envelope.h"

/*
 * As x_decode() would say: what the body says, or the header beside a version
 * that has it there. `main` of a record that does not say, or cannot be read.
 * @envelope has been through envelope_check(), whatever that said. The text is
 * clean, and borrowed from either.
 */
struct text message_stall(const struct envelope *envelope, const void *bytes,
			  size_t n);

#endif

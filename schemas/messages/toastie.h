/* SPDX-License-Identifier: MIT */
/*
 * galore.toastie: where an order is on its way over the grill. A fact on
 * `toasties`.
 *
 *	v1 { order_id, number?, stall, customer?, state, grill?, plate?,
 *	     reason?, at }
 *
 * Facts of one order carry a rising `seq` in the envelope; a reader ignores
 * one that is not above what it has.
 */
#ifndef SCHEMAS_TOASTIE_H
#define SCHEMAS_TOASTIE_H

#include "schemas/envelope.h"
#include "schemas/messages/choices.h"
#include "schemas/msgpack/writer.h"
#include "schemas/order_id.h"
#include "schemas/outcome.h"

#define TOASTIE_NUMBER_NONE INT64_C(-1)
#define TOASTIE_PLATE_NONE INT32_C(-1)

struct toastie {
	struct order_id order_id;
	int64_t number; /* 0 and above, or TOASTIE_NUMBER_NONE */
	int64_t seq;    /* the envelope's; -1 when absent */
	enum toastie_state state;
	int32_t plate; /* 0 and above, or TOASTIE_PLATE_NONE */
	struct text stall;
	struct text customer, grill, reason; /* each may be empty */
	struct text at;                      /* RFC 3339, when it changed */
};

/* Texts are borrowed from @bytes. Positive: SCHEMA_E_*. */
int toastie_decode(struct toastie *ret, const struct envelope *envelope,
		   const void *bytes, size_t n, struct schema_fault *fault);

/* Appends the body; -ENOBUFS: the buffer is too small. */
int toastie_encode(const struct toastie *toastie,
		   struct msgpack_writer *writer);

#endif

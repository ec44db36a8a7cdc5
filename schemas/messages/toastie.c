/* SPDX-License-Identifier: MIT */
/* Toastie: its table. */
#include "schemas/messages/toastie.h"

#include <assert.h>

#include "schemas/msgpack/fields.h"

static const struct field rows[] = {
	FIELD_UUID(struct toastie, order_id, MUST),
	FIELD_I64(struct toastie, number, MAY, 0, INT64_MAX),
	FIELD_TEXT(struct toastie, stall, MUST),
	FIELD_TEXT(struct toastie, customer, MAY),
	FIELD_CHOICE(struct toastie, state, MUST, toastie_state_choice),
	FIELD_TEXT(struct toastie, grill, MAY),
	FIELD_I32(struct toastie, plate, MAY, 0, INT32_MAX),
	FIELD_TEXT(struct toastie, reason, MAY),
	FIELD_TEXT(struct toastie, at, MUST),
};

enum { N_ROWS = sizeof(rows) / sizeof(rows[0]) };

int toastie_decode(struct toastie *ret, const struct envelope *envelope,
		   const void *bytes, size_t n, struct schema_fault *fault)
{
	const struct field_body body = { bytes, n, BODY_MAX_BYTES };
	struct toastie toastie = { .seq = envelope->seq };
	int r = fields_decode(&toastie, rows, N_ROWS, &body, fault);

	assert(envelope->type == EVENT_TOASTIE);
	if (!r)
		*ret = toastie;
	return r;
}

int toastie_encode(const struct toastie *toastie, struct msgpack_writer *writer)
{
	return fields_encode(toastie, rows, N_ROWS, writer);
}

/* SPDX-License-Identifier: MIT */
/* Stock command: its two tables; nothing may be counted, but not added. */
#include "schemas/messages/stock_command.h"

#include <assert.h>

#include "infra/lib/text/str.h"
#include "schemas/msgpack/fields.h"

#define ROWS(quantity_min)                                                     \
	{                                                                      \
		FIELD_TEXT(struct stock_command, stall, MUST),                 \
			FIELD_TEXT(struct stock_command, ingredient, MUST),    \
			FIELD_I32(struct stock_command, quantity, MUST,        \
				  quantity_min, QUANTITY_MAX),                 \
	}

enum { N_ROWS = 3 };

static const struct field added_rows[N_ROWS] = ROWS(1);
static const struct field counted_rows[N_ROWS] = ROWS(0);

int stock_command_decode(struct stock_command *ret,
			 const struct envelope *envelope, const void *bytes,
			 size_t n, struct schema_fault *fault)
{
	bool counted = envelope->type == EVENT_STOCK_COUNTED;
	const struct field_body body = { bytes, n, BODY_MAX_BYTES };
	struct stock_command command = {
		.kind = counted ? STOCK_COMMAND_COUNTED : STOCK_COMMAND_ADDED
	};
	int r;

	assert(counted || envelope->type == EVENT_STOCK_ADDED);
	r = fields_decode(&command, counted ? counted_rows : added_rows, N_ROWS,
			  &body, fault);
	if (!r)
		*ret = command;
	return r;
}

int stock_command_encode(const struct stock_command *command,
			 struct msgpack_writer *writer)
{
	return fields_encode(command, counted_rows, N_ROWS, writer);
}

struct text stock_key(char out[static STOCK_KEY_BYTES], struct text stall,
		      struct text ingredient)
{
	struct str str = { .p = out, .size = STOCK_KEY_BYTES };

	assert(stall.n <= TEXT_MAX_BYTES && ingredient.n <= TEXT_MAX_BYTES);
	str_add(&str, stall.p, stall.n);
	str_add_text(&str, "/");
	str_add(&str, ingredient.p, ingredient.n);
	return str_text(&str);
}

enum event_type stock_command_type(enum stock_command_kind kind)
{
	return kind == STOCK_COMMAND_COUNTED ? EVENT_STOCK_COUNTED
					     : EVENT_STOCK_ADDED;
}

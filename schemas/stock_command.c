/* SPDX-License-Identifier: MIT */
/*
 * Stock command: see stock_command.h.
 */
#include "schemas/stock_command.h"

#include <assert.h>

#include "infra/lib/str.h"
#include "schemas/body.h"

enum key { STALL, INGREDIENT, QUANTITY, N_KEYS };

static const struct text keys[] = {
	[STALL] = TEXT_INIT("stall"),
	[INGREDIENT] = TEXT_INIT("ingredient"),
	[QUANTITY] = TEXT_INIT("quantity"),
};

int stock_command_decode(struct stock_command *ret,
			 const struct envelope *envelope, const void *bytes,
			 size_t n, struct schema_fault *fault)
{
	bool counted = envelope->type == EVENT_STOCK_COUNTED;
	struct stock_command command = {
		.kind = counted ? STOCK_COMMAND_COUNTED : STOCK_COMMAND_ADDED
	};
	struct fields fields = { .keys = keys,
				 .n_keys = N_KEYS,
				 .fault = fault };
	int r;

	assert(counted || envelope->type == EVENT_STOCK_ADDED);
	r = fields_open(&fields, bytes, n);
	if (r == 0)
		r = fields_text(&fields, STALL, &command.stall);
	if (r == 0)
		r = fields_text(&fields, INGREDIENT, &command.ingredient);
	if (r == 0)
		r = fields_i32(&fields, QUANTITY, counted ? 0 : 1, QUANTITY_MAX,
			       &command.quantity);
	if (r == 0)
		*ret = command;
	return r;
}

int stock_command_encode(const struct stock_command *command,
			 struct msgpack_writer *writer)
{
	msgpack_put_map(writer, N_KEYS);
	msgpack_put_text(writer, keys[STALL]);
	msgpack_put_text(writer, command->stall);
	msgpack_put_text(writer, keys[INGREDIENT]);
	msgpack_put_text(writer, command->ingredient);
	msgpack_put_text(writer, keys[QUANTITY]);
	msgpack_put_i64(writer, command->quantity);
	return msgpack_writer_result(writer);
}

struct text stock_key(char room[static STOCK_KEY_BYTES], struct text stall,
		      struct text ingredient, struct text *subject)
{
	struct str out = { .p = room, .size = STOCK_KEY_BYTES };
	struct text key;

	assert(stall.n <= TEXT_MAX_BYTES && ingredient.n <= TEXT_MAX_BYTES);
	str_add(&out, stall.p, stall.n);
	str_add_text(&out, "/");
	str_add(&out, ingredient.p, ingredient.n);
	key = (struct text){ out.p, out.n };
	*subject = text_is_longer(key, TEXT_MAX_CHARS) ? ingredient : key;
	return key;
}

enum event_type stock_command_type(enum stock_command_kind kind)
{
	return kind == STOCK_COMMAND_COUNTED ? EVENT_STOCK_COUNTED
					     : EVENT_STOCK_ADDED;
}

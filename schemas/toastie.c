/* SPDX-License-Identifier: MIT */
/*
 * Toastie: see toastie.h.
 */
#include "schemas/toastie.h"

#include <assert.h>

#include "schemas/body.h"

enum key {
	ORDER_ID,
	NUMBER,
	STALL,
	CUSTOMER,
	STATE,
	GRILL,
	PLATE,
	REASON,
	AT,
	N_KEYS,
};

static const struct text keys[] = {
	[ORDER_ID] = TEXT_INIT("order_id"),
	[NUMBER] = TEXT_INIT("number"),
	[STALL] = TEXT_INIT("stall"),
	[CUSTOMER] = TEXT_INIT("customer"),
	[STATE] = TEXT_INIT("state"),
	[GRILL] = TEXT_INIT("grill"),
	[PLATE] = TEXT_INIT("plate"),
	[REASON] = TEXT_INIT("reason"),
	[AT] = TEXT_INIT("at"),
};

static const struct text states[N_TOASTIE_STATES] = {
	[TOASTIE_QUEUED] = TEXT_INIT("queued"),
	[TOASTIE_GRILLING] = TEXT_INIT("grilling"),
	[TOASTIE_DONE] = TEXT_INIT("done"),
	[TOASTIE_FAILED] = TEXT_INIT("failed"),
	[TOASTIE_UNCERTAIN] = TEXT_INIT("uncertain"),
	[TOASTIE_RETURNED] = TEXT_INIT("returned"),
};

static int read_state(struct toastie *toastie, const struct fields *fields)
{
	struct text name;
	int r;

	r = fields_text(fields, STATE, &name);
	if (r == 0 && toastie_state_parse(&toastie->state, name) != 0)
		r = fields_fail(fields, STATE,
				"must be queued, grilling, done, failed, "
				"uncertain or returned");
	return r;
}

static int read_rest(struct toastie *toastie, const struct fields *fields)
{
	int64_t plate = TOASTIE_PLATE_NONE;
	int r;

	r = fields_text_if_any(fields, GRILL, &toastie->grill);
	if (r == 0)
		r = fields_i64_if_any(fields, PLATE, 0, INT32_MAX, &plate);
	toastie->plate = (int32_t)plate;
	if (r == 0)
		r = fields_text_if_any(fields, REASON, &toastie->reason);
	if (r == 0)
		r = fields_text(fields, AT, &toastie->at);
	return r;
}

int toastie_decode(struct toastie *ret, const struct envelope *envelope,
		   const void *bytes, size_t n, struct schema_fault *fault)
{
	struct toastie toastie = { .number = TOASTIE_NUMBER_NONE,
				   .seq = envelope->seq };
	struct fields fields = { .keys = keys,
				 .n_keys = N_KEYS,
				 .fault = fault };
	int r;

	assert(envelope->type == EVENT_TOASTIE);
	r = fields_open(&fields, bytes, n);
	if (r == 0)
		r = fields_order_id(&fields, ORDER_ID, &toastie.order_id);
	if (r == 0)
		r = fields_i64_if_any(&fields, NUMBER, 0, INT64_MAX,
				      &toastie.number);
	if (r == 0)
		r = fields_text(&fields, STALL, &toastie.stall);
	if (r == 0)
		r = fields_text_if_any(&fields, CUSTOMER, &toastie.customer);
	if (r == 0)
		r = read_state(&toastie, &fields);
	if (r == 0)
		r = read_rest(&toastie, &fields);
	if (r == 0)
		*ret = toastie;
	return r;
}

int toastie_encode(const struct toastie *toastie, struct msgpack_writer *writer)
{
	bool has_number = toastie->number != TOASTIE_NUMBER_NONE;
	bool has_plate = toastie->plate != TOASTIE_PLATE_NONE;

	msgpack_put_map(writer, 4u + has_number + has_plate +
					(toastie->customer.n > 0) +
					(toastie->grill.n > 0) +
					(toastie->reason.n > 0));
	msgpack_put_text(writer, keys[ORDER_ID]);
	msgpack_put_order_id(writer, &toastie->order_id);
	if (has_number) {
		msgpack_put_text(writer, keys[NUMBER]);
		msgpack_put_i64(writer, toastie->number);
	}
	msgpack_put_text(writer, keys[STALL]);
	msgpack_put_text(writer, toastie->stall);
	msgpack_put_text_if_any(writer, keys[CUSTOMER], toastie->customer);
	msgpack_put_text(writer, keys[STATE]);
	msgpack_put_text(writer, states[toastie->state]);
	msgpack_put_text_if_any(writer, keys[GRILL], toastie->grill);
	if (has_plate) {
		msgpack_put_text(writer, keys[PLATE]);
		msgpack_put_i64(writer, toastie->plate);
	}
	msgpack_put_text_if_any(writer, keys[REASON], toastie->reason);
	msgpack_put_text(writer, keys[AT]);
	msgpack_put_text(writer, toastie->at);
	return msgpack_writer_result(writer);
}

const char *toastie_state_name(enum toastie_state state)
{
	return states[state].p;
}

int toastie_state_parse(enum toastie_state *ret, struct text name)
{
	size_t i;

	if (text_index(&i, states, N_TOASTIE_STATES, name))
		return SCHEMA_E_CONTRACT;
	*ret = (enum toastie_state)i;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/* Tally: one statement a batch. Nothing is read first, so nothing is decided.
 */
#include "workers/tally/tally.h"

#include "infra/lib/clock.h"
#include "schemas/messages/toastie.h"

#define HOUR_MS INT64_C(3600000)

struct done {
	struct order_id order;
	struct text stall; /* borrows the record */
	int64_t hour_ms;
};

static const struct pg_statement count_done = {
	"count_done",
	"WITH done AS (SELECT DISTINCT ON (order_id) order_id, stall, hour"
	" FROM unnest($1::uuid[], $2::text[], $3::timestamptz[])"
	" AS d(order_id, stall, hour) ORDER BY order_id),"
	" fresh AS (INSERT INTO tallied SELECT order_id FROM done"
	" ON CONFLICT DO NOTHING RETURNING order_id)"
	" INSERT INTO tally (stall, hour, toasties)"
	" SELECT stall, hour, count(*) FROM done JOIN fresh USING (order_id)"
	" GROUP BY stall, hour ORDER BY stall, hour"
	" ON CONFLICT (stall, hour)"
	" DO UPDATE SET toasties = tally.toasties + excluded.toasties",
	3,
};

int tally_decode(void *arg, struct batch *batch, struct record *record,
		 struct schema_fault *fault)
{
	struct toastie toastie;
	struct done *done;
	int64_t at_ms;
	int r;

	(void)arg;
	if (batch->envelope.type != EVENT_TOASTIE)
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "this type does not belong on this topic");
	r = toastie_decode(&toastie, &batch->envelope, record->kafka.value,
			   record->kafka.n_value, fault);
	if (r || toastie.state != TOASTIE_DONE)
		return r; /* no item: nothing to count */
	if (clock_from_rfc3339(&at_ms, toastie.at.p, toastie.at.n))
		return schema_fail(fault, SCHEMA_E_CONTRACT,
				   "at must be an instant of RFC 3339, in UTC");
	done = arena_alloc(&batch->arena, sizeof(*done));
	*done = (struct done){
		.order = toastie.order_id,
		.stall = toastie.stall,
		.hour_ms = at_ms - (at_ms % HOUR_MS + HOUR_MS) % HOUR_MS,
	};
	record->item = done;
	return 0;
}

void tally_store(void *arg, struct pg *pg, const struct batch *batch,
		 bool copied)
{
	static const enum pg_type types[] = { PG_UUID, PG_TEXT,
					      PG_TIMESTAMPTZ };
	struct tally *tally = arg;
	struct pg_call *call = &tally->call;

	(void)copied;
	pg_call_begin(call);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct done *done = batch->records[i].item;

		if (batch->records[i].dead_reason || !done)
			continue;
		pg_put_uuid(pg_call_put(call, 0), done->order.bytes);
		pg_put_text(pg_call_put(call, 1), done->stall.p, done->stall.n);
		pg_put_wall_ms(pg_call_put(call, 2), done->hour_ms);
	}
	if (!call->arrays[0].n)
		return;
	pg_call_arrays(call, types, 3);
	(void)pg_add(pg, &count_done, &call->args);
}

void tally_deinit(struct tally *tally)
{
	pg_call_deinit(&tally->call);
}

/* SPDX-License-Identifier: MIT */
/* Intake: lines of an order are bits, since an order has at most 32. */
#include "workers/jafflr/intake.h"

#include <string.h>

#include "schemas/lanes/lanes.h"
#include "workers/jafflr/jafflr.h"

/* ---- rows by order ---- */

static bool is_row(const void *key, const void *value)
{
	const struct toastie_row *row = value;

	return !order_id_compare(key, &row->order_id);
}

void intake_rows_add(struct intake_rows *rows, struct toastie_row *row)
{
	table_add(&rows->table, order_id_hash(&row->order_id), row);
}

struct toastie_row *intake_rows_find(const struct intake_rows *rows,
				     const struct order_id *id)
{
	return table_find(&rows->table, order_id_hash(id), is_row, id);
}

/* ---- decoding ---- */

static enum intake_kind kind_of(const struct pick *pick)
{
	switch (pick->verdict) {
	case VERDICT_PICKED:
		return pick->grill ? INTAKE_LINE : INTAKE_NOTHING;
	case VERDICT_CANCELLED:
		return INTAKE_CANCEL;
	case VERDICT_NONE:
	case VERDICT_REFUSED:
	case VERDICT_KEPT:
	case N_VERDICTS:
		break;
	}
	return INTAKE_NOTHING;
}

static int32_t bucket_of(const struct batch *batch, const struct record *record)
{
	struct lane_key key = {
		.key = { record->kafka.key, record->kafka.n_key },
		.customer = batch->envelope.customer,
	};

	return lane_bucket(&key);
}

static void fill(struct batch *batch, const struct record *record,
		 const struct pick *pick, struct intake *intake)
{
	struct text stall = { arena_copy(&batch->arena, pick->stall.p,
					 pick->stall.n),
			      pick->stall.n };

	intake->kind = kind_of(pick);
	intake->line = pick->line;
	intake->own = (struct toastie_row){
		.order_id = pick->order_id,
		.number = pick->number,
		.stall = stall,
		.customer = pick->customer,
		.doneness = pick->doneness,
		.lines = pick->lines,
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.bucket = bucket_of(batch, record),
		.plate = TOASTIE_PLATE_NONE,
		.traceparent = batch->envelope.traceparent,
		.tracestate = batch->envelope.tracestate,
	};
}

int intake_decode(void *arg, struct batch *batch, struct record *record,
		  struct schema_fault *fault)
{
	struct intake *intake;
	struct pick pick;
	int r;

	if (batch->envelope.type != EVENT_PICK)
		return schema_fail(fault, SCHEMA_E_UNKNOWN_TYPE,
				   "this type does not belong on this topic");
	r = pick_decode(&pick, &jafflr_of(arg)->pick_storage, &batch->envelope,
			record->kafka.value, record->kafka.n_value, fault);
	if (r)
		return r;
	intake = arena_alloc(&batch->arena, sizeof(*intake));
	memset(intake, 0, sizeof(*intake));
	fill(batch, record, &pick, intake);
	record->item = intake;
	/* Lines are put together, and a cancellation meets its order. */
	if (intake->kind == INTAKE_CANCEL || intake->own.lines > 1)
		batch->needs_load = true;
	return 0;
}

/* ---- deciding ---- */

static void advance(struct batch *batch, struct toastie_row *row,
		    enum row_state state, const char *reason)
{
	row->state = state;
	row->reason = text_of(reason);
	row->changed_at_ms = batch->decided_at_ms;
	if (state != ROW_COLLECTING && state != ROW_CANCELLED)
		row->seq++;
}

static int64_t all_lines(const struct toastie_row *row)
{
	if (row->lines < 1 || row->lines > 62)
		return INT64_MAX;
	return (INT64_C(1) << row->lines) - 1;
}

static bool decide_line(struct batch *batch, struct intake *intake, bool fresh)
{
	struct toastie_row *row = intake->row;
	int64_t bit = INT64_C(1) << (intake->line & 63);

	if (row->state == ROW_CANCELLED) {
		advance(batch, row, ROW_RETURNED, "cancelled");
		return true;
	}
	if (row->state != ROW_COLLECTING || (!fresh && row->lines_seen & bit))
		return false;
	row->lines_seen |= bit;
	row->changed_at_ms = batch->decided_at_ms;
	if (row->lines_seen == all_lines(row))
		advance(batch, row, ROW_QUEUED, NULL);
	return true;
}

static bool decide_cancel(struct batch *batch, struct intake *intake,
			  bool fresh)
{
	struct toastie_row *row = intake->row;

	if (fresh) {
		row->cancelled = true;
		advance(batch, row, ROW_CANCELLED, "cancelled");
		return true;
	}
	if (row->state != ROW_COLLECTING && row->state != ROW_QUEUED) {
		/* What has started is finished; what has not comes back. */
		intake->marked = !row->cancelled;
		row->cancelled = true;
		return false;
	}
	/* Also when it was said before to what did not remember it. */
	row->cancelled = true;
	advance(batch, row, ROW_RETURNED, "cancelled");
	return true;
}

static void decide_pick(struct batch *batch, struct intake *intake,
			struct intake_rows *rows)
{
	bool fresh;

	intake->row = intake_rows_find(rows, &intake->own.order_id);
	fresh = !intake->row;
	if (fresh) {
		intake->own.state = ROW_COLLECTING;
		intake->own.seq = 0;
		intake->own.lines_seen = 0;
		intake->own.cancelled = false;
		intake->row = &intake->own;
		intake_rows_add(rows, intake->row);
	}
	if (intake->kind == INTAKE_LINE)
		intake->changed = decide_line(batch, intake, fresh);
	else
		intake->changed = decide_cancel(batch, intake, fresh);
}

void intake_decide(void *arg, struct batch *batch)
{
	struct intake_rows *rows = &jafflr_of(arg)->rows;

	/* Nothing was loaded. */
	if (batch->mode == BATCH_FAST)
		table_reset(&rows->table);
	for (size_t i = 0; i < batch->n_records; i++) {
		const struct record *record = &batch->records[i];
		struct intake *intake = intake_of(record);

		/* What was decided before is published from its row, by the
		 * scheduler of the worker that holds it. */
		if (record->dead_reason || record->decided)
			continue;
		intake->changed = false;
		intake->marked = false;
		intake->row = NULL;
		if (intake->kind == INTAKE_NOTHING)
			continue;
		decide_pick(batch, intake, rows);
		if (intake->changed)
			intake->row->changed_by = i + 1;
	}
}

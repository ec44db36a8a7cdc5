/* SPDX-License-Identifier: MIT */
/*
 * Kitchen: ticks. What the cooks and the acknowledged facts want of the
 * database goes into the next one; what comes out of one becomes cooks and
 * facts.
 */
#include "workers/jafflr/kitchen.h"

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "infra/lib/table.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/facts.h"
#include "workers/jafflr/schedule.h"

#define TOLD_AFTER_MS 20
#define CLAIM_AGAIN_MS 50
#define LOOK_EVERY_MS 1000
#define LIST_EVERY_MS 1000
/* About grills. */
#define LINES_A_SECOND 10

/* ---- telling ---- */

static void tell(struct kitchen *kitchen, const struct toastie_row *row,
		 uint64_t cook, struct publisher *publisher)
{
	if (facts_has(row))
		facts_tell(row,
			   telling_add(&kitchen->telling, &row->order_id,
				       row->seq, cook),
			   publisher);
}

void kitchen_delivered(struct kitchen *kitchen, uint64_t token)
{
	struct telling_entry entry;
	struct cook *cook;

	if (!telling_take(&kitchen->telling, token, &entry))
		return;
	if (!kitchen->next->n_told)
		kitchen->told_at_ms = clock_now_ms() + TOLD_AFTER_MS;
	TICK_ADD(kitchen->next, told) = (struct tick_told){
		.order_id = entry.order_id,
		.seq = entry.seq,
	};
	cook = entry.cook ? cooks_find(&kitchen->cooks, entry.cook) : NULL;
	if (!cook)
		return;
	cook->contact_at_ms = clock_now_ms();
	cooks_step(&kitchen->cooks, cook, COOK_TOLD, cook->contact_at_ms);
}

static void note_queued(struct kitchen *kitchen, const struct toastie_row *row)
{
	kitchen->maybe_queued = true;
	queues_add(&kitchen->queues, row->stall, 1);
}

void kitchen_new_row(struct kitchen *kitchen, const struct toastie_row *row,
		     struct publisher *publisher)
{
	ends_note(&kitchen->ends, row, -1);
	tell(kitchen, row, 0, publisher);
	if (row->state == ROW_QUEUED)
		note_queued(kitchen, row);
}

/* ---- the queues ---- */

static bool any_for_us(const struct kitchen *kitchen)
{
	const struct queues *queues = &kitchen->queues;

	for (size_t i = 0; i < queues->n; i++) {
		struct text stall = text_of(queues->list[i].stall);

		if (queues->list[i].n > 0 &&
		    (schedule_is_demo(stall) ||
		     grills_serve(&kitchen->grills, stall, true)))
			return true;
	}
	return false;
}

bool kitchen_enough(const struct kitchen *kitchen)
{
	bool heard = grills_any_heard(&kitchen->grills);
	const struct queues *queues = &kitchen->queues;

	for (size_t i = 0; i < queues->n; i++) {
		struct text stall = text_of(queues->list[i].stall);

		if (queues->list[i].n > kitchen->params.queue_max &&
		    (schedule_is_demo(stall) ||
		     grills_serve(&kitchen->grills, stall, heard)))
			return true;
	}
	return false;
}

/* ---- ticks ---- */

bool kitchen_wants_tick(struct kitchen *kitchen, int64_t now_ms)
{
	if (kitchen->ticking)
		return false;
	if (tick_pending(kitchen->next) || now_ms >= kitchen->look_at_ms ||
	    grills_have_news(&kitchen->grills))
		return true;
	if (kitchen->next->n_told && now_ms >= kitchen->told_at_ms)
		return true;
	return kitchen->maybe_queued && now_ms >= kitchen->claim_at_ms &&
	       grills_any_free(&kitchen->grills, now_ms);
}

void kitchen_begin_tick(struct kitchen *kitchen)
{
	int64_t now_ms = clock_now_ms();
	struct tick *tick = kitchen->next;

	kitchen->next = kitchen->running;
	kitchen->cooks.next = kitchen->next;
	kitchen->running = tick;
	kitchen->ticking = true;
	kitchen->stale = false;
	tick->now_ms = clock_wall_ms();
	tick->tries_max = kitchen->params.tries_max;
	tick->queue_max = kitchen->params.queue_max;
	grills_report(&kitchen->grills, tick, now_ms);
	if (kitchen->maybe_queued)
		grills_offer(&kitchen->grills, tick, now_ms);
	tick->offered = tick->n_plates > 0;
	if (now_ms >= kitchen->list_at_ms) {
		tick->list_grills = true;
		kitchen->list_at_ms = now_ms + LIST_EVERY_MS;
		if (cooks_drop_stranded(&kitchen->cooks))
			tick->adopt = true;
	}
	if (now_ms >= kitchen->look_at_ms) {
		tick->look = true;
		grills_name_stalls(&kitchen->grills, tick,
				   grills_any_heard(&kitchen->grills));
		kitchen->look_at_ms = now_ms + LOOK_EVERY_MS;
	}
}

static void take_claimed(struct kitchen *kitchen, const struct tick_row *row,
			 struct publisher *publisher)
{
	struct cook *cook = cooks_add(&kitchen->cooks, &kitchen->grills, row);

	cook->state = COOK_TELLING;
	queues_add(&kitchen->queues, row->row.stall, -1);
	tell(kitchen, &row->row, cook->tag, publisher);
}

/* Somebody, perhaps we ourselves, had it in hand before. */
static void take_adopted(struct kitchen *kitchen, const struct tick_row *row,
			 struct publisher *publisher)
{
	struct cook *cook;

	if (cooks_find_intent(&kitchen->cooks, row->intent_id))
		return;
	cook = cooks_add(&kitchen->cooks, &kitchen->grills, row);
	cook->state = row->row.state == ROW_UNCERTAIN ? COOK_PARKING
						      : COOK_TELLING_OLD;
	cook->doubtful = true;
	if (row->told)
		cooks_step(&kitchen->cooks, cook, COOK_TOLD, clock_now_ms());
	else
		tell(kitchen, &row->row, cook->tag, publisher);
}

/* Whose end that is: over, or parked. NULL: nobody's that we have in hand. */
static struct cook *find_ended(const struct kitchen *kitchen,
			       const struct order_id *order_id)
{
	const struct cooks *cooks = &kitchen->cooks;

	for (size_t i = 0; i < cooks->n; i++) {
		struct cook *cook = &cooks->list[i];

		if (cook->used &&
		    (cook->state == COOK_OVER || cook->state == COOK_PARKING) &&
		    !order_id_compare(&cook->order_id, order_id))
			return cook;
	}
	return NULL;
}

static void take_finished(struct kitchen *kitchen, const struct tick_row *row,
			  struct publisher *publisher)
{
	struct cook *cook = find_ended(kitchen, &row->row.order_id);
	bool parked = cook && cook->state == COOK_PARKING;

	if (cook && !parked)
		cooks_drop(cook);
	ends_note(&kitchen->ends, &row->row, row->waited_ms);
	tell(kitchen, &row->row, parked ? cook->tag : 0, publisher);
	if (row->row.state == ROW_QUEUED)
		note_queued(kitchen, &row->row);
}

static bool has_row(const struct tick *tick, enum tick_kind kind,
		    const struct order_id *order_id)
{
	for (size_t i = 0; i < tick->n_rows; i++)
		if (tick->rows[i].kind == kind &&
		    !order_id_compare(&tick->rows[i].row.order_id, order_id))
			return true;
	return false;
}

static bool is_told(const void *key, const void *value)
{
	const struct toastie_row *row = key;
	const struct tick_told *told = value;

	return !order_id_compare(&row->order_id, &told->order_id) &&
	       told->seq >= row->seq;
}

static uint64_t id_hash(const struct order_id *id)
{
	return hash_bytes(id->bytes, sizeof(id->bytes));
}

static void note_told(struct table *table, struct tick_told *told, size_t n)
{
	for (size_t i = 0; i < n; i++)
		table_add(table, id_hash(&told[i].order_id), &told[i]);
}

/* What is under way, or told and not yet written down, is not told again. */
static void tell_untold(struct kitchen *kitchen, struct publisher *publisher)
{
	const struct telling *telling = &kitchen->telling;
	struct tick *tick = kitchen->running;
	struct tick_told *under_way = arena_alloc(
		&tick->arena, (telling->n_under_way + 1) * sizeof(*under_way));
	struct table table = { 0 };
	size_t n = 0;

	for (uint32_t i = 0; i < telling->n; i++)
		if (telling->entries[i].used)
			under_way[n++] = (struct tick_told){
				telling->entries[i].order_id,
				telling->entries[i].seq,
			};
	note_told(&table, under_way, n);
	note_told(&table, kitchen->next->told, kitchen->next->n_told);
	note_told(&table, tick->told, tick->n_told);
	for (size_t i = 0; i < tick->n_rows; i++) {
		const struct toastie_row *row = &tick->rows[i].row;

		/* The look and the open intents may both name a row. */
		if (tick->rows[i].kind == TICK_UNTOLD &&
		    !has_row(tick, TICK_ADOPTED, &row->order_id) &&
		    !table_find(&table, id_hash(&row->order_id), is_told,
				row)) {
			ends_note(&kitchen->ends, row, -1);
			tell(kitchen, row, 0, publisher);
		}
	}
	table_deinit(&table);
}

static void take_rows(struct kitchen *kitchen, struct publisher *publisher)
{
	const struct tick *tick = kitchen->running;

	if (tick->looked)
		tell_untold(kitchen, publisher);

	for (size_t i = 0; i < tick->n_rows; i++) {
		const struct tick_row *row = &tick->rows[i];

		switch (row->kind) {
		case TICK_UNTOLD:
			break;
		case TICK_CLAIMED:
			take_claimed(kitchen, row, publisher);
			break;
		case TICK_ADOPTED:
			take_adopted(kitchen, row, publisher);
			break;
		case TICK_FINISHED:
			take_finished(kitchen, row, publisher);
			break;
		}
	}
}

static void take_tokens(struct kitchen *kitchen, int64_t now_ms)
{
	const struct tick *tick = kitchen->running;

	for (size_t i = 0; i < tick->n_raise; i++) {
		const struct tick_raise *raise = &tick->raise[i];
		struct cook *cook = cooks_find(&kitchen->cooks, raise->tag);

		if (!cook)
			continue;
		if (!raise->done) {
			cooks_drop(cook); /* a person has decided meanwhile */
			continue;
		}
		cook->token = raise->token;
		cooks_step(&kitchen->cooks, cook,
			   raise->token == GRILL_TOKEN_LAST ? COOK_NO_TOKEN
							    : COOK_TOKEN,
			   now_ms);
	}
}

/* Finished by somebody else: a person, who has resolved it. */
static void drop_resolved(struct kitchen *kitchen)
{
	const struct tick *tick = kitchen->running;

	for (size_t i = 0; i < tick->n_finish; i++) {
		struct cook *cook = cooks_find_intent(
			&kitchen->cooks, tick->finish[i].intent_id);

		if (cook && !has_row(tick, TICK_FINISHED, &cook->order_id))
			cooks_drop(cook);
	}
}

void kitchen_end_tick(struct kitchen *kitchen, int r,
		      struct publisher *publisher)
{
	struct tick *tick = kitchen->running;
	int64_t now_ms = clock_now_ms();
	bool stale = kitchen->stale;

	kitchen->ticking = false;
	/* Also when it was committed and only its outcome is not known. */
	if (r && !stale)
		kitchen_forget(kitchen);
	if (r)
		grills_report_again(&kitchen->grills);
	if (!r && tick->list_grills)
		grills_update(&kitchen->grills, tick->grills, tick->n_grills);
	if (!r && !stale) {
		if (tick->looked) {
			queues_set(&kitchen->queues, tick->stalls,
				   tick->n_stalls);
			kitchen->maybe_queued = any_for_us(kitchen);
		}
		take_rows(kitchen, publisher);
		drop_resolved(kitchen);
		take_tokens(kitchen, now_ms);
		if (tick->offered && !tick->n_claimed)
			kitchen->claim_at_ms = now_ms + CLAIM_AGAIN_MS;
	}
	tick_reset(tick);
}

void kitchen_forget(struct kitchen *kitchen)
{
	cooks_drop_all(&kitchen->cooks);
	telling_forget(&kitchen->telling);
	tick_reset(kitchen->next);
	kitchen->next->adopt = true;
	kitchen->stale = true;
	kitchen->maybe_queued = true;
	kitchen->look_at_ms = 0;
	/* Open intents are of use only beside the grills that they are at. */
	kitchen->list_at_ms = 0;
}

/* ---- opening, turning, closing ---- */

int kitchen_open(struct kitchen *kitchen, const struct kitchen_params *params,
		 struct loop *loop)
{
	kitchen->params = *params;
	kitchen->ends = (struct ends)ENDS_INIT;
	kitchen->grills.lines =
		(struct log_limit){ .a_second = LINES_A_SECOND };
	kitchen->grills.params = (struct grills_params){
		.loop = loop,
		.connect_ms = params->connect_ms,
		.answer_ms = params->answer_ms,
	};
	kitchen->next = xcalloc(1, sizeof(*kitchen->next));
	kitchen->running = xcalloc(1, sizeof(*kitchen->running));
	kitchen->cooks.poll_ms = params->poll_ms;
	kitchen->cooks.patience_ms = params->patience_ms;
	kitchen->cooks.next = kitchen->next;
	return 0;
}

void kitchen_turn(struct kitchen *kitchen, int64_t now_ms)
{
	cooks_turn(&kitchen->cooks, &kitchen->grills, now_ms);
}

void kitchen_close(struct kitchen *kitchen)
{
	grills_deinit(&kitchen->grills);
	telling_deinit(&kitchen->telling);
	queues_deinit(&kitchen->queues);
	if (kitchen->next)
		tick_deinit(kitchen->next);
	if (kitchen->running)
		tick_deinit(kitchen->running);
	free(kitchen->next);
	free(kitchen->running);
	cooks_deinit(&kitchen->cooks);
}

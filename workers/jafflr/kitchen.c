/* SPDX-License-Identifier: MIT */
/*
 * Kitchen: events in, cook.c's table asked, actions out.
 *
 * An action either goes to the grill's thread, or into the next tick, or is
 * due later (a grill that is away is not asked without a pause). A cook that
 * is over stays until its end is committed, so that its plate is not offered.
 */
#include "workers/jafflr/kitchen.h"

#include <assert.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "infra/lib/log.h"
#include "infra/lib/table.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/facts.h"

#define RETRY_MS 100
#define REFUSALS_MAX 3
#define REST_MS 3000
#define TOLD_AFTER_MS 20
#define CLAIM_AGAIN_MS 50
#define LOOK_EVERY_MS 1000
#define LIST_EVERY_MS 1000
#define IDLE_READ_MS 1000

/* ---- cooks ---- */

static struct cook *cook_new(struct kitchen *kitchen)
{
	size_t i = 0;

	while (i < kitchen->n_cooks && kitchen->cooks[i].used)
		i++;
	if (i == kitchen->n_cooks) {
		kitchen->n_cooks++;
		kitchen->cooks = xreallocarray(kitchen->cooks, kitchen->n_cooks,
					       sizeof(*kitchen->cooks));
	}
	kitchen->cooks[i] = (struct cook){
		.used = true,
		.tag = ++kitchen->last_tag,
	};
	return &kitchen->cooks[i];
}

static struct cook *cook_of(struct kitchen *kitchen, uint64_t tag)
{
	for (size_t i = 0; i < kitchen->n_cooks; i++)
		if (kitchen->cooks[i].used && kitchen->cooks[i].tag == tag)
			return &kitchen->cooks[i];
	return NULL;
}

static void cook_free(struct cook *cook)
{
	cook->used = false;
	if (cook->grill)
		cook->grill->plates[cook->plate].in_hand = false;
}

/* ---- actions ---- */

static void give(const struct cook *cook, bool fence)
{
	struct grill_command command = {
		.start = {
			.plate = cook->plate,
			.token = cook->token,
			.time_ms = fence ? 0 : cook->time_ms,
		},
		.fence = fence,
		.tag = cook->tag,
	};

	assert(cook->grill);
	memcpy(command.start.job, cook->order_id.bytes, GRILL_JOB_BYTES);
	grill_thread_give(cook->grill->thread, &command);
}

static void end_cook(struct kitchen *kitchen, const struct cook *cook,
		     enum row_state state, const char *reason, bool keep_plate)
{
	TICK_ADD(kitchen->next, finish) = (struct tick_finish){
		.order_id = cook->order_id,
		.intent_id = cook->intent_id,
		.state = state,
		.reason = reason,
		.keep_plate = keep_plate,
	};
	if (state == ROW_DONE || !cook->grill)
		return;
	/* A plate that was in trouble is left alone for a while. */
	cook->grill->plates[cook->plate].rest_until_ms =
		clock_now_ms() + REST_MS;
	log_warn("TOASTIE-TROUBLE", "plate %d of grill '%s': %s", cook->plate,
		 cook->grill->name, reason);
}

static void later(struct cook *cook, enum cook_action action, int64_t at_ms)
{
	cook->act = action;
	cook->act_at_ms = at_ms;
}

static void perform(struct kitchen *kitchen, struct cook *cook,
		    enum cook_action action, int64_t now_ms)
{
	switch (action) {
	case COOK_DO_NOTHING:
		return;
	case COOK_DO_START:
		give(cook, false);
		return;
	case COOK_DO_FENCE:
		give(cook, true);
		return;
	case COOK_DO_READ:
		cook->reading = grills_ask(cook->grill, now_ms);
		return;
	case COOK_DO_RAISE:
		TICK_ADD(kitchen->next, raise) = (struct tick_raise){
			.tag = cook->tag,
			.intent_id = cook->intent_id,
		};
		return;
	case COOK_DO_DONE:
		end_cook(kitchen, cook, ROW_DONE, NULL, false);
		return;
	case COOK_DO_FAILED:
		end_cook(kitchen, cook, ROW_FAILED, "the plate was stopped",
			 false);
		return;
	case COOK_DO_UNCERTAIN:
		end_cook(kitchen, cook, ROW_UNCERTAIN,
			 "the plate does not know what it ran", false);
		return;
	case COOK_DO_PARK:
		end_cook(kitchen, cook, ROW_UNCERTAIN,
			 "the grill does not answer", true);
		return;
	case COOK_DO_GIVE_BACK:
		end_cook(kitchen, cook, ROW_QUEUED,
			 "the plate could not be started", false);
		return;
	}
}

/* What must not be tried again and again without a pause. */
static int64_t pause_of(const struct kitchen *kitchen, enum cook_event event,
			enum cook_action action)
{
	if (event == COOK_REFUSED)
		return RETRY_MS;
	/* In doubt a new token is not put off. */
	if (action == COOK_DO_RAISE)
		return 0;
	if (event == COOK_NOT_SENT || event == COOK_NO_ANSWER)
		return RETRY_MS;
	if (action == COOK_DO_READ && event != COOK_FENCED)
		return kitchen->params.poll_ms;
	return 0;
}

/* A plate that will not have a toastie, and never had it, is as good as
 * broken. */
static enum cook_event judge(struct cook *cook, enum cook_event event)
{
	bool refuses;

	cook->n_refused += event == COOK_REFUSED;
	refuses = cook->n_refused >= REFUSALS_MAX;
	if (cook->state == COOK_STARTING && event == COOK_NO_ANSWER)
		cook->doubtful = true;
	if (cook->state == COOK_READING && event == COOK_SEES_OTHER) {
		cook->doubtful = false;
		return refuses ? COOK_SEES_FAULT : event;
	}
	if (cook->state == COOK_FENCING && event == COOK_REFUSED && refuses &&
	    !cook->doubtful)
		return COOK_TIRED;
	return event;
}

static void step(struct kitchen *kitchen, struct cook *cook,
		 enum cook_event seen, int64_t now_ms)
{
	enum cook_event event = judge(cook, seen);
	struct cook_step step = cook_step(cook->state, event);
	int64_t pause_ms = pause_of(kitchen, event, step.action);

	if (cook->state == COOK_OVER)
		return;
	/* What was refused each time is not uncertain. */
	if (step.action == COOK_DO_PARK && cook->state != COOK_GRILLING &&
	    !cook->doubtful)
		step.action = COOK_DO_GIVE_BACK;
	/* Nobody is there to start it: tired at once, and nothing is sent. */
	if (!cook->grill && step.action == COOK_DO_START)
		step = (struct cook_step){ COOK_DO_NOTHING, COOK_WAITING };
	cook->state = step.next;
	cook->act_at_ms = 0;
	cook->reading = 0;
	if (cook->state == COOK_WAITING)
		later(cook, COOK_DO_NOTHING, now_ms + RETRY_MS);
	else if (pause_ms)
		later(cook, step.action, now_ms + pause_ms);
	else
		perform(kitchen, cook, step.action, now_ms);
}

/* ---- what the grills say ---- */

static enum cook_event event_of(const struct cook *cook, int outcome)
{
	bool start = cook->state == COOK_STARTING;

	switch (outcome) {
	case 0:
		return start ? COOK_STARTED : COOK_FENCED;
	case GRILL_E_AWAY:
		return COOK_NOT_SENT;
	case GRILL_E_REFUSED:
		return COOK_REFUSED;
	default:
		return COOK_NO_ANSWER;
	}
}

static void take_answers(struct kitchen *kitchen, struct grill_of *grill,
			 int64_t now_ms)
{
	struct grill_answer answer;

	while (grill_thread_answer(grill->thread, &answer)) {
		struct cook *cook = cook_of(kitchen, answer.tag);

		if (!cook)
			continue;
		/* One that takes no token for ever is no good either. */
		if (!answer.outcome || (answer.outcome == GRILL_E_REFUSED &&
					cook->state == COOK_STARTING))
			cook->contact_at_ms = now_ms;
		step(kitchen, cook, event_of(cook, answer.outcome), now_ms);
	}
}

static void take_reading(struct kitchen *kitchen, struct grill_of *grill,
			 int64_t now_ms)
{
	int outcome;

	if (!grills_take_reading(grill, now_ms, &outcome))
		return;
	for (size_t i = 0; i < kitchen->n_cooks; i++) {
		struct cook *cook = &kitchen->cooks[i];

		if (!cook->used || cook->grill != grill || !cook->reading ||
		    cook->reading > grill->read)
			continue;
		if (outcome || grill->plates[cook->plate].silent) {
			step(kitchen, cook, COOK_NO_ANSWER, now_ms);
			continue;
		}
		cook->contact_at_ms = now_ms;
		step(kitchen, cook,
		     cook_sees(&grill->plates[cook->plate].report,
			       cook->order_id.bytes, cook->boot),
		     now_ms);
	}
}

static void take_time(struct kitchen *kitchen, struct cook *cook,
		      int64_t now_ms)
{
	if (cook->state == COOK_TELLING || cook->state == COOK_TELLING_OLD ||
	    cook->state == COOK_OVER)
		return;
	if (!cook->grill ||
	    now_ms - cook->contact_at_ms > kitchen->params.patience_ms) {
		step(kitchen, cook, COOK_TIRED, now_ms);
		return;
	}
	if (!cook->act_at_ms || now_ms < cook->act_at_ms)
		return;
	cook->act_at_ms = 0;
	if (cook->state == COOK_WAITING)
		step(kitchen, cook, COOK_TOLD, now_ms);
	else
		perform(kitchen, cook, cook->act, now_ms);
}

void kitchen_turn(struct kitchen *kitchen, int64_t now_ms)
{
	for (size_t i = 0; i < kitchen->grills.n; i++) {
		struct grill_of *grill = kitchen->grills.list[i];

		take_answers(kitchen, grill, now_ms);
		take_reading(kitchen, grill, now_ms);
		if (now_ms - grill->asked_at_ms >= IDLE_READ_MS)
			(void)grills_ask(grill, now_ms);
	}
	for (size_t i = 0; i < kitchen->n_cooks; i++)
		if (kitchen->cooks[i].used)
			take_time(kitchen, &kitchen->cooks[i], now_ms);
}

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
	cook = entry.cook ? cook_of(kitchen, entry.cook) : NULL;
	if (!cook)
		return;
	cook->contact_at_ms = clock_now_ms();
	step(kitchen, cook, COOK_TOLD, cook->contact_at_ms);
}

void kitchen_new_row(struct kitchen *kitchen, const struct toastie_row *row,
		     struct publisher *publisher)
{
	tell(kitchen, row, 0, publisher);
	if (row->state != ROW_QUEUED)
		return;
	kitchen->maybe_queued = true;
	kitchen->n_queued++;
}

/* ---- ticks ---- */

bool kitchen_wants_tick(struct kitchen *kitchen, int64_t now_ms)
{
	if (kitchen->ticking)
		return false;
	if (tick_pending(kitchen->next) || now_ms >= kitchen->look_at_ms)
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
	kitchen->running = tick;
	kitchen->ticking = true;
	kitchen->stale = false;
	tick->now_ms = clock_wall_ms();
	tick->tries_max = kitchen->params.tries_max;
	if (kitchen->maybe_queued)
		grills_offer(&kitchen->grills, tick, now_ms);
	tick->offered = tick->n_plates > 0;
	if (now_ms >= kitchen->list_at_ms) {
		tick->list_grills = true;
		kitchen->list_at_ms = now_ms + LIST_EVERY_MS;
	}
	if (now_ms >= kitchen->look_at_ms) {
		tick->look = true;
		kitchen->look_at_ms = now_ms + LOOK_EVERY_MS;
	}
}

static struct cook *new_cook(struct kitchen *kitchen,
			     const struct tick_row *row)
{
	struct cook *cook = cook_new(kitchen);

	cook->order_id = row->row.order_id;
	cook->intent_id = row->intent_id;
	cook->grill = grills_find(&kitchen->grills, row->row.grill);
	cook->plate = row->row.plate;
	cook->token = row->token;
	cook->boot = row->boot;
	cook->time_ms = row->time_ms;
	cook->contact_at_ms = clock_now_ms();
	if (cook->grill && cook->plate >= cook->grill->n_plates)
		cook->grill = NULL;
	if (cook->grill)
		cook->grill->plates[cook->plate].in_hand = true;
	return cook;
}

static void take_claimed(struct kitchen *kitchen, const struct tick_row *row,
			 struct publisher *publisher)
{
	struct cook *cook = new_cook(kitchen, row);

	cook->state = COOK_TELLING;
	kitchen->n_queued--;
	tell(kitchen, &row->row, cook->tag, publisher);
}

/* Somebody, perhaps we ourselves, had it in hand before. */
static void take_adopted(struct kitchen *kitchen, const struct tick_row *row,
			 struct publisher *publisher)
{
	struct cook *cook = new_cook(kitchen, row);

	cook->state = COOK_TELLING_OLD;
	cook->doubtful = true;
	if (row->told)
		step(kitchen, cook, COOK_TOLD, clock_now_ms());
	else
		tell(kitchen, &row->row, cook->tag, publisher);
}

static void take_finished(struct kitchen *kitchen, const struct tick_row *row,
			  struct publisher *publisher)
{
	for (size_t i = 0; i < kitchen->n_cooks; i++) {
		struct cook *cook = &kitchen->cooks[i];

		if (cook->used && cook->state == COOK_OVER &&
		    !order_id_compare(&cook->order_id, &row->row.order_id))
			cook_free(cook);
	}
	tell(kitchen, &row->row, 0, publisher);
	if (row->row.state == ROW_QUEUED) {
		kitchen->maybe_queued = true;
		kitchen->n_queued++;
	}
}

/* The look and the open intents of one tick may both name a row. */
static bool is_adopted(const struct tick *tick, const struct tick_row *row)
{
	for (size_t i = 0; i < tick->n_rows; i++)
		if (tick->rows[i].kind == TICK_ADOPTED &&
		    !order_id_compare(&tick->rows[i].row.order_id,
				      &row->row.order_id))
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

		if (tick->rows[i].kind == TICK_UNTOLD &&
		    !is_adopted(tick, &tick->rows[i]) &&
		    !table_find(&table, id_hash(&row->order_id), is_told, row))
			tell(kitchen, row, 0, publisher);
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
		struct cook *cook = cook_of(kitchen, tick->raise[i].tag);

		if (!cook)
			continue;
		if (!tick->raise[i].done) {
			cook_free(cook); /* a person has decided meanwhile */
			continue;
		}
		cook->token = tick->raise[i].token;
		step(kitchen, cook, COOK_TOKEN, now_ms);
	}
}

/* Finished by somebody else: a person, who has resolved it. */
static void drop_over(struct kitchen *kitchen)
{
	const struct tick *tick = kitchen->running;

	for (size_t i = 0; i < tick->n_finish; i++)
		for (size_t k = 0; k < kitchen->n_cooks; k++)
			if (kitchen->cooks[k].used &&
			    kitchen->cooks[k].intent_id ==
				    tick->finish[i].intent_id)
				cook_free(&kitchen->cooks[k]);
}

void kitchen_end_tick(struct kitchen *kitchen, int r,
		      struct publisher *publisher)
{
	struct tick *tick = kitchen->running;
	int64_t now_ms = clock_now_ms();
	bool stale = kitchen->stale;

	kitchen->ticking = false;
	if (r && !stale)
		kitchen_forget(kitchen);
	if (!r && tick->list_grills)
		grills_update(&kitchen->grills, tick->grills, tick->n_grills);
	if (!r && !stale) {
		if (tick->looked) {
			kitchen->n_queued = tick->n_queued;
			kitchen->maybe_queued = tick->n_queued > 0;
		}
		take_rows(kitchen, publisher);
		drop_over(kitchen);
		take_tokens(kitchen, now_ms);
		if (tick->offered && !tick->n_claimed)
			kitchen->claim_at_ms = now_ms + CLAIM_AGAIN_MS;
	}
	tick_reset(tick);
}

void kitchen_forget(struct kitchen *kitchen)
{
	for (size_t i = 0; i < kitchen->n_cooks; i++)
		if (kitchen->cooks[i].used)
			cook_free(&kitchen->cooks[i]);
	telling_forget(&kitchen->telling);
	tick_reset(kitchen->next);
	kitchen->next->adopt = true;
	kitchen->stale = true;
	kitchen->maybe_queued = true;
	kitchen->look_at_ms = 0;
	/* Open intents are of use only beside the grills that they are at. */
	kitchen->list_at_ms = 0;
}

/* ---- opening and closing ---- */

int kitchen_open(struct kitchen *kitchen, const struct kitchen_params *params,
		 struct loop *loop)
{
	kitchen->params = *params;
	kitchen->grills.params = (struct grills_params){
		.loop = loop,
		.connect_ms = params->connect_ms,
		.answer_ms = params->answer_ms,
	};
	kitchen->next = xcalloc(1, sizeof(*kitchen->next));
	kitchen->running = xcalloc(1, sizeof(*kitchen->running));
	return 0;
}

void kitchen_close(struct kitchen *kitchen)
{
	grills_deinit(&kitchen->grills);
	telling_deinit(&kitchen->telling);
	if (kitchen->next)
		tick_deinit(kitchen->next);
	if (kitchen->running)
		tick_deinit(kitchen->running);
	free(kitchen->next);
	free(kitchen->running);
	free(kitchen->cooks);
}

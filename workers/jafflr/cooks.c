/* SPDX-License-Identifier: MIT */
/*
 * Cooks: an action that must not be tried without a pause (a grill that is
 * away, a plate that says no) is put off; everything else is done at once.
 */
#include "workers/jafflr/cooks.h"

#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"

#define RETRY_MS 100
/* Refused again and again, a plate is asked after 100 ms, 200 ms ... 3.2 s. */
#define RETRY_DOUBLED_MAX 5
#define REFUSALS_MAX 3
#define REST_MS 3000
#define IDLE_READ_MS 1000

/* ---- which there are ---- */

static struct cook *find_room(struct cooks *cooks)
{
	size_t i = 0;

	while (i < cooks->n && cooks->list[i].used)
		i++;
	if (i == cooks->n) {
		cooks->n++;
		cooks->list = xreallocarray(cooks->list, cooks->n,
					    sizeof(*cooks->list));
	}
	return &cooks->list[i];
}

struct cook *cooks_add(struct cooks *cooks, const struct grills *grills,
		       const struct tick_row *row)
{
	struct cook *cook = find_room(cooks);

	*cook = (struct cook){
		.used = true,
		.tag = ++cooks->last_tag,
		.order_id = row->row.order_id,
		.intent_id = row->intent_id,
		.grill = grills_find(grills, row->row.grill),
		.plate = row->row.plate,
		.token = row->token,
		.boot = row->boot,
		.time_ms = row->time_ms,
		.contact_at_ms = clock_now_ms(),
	};
	if (cook->grill &&
	    (cook->plate < 0 || cook->plate >= cook->grill->n_plates))
		cook->grill = NULL;
	if (cook->grill)
		cook->grill->plates[cook->plate].n_in_hand++;
	return cook;
}

void cooks_drop(struct cook *cook)
{
	cook->used = false;
	if (cook->grill)
		cook->grill->plates[cook->plate].n_in_hand--;
}

void cooks_drop_all(struct cooks *cooks)
{
	for (size_t i = 0; i < cooks->n; i++)
		if (cooks->list[i].used)
			cooks_drop(&cooks->list[i]);
}

bool cooks_drop_stranded(struct cooks *cooks)
{
	bool any = false;

	for (size_t i = 0; i < cooks->n; i++) {
		struct cook *cook = &cooks->list[i];

		if (!cook->used || cook->state != COOK_PARKED ||
		    (cook->grill && cook->grill->listed))
			continue;
		cooks_drop(cook);
		any = true;
	}
	return any;
}

struct cook *cooks_find(const struct cooks *cooks, uint64_t tag)
{
	for (size_t i = 0; i < cooks->n; i++)
		if (cooks->list[i].used && cooks->list[i].tag == tag)
			return &cooks->list[i];
	return NULL;
}

struct cook *cooks_find_intent(const struct cooks *cooks, int64_t intent_id)
{
	for (size_t i = 0; i < cooks->n; i++)
		if (cooks->list[i].used &&
		    cooks->list[i].intent_id == intent_id)
			return &cooks->list[i];
	return NULL;
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

	memcpy(command.start.job, cook->order_id.bytes, GRILL_JOB_BYTES);
	grill_thread_give(cook->grill->thread, &command);
}

static void end_cook(struct cooks *cooks, const struct cook *cook,
		     enum row_state state, const char *reason, bool keep_plate)
{
	char order[ORDER_ID_CHARS + 1];

	TICK_ADD(cooks->next, finish) = (struct tick_finish){
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
	order_id_format(&cook->order_id, order);
	log_about(&(struct log_subject){ .name = "order", .value = order });
	log_warn("TOASTIE-TROUBLE", "plate %d of grill '%s': %s", cook->plate,
		 cook->grill->name, reason);
	log_about(NULL);
}

static void raise_token(struct cooks *cooks, const struct cook *cook)
{
	TICK_ADD(cooks->next, raise) = (struct tick_raise){
		.tag = cook->tag,
		.intent_id = cook->intent_id,
		.seen = cook->grill ? grills_token_of(cook->grill, cook->plate)
				    : 0,
	};
}

static void perform(struct cooks *cooks, struct cook *cook,
		    enum cook_action action, int64_t now_ms)
{
	/* Nobody is there to be spoken to: the cook is tired at once. */
	if (!cook->grill && (action == COOK_DO_START ||
			     action == COOK_DO_FENCE || action == COOK_DO_READ))
		return;
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
		raise_token(cooks, cook);
		return;
	case COOK_DO_DONE:
		end_cook(cooks, cook, ROW_DONE, NULL, false);
		return;
	case COOK_DO_FAILED:
		end_cook(cooks, cook, ROW_FAILED, "the plate was stopped",
			 false);
		return;
	case COOK_DO_UNCERTAIN:
		end_cook(cooks, cook, ROW_UNCERTAIN,
			 "the plate does not know what it ran", false);
		return;
	case COOK_DO_PARK:
		end_cook(cooks, cook, ROW_UNCERTAIN,
			 "the grill does not answer", true);
		return;
	case COOK_DO_GIVE_BACK:
		end_cook(cooks, cook, ROW_QUEUED,
			 "the plate could not be started", false);
		return;
	}
}

static void later(struct cook *cook, enum cook_action action, int64_t at_ms)
{
	cook->act = action;
	cook->act_at_ms = at_ms;
}

/* ---- steps ---- */

/* What must not be tried again and again without a pause. */
static int64_t pause_of(const struct cooks *cooks, const struct cook *cook,
			enum cook_event event, struct cook_step step)
{
	uint32_t n_before = cook->n_refused ? cook->n_refused - 1 : 0;

	if (event == COOK_REFUSED)
		return RETRY_MS
		       << (n_before < RETRY_DOUBLED_MAX ? n_before
							: RETRY_DOUBLED_MAX);
	/* In doubt a new token is not put off. */
	if (step.action == COOK_DO_RAISE)
		return 0;
	if (step.next == COOK_PARKED)
		return IDLE_READ_MS;
	if (event == COOK_NOT_SENT || event == COOK_NO_ANSWER)
		return RETRY_MS;
	if (step.action == COOK_DO_READ && event != COOK_FENCED)
		return cooks->poll_ms;
	return 0;
}

/* A plate that will not have a toastie, and never had it, is as good as
 * broken; one that denies what it has said before has lost its history. */
static enum cook_event judge(struct cook *cook, enum cook_event event)
{
	bool refuses;

	cook->n_refused += event == COOK_REFUSED;
	refuses = cook->n_refused >= REFUSALS_MAX;
	if (cook->state == COOK_STARTING && event == COOK_NO_ANSWER)
		cook->doubtful = true;
	if (cook->began &&
	    (event == COOK_SEES_OTHER || event == COOK_SEES_FAULT))
		return COOK_SEES_RESET;
	if (cook->state == COOK_READING && event == COOK_SEES_OTHER) {
		cook->doubtful = false;
		return refuses ? COOK_SEES_FAULT : event;
	}
	if (cook->state == COOK_FENCING && event == COOK_REFUSED && refuses &&
	    !cook->doubtful)
		return COOK_TIRED;
	return event;
}

/* The table's step, but for what it cannot know. */
static struct cook_step step_of(const struct cook *cook, enum cook_event event)
{
	struct cook_step step = cook_step(cook->state, event);

	/* What was refused each time is not uncertain. */
	if ((step.action == COOK_DO_PARK || event == COOK_NO_TOKEN) &&
	    !cook->doubtful && !cook->began)
		return (struct cook_step){ COOK_DO_GIVE_BACK, COOK_OVER };
	/* Nobody is there to start it: tired at once, and nothing is sent. */
	if (!cook->grill && step.action == COOK_DO_START)
		return (struct cook_step){ COOK_DO_NOTHING, COOK_WAITING };
	return step;
}

void cooks_step(struct cooks *cooks, struct cook *cook, enum cook_event seen,
		int64_t now_ms)
{
	enum cook_event event = judge(cook, seen);
	struct cook_step step = step_of(cook, event);
	int64_t pause_ms = pause_of(cooks, cook, event, step);

	if (cook->state == COOK_OVER)
		return;
	cook->state = step.next;
	cook->began = cook->began || cook->state == COOK_GRILLING ||
		      event == COOK_SEES_RUNNING;
	cook->act_at_ms = 0;
	cook->reading = 0;
	if (cook->state == COOK_WAITING)
		later(cook, COOK_DO_NOTHING, now_ms + RETRY_MS);
	else if (pause_ms)
		later(cook, step.action, now_ms + pause_ms);
	else
		perform(cooks, cook, step.action, now_ms);
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

static void take_answers(struct cooks *cooks, struct grill_of *grill,
			 int64_t now_ms)
{
	struct grill_answer answer;

	while (grill_thread_answer(grill->thread, &answer)) {
		struct cook *cook = cooks_find(cooks, answer.tag);

		if (!cook)
			continue;
		/* One that takes no token for ever is no good either. */
		if (!answer.outcome || (answer.outcome == GRILL_E_REFUSED &&
					cook->state == COOK_STARTING))
			cook->contact_at_ms = now_ms;
		/* The plate may have seen a higher token: which one? */
		if (answer.outcome == GRILL_E_REFUSED)
			(void)grills_ask(grill, now_ms);
		cooks_step(cooks, cook, event_of(cook, answer.outcome), now_ms);
	}
}

static void take_reading(struct cooks *cooks, struct grills *grills,
			 struct grill_of *grill, int64_t now_ms)
{
	int outcome;

	if (!grills_take_reading(grills, grill, now_ms, &outcome))
		return;
	for (size_t i = 0; i < cooks->n; i++) {
		struct cook *cook = &cooks->list[i];

		if (!cook->used || cook->grill != grill || !cook->reading ||
		    cook->reading > grill->read)
			continue;
		if (outcome || grill->plates[cook->plate].silent) {
			cooks_step(cooks, cook, COOK_NO_ANSWER, now_ms);
			continue;
		}
		cook->contact_at_ms = now_ms;
		cooks_step(cooks, cook,
			   cook_sees(&grill->plates[cook->plate].report,
				     cook->order_id.bytes, cook->boot),
			   now_ms);
	}
}

/* ---- what time has come for ---- */

/* Those that wait for a fact or a commit, and a parked one, wait as long as
 * it takes. */
static bool is_tired(const struct cooks *cooks, const struct cook *cook,
		     int64_t now_ms)
{
	switch (cook->state) {
	case COOK_TELLING:
	case COOK_TELLING_OLD:
	case COOK_PARKING:
	case COOK_PARKED:
	case COOK_OVER:
		return false;
	default:
		return !cook->grill ||
		       now_ms - cook->contact_at_ms > cooks->patience_ms;
	}
}

static void take_time(struct cooks *cooks, struct cook *cook, int64_t now_ms)
{
	if (is_tired(cooks, cook, now_ms)) {
		cooks_step(cooks, cook, COOK_TIRED, now_ms);
		return;
	}
	if (!cook->grill || !cook->act_at_ms || now_ms < cook->act_at_ms)
		return;
	cook->act_at_ms = 0;
	if (cook->state == COOK_WAITING)
		cooks_step(cooks, cook, COOK_TOLD, now_ms);
	else
		perform(cooks, cook, cook->act, now_ms);
}

void cooks_turn(struct cooks *cooks, struct grills *grills, int64_t now_ms)
{
	for (size_t i = 0; i < grills->n; i++) {
		struct grill_of *grill = grills->list[i];

		if (!grill->thread)
			continue;
		take_answers(cooks, grill, now_ms);
		take_reading(cooks, grills, grill, now_ms);
		if (now_ms - grill->asked_at_ms >= IDLE_READ_MS)
			(void)grills_ask(grill, now_ms);
	}
	for (size_t i = 0; i < cooks->n; i++)
		if (cooks->list[i].used)
			take_time(cooks, &cooks->list[i], now_ms);
}

void cooks_deinit(struct cooks *cooks)
{
	free(cooks->list);
	*cooks = (struct cooks){ 0 };
}

/* SPDX-License-Identifier: MIT */
/* Toastie metrics: the survey's text, and lines and a histogram of ends. */
#include "workers/jafflr/toastie_metrics.h"

#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/counters.h"
#include "schemas/trace.h"

#define DONE_SECONDS "galore_toastie_done_seconds"
enum { DETAIL_BYTES = 160, NUMBER_BYTES = 32 };

/* clang-format off */
static struct jafflr_counters {
#define COUNTERS_DEF "workers/jafflr/counters.def"
#include "infra/lib/counters_def.h"
} counters = {
#define COUNTERS_ROWS
#define COUNTERS_DEF "workers/jafflr/counters.def"
#include "infra/lib/counters_def.h"
};
/* clang-format on */

/* ---- survey ---- */

static const char *const survey_states[N_SURVEY_STATES] = {
	"queued",    /* waits for a plate */
	"unserved",  /* the same, and no grill serves its stall */
	"grilling",  /* on a plate, or on its way there */
	"parked",    /* uncertain until its plate is heard of again */
	"uncertain", /* until a person decides */
};

void survey_reset(struct survey *survey)
{
	arena_reset(&survey->arena);
	survey->n_stalls = 0;
}

static struct survey_stall *stall_of(struct survey *survey, struct text stall)
{
	struct survey_stall *last = survey->stalls + survey->n_stalls - 1;
	char *name = NULL;

	if (survey->n_stalls &&
	    (stall.p ? last->stall && text_equal(text_of(last->stall), stall)
		     : !last->stall))
		return last;
	if (survey->n_stalls == SURVEY_STALLS + 1)
		return NULL;
	if (stall.p) {
		name = arena_alloc(&survey->arena, stall.n + 1);
		(void)str_n_copy(name, stall.n + 1, stall.p, stall.n);
	}
	survey->stalls[survey->n_stalls] =
		(struct survey_stall){ .stall = name };
	return &survey->stalls[survey->n_stalls++];
}

void survey_add(struct survey *survey, struct text stall, struct text state,
		int64_t n)
{
	struct survey_stall *at = stall_of(survey, stall);

	for (int k = 0; at && k < N_SURVEY_STATES; k++)
		if (text_equal(text_of(survey_states[k]), state))
			at->n[k] += n;
}

static void survey_line(struct buf *out, const struct survey_stall *stall,
			int state)
{
	struct buf labels = { 0 };

	counters_label(&labels, "stall",
		       stall->stall ? stall->stall : "(others)");
	counters_label(&labels, "state", survey_states[state]);
	buf_add(&labels, "", 1);
	counters_line(out, "galore_toasties", labels.p, stall->n[state]);
	buf_deinit(&labels);
}

void survey_text(const struct survey *survey, struct buf *out)
{
	if (survey->n_stalls)
		counters_head(out, "galore_toasties",
			      "toasties of the whole shop that are not at "
			      "their end",
			      KIND_GAUGE);
	for (size_t i = 0; i < survey->n_stalls; i++)
		for (int k = 0; k < N_SURVEY_STATES; k++)
			survey_line(out, &survey->stalls[i], k);
}

void survey_deinit(struct survey *survey)
{
	arena_deinit(&survey->arena);
	*survey = (struct survey){ 0 };
}

/* ---- ends ---- */

/* A toastie takes seconds on its plate, and minutes in a long queue. */
static const int64_t bounds_s[ENDS_BUCKETS] = { 1,  2,   5,   10,  20,   30,
						60, 120, 300, 600, 1800, 3600 };

static void observe(struct ends *ends, int64_t waited_ms)
{
	size_t i = 0;

	while (i < ENDS_BUCKETS && waited_ms > bounds_s[i] * 1000)
		i++;
	ends->n[i]++;
	ends->sum_ms += waited_ms;
}

/* Where it was, and why it ended so. */
static void describe(char ret[DETAIL_BYTES], const struct toastie_row *row,
		     int64_t waited_ms)
{
	struct str detail = { .p = ret, .size = DETAIL_BYTES };
	char text[NUMBER_BYTES];

	ret[0] = '\0';
	if (row->plate != TOASTIE_PLATE_NONE) {
		(void)snprintf(text, sizeof(text), ", plate %" PRId32 " of '",
			       row->plate);
		str_add_text(&detail, text);
		str_add(&detail, row->grill.p, row->grill.n);
		str_add_text(&detail, "'");
	}
	if (waited_ms >= 0) {
		(void)snprintf(text, sizeof(text), ", after %" PRId64 " ms",
			       waited_ms);
		str_add_text(&detail, text);
	}
	if (row->reason.n) {
		str_add_text(&detail, ": ");
		str_add(&detail, row->reason.p, row->reason.n);
	}
}

static void write_line(const struct toastie_row *row, const char *id,
		       int64_t waited_ms)
{
	char order[ORDER_ID_CHARS + 1], trace[TRACE_ID_CHARS + 1];
	char name[ORDER_NAME_BYTES], detail[DETAIL_BYTES];
	struct log_subject subject = {
		.name = "order",
		.value = order_id_format(&row->order_id, order),
		.trace = trace_id(row->traceparent, trace),
	};

	log_about(&subject);
	describe(detail, row, waited_ms);
	log_info(id, "%s, of stall '%.*s' is %s%s",
		 order_name(&row->order_id, row->number, name),
		 (int)row->stall.n, row->stall.p, row_state_name(row->state),
		 detail);
	log_about(NULL);
}

void ends_register(void)
{
	counters_register((struct counter *)&counters,
			  sizeof(counters) / sizeof(struct counter));
}

static struct counter *counter_of(enum row_state state)
{
	switch (state) {
	case ROW_DONE:
		return &counters.done;
	case ROW_FAILED:
		return &counters.failed;
	case ROW_UNCERTAIN:
		return &counters.uncertain;
	default:
		return &counters.returned;
	}
}

void ends_note(struct ends *ends, const struct toastie_row *row,
	       int64_t waited_ms)
{
	const char *id = row_state_log_id(row->state);

	if (!id)
		return;
	counter_add(counter_of(row->state), 1);
	if (row->state == ROW_DONE && waited_ms >= 0)
		observe(ends, waited_ms);
	if (log_limit_pass(&ends->lines, "ends of toasties"))
		write_line(row, id, waited_ms);
}

void ends_text(const struct ends *ends, struct buf *out)
{
	int64_t n = 0;

	counters_head(out, DONE_SECONDS,
		      "from the first time in the queue until done",
		      KIND_HISTOGRAM);
	for (size_t i = 0; i < ENDS_BUCKETS; i++) {
		n += ends->n[i];
		buf_printf(out,
			   DONE_SECONDS "_bucket{le=\"%" PRId64 "\"} %" PRId64
					"\n",
			   bounds_s[i], n);
	}
	n += ends->n[ENDS_BUCKETS];
	counters_line(out, DONE_SECONDS "_bucket", "le=\"+Inf\"", n);
	counters_line(out, DONE_SECONDS "_count", "", n);
	buf_printf(out, DONE_SECONDS "_sum %" PRId64 ".%03" PRId64 "\n",
		   ends->sum_ms / 1000, ends->sum_ms % 1000);
}

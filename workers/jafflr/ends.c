/* SPDX-License-Identifier: MIT */
/* Ends: lines and a histogram. */
#include "workers/jafflr/ends.h"

#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/counters.h"
#include "schemas/trace.h"

#define NAME "galore_toastie_done_seconds"
enum { DETAIL_BYTES = 160, NUMBER_BYTES = 32 };

/* A toastie takes seconds on its plate, and minutes in a long queue. */
static const int64_t bounds_s[ENDS_BUCKETS] = { 1,  2,   5,   10,  20,   30,
						60, 120, 300, 600, 1800, 3600 };

static const char *id_of(enum row_state state)
{
	switch (state) {
	case ROW_DONE:
		return "TOASTIE-DONE";
	case ROW_FAILED:
		return "TOASTIE-FAILED";
	case ROW_UNCERTAIN:
		return "TOASTIE-UNCERTAIN";
	case ROW_RETURNED:
		return "TOASTIE-RETURNED";
	case ROW_COLLECTING:
	case ROW_CANCELLED:
	case ROW_QUEUED:
	case ROW_GRILLING:
	case N_ROW_STATES:
		break;
	}
	return NULL;
}

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

static void write_line(struct ends *ends, const struct toastie_row *row,
		       const char *id, int64_t waited_ms)
{
	char order[ORDER_ID_CHARS + 1], trace[TRACE_ID_CHARS + 1];
	char name[ORDER_NAME_BYTES], detail[DETAIL_BYTES];
	struct log_subject subject = {
		.name = "order",
		.value = order_id_format(&row->order_id, order),
		.trace = trace_id(row->traceparent, trace),
	};

	if (!log_limit_about(&ends->lines, &subject, "ends of toasties"))
		return;
	describe(detail, row, waited_ms);
	log_info(id, "%s, of stall '%.*s' is %s%s",
		 order_name(&row->order_id, row->number, name),
		 (int)row->stall.n, row->stall.p, row_state_name(row->state),
		 detail);
	log_about(NULL);
}

void ends_note(struct ends *ends, const struct toastie_row *row,
	       int64_t waited_ms)
{
	const char *id = id_of(row->state);

	if (!id)
		return;
	if (row->state == ROW_DONE && waited_ms >= 0)
		observe(ends, waited_ms);
	write_line(ends, row, id, waited_ms);
}

void ends_text(const struct ends *ends, struct buf *out)
{
	int64_t n = 0;

	counters_head(out, NAME, "from the first time in the queue until done",
		      KIND_HISTOGRAM);
	for (size_t i = 0; i < ENDS_BUCKETS; i++) {
		n += ends->n[i];
		buf_printf(out,
			   NAME "_bucket{le=\"%" PRId64 "\"} %" PRId64 "\n",
			   bounds_s[i], n);
	}
	n += ends->n[ENDS_BUCKETS];
	counters_line(out, NAME "_bucket", "le=\"+Inf\"", n);
	counters_line(out, NAME "_count", "", n);
	buf_printf(out, NAME "_sum %" PRId64 ".%03" PRId64 "\n",
		   ends->sum_ms / 1000, ends->sum_ms % 1000);
}

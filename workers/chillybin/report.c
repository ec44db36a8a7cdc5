/* SPDX-License-Identifier: MIT */
/* Report: log, counters and the gauge of the stock. */
#include "workers/chillybin/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/counters.h"
#include "schemas/trace.h"
#include "workers/chillybin/sql.h"

static const char stock_name[] = "galore_stock";

/* clang-format off */
static struct chillybin_counters {
#define COUNTERS_DEF "workers/chillybin/counters.def"
#include "infra/lib/counters_def.h"
} counters = {
#define COUNTERS_ROWS
#define COUNTERS_DEF "workers/chillybin/counters.def"
#include "infra/lib/counters_def.h"
};
/* clang-format on */

static void collect_stock(void *arg, struct buf *out)
{
	const struct report *report = arg;

	counters_head(out, stock_name,
		      "what there is of an ingredient, as of the last 5 s",
		      KIND_GAUGE);
	buf_add(out, report->shown.p, report->shown.n);
}

void report_register(struct report *report)
{
	counters_register((struct counter *)&counters,
			  sizeof(counters) / sizeof(struct counter));
	counters_collect(collect_stock, report);
}

void report_deinit(struct report *report)
{
	buf_deinit(&report->read);
	buf_deinit(&report->shown);
}

/* ---- decisions ---- */

/* Has the stall never had one of the ingredients? */
static bool has_unknown(const struct order_row *order)
{
	for (size_t i = 0; i < order->n_missing; i++)
		if (order->missing[i].left == MISSING_UNKNOWN)
			return true;
	return false;
}

/* Counts the order, and returns its verdict as text. */
static const char *count_order(const struct order_row *order)
{
	if (order->verdict == VERDICT_PICKED) {
		counter_add(&counters.picked, 1);
		return "picked";
	}
	counter_add(&counters.refused, 1);
	if (has_unknown(order)) {
		counter_add(&counters.unknown_ingredient, 1);
		return "refused, an ingredient is unknown";
	}
	counter_add(&counters.out_of_stock, 1);
	return "refused, out of stock";
}

static void log_order(const struct order_row *order, const char *what)
{
	char id[ORDER_ID_CHARS + 1], name[ORDER_NAME_BYTES];
	char trace[TRACE_ID_CHARS + 1];
	struct log_subject subject = {
		.name = "order",
		.value = order_id_format(&order->id, id),
		.topic = topic_table[TOPIC_ORDERS].name,
		.partition = order->partition,
		.offset = order->offset,
		.trace = trace_id(order->traceparent, trace),
	};

	log_about(&subject);
	log_info("ORDER-DECIDED", "%s, is %s",
		 order_name(&order->id, order->number, name), what);
	log_about(NULL);
}

static void report_order(struct report *report, const struct order_row *order)
{
	const char *what = count_order(order);

	if (log_limit_pass(&report->orders, "decided orders"))
		log_order(order, what);
}

void report_decided(struct report *report, const struct record *record)
{
	const struct input *input = input_of(record);

	switch (input->kind) {
	case INPUT_ORDER:
		if (input->is_new)
			report_order(report, input->row);
		return;
	case INPUT_CANCELLATION:
		if (input->is_new)
			counter_add(&counters.cancelled, 1);
		else if (input->cancel_verdict == VERDICT_KEPT)
			counter_add(&counters.kept, 1);
		return;
	case INPUT_RETURN:
		counter_add(&counters.returned, input->is_new);
		return;
	case INPUT_STOCK:
	case INPUT_NOTHING:
		return;
	}
}

/* ---- stock ---- */

static void add_stock(void *arg, struct text stall, struct text ingredient,
		      int64_t quantity)
{
	struct report *report = arg;
	char name[TEXT_MAX_BYTES + 1];
	struct buf labels = { 0 };

	/* Names that no message can have were inserted by hand. */
	if (str_n_copy(name, sizeof(name), stall.p, stall.n))
		counters_label(&labels, "stall", name);
	if (labels.n &&
	    str_n_copy(name, sizeof(name), ingredient.p, ingredient.n)) {
		counters_label(&labels, "ingredient", name);
		buf_add(&labels, "", 1);
		counters_line(&report->read, stock_name, labels.p, quantity);
	}
	buf_deinit(&labels);
}

int report_read_stock(struct report *report, struct pg *pg)
{
	buf_reset(&report->read);
	return sql_read_stock(pg, add_stock, report);
}

void report_show_stock(struct report *report)
{
	struct buf shown = report->shown;

	report->shown = report->read;
	report->read = shown;
}

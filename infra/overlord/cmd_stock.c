/* SPDX-License-Identifier: MIT */
/*
 * Stock: what there is, taking an ingredient off the menu, and restock: an
 * event on `restocks` says that stock was put in, or how much was counted.
 *
 * A row of 0 may be removed without a sum becoming wrong: stock is what the
 * ledger says without what was picked, and of this ingredient that is nothing.
 * Chillybin, which may have read the row, finds that it has changed and reads
 * again; an order for the ingredient is refused, a restock makes the row anew.
 *
 * The brokers acknowledge the event of a restock before the verb ends;
 * chillybin decides it. Running it again is another event. What is there is
 * read for the plan, and a name that is not there may be a mistake: it needs
 * --new. Nothing is sent unless the brokers have the topic and the audit row
 * can be written, which is tried first and rolled back. An event that may be
 * there leaves its row, too. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/conf.h"
#include "infra/lib/kafka/kafka_out.h"
#include "infra/overlord/plan/plan.h"
#include "infra/overlord/verb.h"
#include "schemas/event.h"
#include "schemas/limits.h"
#include "schemas/messages/stock_command.h"

int cmd_stock_list(struct verb *verb)
{
	static const struct out_column columns[] = {
		{ "stall", OUT_TEXT },
		{ "ingredient", OUT_TEXT },
		{ "quantity", OUT_NUMBER },
		{ NULL, 0 },
	};
	const char *stall = verb->options.stall;
	struct buf none = { 0 };
	int r;

	if (stall)
		buf_printf(&none, "stall '%s' has no ingredients", stall);
	else
		buf_text(&none, "there are no ingredients");
	buf_add(&none, "", 1);
	r = verb_list(verb,
		      &(struct listing){ .name = "stock",
					 .statement = &sql_stock_all,
					 .columns = columns,
					 .none = none.p },
		      VALUES(value_text(stall)));
	buf_deinit(&none);
	return r;
}

/* ---- remove ---- */

#define STOCK_ROW(verb)                                                        \
	VALUES(value_text((verb)->options.operands[0]),                        \
	       value_text((verb)->options.operands[1]))

/* The row @i is what was locked. */
static int check_empty(const struct verb *verb, int i, const char *what)
{
	int64_t quantity;

	if (!pg_n_rows(verb->pg, i))
		return verb_failed("overlord stock list shows what there is",
				   "there is no '%s' in stock", what);
	quantity = pg_i64(verb->pg, i, 0, 0);
	if (quantity)
		return verb_failed(
			"if there is none in truth: overlord restock STALL "
			"INGREDIENT 0 --count --execute",
			"of '%s' there are %" PRId64 ": only what is empty "
			"is taken off the menu",
			what, quantity);
	return 0;
}

static bool is_name(struct text text)
{
	return text.n && text_is_clean(text) &&
	       !text_is_longer(text, TEXT_MAX_CHARS);
}

int cmd_stock_remove(struct verb *verb)
{
	struct text stall = text_of(verb->options.operands[0]);
	struct text ingredient = text_of(verb->options.operands[1]);
	char what[STOCK_KEY_BYTES];
	int i, r;

	if (!is_name(stall) || !is_name(ingredient))
		return verb_usage(verb, "'%.100s' and '%.100s' are to be names",
				  stall.p, ingredient.p);
	(void)snprintf(what, sizeof(what), "%s/%s", stall.p, ingredient.p);
	r = verb_lock(verb, &sql_stock_lock, STOCK_ROW(verb), what, &i);
	if (!r)
		r = check_empty(verb, i, what);
	if (r)
		return r;
	return change_run(verb,
			  &(struct change){ .what = what,
					    .now = "0",
					    .then = "not on the menu",
					    .key = "stock",
					    .before = "0",
					    .after = "",
					    .statement = &sql_stock_delete,
					    .values = STOCK_ROW(verb) });
}

/* ---- restock ---- */

struct run {
	struct verb *verb;
	struct plan plan; /* of one step */
	struct kafka_out *out;
	struct stock_command stock_command;
	struct event event;
	uint8_t body[4096];
	char topic[TOPIC_NAME_BYTES];
	char id[UUID_CHARS + 1];
	bool reported, delivered;
	char position[TOPIC_NAME_BYTES + 40];
	char error[256];
};

static void read_report(void *arg, const struct kafka_report *report)
{
	struct run *run = arg;
	struct str position = STR_INIT(run->position);

	run->reported = true;
	run->delivered = report->delivered;
	str_add_position(&position, text_of(run->topic), report->partition,
			 report->offset);
	(void)str_copy(run->error, sizeof(run->error),
		       report->error ? report->error : "");
}

/* With the position when it is known. @end is pg_commit, or pg_rollback. */
static int write_audit(struct run *run, const struct pg_statement *end)
{
	const struct plan_step *step = &run->plan.steps[0];
	struct buf what = { 0 };

	buf_text(&what, "{");
	buf_json_pair(&what, "stock", run->event.key);
	buf_json_pair(&what, "event", text_of(run->id));
	buf_json_pair(&what, "position",
		      text_of(run->delivered ? run->position : NULL));
	buf_add(&what, "}", 2);
	(void)verb_add(run->verb, &pg_begin, NULL);
	plan_audit(run->verb, &sql_audit_texts, what.p, step->now, step->then);
	(void)verb_add(run->verb, end, NULL);
	buf_deinit(&what);
	return verb_send(run->verb, "audit");
}

static int publish(void *arg, size_t step, enum plan_result *ret)
{
	struct run *run = arg;
	const struct conf *conf = &run->verb->conf;
	int r;

	(void)step;
	r = write_audit(run, &pg_rollback);
	if (r)
		return r;
	r = event_send(&run->event, run->out, run->topic, NULL);
	/* Nothing of it will ever be on the topic. */
	if (r > 0)
		return verb_failed(NULL,
				   "the event for '%s' was not accepted: "
				   "outcome %d of the producer",
				   run->topic, r);
	if (r)
		return r;
	if (!kafka_out_flush(run->out, conf->timeout_ms) || !run->reported) {
		*ret = PLAN_UNKNOWN;
		out_say("Kafka at '%s' did not acknowledge the event '%s'",
			conf->brokers, run->id);
		out_hint("nobody knows whether it will be on '%s': look "
			 "before you try again",
			 run->topic);
		(void)write_audit(run, &pg_commit);
		return VERB_E_FAILED;
	}
	if (!run->delivered)
		return verb_failed(NULL, "the event was not delivered: %s",
				   run->error);
	*ret = PLAN_CONFIRMED;
	out_say("event '%s' stands at %s", run->id, run->position);
	return write_audit(run, &pg_commit);
}

/* Do the brokers answer, and have the topic? */
static int check_topic(const struct run *run)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	const struct verb *verb = run->verb;
	int32_t n_partitions = 0;
	int r = verb_kafka(verb, &admin);

	if (!r)
		r = kafka_admin_partitions(admin, run->topic, &n_partitions);
	if (r)
		return verb_kafka_failed(verb, r, admin, run->topic);
	if (!n_partitions)
		return verb_failed(
			"overlord topics apply --execute makes the topics",
			"Kafka at '%s' has no topic '%s'", verb->conf.brokers,
			run->topic);
	return 0;
}

static int make_event(struct run *run)
{
	struct event *event = &run->event;
	int64_t wall_ms = clock_wall_ms();
	struct order_id id;
	uint8_t random[10];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	id = order_id_v7(wall_ms, random);
	event_source(event, TEXT("/overlord"), wall_ms);
	event_id_add(event, order_id_format(&id, run->id));
	event_begin_trace(event, &id);
	return stock_command_encode(&run->stock_command, &event->body);
}

static int open_producer(struct run *run)
{
	struct kafka_out_params params = {
		.brokers = run->verb->conf.brokers,
		.client_id = "overlord",
		.queue_max = 1000,
		.partitions_max = TOPIC_PARTITIONS,
		.report = read_report,
		.arg = run,
	};
	int r = make_event(run);

	if (!r)
		r = check_topic(run);
	return r ? r : kafka_out_new(&run->out, &params);
}

/* What there is and will be. A name that is new may be a slip of the pen, which
 * would stay on the menu. */
static int plan_stock(struct run *run)
{
	struct verb *verb = run->verb;
	const struct options *options = &verb->options;
	int i, r = verb_connect(verb);

	if (r)
		return r;
	i = verb_add(verb, &sql_stock_of,
		     VALUES(value_text(options->operands[0]),
			    value_text(options->operands[1]),
			    value_i64(run->stock_command.quantity),
			    value_bool(options->count)));
	r = verb_send(verb, "stock");
	if (r)
		return r;
	plan_add(&run->plan, run->event.key.p, verb_cell(verb, i, 0, 0),
		 verb_cell(verb, i, 0, 1));
	/* What orders take meanwhile does not change what is put in. A count is
	 * of what was there then. */
	if (!options->count)
		plan_compare_by(&run->plan,
				pg_null(verb->pg, i, 0, 2)
					? "there"
					: verb_cell(verb, i, 0, 0),
				options->operands[2]);
	if (pg_null(verb->pg, i, 0, 2) || options->fresh)
		return 0;
	out_say("%s", verb_cell(verb, i, 0, 2));
	out_hint("--new says that it is meant; overlord stock list shows what "
		 "there is");
	return options->execute ? VERB_E_FAILED : 0;
}

static int read_operands(struct run *run)
{
	const struct verb *verb = run->verb;
	const char *const *operands = verb->options.operands;
	struct stock_command *stock_command = &run->stock_command;
	bool count = verb->options.count;
	int64_t quantity;

	stock_command->kind =
		count ? STOCK_COMMAND_COUNTED : STOCK_COMMAND_ADDED;
	stock_command->stall = text_of(operands[0]);
	stock_command->ingredient = text_of(operands[1]);
	if (!verb_right_text(stock_command->stall, TEXT_MAX_CHARS) ||
	    !verb_right_text(stock_command->ingredient, TEXT_MAX_CHARS))
		return verb_usage(verb,
				  "'%.100s' and '%.100s' are to be names of "
				  "1 to %d characters",
				  operands[0], operands[1], TEXT_MAX_CHARS);
	if (str_to_i64(&quantity, operands[2], count ? 0 : 1, QUANTITY_MAX))
		return verb_usage(verb,
				  "quantity '%s' is no whole number from "
				  "%d to %d",
				  operands[2], count ? 0 : 1, QUANTITY_MAX);
	stock_command->quantity = (int32_t)quantity;
	event_begin(&run->event, stock_command_type(stock_command->kind), 1,
		    run->body, sizeof(run->body));
	event_about_stock(&run->event, stock_command->stall,
			  stock_command->ingredient);
	return verb_topic(verb, TOPIC_RESTOCKS, run->topic);
}

int cmd_restock(struct verb *verb)
{
	struct run run = { .verb = verb };
	int r = read_operands(&run);

	if (!r)
		r = plan_stock(&run);
	if (!r && verb->options.execute)
		r = open_producer(&run);
	if (!r)
		r = plan_run(&run.plan, verb, publish, &run);
	plan_deinit(&run.plan);
	run.out = kafka_out_free(run.out);
	return r;
}

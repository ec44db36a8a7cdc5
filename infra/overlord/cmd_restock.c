/* SPDX-License-Identifier: MIT */
/*
 * Restock: says on `restocks` that stock was put in, or what was counted.
 *
 * The event is acknowledged by the brokers before the command ends; chillybin
 * decides it. Running it again is another event. What is there is read for the
 * plan, and a name that is not there may be a mistake: it wants --new. Nothing
 * is sent unless the brokers have the topic and the audit row can be written,
 * which is tried first and rolled back. An event that may be there leaves its
 * row, too. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka_admin.h"
#include "infra/lib/kafka_out.h"
#include "infra/lib/version.h"
#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"
#include "schemas/limits.h"
#include "schemas/order_id.h"
#include "schemas/stock_command.h"
#include "schemas/trace.h"

/* -> quantity or NULL, is there anything of that stall */
static const struct pg_statement stock_of = {
	.name = "stock_of",
	.sql = "SELECT (SELECT quantity FROM stock "
	       "WHERE stall = $1 AND ingredient = $2), "
	       "EXISTS (SELECT FROM stock WHERE stall = $1)",
	.n_args = 2,
};

struct run {
	const struct command *command;
	struct pg *pg;
	int64_t n_now; /* -1: it is not there at all */
	bool new_stall;
	struct kafka_out *out;
	struct stock_command event;
	char topic[COMMAND_TOPIC_MAX];
	struct order_id event_id;
	char id[ORDER_ID_CHARS + 1];
	char key[STOCK_KEY_BYTES], now[48], then[64];
	struct text subject;
	bool reported, delivered;
	char position[COMMAND_TOPIC_MAX + 40];
	char error[256];
};

static void take_report(void *arg, const struct kafka_report *report)
{
	struct run *run = arg;

	run->reported = true;
	run->delivered = report->delivered;
	(void)snprintf(run->position, sizeof(run->position),
		       "%s/%" PRId32 "@%" PRId64, run->topic, report->partition,
		       report->offset);
	(void)str_copy(run->error, sizeof(run->error),
		       report->error ? report->error : "");
}

static int make_id(struct run *run)
{
	uint8_t random[10];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	run->event_id = order_id_v7(clock_wall_ms(), random);
	(void)order_id_format(&run->event_id, run->id);
	return 0;
}

static int send_event(struct run *run)
{
	uint8_t bytes[4096];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(bytes);
	char time[CLOCK_RFC3339_MAX], traceparent[TRACE_BYTES];
	struct kafka_message *message;
	struct envelope envelope;
	int r;

	clock_rfc3339(clock_wall_ms(), time);
	envelope_init(&envelope);
	envelope.type = stock_command_type(run->event.kind);
	envelope.version = 1;
	envelope.id = text_of(run->id);
	envelope.source = TEXT("/overlord");
	envelope.time = text_of(time);
	envelope.subject = run->subject;
	envelope.traceparent = trace_begin(traceparent, &run->event_id);
	envelope.stall = run->event.stall;
	envelope.producer = text_of("overlord@" GALORE_VERSION);
	r = stock_command_encode(&run->event, &writer);
	if (r)
		return r;
	message = kafka_out_message(run->out, run->topic);
	r = envelope_write(&envelope, kafka_message_header, message);
	if (r)
		return r;
	return kafka_out_send(message,
			      &(struct kafka_body){ .key = run->key,
						    .n_key = strlen(run->key),
						    .value = writer.p,
						    .n_value = writer.n },
			      NULL);
}

/* With the position when it is known. @end is pg_commit, or pg_rollback. */
static int write_audit(struct run *run, const struct pg_statement *end)
{
	struct buf what = { 0 }, before = { 0 }, after = { 0 };
	struct audit audit = { 0 };
	int r;

	buf_text(&what, "{\"stock\": ");
	buf_json_text(&what, run->key, strlen(run->key));
	buf_printf(&what, ", \"event\": \"%s\", \"position\": ", run->id);
	if (run->delivered)
		buf_json_text(&what, run->position, strlen(run->position));
	else
		buf_text(&what, "null");
	buf_add(&what, "}", 2);
	plan_json_text(&before, run->now);
	plan_json_text(&after, run->then);
	audit.what = what.p;
	audit.before = before.p;
	audit.after = after.p;
	(void)pg_add(run->pg, &pg_begin, NULL);
	plan_audit(run->pg, run->command, &audit);
	(void)pg_add(run->pg, end, NULL);
	r = command_run(run->command, run->pg, "audit");
	audit_deinit(&audit);
	buf_deinit(&what);
	buf_deinit(&before);
	buf_deinit(&after);
	return r;
}

/* Not taken at all: nothing of it will ever be on the topic. */
static int not_taken(const struct run *run, int r)
{
	if (r < 0)
		return r;
	out_error("the event for '%s' was not taken: outcome %d of the "
		  "producer",
		  run->topic, r);
	return COMMAND_E_FAILED;
}

static int publish(void *arg, size_t step, enum plan_result *ret)
{
	struct run *run = arg;
	int r;

	(void)step;
	r = write_audit(run, &pg_rollback);
	if (r)
		return r;
	r = send_event(run);
	if (r)
		return not_taken(run, r);
	if (!kafka_out_flush(run->out, run->command->conf.timeout_ms) ||
	    !run->reported) {
		*ret = PLAN_UNKNOWN;
		out_error("Kafka at '%s' did not acknowledge the event '%s'",
			  run->command->conf.brokers, run->id);
		out_hint("nobody can tell whether it will be on '%s': look "
			 "before you try again",
			 run->topic);
		(void)write_audit(run, &pg_commit);
		return COMMAND_E_FAILED;
	}
	if (!run->delivered) {
		out_error("the event was not delivered: %s", run->error);
		return COMMAND_E_FAILED;
	}
	*ret = PLAN_CONFIRMED;
	out_say("event '%s' stands at %s", run->id, run->position);
	return write_audit(run, &pg_commit);
}

/* Do the brokers answer, and have the topic? */
static int look_for_topic(const struct run *run)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	const char *brokers = run->command->conf.brokers;
	int32_t n_partitions = 0;
	int r = kafka_admin_new(&admin, brokers, "overlord",
				command_first_ms(run->command));

	if (!r)
		r = kafka_admin_partitions(admin, run->topic, &n_partitions);
	if (r < 0)
		return r;
	if (r) {
		out_error("%s: Kafka at '%s': %s", run->topic, brokers,
			  kafka_admin_error(admin));
		out_hint("nothing was sent; KAFKA_BROKERS says where it is");
		return COMMAND_E_FAILED;
	}
	if (!n_partitions) {
		out_error("Kafka at '%s' has no topic '%s'", brokers,
			  run->topic);
		out_hint("overlord topics apply --execute makes the topics");
		return COMMAND_E_FAILED;
	}
	return 0;
}

static int open_servers(struct run *run)
{
	const struct command *command = run->command;
	int r = make_id(run);

	if (!r)
		r = look_for_topic(run);
	if (r)
		return r;
	return kafka_out_new(&run->out,
			     &(struct kafka_out_params){
				     .brokers = command->conf.brokers,
				     .client_id = "overlord",
				     .queue_max = 1000,
				     .partitions_max = TOPIC_PARTITIONS,
				     .report = take_report,
				     .arg = run,
			     });
}

/* What is there, and what will be if nothing else changes it. */
static void describe(struct run *run)
{
	int64_t quantity = run->event.quantity;
	bool counted = run->event.kind == STOCK_COMMAND_COUNTED;
	int64_t n_then = run->n_now < 0 ? 0 : run->n_now;

	if (run->n_now >= 0)
		(void)snprintf(run->now, sizeof(run->now), "%" PRId64,
			       run->n_now);
	else
		(void)snprintf(run->now, sizeof(run->now),
			       "not there, a new %s",
			       run->new_stall ? "stall" : "ingredient");
	if (counted)
		(void)snprintf(run->then, sizeof(run->then),
			       "%" PRId64 " (counted: %" PRId64 ")", quantity,
			       quantity);
	else if (!__builtin_add_overflow(n_then, quantity, &n_then))
		(void)snprintf(run->then, sizeof(run->then),
			       "%" PRId64 " (added: +%" PRId64 ")", n_then,
			       quantity);
	else
		(void)snprintf(
			run->then, sizeof(run->then),
			"too much: chillybin refuses it (added: +%" PRId64 ")",
			quantity);
}

static int read_stock(struct run *run)
{
	struct pg_args args = { 0 };
	int i, r = command_connect(&run->pg, run->command);

	if (r)
		return r;
	pg_put_text(pg_arg(&args), run->event.stall.p, run->event.stall.n);
	pg_put_text(pg_arg(&args), run->event.ingredient.p,
		    run->event.ingredient.n);
	i = pg_add(run->pg, &stock_of, &args);
	r = command_run(run->command, run->pg, "stock");
	pg_args_deinit(&args);
	if (r)
		return r;
	run->n_now = pg_null(run->pg, i, 0, 0) ? -1 : pg_i64(run->pg, i, 0, 0);
	run->new_stall = !pg_bool(run->pg, i, 0, 1);
	describe(run);
	return 0;
}

/* A slip of the pen would stay on the menu. */
static int check_new(const struct run *run)
{
	const struct options *options = &run->command->options;

	if (run->n_now >= 0 || options->fresh)
		return 0;
	if (run->new_stall)
		out_error("there is no stall '%s' yet", options->words[0]);
	else
		out_error("stall '%s' has no '%s' yet", options->words[0],
			  options->words[1]);
	out_hint("--new says that it is meant; overlord stock list shows what "
		 "there is");
	return options->execute ? COMMAND_E_FAILED : 0;
}

static int read_words(struct run *run, struct command *command)
{
	const char *const *words = command->options.words;
	int64_t quantity;

	run->command = command;
	run->event.kind = command->options.count ? STOCK_COMMAND_COUNTED
						 : STOCK_COMMAND_ADDED;
	run->event.stall = text_of(words[0]);
	run->event.ingredient = text_of(words[1]);
	if (!command_right_text(run->event.stall, TEXT_MAX_CHARS) ||
	    !command_right_text(run->event.ingredient, TEXT_MAX_CHARS))
		return command_usage(command,
				     "'%.100s' and '%.100s' are to be names of "
				     "1 to %d characters",
				     words[0], words[1], TEXT_MAX_CHARS);
	if (str_to_i64(&quantity, words[2], command->options.count ? 0 : 1,
		       QUANTITY_MAX))
		return command_usage(command,
				     "quantity '%s' is no whole number from "
				     "%d to %d",
				     words[2], command->options.count ? 0 : 1,
				     QUANTITY_MAX);
	run->event.quantity = (int32_t)quantity;
	(void)stock_key(run->key, run->event.stall, run->event.ingredient,
			&run->subject);
	return command_topic(command, topic_table[TOPIC_RESTOCKS].name,
			     run->topic);
}

int cmd_restock(struct command *command)
{
	struct run run = { 0 };
	struct plan plan = { 0 };
	int r = read_words(&run, command);

	if (!r)
		r = read_stock(&run);
	if (!r)
		r = check_new(&run);
	if (!r && command->options.execute)
		r = open_servers(&run);
	if (!r) {
		plan_add(&plan, run.key, run.now, run.then);
		r = plan_run(&plan, command, publish, &run);
	}
	plan_deinit(&plan);
	run.out = kafka_out_free(run.out);
	run.pg = pg_free(run.pg);
	return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * Restock: says on `restocks` that stock was put in, or what was counted.
 *
 * The event is acknowledged by the brokers before the command ends; chillybin
 * decides it. Running it again is another event. The audit row needs the
 * database, which must therefore be there. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka_out.h"
#include "infra/lib/version.h"
#include "infra/overlord/command.h"
#include "infra/overlord/out.h"
#include "infra/overlord/plan.h"
#include "schemas/limits.h"
#include "schemas/order_id.h"
#include "schemas/stock_command.h"
#include "schemas/trace.h"

#define QUERY_TIMEOUT_MS INT64_C(30000)

struct run {
	const struct command *command;
	struct pg *pg;
	struct kafka_out *out;
	struct stock_command event;
	char topic[COMMAND_TOPIC_MAX];
	struct order_id event_id;
	char id[ORDER_ID_CHARS + 1];
	char what[512], then[64];
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

static int send_event(struct run *run, struct text key)
{
	uint8_t bytes[4096];
	struct wire wire = WIRE_INIT(bytes);
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
	envelope.subject = key;
	envelope.traceparent = trace_begin(traceparent, &run->event_id);
	envelope.stall = run->event.stall;
	envelope.producer = text_of("overlord@" GALORE_VERSION);
	r = stock_command_encode(&run->event, &wire);
	if (r)
		return r;
	message = kafka_out_message(run->out, run->topic);
	r = envelope_write(&envelope, kafka_message_header, message);
	if (r)
		return r;
	return kafka_out_send(message,
			      &(struct kafka_body){ .key = key.p,
						    .n_key = key.n,
						    .value = wire.p,
						    .n_value = wire.n },
			      NULL);
}

static int write_audit(struct run *run)
{
	struct buf what = { 0 }, after = { 0 };
	struct audit audit = { 0 };
	int r;

	buf_text(&what, "{\"stock\": ");
	pg_json_text(&what, run->what, strlen(run->what));
	buf_printf(&what, ", \"event\": \"%s\", \"position\": \"%s\"}", run->id,
		   run->position);
	buf_add(&what, "", 1);
	pg_json_text(&after, run->then, strlen(run->then));
	buf_add(&after, "", 1);
	audit.what = what.p;
	audit.after = after.p;
	plan_audit(run->pg, run->command, &audit);
	r = pg_run(run->pg, QUERY_TIMEOUT_MS);
	audit_deinit(&audit);
	buf_deinit(&what);
	buf_deinit(&after);
	return r ? command_pg_failed(run->pg, r, "audit") : 0;
}

static int publish(void *arg, size_t step, enum plan_result *ret)
{
	struct run *run = arg;
	int r;

	(void)step;
	r = make_id(run);
	if (!r)
		r = send_event(run, text_of(run->what));
	if (r > 0) {
		out_error("the event was not taken: outcome %d of the "
			  "producer",
			  r);
		return COMMAND_E_FAILED;
	}
	if (r)
		return r;
	if (!kafka_out_flush(run->out, run->command->conf.timeout_ms) ||
	    !run->reported) {
		*ret = PLAN_UNKNOWN;
		out_error("Kafka at '%s' did not acknowledge the event '%s'",
			  run->command->conf.brokers, run->id);
		out_hint("nobody can tell whether it will be on '%s': look "
			 "before you try again",
			 run->topic);
		return COMMAND_E_FAILED;
	}
	if (!run->delivered) {
		out_error("the event was not delivered: %s", run->error);
		return COMMAND_E_FAILED;
	}
	*ret = PLAN_CONFIRMED;
	out_say("event '%s' stands at %s", run->id, run->position);
	return write_audit(run);
}

static int run_init(struct run *run, struct command *command)
{
	const char *const *words = command->options.words;
	int64_t quantity;
	int r;

	run->command = command;
	run->event.kind = command->options.count ? STOCK_COMMAND_COUNTED
						 : STOCK_COMMAND_ADDED;
	run->event.stall = text_of(words[0]);
	run->event.ingredient = text_of(words[1]);
	if (!text_is_clean(run->event.stall) || !run->event.stall.n ||
	    !text_is_clean(run->event.ingredient) || !run->event.ingredient.n ||
	    run->event.stall.n > 255 || run->event.ingredient.n > 255)
		return command_usage(command, "stall and ingredient are names "
					      "of 1 to 255 bytes");
	if (str_to_i64(&quantity, words[2], command->options.count ? 0 : 1,
		       QUANTITY_MAX))
		return command_usage(command,
				     "quantity '%s' is no whole number from "
				     "%d to %d",
				     words[2], command->options.count ? 0 : 1,
				     QUANTITY_MAX);
	run->event.quantity = (int32_t)quantity;
	(void)snprintf(run->what, sizeof(run->what), "%.255s/%.255s", words[0],
		       words[1]);
	(void)snprintf(run->then, sizeof(run->then), "%s%" PRId64,
		       command->options.count ? "counted: " : "added: +",
		       quantity);
	r = command_topic(command, topic_table[TOPIC_RESTOCKS].name,
			  run->topic);
	if (r || !command->options.execute)
		return r;
	r = command_connect(&run->pg, command);
	if (r)
		return r;
	return kafka_out_new(&run->out,
			     &(struct kafka_out_params){
				     .brokers = command->conf.brokers,
				     .client_id = "overlord",
				     .queue_max = 1000,
				     .report = take_report,
				     .arg = run,
			     });
}

int cmd_restock(struct command *command)
{
	struct run run = { 0 };
	struct plan plan = { 0 };
	int r = run_init(&run, command);

	if (!r) {
		plan_add(&plan, run.what, "as chillybin has it", run.then);
		r = plan_run(&plan, command, publish, &run);
	}
	plan_deinit(&plan);
	run.out = kafka_out_free(run.out);
	run.pg = pg_free(run.pg);
	return r;
}

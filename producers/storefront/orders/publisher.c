/* SPDX-License-Identifier: MIT */
/*
 * Publisher: see publisher.h. A ticket stands for an event that was sent; it
 * is what the client carries to its report. Tickets are kept in a list, since
 * a reset drops messages without a report.
 */
#include "producers/storefront/orders/publisher.h"

#include <assert.h>
#include <errno.h>
#include <sys/queue.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka_out.h"
#include "infra/lib/log.h"
#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/metrics.h"

enum { TOPIC_NAME_MAX = 249, STALLED_MS = 5000 };

struct ticket {
	LIST_ENTRY(ticket) link;
	publisher_fn fn;
	void *arg;
};

struct publisher {
	struct publisher_params params;
	struct kafka_out *out;
	LIST_HEAD(, ticket) tickets;
	bool failed;         /* a report was bad: to be reset */
	int64_t moved_at_ms; /* a report came, or something began to wait */
	char names[N_TOPICS][TOPIC_NAME_MAX + 1];
};

static void tell(struct ticket *ticket, enum publisher_fate fate,
		 const struct kafka_report *report)
{
	bool delivered = fate == PUBLISHER_DELIVERED;

	LIST_REMOVE(ticket, link);
	ticket->fn(ticket->arg, fate, delivered ? report->partition : -1,
		   delivered ? report->offset : -1);
	free(ticket);
}

static void take_report(void *arg, const struct kafka_report *report)
{
	struct publisher *publisher = arg;

	publisher->moved_at_ms = clock_now_ms();
	if (report->delivered) {
		tell(report->opaque, PUBLISHER_DELIVERED, report);
	} else if (report->refused) {
		log_warn("EVENT-REFUSED", "the broker refused an event: %s",
			 report->error);
		tell(report->opaque, PUBLISHER_REFUSED, report);
	} else {
		counter_add(&metrics.reports_failed, 1);
		log_warn("DELIVERY-FAILED",
			 "an event was not delivered: %s, the producer is "
			 "reset",
			 report->error);
		publisher->failed = true;
		tell(report->opaque, PUBLISHER_DOUBTFUL, report);
	}
}

int publisher_new(struct publisher **ret, const struct publisher_params *params)
{
	CLEANUP(publisher_freep)
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));
	const struct kafka_out_params out_params = {
		.brokers = params->brokers,
		.client_id = "storefront",
		.linger_ms = 0,
		.queue_max = params->queue_max,
		.partitions_max = TOPIC_PARTITIONS,
		.report = take_report,
		.arg = publisher,
		.loop = params->loop,
	};
	int r;

	publisher->params = *params;
	LIST_INIT(&publisher->tickets);
	for (size_t i = 0; i < N_TOPICS; i++)
		if (snprintf(publisher->names[i], sizeof(publisher->names[i]),
			     "%s%s", topic_table[i].name,
			     params->topic_suffix) > TOPIC_NAME_MAX)
			return -ENAMETOOLONG;
	r = kafka_out_new(&publisher->out, &out_params);
	if (r)
		return r;
	*ret = publisher;
	publisher = NULL;
	return 0;
}

static void fail_all(struct publisher *publisher)
{
	struct ticket *ticket = LIST_FIRST(&publisher->tickets), *next;

	for (; ticket; ticket = next) {
		next = LIST_NEXT(ticket, link);
		tell(ticket, PUBLISHER_DOUBTFUL, NULL);
	}
}

struct publisher *publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return NULL;
	publisher->out = kafka_out_free(publisher->out);
	fail_all(publisher);
	free(publisher);
	return NULL;
}

static int send_ticket(struct publisher *publisher,
		       const struct publisher_event *event,
		       struct ticket *ticket)
{
	struct envelope envelope = event->envelope;
	struct kafka_message *message;
	const struct kafka_body body = {
		.key = event->key.p,
		.n_key = event->key.n,
		.value = event->body->p,
		.n_value = event->body->n,
	};
	char now[CLOCK_RFC3339_MAX];
	int r;

	clock_rfc3339(clock_wall_ms(), now);
	envelope.source = TEXT("/storefront");
	envelope.time = text_of(now);
	envelope.producer = text_of(publisher->params.producer);
	message = kafka_out_message(publisher->out,
				    publisher->names[event->topic]);
	r = envelope_write(&envelope, kafka_message_header, message);
	assert(r == 0); /* our type and version exist, and headers never fail */
	r = kafka_out_send(message, &body, ticket);
	switch (r) {
	case 0:
		return 0;
	case KAFKA_OUT_E_FULL:
		return PUBLISHER_E_AWAY;
	case KAFKA_OUT_E_FATAL:
		publisher->failed = true;
		return PUBLISHER_E_AWAY;
	case KAFKA_OUT_E_REFUSED:
		return PUBLISHER_E_REFUSED;
	default:
		return r;
	}
}

static bool is_full(const struct publisher *publisher)
{
	return kafka_out_waiting_bytes(publisher->out) >
	       (size_t)publisher->params.queue_max_bytes;
}

int publisher_send(struct publisher *publisher,
		   const struct publisher_event *event)
{
	struct ticket *ticket;
	int r;

	if (publisher_amiss(publisher) || publisher->failed ||
	    is_full(publisher))
		return PUBLISHER_E_AWAY;
	if (kafka_out_waiting(publisher->out) == 0)
		publisher->moved_at_ms = clock_now_ms();
	ticket = xcalloc(1, sizeof(*ticket));
	ticket->fn = event->fn;
	ticket->arg = event->arg;
	r = send_ticket(publisher, event, ticket);
	if (r)
		free(ticket);
	else
		LIST_INSERT_HEAD(&publisher->tickets, ticket, link);
	return r;
}

int publisher_serve(struct publisher *publisher)
{
	int r;

	(void)kafka_out_poll(publisher->out, 0);
	if (!publisher->failed && !kafka_out_fatal(publisher->out))
		return 0;
	r = kafka_out_reset(publisher->out);
	publisher->failed = false;
	fail_all(publisher);
	return r;
}

size_t publisher_n_waiting(const struct publisher *publisher)
{
	return kafka_out_waiting(publisher->out);
}

static bool is_stalled(const struct publisher *publisher)
{
	return kafka_out_waiting(publisher->out) > 0 &&
	       clock_now_ms() - publisher->moved_at_ms > STALLED_MS;
}

const char *publisher_amiss(struct publisher *publisher)
{
	const struct kafka_watch *watch = publisher->params.watch;
	const char *amiss = watch ? kafka_watch_amiss(watch) : NULL;

	if (amiss)
		return amiss;
	/* The client hears at once of connections that break. */
	if (kafka_out_away(publisher->out))
		return "no broker answers";
	if (is_stalled(publisher))
		return "the broker acknowledges nothing";
	return NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * Publish: what a delivery report is about travels in its opaque pointer:
 * the assignment's index above 48 bits of the entry's number, or the highest
 * bit and a worker's own token.
 *
 * A dead letter is never a reason to back off. What makes its copy too large is
 * left out; a copy that the broker refuses goes out once more, bare, and is
 * given up when that is refused, too: its row in dead_letters stands, and the
 * original is where the row says. A fact that is refused must not be given up:
 * the engine tries again, with growing pauses, until somebody mends the topic.
 */
#include "workers/runtime/publish.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/log.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"
#include "schemas/dead_letter.h"
#include "workers/runtime/assignments/assignment.h"
#include "workers/runtime/counters.h"

#define NUMBER_BITS 48
#define NUMBER_MASK ((UINT64_C(1) << NUMBER_BITS) - 1)
#define OWN_BIT (UINT64_C(1) << 63)
#define DEAD_BIT (UINT64_C(1) << 62)
#define BARE_BIT (UINT64_C(1) << 61)
#define INDEX_MASK ((UINT64_C(1) << 12) - 1)
/* Headers and key of a copy are left out above that. */
#define COPY_HEADERS_BYTES ((size_t)512 << 10)
#define COPY_KEY_BYTES ((size_t)256 << 10)
/* Room for the batch around a message, and what we count too low. */
#define COPY_SPARE_BYTES ((size_t)8 << 10)

struct publisher {
	struct publisher_params params;
	struct kafka_out *out;
	struct assignment *assignment; /* of the record whose facts go out */
	uint64_t number;
	bool fresh; /* something was sent since the last push */
	bool failed;
	char trouble[160]; /* why it failed last */
};

static void send_bare(struct publisher *publisher,
		      const struct assignment *assignment, int64_t offset,
		      uint64_t opaque);

static struct assignment *assignment_at(struct publisher *publisher,
					uint64_t opaque)
{
	return &publisher->params
			.assignments[opaque >> NUMBER_BITS & INDEX_MASK];
}

static void fail(struct publisher *publisher, const char *what,
		 const char *error)
{
	if (!publisher->failed) {
		(void)snprintf(publisher->trouble, sizeof(publisher->trouble),
			       "%s: %s", what, error);
		log_warn("DELIVERY-FAILED",
			 "%s, will take over anew and publish again",
			 publisher->trouble);
	}
	publisher->failed = true;
}

/* The broker does not take that copy: once more with what matters alone. */
static void refused_copy(struct publisher *publisher, uint64_t opaque,
			 const char *error)
{
	struct assignment *assignment = assignment_at(publisher, opaque);
	int64_t offset =
		emitted_offset_of(&assignment->emitted, opaque & NUMBER_MASK);

	if (offset < 0)
		return; /* it was taken over since */
	if (!(opaque & BARE_BIT)) {
		send_bare(publisher, assignment, offset, opaque | BARE_BIT);
		return;
	}
	log_error("COPY-REFUSED",
		  "the broker takes no copy of '%s' partition %" PRId32
		  " offset %" PRId64 " (%s), its row in dead_letters stands",
		  publisher->params.topics[assignment->topic]->name,
		  assignment->partition, offset, error);
	counter_add(&runtime_counters.lost_copies, 1);
	emitted_acknowledge(&assignment->emitted, opaque & NUMBER_MASK);
}

static void report_delivery(void *arg, const struct kafka_report *report)
{
	uint64_t opaque = (uint64_t)(uintptr_t)report->opaque;
	struct publisher *publisher = arg;

	if (!report->delivered && report->refused && opaque & DEAD_BIT &&
	    !(opaque & OWN_BIT)) {
		refused_copy(publisher, opaque, report->error);
		return;
	}
	if (!report->delivered) {
		fail(publisher,
		     report->refused ? "the broker refuses a fact"
				     : "a fact was not delivered",
		     report->error);
		counter_add(&runtime_counters.lost_deliveries, 1);
		return;
	}
	counter_add(&runtime_counters.sent, 1);
	if (opaque & OWN_BIT)
		publisher->params.delivered(publisher->params.arg,
					    opaque & ~OWN_BIT);
	else
		emitted_acknowledge(&assignment_at(publisher, opaque)->emitted,
				    opaque & NUMBER_MASK);
}

int publisher_new(struct publisher **ret, const struct publisher_params *params)
{
	CLEANUP(publisher_freep)
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));
	struct kafka_out_params out = {
		.brokers = params->brokers,
		.client_id = params->client_id,
		.linger_ms = params->linger_ms,
		.queue_max = params->queue_max,
		.partitions_max = TOPIC_PARTITIONS,
		.report = report_delivery,
		.arg = publisher,
		.loop = params->loop,
	};
	int r;

	publisher->params = *params;
	r = kafka_out_new(&publisher->out, &out);
	if (r)
		return r;
	*ret = publisher;
	publisher = NULL;
	return 0;
}

struct publisher *publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return NULL;
	(void)kafka_out_free(publisher->out);
	free(publisher);
	return NULL;
}

void publish_begin(struct publisher *publisher, const struct record *record)
{
	publisher->assignment = record->assignment;
	publisher->number = record->entry;
}

void publish_end(struct publisher *publisher)
{
	emitted_acknowledge(&publisher->assignment->emitted, publisher->number);
	publisher->assignment = NULL;
}

/* What kafka_out_send() returned. */
static void note_sent(struct publisher *publisher, int r)
{
	publisher->fresh = true;
	/* The owner keeps what waits below the queue's size, and what we
	 * encode within the broker's bounds: so the producer is done for. */
	if (r)
		fail(publisher, "a fact could not be sent",
		     r == KAFKA_OUT_E_FULL      ? "the queue is full"
		     : r == KAFKA_OUT_E_REFUSED ? "it is too large"
						: "the producer is done for");
}

static uint64_t expect_one(struct publisher *publisher)
{
	uint64_t index = (uint64_t)(publisher->assignment -
				    publisher->params.assignments);

	emitted_expect_more(&publisher->assignment->emitted, publisher->number);
	assert(publisher->number <= NUMBER_MASK);
	return index << NUMBER_BITS | publisher->number;
}

static void send_fact(struct publisher *publisher, struct event *event,
		      uint64_t opaque)
{
	note_sent(publisher,
		  event_send(event, publisher->out,
			     publisher->params.names->of[event->topic],
			     (void *)(uintptr_t)opaque));
}

void publish_fact(struct publisher *publisher, struct event *event)
{
	send_fact(publisher, event, expect_one(publisher));
}

void publish_own(struct publisher *publisher, struct event *event,
		 uint64_t token)
{
	send_fact(publisher, event, token | OWN_BIT);
}

/* ---- dead letters ---- */

/* A copy under construction, and what of its source is left out. */
struct copy {
	struct kafka_message *message;
	size_t n_headers_cut;
	char cut[96];
};

static void copy_header(void *arg, const char *name, const void *value,
			size_t n)
{
	struct copy *copy = arg;

	if (dead_letter_owns(name))
		return;
	if (strlen(name) + n + kafka_message_bytes(copy->message) >
	    COPY_HEADERS_BYTES)
		copy->n_headers_cut++;
	else
		(void)kafka_message_header(copy->message, name, value, n);
}

/* What fits; the copy says what does not. */
static struct kafka_body cut_body(struct copy *copy,
				  const struct kafka_record *kafka)
{
	struct kafka_body body = { kafka->key, kafka->n_key, kafka->value,
				   kafka->n_value };
	struct str cut = STR_INIT(copy->cut);

	if (copy->n_headers_cut) {
		str_add_text(&cut, "headers: ");
		str_add_i64(&cut, (int64_t)copy->n_headers_cut);
	}
	if (body.n_key > COPY_KEY_BYTES) {
		str_add_text(&cut, cut.n ? ", key of " : "key of ");
		str_add_i64(&cut, (int64_t)body.n_key);
		str_add_text(&cut, " bytes");
		body.key = NULL;
		body.n_key = 0;
	}
	if (kafka_message_bytes(copy->message) + body.n_key + body.n_value >
	    KAFKA_OUT_MESSAGE_MAX_BYTES - COPY_SPARE_BYTES) {
		str_add_text(&cut, cut.n ? ", value of " : "value of ");
		str_add_i64(&cut, (int64_t)body.n_value);
		str_add_text(&cut, " bytes");
		body.value = NULL;
		body.n_value = 0;
	}
	return body;
}

static struct kafka_message *begin_copy(struct publisher *publisher,
					const struct topic *source,
					int32_t partition)
{
	const struct topic *topic = topic_dlq(source);
	struct kafka_message *message = kafka_out_message(
		publisher->out, publisher->params.names->of[topic->id]);

	kafka_message_partition(message, partition % topic->partitions);
	return message;
}

static struct dead_letter letter_of(const struct publisher *publisher,
				    const struct topic *source,
				    int32_t partition, int64_t offset)
{
	return (struct dead_letter){
		.topic = text_of(source->name),
		.partition = partition,
		.offset = offset,
		.group = text_of(publisher->params.group),
		.delivery_count = 1,
	};
}

void publish_dead(struct publisher *publisher, const struct record *record,
		  const struct topic *source)
{
	struct copy copy = { .message = begin_copy(publisher, source,
						   record->kafka.partition) };
	struct dead_letter letter =
		letter_of(publisher, source, record->kafka.partition,
			  record->kafka.offset);
	struct kafka_body body;
	uint64_t opaque;

	kafka_message_timestamp(copy.message,
				record->kafka.timestamp_ms > 0
					? record->kafka.timestamp_ms
					: 0);
	kafka_record_headers(&record->kafka, copy_header, &copy);
	body = cut_body(&copy, &record->kafka);
	letter.message = text_of(record->dead_detail);
	letter.cut = text_of(copy.cut);
	(void)dead_letter_write(&letter, kafka_message_header, copy.message);
	opaque = expect_one(publisher) | DEAD_BIT;
	note_sent(publisher, kafka_out_send(copy.message, &body,
					    (void *)(uintptr_t)opaque));
}

static void send_bare(struct publisher *publisher,
		      const struct assignment *assignment, int64_t offset,
		      uint64_t opaque)
{
	const struct topic *source =
		publisher->params.topics[assignment->topic];
	struct kafka_message *message =
		begin_copy(publisher, source, assignment->partition);
	struct dead_letter letter =
		letter_of(publisher, source, assignment->partition, offset);

	letter.cut = TEXT("all of it: the broker refused the copy");
	(void)dead_letter_write(&letter, kafka_message_header, message);
	note_sent(publisher, kafka_out_send(message, &(struct kafka_body){ 0 },
					    (void *)(uintptr_t)opaque));
}

void publisher_push(struct publisher *publisher)
{
	if (publisher->fresh)
		kafka_out_push(publisher->out);
	publisher->fresh = false;
}

bool publisher_poll(struct publisher *publisher, int timeout_ms)
{
	(void)kafka_out_poll(publisher->out, timeout_ms);
	if (kafka_out_fatal(publisher->out))
		fail(publisher, "facts cannot be sent",
		     "the producer is done for");
	counter_set(&runtime_counters.waiting_facts,
		    (int64_t)kafka_out_waiting(publisher->out));
	return !publisher->failed;
}

size_t publisher_waiting(const struct publisher *publisher)
{
	return kafka_out_waiting(publisher->out);
}

size_t publisher_waiting_bytes(const struct publisher *publisher)
{
	return kafka_out_waiting_bytes(publisher->out);
}

void publisher_trim(struct publisher *publisher)
{
	kafka_out_trim(publisher->out);
}

const char *publisher_trouble(const struct publisher *publisher)
{
	return publisher->trouble;
}

bool publisher_away(struct publisher *publisher)
{
	return kafka_out_away(publisher->out);
}

int publisher_reset(struct publisher *publisher)
{
	publisher->failed = false;
	return kafka_out_reset(publisher->out);
}

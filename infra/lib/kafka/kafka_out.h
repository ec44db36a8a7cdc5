/* SPDX-License-Identifier: MIT */
/*
 * Kafka out: an idempotent producer with acks=all and no message time-out,
 * on librdkafka.
 *
 * A message is copied when it is sent and is on its topic when its delivery
 * is reported without an error. First deliveries of one key are in order as
 * long as no delivery fails. After KAFKA_OUT_E_FATAL, or a report with an
 * error, the owner calls kafka_out_reset(): everything that waits is dropped,
 * so that nothing old goes out late, and a fresh producer takes over; the
 * owner sends again what was not reported.
 *
 * One thread sends, polls and resets.
 */
#ifndef LIB_KAFKA_OUT_H
#define LIB_KAFKA_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "infra/lib/loop.h"

/* A message, with its key and headers, must stay below it. */
#define KAFKA_OUT_MESSAGE_MAX_BYTES ((size_t)2 << 20)

struct kafka_report {
	void *opaque; /* as it was given to kafka_out_send() */
	bool delivered;
	int32_t partition; /* where it stands, when it was delivered */
	int64_t offset;
	const char *error; /* when it was not */
	bool refused;      /* the broker will never accept this message */
};

/* Called from within kafka_out_poll(), never after a reset for what was sent
 * before it. */
typedef void (*kafka_report_fn)(void *arg, const struct kafka_report *report);

struct kafka_out_params {
	const char *brokers;
	const char *client_id;
	int64_t linger_ms; /* 0: at once */
	int64_t queue_max; /* messages that may wait; more: KAFKA_OUT_E_FULL */
	/* Messages go to the first so many of a topic's partitions, by the
	 * hash of their key: to no other, if somebody adds some. 0: to all. */
	int32_t partitions_max;
	kafka_report_fn report;
	void *arg;
	struct loop *loop; /* woken when reports wait; NULL: nobody is */
};

struct kafka_out;
struct kafka_message;

enum kafka_out_outcome {
	KAFKA_OUT_E_FULL = 1, /* nothing was sent; poll, and try again */
	KAFKA_OUT_E_FATAL,    /* reset, and send again what was not reported */
	KAFKA_OUT_E_REFUSED,  /* this message never can be: too large, ... */
};

int kafka_out_new(struct kafka_out **ret,
		  const struct kafka_out_params *params);
/* Does not wait: what was not reported may or may not be on its topic. */
struct kafka_out *kafka_out_free(struct kafka_out *out);
DEFINE_CLEANUP(struct kafka_out, kafka_out_free);

/*
 * Begins a message; headers are added, then it is sent. Topics are
 * remembered: at most 64 different ones. Borrows @topic until sent.
 */
struct kafka_message *kafka_out_message(struct kafka_out *out,
					const char *topic);
/* The partition to send to, in place of the key's hash. */
void kafka_message_partition(struct kafka_message *message, int32_t partition);
/* The record's timestamp; 0, or without this call: when it is sent. */
void kafka_message_timestamp(struct kafka_message *message, int64_t wall_ms);
/* The size of the message so far, by its headers. */
size_t kafka_message_bytes(const struct kafka_message *message);
/* Copies. @value NULL is a header without a value. Has the shape of a header
 * callback: @message is a struct kafka_message, and 0 is returned. */
int kafka_message_header(void *message, const char *name, const char *value,
			 size_t n);

struct kafka_body {
	const void *key; /* NULL: none */
	size_t n_key;
	const void *value;
	size_t n_value;
};

/* Copies @body. Whatever is returned, @message is gone. */
int kafka_out_send(struct kafka_message *message, const struct kafka_body *body,
		   void *opaque);

/* Serves reports that wait, for at most @timeout_ms. Gives their number. */
int kafka_out_poll(struct kafka_out *out, int timeout_ms);

/* Sends at once what waits for more records, and polls meanwhile, until all is
 * reported, but no longer than 1 ms. */
void kafka_out_push(struct kafka_out *out);

/* Sent and not reported yet. */
size_t kafka_out_waiting(const struct kafka_out *out);
/* What the client keeps for them: keys, values, headers, and its own. */
size_t kafka_out_waiting_bytes(const struct kafka_out *out);

/* Frees what is kept of earlier messages to make the next ones faster. */
void kafka_out_trim(struct kafka_out *out);

/* Polls until everything is reported; false when the deadline came first. */
bool kafka_out_flush(struct kafka_out *out, int64_t timeout_ms);

/* Has the producer hit an error that only a reset mends? */
bool kafka_out_fatal(const struct kafka_out *out);

/*
 * True while no broker can be reached, as far as the client knows. While away
 * it asks once a second, which may take 100 ms.
 */
bool kafka_out_away(struct kafka_out *out);

int kafka_out_reset(struct kafka_out *out);

#endif

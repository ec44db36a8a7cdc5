/* SPDX-License-Identifier: MIT */
/*
 * Kafka out: the producer.
 *
 * A reset destroys the old client without looking at its reports, so that a
 * report that is heard always belongs to the present one. "Away" is what the
 * client last said of its brokers: it is cleared by the next delivery, or by
 * a metadata answer, which is asked for once a second while away.
 */
#include "infra/lib/kafka/kafka_out.h"

#include <assert.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "infra/lib/arena.h"
#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_client.h"
#include "infra/lib/log.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"

#define TOPICS_MAX 64
#define ASK_AGAIN_MS 1000
#define ASK_TIMEOUT_MS 100
#define PUSH_MS 1
/* What librdkafka keeps of a message and of a header beside their bytes. */
#define MESSAGE_BYTES ((size_t)256)
#define HEADER_BYTES ((size_t)64)
#define HEADERS_USUAL 10
/*
 * The headers of a message that was reported are written over by the next one:
 * each would cost the client a block of memory, which is freed when it has left
 * the cache. Where a name or a length differs, headers are made anew from there
 * on. None are kept of a message with more or longer ones, or with two of one
 * name: they are removed by name.
 */
#define HEADERS_KEPT_MAX ((size_t)16)
#define NAME_KEPT_BYTES ((size_t)32)
#define HEADERS_KEPT_BYTES ((size_t)4096)

/* A message that is under way; the client carries its address. */
struct sent {
	void *opaque;
	size_t n_bytes;
	bool keep; /* its headers, when it is reported */
	/* Of one that is free: from its last message, or NULL. */
	rd_kafka_headers_t *headers;
	struct sent *next; /* of those that are free */
};

struct kafka_message {
	struct kafka_out *out;
	rd_kafka_topic_t *topic;
	struct sent *sent;
	rd_kafka_headers_t *headers;
	size_t n_headers; /* that were written */
	size_t n_old;     /* in `headers`, from an earlier message */
	bool keep;
	int32_t partition;
	int64_t wall_ms;
	size_t n_bytes;
};

struct kafka_out {
	struct kafka_out_params params;
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t *topics[TOPICS_MAX];
	size_t n_topics;
	struct kafka_message message; /* one is under construction at a time */
	struct arena sent;            /* all of them, free or not */
	struct sent *free_sent;
	size_t n_waiting;
	size_t waiting_bytes;
	bool fatal;
	bool away;
	int64_t asked_at_ms;
};

/* ---- what is under way ---- */

static struct sent *sent_new(struct kafka_out *out)
{
	struct sent *sent = out->free_sent;

	if (sent) {
		out->free_sent = sent->next;
		return sent;
	}
	sent = arena_alloc(&out->sent, sizeof(*sent));
	*sent = (struct sent){ 0 };
	return sent;
}

static void sent_free(struct kafka_out *out, struct sent *sent)
{
	sent->next = out->free_sent;
	out->free_sent = sent;
}

static void sent_begin(struct kafka_out *out, struct sent *sent, void *opaque,
		       size_t n_bytes)
{
	sent->opaque = opaque;
	sent->n_bytes = n_bytes;
	out->n_waiting++;
	out->waiting_bytes += n_bytes;
}

/* Gives its opaque. */
static void *sent_end(struct kafka_out *out, struct sent *sent)
{
	out->n_waiting--;
	out->waiting_bytes -= sent->n_bytes;
	sent_free(out, sent);
	return sent->opaque;
}

void kafka_out_trim(struct kafka_out *out)
{
	for (struct sent *sent = out->free_sent; sent; sent = sent->next) {
		if (sent->headers)
			rd_kafka_headers_destroy(sent->headers);
		sent->headers = NULL;
	}
}

/* Of a client that is gone; it reports nothing any more. */
static void sent_forget(struct kafka_out *out)
{
	kafka_out_trim(out);
	arena_reset(&out->sent);
	out->free_sent = NULL;
	out->n_waiting = 0;
	out->waiting_bytes = 0;
}

/* ---- callbacks ---- */

/* Errors about this very message: sent again it is refused again. */
static bool is_refusal(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       err == RD_KAFKA_RESP_ERR_INVALID_MSG ||
	       err == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
	       err == RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP ||
	       err == RD_KAFKA_RESP_ERR_INVALID_RECORD ||
	       err == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE;
}

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message,
		      void *arg)
{
	struct kafka_out *out = arg;
	struct sent *sent = message->_private;
	struct kafka_report report = {
		.opaque = sent_end(out, sent),
		.delivered = !message->err,
		.partition = message->partition,
		.offset = message->offset,
		.error = message->err ? rd_kafka_err2str(message->err) : NULL,
		.refused = is_refusal(message->err),
	};

	(void)rk;
	if (sent->keep)
		(void)rd_kafka_message_detach_headers(
			(rd_kafka_message_t *)(uintptr_t)message,
			&sent->headers);
	if (report.delivered)
		out->away = false;
	out->params.report(out->params.arg, &report);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
	struct kafka_out *out = arg;

	(void)rk;
	if (err == RD_KAFKA_RESP_ERR__FATAL)
		out->fatal = true;
	if (err == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		out->away = true;
	log_debug("KAFKA-OUT-ERROR", "%s", reason);
}

/*
 * The partition that Kafka's own clients choose for that key when the topic
 * has as many partitions as were declared. Any thread.
 */
static int32_t choose_partition(const rd_kafka_topic_t *topic, const void *key,
				size_t n_key, int32_t n_partitions, void *arg,
				void *opaque)
{
	const struct kafka_out *out = arg;
	int32_t most = out->params.partitions_max;

	if (most > 0 && n_partitions > most)
		n_partitions = most;
	return rd_kafka_msg_partitioner_murmur2_random(
		topic, key, n_key, n_partitions, NULL, opaque);
}

static void set_partitioner(rd_kafka_conf_t *conf, struct kafka_out *out)
{
	/* It is there, since a setting of topics was set before. */
	rd_kafka_topic_conf_t *topic =
		rd_kafka_conf_get_default_topic_conf(conf);

	assert(topic);
	rd_kafka_topic_conf_set_opaque(topic, out);
	rd_kafka_topic_conf_set_partitioner_cb(topic, choose_partition);
	/* Else messages without a key would not be asked about. */
	kafka_set(conf, "sticky.partitioning.linger.ms", "0");
}

static rd_kafka_conf_t *conf_of(struct kafka_out *out)
{
	const struct kafka_out_params *params = &out->params;
	rd_kafka_conf_t *conf =
		kafka_conf_new(params->brokers, params->client_id);

	kafka_set(conf, "enable.idempotence", "true");
	kafka_set(conf, "message.timeout.ms", "0");
	kafka_set(conf, "batch.num.messages", "10000");
	kafka_set_number(conf, "message.max.bytes",
			 (int64_t)KAFKA_OUT_MESSAGE_MAX_BYTES);
	kafka_set_number(conf, "linger.ms", params->linger_ms);
	kafka_set_number(conf, "queue.buffering.max.messages",
			 params->queue_max);
	set_partitioner(conf, out);
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, out);
	return conf;
}

static int open_client(struct kafka_out *out)
{
	rd_kafka_conf_t *conf = conf_of(out);
	char error[256];

	out->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!out->rk) {
		rd_kafka_conf_destroy(conf);
		log_error("KAFKA-OUT-OPEN", "%s", error);
		return -EIO;
	}
	out->queue = rd_kafka_queue_get_main(out->rk);
	if (out->params.loop)
		kafka_wake_by(out->queue, loop_wake_fd(out->params.loop));
	out->fatal = false;
	return 0;
}

static void close_client(struct kafka_out *out)
{
	if (!out->rk)
		return;
	for (size_t i = 0; i < out->n_topics; i++)
		rd_kafka_topic_destroy(out->topics[i]);
	out->n_topics = 0;
	if (out->params.loop)
		rd_kafka_queue_io_event_enable(out->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(out->queue);
	(void)rd_kafka_purge(out->rk, RD_KAFKA_PURGE_F_QUEUE |
					      RD_KAFKA_PURGE_F_INFLIGHT |
					      RD_KAFKA_PURGE_F_NON_BLOCKING);
	rd_kafka_destroy_flags(out->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	out->rk = NULL;
	sent_forget(out);
}

int kafka_out_new(struct kafka_out **ret, const struct kafka_out_params *params)
{
	CLEANUP(kafka_out_freep)
	struct kafka_out *out = xcalloc(1, sizeof(*out));
	int r;

	out->params = *params;
	r = open_client(out);
	if (r)
		return r;
	*ret = out;
	out = NULL;
	return 0;
}

struct kafka_out *kafka_out_free(struct kafka_out *out)
{
	if (!out)
		return NULL;
	close_client(out);
	arena_deinit(&out->sent);
	free(out);
	return NULL;
}

int kafka_out_reset(struct kafka_out *out)
{
	close_client(out);
	return open_client(out);
}

static rd_kafka_topic_t *topic_of(struct kafka_out *out, const char *name)
{
	size_t i;

	for (i = 0; i < out->n_topics; i++)
		if (!strcmp(rd_kafka_topic_name(out->topics[i]), name))
			return out->topics[i];
	assert(i < TOPICS_MAX);
	out->topics[i] = xalloc_check(rd_kafka_topic_new(out->rk, name, NULL));
	out->n_topics++;
	return out->topics[i];
}

struct kafka_message *kafka_out_message(struct kafka_out *out,
					const char *topic)
{
	struct kafka_message *message = &out->message;

	assert(!message->headers);
	*message = (struct kafka_message){
		.out = out,
		.topic = topic_of(out, topic),
		.sent = sent_new(out),
		.keep = true,
		.partition = RD_KAFKA_PARTITION_UA,
	};
	message->headers = message->sent->headers;
	message->sent->headers = NULL;
	if (message->headers)
		message->n_old = rd_kafka_header_cnt(message->headers);
	else
		message->headers =
			xalloc_check(rd_kafka_headers_new(HEADERS_USUAL));
	return message;
}

void kafka_message_partition(struct kafka_message *message, int32_t partition)
{
	message->partition = partition;
}

void kafka_message_timestamp(struct kafka_message *message, int64_t wall_ms)
{
	message->wall_ms = wall_ms;
}

size_t kafka_message_bytes(const struct kafka_message *message)
{
	return message->n_bytes;
}

/* Writes the value into the header at that place, if it has that name and a
 * value of that length. */
static bool overwrite(const struct kafka_message *message, const char *name,
		      const char *value, size_t n)
{
	const char *old_name;
	const void *old;
	size_t n_old;

	if (!value || message->n_headers >= message->n_old ||
	    rd_kafka_header_get_all(message->headers, message->n_headers,
				    &old_name, &old, &n_old) ||
	    !old || n_old != n || strcmp(old_name, name) != 0)
		return false;
	memcpy((void *)(uintptr_t)old, value, n);
	return true;
}

/* What is left of an earlier message. The client compares names while it frees
 * headers: so the name may not be that of the header. */
static void drop_old(struct kafka_message *message)
{
	char name[NAME_KEPT_BYTES];
	const char *old_name;
	const void *value;
	size_t n;

	while (message->n_old > message->n_headers &&
	       !rd_kafka_header_get_all(message->headers, --message->n_old,
					&old_name, &value, &n)) {
		(void)str_copy(name, sizeof(name), old_name);
		(void)rd_kafka_header_remove(message->headers, name);
	}
}

static bool has_header(const struct kafka_message *message, const char *name)
{
	const void *value;
	size_t n;

	return !rd_kafka_header_get_last(message->headers, name, &value, &n);
}

int kafka_message_header(void *arg, const char *name, const char *value,
			 size_t n)
{
	struct kafka_message *message = arg;
	size_t n_name = strlen(name);

	message->n_bytes += n_name + n + HEADER_BYTES;
	if (!overwrite(message, name, value, n)) {
		drop_old(message);
		if (message->n_headers >= HEADERS_KEPT_MAX ||
		    n_name >= NAME_KEPT_BYTES || has_header(message, name))
			message->keep = false;
		(void)rd_kafka_header_add(message->headers, name,
					  (ssize_t)n_name, value,
					  value ? (ssize_t)n : -1);
	}
	message->n_headers++;
	return 0;
}

static int outcome_of(struct kafka_out *out, rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return KAFKA_OUT_E_FULL;
	case RD_KAFKA_RESP_ERR__FATAL:
		out->fatal = true;
		return KAFKA_OUT_E_FATAL;
	default:
		return KAFKA_OUT_E_REFUSED;
	}
}

int kafka_out_send(struct kafka_message *message, const struct kafka_body *body,
		   void *opaque)
{
	struct kafka_out *out = message->out;
	struct sent *sent = message->sent;
	rd_kafka_vu_t vus[] = {
		{ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = message->topic },
		{ .vtype = RD_KAFKA_VTYPE_PARTITION,
		  .u.i32 = message->partition },
		{ .vtype = RD_KAFKA_VTYPE_TIMESTAMP,
		  .u.i64 = message->wall_ms },
		{ .vtype = RD_KAFKA_VTYPE_MSGFLAGS,
		  .u.i = RD_KAFKA_MSG_F_COPY },
		{ .vtype = RD_KAFKA_VTYPE_KEY,
		  .u.mem = { (void *)(uintptr_t)body->key, body->n_key } },
		{ .vtype = RD_KAFKA_VTYPE_VALUE,
		  .u.mem = { (void *)(uintptr_t)body->value, body->n_value } },
		{ .vtype = RD_KAFKA_VTYPE_HEADERS,
		  .u.headers = message->headers },
		{ .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = sent },
	};
	rd_kafka_error_t *error;
	int r = 0;

	drop_old(message);
	sent->keep = message->keep && message->n_bytes <= HEADERS_KEPT_BYTES;
	sent_begin(out, sent, opaque,
		   message->n_bytes + MESSAGE_BYTES + body->n_key +
			   body->n_value);
	error = rd_kafka_produceva(out->rk, vus, sizeof(vus) / sizeof(*vus));
	if (error) {
		/* The headers are ours again. */
		rd_kafka_headers_destroy(message->headers);
		(void)sent_end(out, sent);
		r = outcome_of(out, rd_kafka_error_code(error));
		rd_kafka_error_destroy(error);
	}
	message->headers = NULL;
	return r;
}

int kafka_out_poll(struct kafka_out *out, int timeout_ms)
{
	return rd_kafka_poll(out->rk, timeout_ms);
}

void kafka_out_push(struct kafka_out *out)
{
	/* The client lets nothing linger while a flush is under way. */
	(void)rd_kafka_flush(out->rk, PUSH_MS);
}

size_t kafka_out_waiting(const struct kafka_out *out)
{
	return out->n_waiting;
}

size_t kafka_out_waiting_bytes(const struct kafka_out *out)
{
	return out->waiting_bytes;
}

bool kafka_out_flush(struct kafka_out *out, int64_t timeout_ms)
{
	int64_t deadline_at_ms = clock_now_ms() + timeout_ms;

	while (out->n_waiting && clock_left_ms(deadline_at_ms) > 0)
		(void)rd_kafka_flush(out->rk, clock_left_ms(deadline_at_ms));
	return !out->n_waiting;
}

bool kafka_out_fatal(const struct kafka_out *out)
{
	return out->fatal;
}

bool kafka_out_away(struct kafka_out *out)
{
	const struct rd_kafka_metadata *metadata;

	if (!out->away || clock_now_ms() - out->asked_at_ms < ASK_AGAIN_MS)
		return out->away;
	out->asked_at_ms = clock_now_ms();
	if (!rd_kafka_metadata(out->rk, 0, NULL, &metadata, ASK_TIMEOUT_MS)) {
		rd_kafka_metadata_destroy(metadata);
		out->away = false;
	}
	return out->away;
}

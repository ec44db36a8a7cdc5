/* SPDX-License-Identifier: MIT */
/*
 * Kafka in: the consumer.
 *
 * Partitions that the group gives are taken at once, paused and without a
 * place: the member stays in its group while the owner finds out, from
 * Postgres, where to begin; that may take as long as a database is away. They
 * are paused before they are assigned, so that nothing is fetched from the
 * offset that an assignment must name: a log may begin above it. (It is never
 * OFFSET_END or OFFSET_STORED: librdkafka 2.0.2 resolves these again half a
 * second later and jumps there, also when a seek came in between.) Records may
 * still come from before the seek; the owner knows which offset comes next and
 * drops them. resume_at() resumes first and seeks then, because the seek
 * invalidates what was fetched before it.
 */
#include "infra/lib/kafka/kafka_in.h"

#include <assert.h>
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_client.h"
#include "infra/lib/log.h"
#include "infra/lib/xalloc.h"

#define POLL_MAX 4096
/* A response is held in memory as long as any record of it. A batch that is
 * larger when it is decompressed cannot be read. */
#define FETCH_MAX_BYTES ((int64_t)4 << 20)
/* Partitions that are resumed may just have missed a fetch, and are not in the
 * next one before a broker has answered it: so long they wait in silence. */
#define FETCH_WAIT_MS 50
#define DECOMPRESSED_MAX_BYTES ((int64_t)16 << 20)
/* No limit: that of bytes counts. */
#define QUEUE_MAX 1000000
#define CLOSE_TIMEOUT_MS 5000
#define LEAVE_TIMEOUT_MS 2000
#define COMMIT_TIMEOUT_MS 5000
#define SEEK_TIMEOUT_MS 2000
#define HEARTBEAT_MAX_MS 1000

struct kafka_in {
	struct kafka_in_params params;
	bool leaves; /* for good, although it is a static member */
	const char *topics[KAFKA_IN_TOPICS_MAX];
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	rd_kafka_topic_t *handles[KAFKA_IN_TOPICS_MAX];
	rd_kafka_message_t *polled[POLL_MAX];
	bool fetchers_wake; /* by themselves, while the queue is full */
	size_t n_taken, taken_bytes; /* since they were woken */
	bool fatal;
	bool doubted; /* a topic may have gone */
};

/* ---- lists of partitions, theirs and ours ---- */

static rd_kafka_topic_partition_list_t *
list_of(const struct kafka_in *in, const struct kafka_partition *partitions,
	size_t n)
{
	rd_kafka_topic_partition_list_t *list =
		xalloc_check(rd_kafka_topic_partition_list_new((int)n));

	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(
			list, in->topics[partitions[i].topic],
			partitions[i].partition)
			->offset = partitions[i].offset;
	return list;
}

static int topic_index(const struct kafka_in *in, const char *name)
{
	for (size_t i = 0; i < in->params.n_topics; i++)
		if (!strcmp(in->topics[i], name))
			return (int)i;
	return -1;
}

static size_t ours_of(const struct kafka_in *in,
		      const rd_kafka_topic_partition_list_t *list,
		      struct kafka_partition **ret)
{
	size_t n = 0;

	*ret = xcalloc((size_t)list->cnt, sizeof(**ret));
	for (int i = 0; i < list->cnt; i++) {
		int topic = topic_index(in, list->elems[i].topic);

		if (topic < 0)
			continue;
		(*ret)[n].topic = topic;
		(*ret)[n].partition = list->elems[i].partition;
		(*ret)[n].offset = list->elems[i].offset;
		n++;
	}
	return n;
}

/* ---- callbacks ---- */

static void assign_paused(rd_kafka_t *rk, rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++)
		list->elems[i].offset = 0;
	(void)rd_kafka_pause_partitions(rk, list);
	(void)rd_kafka_assign(rk, list);
	(void)rd_kafka_pause_partitions(rk, list);
}

static void rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err,
		      rd_kafka_topic_partition_list_t *list, void *arg)
{
	struct kafka_in *in = arg;
	struct kafka_partition *partitions;
	size_t n = ours_of(in, list, &partitions);

	if (err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		assign_paused(rk, list);
		in->params.assigned(in->params.arg, partitions, n);
	} else {
		in->params.revoked(in->params.arg, partitions, n,
				   rd_kafka_assignment_lost(rk));
		(void)rd_kafka_assign(rk, NULL);
	}
	free(partitions);
}

static void on_error(rd_kafka_t *rk, int err, const char *reason, void *arg)
{
	struct kafka_in *in = arg;

	(void)rk;
	if (err == RD_KAFKA_RESP_ERR__FATAL)
		in->fatal = true;
	if (err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
	    err == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC ||
	    err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		in->doubted = true;
	if (in->params.trouble)
		in->params.trouble(in->params.arg, reason);
}

/* ---- opening and closing ---- */

/* How much is fetched ahead: the client counts records, and bytes of values,
 * over all partitions. */
static void set_queue(struct kafka_in *in, rd_kafka_conf_t *conf)
{
	const struct kafka_in_params *params = &in->params;

	kafka_set_number(conf, "queued.min.messages", params->queue_max);
	kafka_set_number(conf, "queued.max.messages.kbytes",
			 params->queue_max_kbytes);
	if (params->fetch_bytes)
		kafka_set_number(conf, "fetch.message.max.bytes",
				 params->fetch_bytes);
	/* From 2.3 on; see wake_fetchers(). */
	in->fetchers_wake =
		kafka_set_if_known(conf, "fetch.queue.backoff.ms", "1");
}

static rd_kafka_conf_t *conf_of(struct kafka_in *in)
{
	const struct kafka_in_params *params = &in->params;
	rd_kafka_conf_t *conf =
		kafka_conf_new(params->brokers, params->client_id);
	int64_t heartbeat_ms = params->session_timeout_ms / 4;

	kafka_set(conf, "group.id", params->group ? params->group : "none");
	if (params->instance_id && *params->instance_id)
		kafka_set(conf, "group.instance.id", params->instance_id);
	if (params->session_timeout_ms) {
		kafka_set_number(conf, "session.timeout.ms",
				 params->session_timeout_ms);
		/* It is by a heartbeat that a member hears of a rebalance, and
		 * all others wait until it has. */
		if (heartbeat_ms > HEARTBEAT_MAX_MS)
			heartbeat_ms = HEARTBEAT_MAX_MS;
		kafka_set_number(conf, "heartbeat.interval.ms", heartbeat_ms);
	}
	kafka_set(conf, "partition.assignment.strategy", "range");
	kafka_set(conf, "enable.auto.commit", "false");
	kafka_set(conf, "enable.auto.offset.store", "false");
	kafka_set(conf, "auto.offset.reset", "error");
	kafka_set(conf, "check.crcs", "true");
	kafka_set_number(conf, "fetch.wait.max.ms", FETCH_WAIT_MS);
	kafka_set(conf, "fetch.error.backoff.ms", "50");
	kafka_set_number(conf, "fetch.max.bytes", FETCH_MAX_BYTES);
	kafka_set_number(conf, "receive.message.max.bytes",
			 DECOMPRESSED_MAX_BYTES);
	if (params->marks)
		kafka_set(conf, "enable.partition.eof", "true");
	set_queue(in, conf);
	if (params->group)
		rd_kafka_conf_set_rebalance_cb(conf, rebalance);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_opaque(conf, in);
	return conf;
}

static int subscribe(struct kafka_in *in)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new((int)in->params.n_topics);
	rd_kafka_resp_err_t err;

	xalloc_check(list);
	for (size_t i = 0; i < in->params.n_topics; i++)
		(void)rd_kafka_topic_partition_list_add(list, in->topics[i],
							RD_KAFKA_PARTITION_UA);
	err = rd_kafka_subscribe(in->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	return err ? -EIO : 0;
}

static int open_client(struct kafka_in *in)
{
	rd_kafka_conf_t *conf = conf_of(in);
	char error[256];

	in->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!in->rk) {
		rd_kafka_conf_destroy(conf);
		log_error("KAFKA-IN-OPEN", "%s", error);
		return -EIO;
	}
	(void)rd_kafka_poll_set_consumer(in->rk);
	in->queue = xalloc_check(rd_kafka_queue_get_consumer(in->rk));
	for (size_t i = 0; i < in->params.n_topics; i++)
		in->handles[i] = xalloc_check(
			rd_kafka_topic_new(in->rk, in->topics[i], NULL));
	if (in->params.loop)
		kafka_wake_by(in->queue, loop_wake_fd(in->params.loop));
	return in->params.group ? subscribe(in) : 0;
}

int kafka_in_new(struct kafka_in **ret, const struct kafka_in_params *params)
{
	CLEANUP(kafka_in_freep) struct kafka_in *in = xcalloc(1, sizeof(*in));
	int r;

	assert(params->n_topics <= KAFKA_IN_TOPICS_MAX);
	in->params = *params;
	if (!in->params.queue_max)
		in->params.queue_max = QUEUE_MAX;
	for (size_t i = 0; i < params->n_topics; i++)
		in->topics[i] = xstrdup(params->topics[i]);
	r = open_client(in);
	if (r)
		return r;
	*ret = in;
	in = NULL;
	return 0;
}

/* Serves the last revocation; records are of no use now. */
static void serve(struct kafka_in *in)
{
	for (ssize_t i = 0, n = rd_kafka_consume_batch_queue(
				    in->queue, 20, in->polled, POLL_MAX);
	     i < n; i++)
		rd_kafka_message_destroy(in->polled[i]);
}

static bool is_member(const struct kafka_in *in)
{
	char *id = rd_kafka_memberid(in->rk);
	bool member = id && *id;

	if (id)
		rd_kafka_mem_free(in->rk, id);
	return member;
}

/* Only a static member that unsubscribes leaves; one that is closed keeps its
 * place (KIP-345). It has no member id any more when it has left. */
static void unsubscribe(struct kafka_in *in)
{
	int64_t deadline_at_ms = clock_now_ms() + LEAVE_TIMEOUT_MS;

	if (rd_kafka_unsubscribe(in->rk))
		return;
	while (is_member(in) && clock_left_ms(deadline_at_ms) > 0)
		serve(in);
}

/* Leaves the group; a close that hangs is given up. */
static bool close_client(struct kafka_in *in)
{
	int64_t deadline_at_ms = clock_now_ms() + CLOSE_TIMEOUT_MS;
	rd_kafka_error_t *error;

	if (in->leaves)
		unsubscribe(in);
	error = rd_kafka_consumer_close_queue(in->rk, in->queue);
	if (error) {
		rd_kafka_error_destroy(error);
		return false;
	}
	while (!rd_kafka_consumer_closed(in->rk)) {
		if (clock_left_ms(deadline_at_ms) == 0)
			return false;
		serve(in);
	}
	return true;
}

void kafka_in_leave(struct kafka_in *in)
{
	in->leaves = true;
}

struct kafka_in *kafka_in_free(struct kafka_in *in)
{
	bool closed = true;

	if (!in)
		return NULL;
	if (in->rk) {
		if (in->params.loop)
			rd_kafka_queue_io_event_enable(in->queue, -1, NULL, 0);
		if (in->params.group)
			closed = close_client(in);
		for (size_t i = 0; i < in->params.n_topics; i++)
			rd_kafka_topic_destroy(in->handles[i]);
		rd_kafka_queue_destroy(in->queue);
		rd_kafka_destroy_flags(
			in->rk,
			closed ? 0 : RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	}
	for (size_t i = 0; i < in->params.n_topics; i++)
		free((void *)(uintptr_t)in->topics[i]);
	free(in);
	return NULL;
}

/* ---- records ---- */

static bool is_gone(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
	       err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE;
}

static int topic_of(const struct kafka_in *in,
		    const rd_kafka_message_t *message)
{
	for (size_t i = 0; i < in->params.n_topics; i++)
		if (in->handles[i] == message->rkt)
			return (int)i;
	return message->rkt ? topic_index(in, rd_kafka_topic_name(message->rkt))
			    : -1;
}

static void read_mark(rd_kafka_message_t *message, struct kafka_record *ret)
{
	ret->handle = message;
	ret->offset = message->offset;
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		ret->mark = KAFKA_END;
		return;
	}
	ret->mark = is_gone(message->err) ? KAFKA_GONE : KAFKA_UNREADABLE;
	ret->partition = message->partition < 0 ? -1 : message->partition;
	ret->value = rd_kafka_message_errstr(message);
	ret->n_value = strlen(ret->value);
}

static bool read_record(struct kafka_in *in, rd_kafka_message_t *message,
			struct kafka_record *ret)
{
	rd_kafka_timestamp_type_t type;
	int topic = topic_of(in, message);

	if (message->err && (topic < 0 || !in->params.marks)) {
		if (in->params.trouble)
			in->params.trouble(in->params.arg,
					   rd_kafka_message_errstr(message));
		return false;
	}
	if (topic < 0)
		return false;
	*ret = (struct kafka_record){ .topic = topic,
				      .partition = message->partition };
	if (message->err) {
		read_mark(message, ret);
		return true;
	}
	ret->offset = message->offset;
	ret->timestamp_ms = rd_kafka_message_timestamp(message, &type);
	ret->key = message->key;
	ret->n_key = message->key_len;
	ret->value = message->payload;
	ret->n_value = message->len;
	ret->handle = message;
	return true;
}

/*
 * When the queue is full, librdkafka 2.0.2 looks only once a second whether it
 * still is, unless something else wakes the thread of that broker. One call
 * does that and nothing more: it sets a name and a password for SASL, which no
 * client of ours uses. A pause or a seek would drop what was fetched, and a
 * request would wait behind a fetch.
 */
static void wake_fetchers(struct kafka_in *in)
{
	if (in->fetchers_wake ||
	    (in->n_taken < (size_t)in->params.queue_max / 4 &&
	     in->taken_bytes < (size_t)in->params.queue_max_kbytes * 256))
		return;
	in->n_taken = in->taken_bytes = 0;
	rd_kafka_error_destroy(rd_kafka_sasl_set_credentials(in->rk, "", ""));
}

size_t kafka_in_poll(struct kafka_in *in, struct kafka_record *ret,
		     size_t n_max, int timeout_ms)
{
	size_t n_read = 0;
	ssize_t n;

	n = rd_kafka_consume_batch_queue(in->queue, timeout_ms, in->polled,
					 n_max < POLL_MAX ? n_max : POLL_MAX);
	for (ssize_t i = 0; i < n; i++) {
		in->n_taken++;
		in->taken_bytes += in->polled[i]->len;
		if (read_record(in, in->polled[i], &ret[n_read]))
			n_read++;
		else
			rd_kafka_message_destroy(in->polled[i]);
	}
	wake_fetchers(in);
	return n_read;
}

size_t kafka_in_queued(const struct kafka_in *in)
{
	return rd_kafka_queue_length(in->queue);
}

void kafka_record_release(struct kafka_record *record)
{
	if (record->handle)
		rd_kafka_message_destroy(record->handle);
	record->handle = NULL;
}

bool kafka_record_header(const struct kafka_record *record, size_t i,
			 const char **ret_name, const void **ret_value,
			 size_t *ret_n)
{
	rd_kafka_headers_t *headers;

	if (rd_kafka_message_headers(record->handle, &headers))
		return false;
	return !rd_kafka_header_get_all(headers, i, ret_name, ret_value, ret_n);
}

/* ---- where and whether to read ---- */

int kafka_in_assign(struct kafka_in *in,
		    const struct kafka_partition *partitions,
		    size_t n_partitions)
{
	rd_kafka_topic_partition_list_t *list =
		list_of(in, partitions, n_partitions);
	rd_kafka_resp_err_t err = rd_kafka_assign(in->rk, list);

	rd_kafka_topic_partition_list_destroy(list);
	return err ? -EIO : 0;
}

int kafka_in_pause(struct kafka_in *in,
		   const struct kafka_partition *partitions, size_t n)
{
	rd_kafka_topic_partition_list_t *list = list_of(in, partitions, n);
	rd_kafka_resp_err_t err = rd_kafka_pause_partitions(in->rk, list);

	rd_kafka_topic_partition_list_destroy(list);
	return err ? -EIO : 0;
}

void kafka_in_resume_at(struct kafka_in *in,
			const struct kafka_partition *partitions, size_t n,
			bool *ret_begun)
{
	rd_kafka_topic_partition_list_t *list = list_of(in, partitions, n);

	(void)rd_kafka_resume_partitions(in->rk, list);
	/* In time or not, each partition has its own outcome. */
	rd_kafka_error_destroy(
		rd_kafka_seek_partitions(in->rk, list, SEEK_TIMEOUT_MS));
	for (size_t i = 0; i < n; i++)
		ret_begun[i] = !list->elems[i].err;
	rd_kafka_topic_partition_list_destroy(list);
}

void kafka_in_restart(struct kafka_in *in)
{
	rd_kafka_topic_partition_list_t *list;

	if (rd_kafka_assignment(in->rk, &list))
		return;
	assign_paused(in->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

bool kafka_in_fatal(const struct kafka_in *in)
{
	return in->fatal;
}

static int commit_and_wait(struct kafka_in *in,
			   rd_kafka_topic_partition_list_t *list)
{
	rd_kafka_queue_t *queue = xalloc_check(rd_kafka_queue_new(in->rk));
	rd_kafka_resp_err_t err;
	rd_kafka_event_t *event;

	err = rd_kafka_commit_queue(in->rk, list, queue, NULL, NULL);
	if (!err) {
		event = rd_kafka_queue_poll(queue, COMMIT_TIMEOUT_MS);
		err = event ? rd_kafka_event_error(event)
			    : RD_KAFKA_RESP_ERR__TIMED_OUT;
		rd_kafka_event_destroy(event);
	}
	rd_kafka_queue_destroy(queue);
	switch (err) {
	case RD_KAFKA_RESP_ERR_NO_ERROR:
		return 0;
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
		return KAFKA_IN_E_AWAY;
	default:
		return KAFKA_IN_E_NOT_MEMBER;
	}
}

int kafka_in_commit(struct kafka_in *in,
		    const struct kafka_partition *partitions, size_t n,
		    bool sync)
{
	rd_kafka_topic_partition_list_t *list = list_of(in, partitions, n);
	int r = 0;

	if (sync)
		r = commit_and_wait(in, list);
	else
		(void)rd_kafka_commit(in->rk, list, 1);
	rd_kafka_topic_partition_list_destroy(list);
	return r;
}

bool kafka_in_end(const struct kafka_in *in, int topic, int32_t partition,
		  int64_t *ret)
{
	int64_t low, high;

	if (rd_kafka_get_watermark_offsets(in->rk, in->topics[topic], partition,
					   &low, &high) ||
	    high < 0)
		return false;
	*ret = high;
	return true;
}

int kafka_in_watermarks(struct kafka_in *in, int topic, int32_t partition,
			int64_t timeout_ms, int64_t *ret_low, int64_t *ret_high)
{
	int64_t low, high;

	if (rd_kafka_query_watermark_offsets(in->rk, in->topics[topic],
					     partition, &low, &high,
					     (int)timeout_ms))
		return KAFKA_IN_E_AWAY;
	*ret_low = low;
	*ret_high = high;
	return 0;
}

bool kafka_in_topics_doubted(struct kafka_in *in)
{
	bool doubted = in->doubted;

	in->doubted = false;
	return doubted;
}

static bool has_topic(const struct rd_kafka_metadata *metadata,
		      const char *name)
{
	for (int i = 0; i < metadata->topic_cnt; i++) {
		const struct rd_kafka_metadata_topic *topic =
			&metadata->topics[i];

		if (!strcmp(topic->topic, name))
			return !topic->err && topic->partition_cnt > 0;
	}
	return false;
}

int kafka_in_topics(struct kafka_in *in, int64_t timeout_ms, bool *ret_there)
{
	const struct rd_kafka_metadata *metadata;

	if (rd_kafka_metadata(in->rk, 1, NULL, &metadata, (int)timeout_ms))
		return KAFKA_IN_E_AWAY;
	for (size_t i = 0; i < in->params.n_topics; i++)
		ret_there[i] = has_topic(metadata, in->topics[i]);
	rd_kafka_metadata_destroy(metadata);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * It is a consumer without a group: only a consumer asks for a topic in a way
 * that does not make the broker create it.
 */
#include "infra/lib/kafka/kafka_watch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_client.h"
#include "infra/lib/log.h"
#include "infra/lib/mailbox.h"
#include "infra/lib/xalloc.h"

enum {
	ASK_EVERY_MS = 1000,
	ASK_AGAIN_MS = 100, /* after no answer */
	ASK_TIMEOUT_MS = 1500,
};

#define AWAY "no broker answers"

struct topic {
	char *missing; /* the trouble without it */
	rd_kafka_topic_t *handle;
};

struct kafka_watch {
	struct kafka_watch_params params;
	rd_kafka_t *rk;
	struct topic topics[KAFKA_WATCH_TOPICS_MAX];
	int64_t answered_at_ms; /* of the thread */
	_Atomic(const char *) trouble;
	atomic_bool seen;

	pthread_t thread;
	bool has_thread;
	struct mailbox *stop; /* always empty; closed: the thread ends */
};

/* ---- the thread ---- */

static bool is_there(const struct rd_kafka_metadata *metadata, const char *name)
{
	for (int i = 0; i < metadata->topic_cnt; i++)
		if (strcmp(metadata->topics[i].topic, name) == 0)
			return metadata->topics[i].err !=
				       RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
			       metadata->topics[i].partition_cnt > 0;
	return false;
}

static const char *missing_of(const struct kafka_watch *watch,
			      const struct rd_kafka_metadata *metadata)
{
	for (size_t i = 0; i < watch->params.n_topics; i++)
		if (!is_there(metadata,
			      rd_kafka_topic_name(watch->topics[i].handle)))
			return watch->topics[i].missing;
	return NULL;
}

static void set_trouble(struct kafka_watch *watch, const char *trouble)
{
	bool changed = atomic_exchange(&watch->trouble, trouble) != trouble;

	if (!trouble && !atomic_exchange(&watch->seen, true))
		changed = true;
	if (changed && watch->params.loop)
		loop_wake(watch->params.loop);
}

/* Gives for how long to wait until the next question. */
static int64_t ask(struct kafka_watch *watch)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t err;

	/* Of the topics that have a handle, and of no others. */
	err = rd_kafka_metadata(watch->rk, 0, NULL, &metadata, ASK_TIMEOUT_MS);
	(void)rd_kafka_poll(watch->rk, 0); /* errors that nobody else reads */
	if (!err) {
		watch->answered_at_ms = clock_now_ms();
		set_trouble(watch, missing_of(watch, metadata));
		rd_kafka_metadata_destroy(metadata);
		return ASK_EVERY_MS;
	}
	if (clock_now_ms() - watch->answered_at_ms >= KAFKA_WATCH_AWAY_MS)
		set_trouble(watch, AWAY);
	return ASK_AGAIN_MS;
}

static void *watch_brokers(void *arg)
{
	struct kafka_watch *watch = arg;
	char nothing;

	while (!mailbox_closed(watch->stop))
		(void)mailbox_get(watch->stop, &nothing, ask(watch));
	return NULL;
}

/* ---- the owner's side ---- */

static int open_client(struct kafka_watch *watch)
{
	rd_kafka_conf_t *conf =
		kafka_conf_new(watch->params.brokers, watch->params.client_id);
	char error[256];

	watch->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!watch->rk) {
		rd_kafka_conf_destroy(conf);
		log_error("KAFKA-WATCH-OPEN", "%s", error);
		return -EIO;
	}
	for (size_t i = 0; i < watch->params.n_topics; i++) {
		struct topic *topic = &watch->topics[i];
		const char *name = watch->params.topics[i];
		size_t n = strlen(name) + 32;

		topic->missing = xmalloc(n);
		(void)snprintf(topic->missing, n, "the topic '%s' is missing",
			       name);
		topic->handle =
			xalloc_check(rd_kafka_topic_new(watch->rk, name, NULL));
	}
	return 0;
}

int kafka_watch_new(struct kafka_watch **ret,
		    const struct kafka_watch_params *params)
{
	CLEANUP(kafka_watch_freep)
	struct kafka_watch *watch = xcalloc(1, sizeof(*watch));
	const struct mailbox_params stop = { .message_bytes = 1, .n_max = 1 };
	int r;

	assert(params->n_topics <= KAFKA_WATCH_TOPICS_MAX);
	watch->params = *params;
	watch->answered_at_ms = clock_now_ms();
	r = mailbox_new(&watch->stop, &stop);
	if (!r)
		r = open_client(watch);
	if (r)
		return r;
	r = pthread_create(&watch->thread, NULL, watch_brokers, watch);
	if (r)
		return -r;
	watch->has_thread = true;
	*ret = watch;
	watch = NULL;
	return 0;
}

struct kafka_watch *kafka_watch_free(struct kafka_watch *watch)
{
	if (!watch)
		return NULL;
	if (watch->stop)
		mailbox_close(watch->stop);
	if (watch->has_thread)
		(void)pthread_join(watch->thread, NULL);
	for (size_t i = 0; i < watch->params.n_topics; i++) {
		struct topic *topic = &watch->topics[i];

		if (topic->handle)
			rd_kafka_topic_destroy(topic->handle);
		free(topic->missing);
	}
	if (watch->rk)
		rd_kafka_destroy_flags(watch->rk,
				       RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	watch->stop = mailbox_free(watch->stop);
	free(watch);
	return NULL;
}

const char *kafka_watch_trouble(const struct kafka_watch *watch)
{
	return atomic_load(&watch->trouble);
}

bool kafka_watch_seen(const struct kafka_watch *watch)
{
	return atomic_load(&watch->seen);
}

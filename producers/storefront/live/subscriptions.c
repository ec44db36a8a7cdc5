/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: see subscriptions.h. A subscriber listens to one watch; its
 * stream goes with it, whoever ends first.
 */
#include "producers/storefront/live/subscriptions.h"

#include <assert.h>
#include <sys/queue.h>

#include "infra/lib/clock.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/answer.h"
#include "producers/storefront/live/order_event.h"
#include "producers/storefront/live/watches.h"
#include "producers/storefront/metrics.h"
#include "schemas/limits.h"

#define SUBSCRIBER_MAGIC 0x5b5c21beu

enum {
	REPLAY_MAX = 256, /* orders of a stall told to one who comes back */
	REPLAY_MAX_BYTES = SUBSCRIBER_MAX_BYTES / 2,
	REPLAY_LOOK_MAX = 8192, /* orders of all stalls looked at for it */
};

struct subscriber {
	unsigned int magic;
	struct subscriptions *streams;
	struct watch *watch;
	struct http_stream *stream;
	uint64_t told; /* the last change that was sent */
	bool behind;   /* a state was skipped: the latest is sent when it can */
	LIST_ENTRY(subscriber) link, all;
};

struct subscriptions {
	struct subscriptions_params params;
	struct watches *watches;
	struct subscribers all;
	size_t n_subscribers;
	struct loop_source *heartbeat;
	int64_t boot; /* for order_event() */
};

/* A request to watch an order, while the view is read for it. */
struct subscribing {
	struct subscriptions *streams;
	struct http_request *request;
	struct cached_order *entry;
};

/* An order that is read again. */
struct refreshing {
	struct subscriptions *streams;
	struct order_id id;
};

/* ---- subscribers ---- */

static void forget(struct subscriber *subscriber)
{
	struct subscriptions *streams = subscriber->streams;
	struct watch *watch = subscriber->watch;

	LIST_REMOVE(subscriber, link);
	LIST_REMOVE(subscriber, all);
	streams->n_subscribers--;
	counter_set(&metrics.subscribers, (int64_t)streams->n_subscribers);
	subscriber->magic = 0;
	free(subscriber);
	if (watch->entry)
		order_cache_unwatch(streams->params.cache, watch->entry);
	watches_drop(watch);
}

static void end(struct subscriber *subscriber)
{
	http_stream_end(subscriber->stream);
	forget(subscriber);
}

static struct blob *event_of(const struct subscriptions *streams,
			     const struct cached_order *entry)
{
	return order_event(&entry->order, streams->boot, entry->change);
}

/* May end the subscriber. */
static void tell(struct subscriber *subscriber, struct blob *blob,
		 uint64_t change)
{
	size_t n_waiting = http_stream_waiting_bytes(subscriber->stream);

	/* One that is larger than all that may wait goes alone. */
	if (n_waiting == 0 || n_waiting + blob->n <= SUBSCRIBER_MAX_BYTES) {
		http_stream_send(subscriber->stream, blob);
		subscriber->told = change;
		counter_add(&metrics.events_sent, 1);
	} else if (subscriber->watch->entry) {
		subscriber->behind = true;
	} else {
		counter_add(&metrics.subscribers_dropped, 1);
		end(subscriber);
	}
}

static void tell_one(struct subscriber *subscriber,
		     const struct cached_order *entry)
{
	struct blob *blob = event_of(subscriber->streams, entry);

	tell(subscriber, blob, entry->change);
	(void)blob_drop(blob);
}

static void on_drained(void *arg)
{
	struct subscriber *subscriber = arg;

	assert(subscriber->magic == SUBSCRIBER_MAGIC);
	if (!subscriber->behind)
		return;
	subscriber->behind = false;
	tell_one(subscriber, subscriber->watch->entry);
}

static void on_closed(void *arg)
{
	struct subscriber *subscriber = arg;

	assert(subscriber->magic == SUBSCRIBER_MAGIC);
	forget(subscriber);
}

/* NULL: the client has gone. */
static struct subscriber *begin(struct subscriptions *streams,
				struct watch *watch,
				struct http_request *request)
{
	struct subscriber *subscriber = xcalloc(1, sizeof(*subscriber));
	const struct http_stream_params params = {
		.type = "text/event-stream",
		.drained = on_drained,
		.closed = on_closed,
		.arg = subscriber,
	};
	struct blob *hello;

	subscriber->magic = SUBSCRIBER_MAGIC;
	subscriber->streams = streams;
	subscriber->watch = watch;
	subscriber->stream = http_stream_begin(request, &params);
	LIST_INSERT_HEAD(&watch->subscribers, subscriber, link);
	LIST_INSERT_HEAD(&streams->all, subscriber, all);
	streams->n_subscribers++;
	counter_set(&metrics.subscribers, (int64_t)streams->n_subscribers);
	if (!subscriber->stream) {
		forget(subscriber);
		return NULL;
	}
	hello = blob_new("retry: 1000\n\n", 13);
	http_stream_send(subscriber->stream, hello);
	(void)blob_drop(hello);
	return subscriber;
}

/* ---- an order ---- */

static void refuse(struct http_request *request, int r,
		   const struct order_id *id)
{
	struct answer_error error = { .order_id = id };

	if (r == VIEWS_E_NONE) {
		error.status = 404;
		error.error = "there is no such order";
	} else {
		error.status = 503;
		error.error = "the database is away or busy, ask again";
	}
	answer_error(request, &error);
}

static void take_order(void *arg, int r, const struct order *order)
{
	struct subscribing *subscribing = arg;
	struct subscriptions *streams = subscribing->streams;
	struct cached_order *entry = subscribing->entry;
	struct subscriber *subscriber;

	if (!r)
		order_cache_learn(streams->params.cache, order);
	if (entry->accepted && entry->order.items) {
		/* The cache's watch is the subscriber's from here on. */
		subscriber =
			begin(streams, watches_order(streams->watches, entry),
			      subscribing->request);
		if (subscriber)
			tell_one(subscriber, entry);
	} else {
		refuse(subscribing->request, r, &entry->order.id);
		order_cache_unwatch(streams->params.cache, entry);
	}
	free(subscribing);
}

static void subscribe_order(struct subscriptions *streams,
			    struct http_request *request,
			    const struct order_id *id)
{
	struct subscribing *subscribing = xcalloc(1, sizeof(*subscribing));

	subscribing->streams = streams;
	subscribing->request = request;
	/* Before the view is read, so that no fact falls in between. */
	subscribing->entry = order_cache_watch(streams->params.cache, id);
	views_order(streams->params.views, id, take_order, subscribing);
}

static void take_refreshed(void *arg, int r, const struct order *order)
{
	struct refreshing *refreshing = arg;
	struct order_cache *cache = refreshing->streams->params.cache;
	struct cached_order *entry = order_cache_find(cache, &refreshing->id);

	if (entry)
		entry->asked = false;
	if (!r)
		order_cache_learn(cache, order);
	free(refreshing);
}

static void refresh(struct subscriptions *streams, struct cached_order *entry)
{
	struct refreshing *refreshing;

	if (entry->asked)
		return;
	entry->asked = true;
	refreshing = xcalloc(1, sizeof(*refreshing));
	refreshing->streams = streams;
	refreshing->id = entry->order.id;
	views_order(streams->params.views, &refreshing->id, take_refreshed,
		    refreshing);
}

/* ---- a stall ---- */

/*
 * What changed since @after, oldest first; of more than a subscriber may leave
 * unread, the newest.
 */
static void replay(struct subscriber *subscriber, uint64_t after)
{
	const struct subscriptions *streams = subscriber->streams;
	struct text stall = text_of(subscriber->watch->stall);
	const struct cached_order *entry;
	struct blob *blobs[REPLAY_MAX];
	size_t n = 0, n_bytes = 0;

	entry = order_cache_newest(streams->params.cache);
	for (int looked = 0;
	     entry && n < REPLAY_MAX && looked < REPLAY_LOOK_MAX;
	     entry = order_cache_older(entry), looked++) {
		if (entry->change <= after || n_bytes > REPLAY_MAX_BYTES)
			break;
		if (!entry->order.items ||
		    !text_equal(text_of(entry->order.stall), stall))
			continue;
		if (n == 0)
			subscriber->told = entry->change;
		blobs[n] = event_of(streams, entry);
		n_bytes += blobs[n++]->n;
	}
	while (n-- > 0) {
		http_stream_send(subscriber->stream, blobs[n]);
		(void)blob_drop(blobs[n]);
	}
}

static void subscribe_stall(struct subscriptions *streams,
			    struct http_request *request, struct text stall)
{
	struct text last =
		http_head_field(http_request_head(request), "last-event-id");
	bool comes_back = last.p != NULL;
	uint64_t after =
		comes_back ? order_event_change(last, streams->boot) : 0;
	struct subscriber *subscriber =
		begin(streams, watches_stall(streams->watches, stall), request);

	if (subscriber && comes_back)
		replay(subscriber, after);
}

/* ---- the loop's side ---- */

static void on_heartbeat(void *arg)
{
	struct subscriptions *streams = arg;
	struct blob *blob = blob_new(":\n\n", 3);
	struct subscriber *subscriber;

	LIST_FOREACH(subscriber, &streams->all, all)
	{
		struct cached_order *entry = subscriber->watch->entry;

		if (http_stream_waiting_bytes(subscriber->stream) == 0)
			http_stream_send(subscriber->stream, blob);
		if (entry && !order_facts_final(&entry->order.facts))
			refresh(streams, entry);
	}
	(void)blob_drop(blob);
}

int subscriptions_new(struct subscriptions **ret,
		      const struct subscriptions_params *params)
{
	struct subscriptions *streams = xcalloc(1, sizeof(*streams));
	int r = watches_new(&streams->watches);

	if (r) {
		free(streams);
		return r;
	}
	streams->params = *params;
	streams->boot = clock_wall_ms();
	streams->heartbeat = loop_timer(params->loop, params->heartbeat_ms,
					on_heartbeat, streams);
	*ret = streams;
	return 0;
}

struct subscriptions *subscriptions_free(struct subscriptions *streams)
{
	if (!streams)
		return NULL;
	subscriptions_end(streams);
	(void)loop_source_free(streams->heartbeat);
	streams->watches = watches_free(streams->watches);
	free(streams);
	return NULL;
}

void subscriptions_end(struct subscriptions *streams)
{
	struct subscriber *subscriber;

	while ((subscriber = LIST_FIRST(&streams->all)))
		end(subscriber);
}

/* True: it was one of an order or a stall, and has been taken. */
static bool subscribe_to_query(struct subscriptions *streams,
			       struct http_request *request)
{
	const struct http_head *head = http_request_head(request);
	char value[TEXT_MAX_BYTES];
	struct order_id id;
	struct text text;

	if (http_head_query(head, "order", value, sizeof(value), &text)) {
		if (order_id_parse(&id, text.p, text.n))
			return false;
		subscribe_order(streams, request, &id);
		return true;
	}
	if (http_head_query(head, "stall", value, sizeof(value), &text)) {
		if (text.n == 0 || !text_is_clean(text) ||
		    text_n_chars(text) > TEXT_MAX_CHARS)
			return false;
		subscribe_stall(streams, request, text);
		return true;
	}
	return false;
}

void subscriptions_subscribe(struct subscriptions *streams,
			     struct http_request *request)
{
	static const struct answer_error full = {
		.status = 503,
		.error = "there are too many subscribers, try again",
	};
	static const struct answer_error bad = {
		.status = 400,
		.error = "order must be the id of an order, or stall the name "
			 "of a stall",
		.field = "order",
	};

	if ((int64_t)streams->n_subscribers >= streams->params.subscribers_max)
		answer_error(request, &full);
	else if (!subscribe_to_query(streams, request))
		answer_error(request, &bad);
}

bool subscriptions_of_stall(const struct subscriptions *streams,
			    struct text stall)
{
	return watches_find_stall(streams->watches, stall) != NULL;
}

static void tell_watch(struct watch *watch, struct blob *blob, uint64_t change)
{
	struct subscriber *subscriber, *next;

	if (!watch)
		return;
	subscriber = LIST_FIRST(&watch->subscribers);
	for (; subscriber; subscriber = next) {
		next = LIST_NEXT(subscriber, link);
		if (subscriber->told < change)
			tell(subscriber, blob, change);
	}
}

void subscriptions_flush(struct subscriptions *streams)
{
	struct order_cache *cache = streams->params.cache;
	struct cached_order *entry;

	while ((entry = order_cache_take_changed(cache))) {
		struct watch *of_order =
			watches_find_order(streams->watches, entry);
		struct watch *of_stall =
			entry->order.stall
				? watches_find_stall(
					  streams->watches,
					  text_of(entry->order.stall))
				: NULL;
		struct blob *blob;

		if (!of_order && !of_stall)
			continue;
		if (!entry->order.items) {
			refresh(streams, entry);
			continue;
		}
		blob = event_of(streams, entry);
		tell_watch(of_order, blob, entry->change);
		tell_watch(of_stall, blob, entry->change);
		(void)blob_drop(blob);
	}
	counter_set(&metrics.cached_orders, (int64_t)order_cache_n(cache));
}

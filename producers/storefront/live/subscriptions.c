/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: the subscribers of an order are in its cached entry, those of
 * a stall in a tree of stalls by name. A stall is there while somebody listens
 * to it. A subscriber and its stream end together, whichever ends first.
 */
#include "producers/storefront/live/subscriptions.h"

#include <assert.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <search.h>
#include <sys/queue.h>

#include "infra/lib/clock.h"
#include "infra/lib/loop.h"
#include "infra/lib/xalloc.h"
#include "producers/storefront/http/http.h"
#include "producers/storefront/orders/handlers.h"
#include "producers/storefront/orders/order_cache.h"
#include "schemas/limits.h"

#define SUBSCRIBER_MAGIC 0x5b5c21beu

enum {
	REPLAY_MAX = 256, /* orders of a stall sent to one that comes back */
	REPLAY_MAX_BYTES = SUBSCRIBER_MAX_BYTES / 2,
	REPLAY_LOOK_MAX = 8192, /* orders of all stalls looked at for it */
	BOOT_BYTES = 24,
};

struct stall {
	struct text name;
	struct subscribers subscribers;
	char bytes[];
};

struct subscriber {
	unsigned int magic;
	struct subscriptions *subscriptions;
	struct cached_order *entry; /* pinned; NULL: listens to a stall */
	struct stall *stall;
	struct http_stream *stream;
	uint64_t sent; /* the last change that was sent */
	bool behind;   /* a state was skipped: the latest is sent when it can */
	LIST_ENTRY(subscriber) link, all;
};

struct subscriptions {
	struct shop *shop;
	void *stalls; /* a tree of tsearch() */
	struct subscribers all;
	size_t n_subscribers;
	struct loop_source *heartbeat;
	char boot[BOOT_BYTES]; /* how each id begins: the process' start */
};

/* ---- stalls ---- */

static int compare_stalls(const void *a, const void *b)
{
	const struct stall *one = a, *other = b;

	return text_compare(one->name, other->name);
}

static struct stall *find_stall(const struct subscriptions *subscriptions,
				struct text name)
{
	const struct stall key = { .name = name };
	struct stall *const *found =
		tfind(&key, &subscriptions->stalls, compare_stalls);

	return found ? *found : NULL;
}

static struct stall *find_or_add_stall(struct subscriptions *subscriptions,
				       struct text name)
{
	struct stall *stall = find_stall(subscriptions, name);

	if (stall)
		return stall;
	stall = xmalloc(sizeof(*stall) + name.n);
	memcpy(stall->bytes, name.p, name.n);
	stall->name = (struct text){ stall->bytes, name.n };
	LIST_INIT(&stall->subscribers);
	(void)xalloc_check(
		tsearch(stall, &subscriptions->stalls, compare_stalls));
	return stall;
}

bool subscriptions_has_stall(const struct subscriptions *subscriptions,
			     struct text stall)
{
	return find_stall(subscriptions, stall) != NULL;
}

/* ---- subscribers ---- */

static void note_n(struct subscriptions *subscriptions, size_t n)
{
	subscriptions->n_subscribers = n;
	counter_set(&metrics.subscribers, (int64_t)n);
}

static void forget(struct subscriber *subscriber)
{
	struct subscriptions *subscriptions = subscriber->subscriptions;
	struct stall *stall = subscriber->stall;

	LIST_REMOVE(subscriber, link);
	LIST_REMOVE(subscriber, all);
	note_n(subscriptions, subscriptions->n_subscribers - 1);
	if (subscriber->entry) {
		order_cache_unpin(subscriptions->shop->cache,
				  subscriber->entry);
	} else if (LIST_EMPTY(&stall->subscribers)) {
		(void)tdelete(stall, &subscriptions->stalls, compare_stalls);
		free(stall);
	}
	subscriber->magic = 0;
	free(subscriber);
}

static void end(struct subscriber *subscriber)
{
	http_stream_end(subscriber->stream);
	forget(subscriber);
}

static struct evbuffer *event_new(const char *p, size_t n)
{
	struct evbuffer *event = xalloc_check(evbuffer_new());

	(void)evbuffer_add(event, p, n);
	return event;
}

static struct evbuffer *event_of(const struct subscriptions *subscriptions,
				 const struct cached_order *entry)
{
	struct buf text = { 0 };
	struct evbuffer *event;

	buf_printf(&text, "id: %s%" PRIu64 "\ndata: ", subscriptions->boot,
		   entry->change);
	order_json(&entry->order, &text);
	buf_text(&text, "\n\n");
	event = event_new(text.p, text.n);
	buf_deinit(&text);
	return event;
}

/* May end the subscriber. */
static void send_event(struct subscriber *subscriber, struct evbuffer *event,
		       uint64_t change)
{
	size_t n_waiting = http_stream_waiting_bytes(subscriber->stream);

	/* One that is larger than all that may wait goes alone. */
	if (n_waiting == 0 ||
	    n_waiting + evbuffer_get_length(event) <= SUBSCRIBER_MAX_BYTES) {
		http_stream_send(subscriber->stream, event);
		subscriber->sent = change;
		counter_add(&metrics.events_sent, 1);
	} else if (subscriber->entry) {
		subscriber->behind = true;
	} else {
		counter_add(&metrics.subscribers_dropped, 1);
		end(subscriber);
	}
}

/* To a subscriber of an order: its present state. */
static void send_state(struct subscriber *subscriber)
{
	const struct cached_order *entry = subscriber->entry;
	struct evbuffer *event = event_of(subscriber->subscriptions, entry);

	send_event(subscriber, event, entry->change);
	evbuffer_free(event);
}

static void send_to_all(struct subscribers *subscribers, struct evbuffer *event,
			uint64_t change)
{
	struct subscriber *subscriber = LIST_FIRST(subscribers), *next;

	for (; subscriber; subscriber = next) {
		next = LIST_NEXT(subscriber, link);
		if (subscriber->sent < change)
			send_event(subscriber, event, change);
	}
}

static void on_drained(void *arg)
{
	struct subscriber *subscriber = arg;

	assert(subscriber->magic == SUBSCRIBER_MAGIC);
	if (!subscriber->behind)
		return;
	subscriber->behind = false;
	send_state(subscriber);
}

static void on_closed(void *arg)
{
	struct subscriber *subscriber = arg;

	assert(subscriber->magic == SUBSCRIBER_MAGIC);
	forget(subscriber);
}

/* Of an order, which is pinned, or of a stall. NULL: the client has gone. */
static struct subscriber *begin(struct subscriptions *subscriptions,
				struct http_request *request,
				struct cached_order *entry, struct stall *stall)
{
	struct subscriber *subscriber = xcalloc(1, sizeof(*subscriber));
	const struct http_stream_params params = {
		.type = "text/event-stream",
		.drained = on_drained,
		.closed = on_closed,
		.arg = subscriber,
	};
	struct evbuffer *hello;

	subscriber->magic = SUBSCRIBER_MAGIC;
	subscriber->subscriptions = subscriptions;
	subscriber->entry = entry;
	subscriber->stall = stall;
	LIST_INSERT_HEAD(entry ? &entry->subscribers : &stall->subscribers,
			 subscriber, link);
	LIST_INSERT_HEAD(&subscriptions->all, subscriber, all);
	note_n(subscriptions, subscriptions->n_subscribers + 1);
	subscriber->stream = http_stream_begin(request, &params);
	if (!subscriber->stream) {
		forget(subscriber);
		return NULL;
	}
	hello = event_new("retry: 1000\n\n", 13);
	http_stream_send(subscriber->stream, hello);
	evbuffer_free(hello);
	return subscriber;
}

/* ---- an order ---- */

static void subscribe_read_order(const struct order_read *read)
{
	struct order_cache *cache = read->shop->cache;
	struct cached_order *entry = order_cache_find(cache, &read->id);
	struct subscriber *subscriber;

	if (!read->order) {
		answer_no_order(read);
		order_cache_unpin(cache, entry);
		return;
	}
	/* The pin is the subscriber's from here on. */
	subscriber =
		begin(read->shop->subscriptions, read->request, entry, NULL);
	if (subscriber)
		send_state(subscriber);
}

static void subscribe_order(struct shop *shop, struct http_request *request,
			    const struct order_id *id)
{
	/* Before the view is read, so that no fact falls in between. */
	(void)order_cache_pin(shop->cache, id);
	order_read(shop, request, id, subscribe_read_order);
}

static void on_refreshed(const struct order_read *read)
{
	struct cached_order *entry =
		order_cache_find(read->shop->cache, &read->id);

	if (entry)
		entry->asked = false;
}

/* Reads the view again, for the cache. */
static void refresh(struct shop *shop, struct cached_order *entry)
{
	if (entry->asked)
		return;
	entry->asked = true;
	order_read(shop, NULL, &entry->order.id, on_refreshed);
}

/* ---- a stall ---- */

/*
 * Sends what changed since @after, oldest first; of more than a subscriber may
 * leave unread, the newest.
 */
static void replay(struct subscriber *subscriber, uint64_t after)
{
	const struct subscriptions *subscriptions = subscriber->subscriptions;
	const struct cached_order *entry;
	struct evbuffer *events[REPLAY_MAX];
	size_t n = 0, n_bytes = 0;

	entry = order_cache_newest(subscriptions->shop->cache);
	for (int looked = 0;
	     entry && n < REPLAY_MAX && looked < REPLAY_LOOK_MAX;
	     entry = order_cache_older(entry), looked++) {
		if (entry->change <= after || n_bytes > REPLAY_MAX_BYTES)
			break;
		if (!entry->order.items ||
		    !text_equal(text_of(entry->order.stall),
				subscriber->stall->name))
			continue;
		if (n == 0)
			subscriber->sent = entry->change;
		events[n] = event_of(subscriptions, entry);
		n_bytes += evbuffer_get_length(events[n++]);
	}
	while (n-- > 0) {
		http_stream_send(subscriber->stream, events[n]);
		evbuffer_free(events[n]);
	}
}

/* The change that @last_id names; 0, which is before all, for one that no
 * event of this process has. */
static uint64_t change_of(const struct subscriptions *subscriptions,
			  struct text last_id)
{
	size_t n = strlen(subscriptions->boot);
	int64_t change;

	if (last_id.n <= n || memcmp(last_id.p, subscriptions->boot, n) != 0 ||
	    str_n_to_i64(&change, last_id.p + n, last_id.n - n, 0, INT64_MAX))
		return 0;
	return (uint64_t)change;
}

static void subscribe_stall(struct subscriptions *subscriptions,
			    struct http_request *request, struct text name)
{
	struct text last =
		http_head_field(http_request_head(request), "last-event-id");
	bool comes_back = last.p != NULL;
	uint64_t after = comes_back ? change_of(subscriptions, last) : 0;
	struct subscriber *subscriber =
		begin(subscriptions, request, NULL,
		      find_or_add_stall(subscriptions, name));

	if (subscriber && comes_back)
		replay(subscriber, after);
}

/* True: the query names an order or a stall; @request is gone. */
static bool subscribe_to_query(struct shop *shop, struct http_request *request)
{
	const struct http_head *head = http_request_head(request);
	char value[TEXT_MAX_BYTES];
	struct order_id id;
	struct text text;

	if (http_head_query(head, "order", value, sizeof(value), &text)) {
		if (order_id_parse(&id, text.p, text.n))
			return false;
		subscribe_order(shop, request, &id);
		return true;
	}
	if (!query_stall(head, value, &text))
		return false;
	subscribe_stall(shop->subscriptions, request, text);
	return true;
}

void subscribe(struct shop *shop, struct http_request *request,
	       const struct order_id *id)
{
	(void)id;
	if ((int64_t)shop->subscriptions->n_subscribers >=
	    shop->conf->subscribers_max)
		http_reply_error(request, 503,
				 "there are too many subscribers, try again",
				 NULL, NULL);
	else if (!subscribe_to_query(shop, request))
		http_reply_error(request, 400,
				 "order must be the id of an order, or stall "
				 "the name of a stall",
				 "field", "order");
}

/* ---- the loop's side ---- */

static void on_heartbeat(void *arg)
{
	struct subscriptions *subscriptions = arg;
	struct evbuffer *event = event_new(":\n\n", 3);
	struct subscriber *subscriber;

	LIST_FOREACH(subscriber, &subscriptions->all, all)
	{
		struct cached_order *entry = subscriber->entry;

		if (http_stream_waiting_bytes(subscriber->stream) == 0)
			http_stream_send(subscriber->stream, event);
		if (entry && !order_facts_final(&entry->order.facts))
			refresh(subscriptions->shop, entry);
	}
	evbuffer_free(event);
}

struct subscriptions *subscriptions_new(struct shop *shop)
{
	struct subscriptions *subscriptions =
		xcalloc(1, sizeof(*subscriptions));

	subscriptions->shop = shop;
	LIST_INIT(&subscriptions->all);
	(void)snprintf(subscriptions->boot, sizeof(subscriptions->boot),
		       "%" PRIx64 "-", clock_wall_ms());
	subscriptions->heartbeat =
		loop_timer(shop->loop, shop->conf->heartbeat_ms, on_heartbeat,
			   subscriptions);
	return subscriptions;
}

struct subscriptions *subscriptions_free(struct subscriptions *subscriptions)
{
	if (!subscriptions)
		return NULL;
	subscriptions_end(subscriptions);
	(void)loop_source_free(subscriptions->heartbeat);
	free(subscriptions);
	return NULL;
}

void subscriptions_end(struct subscriptions *subscriptions)
{
	struct subscriber *subscriber;

	while ((subscriber = LIST_FIRST(&subscriptions->all)))
		end(subscriber);
}

void subscriptions_flush(struct subscriptions *subscriptions)
{
	struct shop *shop = subscriptions->shop;
	struct cached_order *entry;

	while ((entry = order_cache_next_changed(shop->cache))) {
		struct stall *stall =
			entry->order.stall
				? find_stall(subscriptions,
					     text_of(entry->order.stall))
				: NULL;
		struct evbuffer *event;

		if (LIST_EMPTY(&entry->subscribers) && !stall)
			continue;
		if (!entry->order.items) {
			refresh(shop, entry);
			continue;
		}
		event = event_of(subscriptions, entry);
		send_to_all(&entry->subscribers, event, entry->change);
		if (stall)
			send_to_all(&stall->subscribers, event, entry->change);
		evbuffer_free(event);
	}
	counter_set(&metrics.cached_orders,
		    (int64_t)order_cache_n(shop->cache));
}

/* SPDX-License-Identifier: MIT */
/* Publish fake: a list in an arena. One thread. */
#include "workers/runtime/publish_fake.h"

#include <assert.h>
#include <string.h>

#include "infra/lib/xalloc.h"
#include "schemas/dead_letter.h"
#include "workers/runtime/assignments/assignment.h"

struct publisher {
	const char *group;
	struct arena arena;
	struct published *first, **end;
	size_t n;
	const struct record *begun;
	size_t n_waiting, n_waiting_bytes;
	const char *trouble; /* NULL: no delivery has failed */
};

/* What the headers of one message are added to. */
struct adding {
	struct publisher *publisher;
	struct published *to;
};

static struct text keep(struct publisher *publisher, const void *p, size_t n)
{
	if (!p)
		return (struct text){ 0 };
	return (struct text){ arena_copy(&publisher->arena, p, n), n };
}

static int add_header(void *arg, const char *name, const char *value, size_t n)
{
	const struct adding *adding = arg;
	struct published *to = adding->to;

	assert(to->n_headers < PUBLISHED_HEADERS_MAX);
	to->headers[to->n_headers].name =
		keep(adding->publisher, name, strlen(name) + 1).p;
	to->headers[to->n_headers++].value = keep(adding->publisher, value, n);
	return 0;
}

static struct published *add(struct publisher *publisher, enum topic_id topic)
{
	struct published *published =
		arena_alloc(&publisher->arena, sizeof(*published));

	*published = (struct published){ .topic = topic };
	*publisher->end = published;
	publisher->end = &published->next;
	publisher->n++;
	return published;
}

int publisher_new(struct publisher **ret, const struct publisher_params *params)
{
	struct publisher *publisher = xcalloc(1, sizeof(*publisher));

	publisher->group = params->group;
	publisher->end = &publisher->first;
	*ret = publisher;
	return 0;
}

struct publisher *publisher_free(struct publisher *publisher)
{
	if (!publisher)
		return NULL;
	arena_deinit(&publisher->arena);
	free(publisher);
	return NULL;
}

void publish_begin(struct publisher *publisher, const struct record *record)
{
	assert(!publisher->begun);
	publisher->begun = record;
}

void publish_end(struct publisher *publisher)
{
	const struct record *record = publisher->begun;

	assert(record);
	if (record->assignment)
		emitted_acknowledge(&record->assignment->emitted,
				    record->entry);
	publisher->begun = NULL;
}

static struct published *publish(struct publisher *publisher,
				 struct event *event)
{
	struct published *published = add(publisher, event->topic);
	struct adding adding = { publisher, published };

	assert(!event->body.full);
	published->wall_ms = event->wall_ms;
	published->key = keep(publisher, event->key.p, event->key.n);
	published->body = keep(publisher, event->body.p, event->body.n);
	(void)envelope_write(&event->envelope, add_header, &adding);
	return published;
}

void publish_fact(struct publisher *publisher, struct event *event)
{
	assert(publisher->begun);
	(void)publish(publisher, event);
}

void publish_own(struct publisher *publisher, struct event *event,
		 uint64_t token)
{
	struct published *published = publish(publisher, event);

	published->own = true;
	published->token = token;
}

/* The record's own headers are its maker's: only ours are added. */
void publish_dead(struct publisher *publisher, const struct record *record,
		  const struct topic *source)
{
	struct published *published = add(publisher, topic_dlq(source)->id);
	struct adding adding = { publisher, published };
	struct dead_letter letter = {
		.topic = text_of(source->name),
		.partition = record->kafka.partition,
		.offset = record->kafka.offset,
		.group = text_of(publisher->group),
		.delivery_count = 1,
		.message = text_of(record->dead_detail),
	};

	assert(publisher->begun);
	published->key =
		keep(publisher, record->kafka.key, record->kafka.n_key);
	published->body =
		keep(publisher, record->kafka.value, record->kafka.n_value);
	(void)dead_letter_write(&letter, add_header, &adding);
}

void publisher_push(struct publisher *publisher)
{
	(void)publisher;
}

bool publisher_poll(struct publisher *publisher, int timeout_ms)
{
	if (timeout_ms > 0)
		publisher->n_waiting = publisher->n_waiting_bytes = 0;
	return !publisher->trouble;
}

size_t publisher_waiting(const struct publisher *publisher)
{
	return publisher->n_waiting;
}

size_t publisher_waiting_bytes(const struct publisher *publisher)
{
	return publisher->n_waiting_bytes;
}

void publisher_trim(struct publisher *publisher)
{
	(void)publisher;
}

const char *publisher_trouble(const struct publisher *publisher)
{
	return publisher->trouble;
}

bool publisher_away(struct publisher *publisher)
{
	(void)publisher;
	return false;
}

int publisher_reset(struct publisher *publisher)
{
	publish_fake_wait(publisher, 0, 0);
	publisher->trouble = NULL;
	return 0;
}

void publish_fake_wait(struct publisher *publisher, size_t n, size_t n_bytes)
{
	publisher->n_waiting = n;
	publisher->n_waiting_bytes = n_bytes;
}

void publish_fake_fail(struct publisher *publisher, const char *why)
{
	publisher->trouble = why;
}

const struct published *publish_fake_first(const struct publisher *publisher)
{
	return publisher->first;
}

size_t publish_fake_n(const struct publisher *publisher)
{
	return publisher->n;
}

void publish_fake_clear(struct publisher *publisher)
{
	publisher->first = NULL;
	publisher->end = &publisher->first;
	publisher->n = 0;
	arena_reset(&publisher->arena);
}

struct text published_header(const struct published *published,
			     const char *name)
{
	for (size_t i = 0; i < published->n_headers; i++)
		if (!strcmp(published->headers[i].name, name))
			return published->headers[i].value;
	return (struct text){ 0 };
}

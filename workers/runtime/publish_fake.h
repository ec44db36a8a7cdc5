/* SPDX-License-Identifier: MIT */
/*
 * Publish fake: publish.h without a broker. What is published is kept, and
 * everything counts as delivered at once; that it waits is a test's word. For
 * tests; linked in place of publish.c (infra/dev/fakes.mk).
 */
#ifndef RUNTIME_PUBLISH_FAKE_H
#define RUNTIME_PUBLISH_FAKE_H

#include "workers/runtime/publish.h"

enum { PUBLISHED_HEADERS_MAX = 40 };

/* All of it is the fake's, until it is cleared. */
struct published {
	enum topic_id topic;
	int64_t wall_ms; /* the record's timestamp */
	struct text key, body;
	struct {
		const char *name;
		struct text value;
	} headers[PUBLISHED_HEADERS_MAX];
	size_t n_headers;
	bool own;
	uint64_t token;
	struct published *next;
};

/* In the order in which they were published; NULL: none. */
const struct published *publish_fake_first(const struct publisher *publisher);
size_t publish_fake_n(const struct publisher *publisher);
void publish_fake_clear(struct publisher *publisher);

/* What waits for the broker: as many facts, as many bytes. A poll that may take
 * its time has all of it delivered. */
void publish_fake_wait(struct publisher *publisher, size_t n, size_t n_bytes);
/* A delivery fails: publisher_poll() says so until the next reset. */
void publish_fake_fail(struct publisher *publisher, const char *why);

/* Absent: p is NULL. */
struct text published_header(const struct published *published,
			     const char *name);

#endif

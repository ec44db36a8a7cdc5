/* SPDX-License-Identifier: MIT */
/*
 * Shop: what all handlers of requests share: the settings (conf.def), the
 * counters (counters.def), the parts of the program, and the shape of a JSON
 * answer.
 *
 * main() makes the shop, all others borrow it. Counters may be counted in any
 * thread, all else is for the loop's thread only.
 */
#ifndef STOREFRONT_SHOP_H
#define STOREFRONT_SHOP_H

#include "infra/lib/conf.h"
#include "infra/lib/counters.h"
#include "infra/lib/log.h"
#include "infra/lib/text/str.h"
#include "schemas/order_id.h"
#include "schemas/topics.h"

struct conf {
#define CONF_DEF "producers/storefront/conf.def"
#include "infra/lib/conf_def.h"
};

extern const struct conf_table conf_table;

struct metrics {
#define COUNTERS_DEF "producers/storefront/counters.def"
#include "infra/lib/counters_def.h"
};

extern struct metrics metrics;

void metrics_register(void);

struct shop {
	const struct conf *conf;
	struct topic_names topics;
	const struct probe_checks *checks;
	struct loop *loop;
	struct publisher *publisher;
	struct views *views;
	struct order_cache *cache;
	struct subscriptions *subscriptions;
	struct web *web;
	struct log_limit accepted_lines; /* in the log, of commands */
};

struct http_request;
struct http_field;

/* What a row of the table of routes calls. Takes @request. @id is the order
 * that the path names, if it names one. */
typedef void (*handler_fn)(struct shop *shop, struct http_request *request,
			   const struct order_id *id);

struct answer_error {
	int status;        /* 503 says Retry-After: 1 */
	const char *error; /* a sentence, lower case */
	const char *field; /* what is wrong; NULL or "": nothing in it */
	const struct order_id *order_id; /* what it is about, or NULL */
	const char *allow;               /* of a 405, else NULL */
};

/* Takes @request. NULL is fine: it was answered before. */
void answer_error(struct http_request *request,
		  const struct answer_error *error);

/* Takes @request, or NULL. The body and a line end, Cache-Control: no-store,
 * and @more if not NULL. */
void answer_json(struct http_request *request, int status,
		 const struct buf *json, const struct http_field *more);

#endif

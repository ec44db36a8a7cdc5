/* SPDX-License-Identifier: MIT */
/*
 * Shop: what all handlers of requests share: the settings (conf.def), the
 * counters (counters.def), and the parts of the program.
 *
 * main() makes the shop, all others borrow it. Counters may be counted in any
 * thread, all else is for the loop's thread only.
 */
#ifndef STOREFRONT_SHOP_H
#define STOREFRONT_SHOP_H

#include "infra/lib/conf.h"
#include "infra/lib/counters.h"
#include "infra/lib/log.h"
#include "schemas/order_id.h"
#include "schemas/topics.h"

struct conf {
#define CONF_DEF "producers/storefront/conf.def"
#include "infra/lib/conf_def.h"
};

struct metrics {
#define COUNTERS_DEF "producers/storefront/counters.def"
#include "infra/lib/counters_def.h"
};

extern struct metrics metrics; /* in routes.c, which serves /metrics */

struct shop {
	const struct conf *conf;
	struct topic_names topics;
	const struct probe_checks *checks;
	struct loop *loop;
	struct commands *commands;
	struct views *views;
	struct order_cache *cache;
	struct subscriptions *subscriptions;
	struct web *web;
	struct log_limit accepted_lines; /* in the log, of commands */
};

struct http_request;

/* What a row of the table of routes calls. Takes @request. @id is the order
 * that the path names, if it names one. */
typedef void handler_fn(struct shop *shop, struct http_request *request,
			const struct order_id *id);

#endif

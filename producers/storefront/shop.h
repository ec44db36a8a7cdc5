/* SPDX-License-Identifier: MIT */
/*
 * Shop: what every handler of a request works with. Made by main(), borrowed
 * by all others, used in the loop's thread only.
 */
#ifndef STOREFRONT_SHOP_H
#define STOREFRONT_SHOP_H

#include <sys/queue.h>

#include "infra/lib/log.h"
#include "infra/lib/loop.h"
#include "infra/lib/probe.h"
#include "producers/storefront/conf.h"
#include "producers/storefront/http/http.h"
#include "producers/storefront/live/subscriptions.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/orders/publisher.h"
#include "producers/storefront/views.h"
#include "producers/storefront/web.h"

struct command;

struct shop {
	const struct conf *conf;
	const struct probe_checks *checks;
	struct loop *loop;
	struct publisher *publisher;
	struct views *views;
	struct order_cache *cache;
	struct subscriptions *subscriptions;
	struct web *web;
	struct log_limit command_lines; /* about those that were accepted */
	/* Requests whose events are not all told of; the oldest last. */
	LIST_HEAD(, command) commands;
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Storefront: the page and the HTTP API of the stalls.
 *
 * One thread serves everything in one loop; only the database's views are read
 * by threads of their own. This file only wires. On SIGTERM or SIGINT the
 * program is not ready any more, accepts no new connection, answers the
 * requests that wait, and ends.
 */
#include <errno.h>
#include <jansson.h>
#include <signal.h>

#include "infra/lib/clock.h"
#include "infra/lib/conf.h"
#include "infra/lib/err.h"
#include "infra/lib/kafka/kafka_watch.h"
#include "infra/lib/probe.h"
#include "producers/storefront/live/fact_reader.h"
#include "producers/storefront/live/subscriptions.h"
#include "producers/storefront/orders/command.h"
#include "producers/storefront/orders/order_cache.h"
#include "producers/storefront/routes.h"
#include "producers/storefront/views.h"
#include "producers/storefront/web.h"

static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct conf
#define CONF_DEF "producers/storefront/conf.def"
#include "infra/lib/conf_def.h"
};

static const struct conf_table conf_table = {
	.program = "storefront",
	.sentence = "the web page and the HTTP API of the stalls",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(conf_rows[0]),
};

enum { TIMER_MS = 100, ACCEPTED_LINES_A_SECOND = 200 };

struct storefront {
	struct conf conf;
	struct shop shop;
	struct kafka_watch *watch;
	const char *kafka_away; /* as the log has it; NULL: it is there */
	int64_t kafka_away_at_ms;
	struct fact_reader *fact_reader;
	struct http *http;
	struct loop_source *on_term, *on_int, *on_timer;
	bool stopping;
	char version[64];
	struct probe_checks checks;
};

/* ---- probes ---- */

static const char *check_live(void *arg)
{
	(void)arg;
	return NULL; /* it answers, so its loop runs */
}

static const char *check_started(void *arg)
{
	const struct storefront *storefront = arg;

	return fact_reader_ready(storefront->fact_reader)
		       ? NULL
		       : "the topics have not been seen";
}

static const char *check_ready(void *arg)
{
	const struct storefront *storefront = arg;
	const char *away = commands_away(storefront->shop.commands);

	if (storefront->stopping)
		return "stopping";
	if (away)
		return away;
	if (!fact_reader_ready(storefront->fact_reader))
		return check_started(arg);
	if (!views_ready(storefront->shop.views))
		return "the database does not answer";
	return NULL;
}

/* ---- opening, in order of need ---- */

static void stop(void *arg)
{
	struct storefront *storefront = arg;

	storefront->stopping = true;
}

/* Logs when Kafka goes away, when the reason changes, and when it is back. */
static void note_kafka(struct storefront *storefront)
{
	const char *away = commands_away(storefront->shop.commands);
	const char *before = storefront->kafka_away;
	int64_t now_ms = clock_now_ms();

	counter_set(&metrics.kafka_ready,
		    !away && fact_reader_ready(storefront->fact_reader));
	if (away ? before && strcmp(away, before) == 0 : !before)
		return;
	if (away)
		log_warn("KAFKA-AWAY",
			 "%s, orders are refused until that is over", away);
	else
		log_info("KAFKA-BACK", "orders are accepted again after %.1f s",
			 (double)(now_ms - storefront->kafka_away_at_ms) /
				 1000);
	if (!before)
		storefront->kafka_away_at_ms = now_ms;
	storefront->kafka_away = away;
}

/* Each request has its answer in time, to the length of a timer. */
static void on_timer(void *arg)
{
	struct storefront *storefront = arg;

	commands_expire(storefront->shop.commands, clock_now_ms());
	note_kafka(storefront);
	counter_set(&metrics.connections,
		    (int64_t)http_n_connections(storefront->http));
}

static void init_log(struct storefront *storefront)
{
	const struct conf *conf = &storefront->conf;
	struct log_params params = {
		.out = stdout,
		.program = "storefront",
		.version = storefront->version,
		.level = log_level_of(conf->log_level),
	};

	(void)str_copy(storefront->version, sizeof(storefront->version),
		       *conf->version ? conf->version : version_of_build);
	log_init(&params);
	counters_init(storefront->version, "");
	metrics_register();
}

/* All topics that are written or read here. */
static int open_watch(struct storefront *storefront)
{
	static const enum topic_id ids[] = { TOPIC_ORDERS, TOPIC_RESTOCKS,
					     TOPIC_PICKS, TOPIC_TOASTIES };
	enum { N_IDS = sizeof(ids) / sizeof(ids[0]) };
	const char *topics[N_IDS];
	const struct kafka_watch_params params = {
		.brokers = storefront->conf.brokers,
		.client_id = "storefront",
		.topics = topics,
		.n_topics = N_IDS,
		.loop = storefront->shop.loop,
	};

	for (size_t i = 0; i < N_IDS; i++)
		topics[i] = storefront->shop.topics.of[ids[i]];
	return kafka_watch_new(&storefront->watch, &params);
}

static int open_web(struct storefront *storefront)
{
	const char *folder = storefront->conf.web_dir, *missing = "";
	int r = web_new(&storefront->shop.web, folder, &missing);

	if (r != WEB_E_MISSING)
		return r;
	log_error("WEB-MISSING", "the file '%s/%s' cannot be read", folder,
		  missing);
	(void)fprintf(stderr, "HINT: WEB_DIR names the folder of the pages\n");
	return -ENOENT;
}

static int open_http(struct storefront *storefront)
{
	const struct conf *conf = &storefront->conf;
	const struct http_params params = {
		.loop = storefront->shop.loop,
		.address = conf->address,
		.port_file = conf->address_file,
		.connections_max = conf->connections_max,
		.per_address_max = conf->per_address_max,
		.handle = routes_handle,
		.answered = routes_answered,
		.arg = &storefront->shop,
	};
	int r = http_new(&storefront->http, &params);

	if (r != HTTP_E_ADDRESS)
		return r;
	log_error("ADDRESS-TAKEN", "cannot listen on '%s': %s", conf->address,
		  strerror(errno));
	(void)fprintf(stderr, "HINT: ADDR sets another host:port\n");
	return err_fold(r);
}

static int name_topics(struct shop *shop)
{
	if (!topic_names_init(&shop->topics, shop->conf->topic_suffix))
		return 0;
	log_error("TOPIC-SUFFIX", "'%s' makes names of topics too long",
		  shop->conf->topic_suffix);
	return -EINVAL;
}

static int open_all(struct storefront *storefront)
{
	struct shop *shop = &storefront->shop;
	int r;

	storefront->checks = (struct probe_checks){
		.live = check_live,
		.ready = check_ready,
		.started = check_started,
		.arg = storefront,
	};
	shop->conf = &storefront->conf;
	shop->checks = &storefront->checks;
	shop->accepted_lines.a_second = ACCEPTED_LINES_A_SECOND;
	r = name_topics(shop);
	if (!r)
		r = loop_new(&shop->loop);
	if (r)
		return r;
	storefront->on_term =
		loop_signal(shop->loop, SIGTERM, stop, storefront);
	storefront->on_int = loop_signal(shop->loop, SIGINT, stop, storefront);
	storefront->on_timer =
		loop_timer(shop->loop, TIMER_MS, on_timer, storefront);
	r = open_web(storefront);
	if (!r)
		r = open_watch(storefront);
	if (!r)
		r = commands_new(&shop->commands, shop, storefront->watch);
	if (!r)
		r = views_new(&shop->views, shop);
	if (r)
		return r;
	shop->cache = order_cache_new((size_t)storefront->conf.order_cache_max);
	shop->subscriptions = subscriptions_new(shop);
	r = fact_reader_new(&storefront->fact_reader, shop, storefront->watch);
	return r ? r : open_http(storefront);
}

/* The owners of requests answer them first; then the server goes. */
static void close_all(struct storefront *storefront)
{
	struct shop *shop = &storefront->shop;

	shop->views = views_free(shop->views);
	shop->commands = commands_free(shop->commands);
	storefront->http = http_free(storefront->http);
	storefront->fact_reader = fact_reader_free(storefront->fact_reader);
	storefront->watch = kafka_watch_free(storefront->watch);
	shop->subscriptions = subscriptions_free(shop->subscriptions);
	shop->cache = order_cache_free(shop->cache);
	shop->web = web_free(shop->web);
	storefront->on_term = loop_source_free(storefront->on_term);
	storefront->on_int = loop_source_free(storefront->on_int);
	storefront->on_timer = loop_source_free(storefront->on_timer);
	shop->loop = loop_free(shop->loop);
}

/* ---- running ---- */

static int run_once(struct storefront *storefront)
{
	struct shop *shop = &storefront->shop;
	int r;

	loop_wait(shop->loop, TIMER_MS);
	r = commands_serve(shop->commands);
	views_serve(shop->views);
	fact_reader_serve(storefront->fact_reader);
	subscriptions_flush(shop->subscriptions);
	return r;
}

static int run(struct storefront *storefront)
{
	int r = 0;

	while (!r && !storefront->stopping)
		r = run_once(storefront);
	return r;
}

/* Until nobody waits for an answer and nothing waits to be sent. */
static int drain(struct storefront *storefront)
{
	struct shop *shop = &storefront->shop;
	int64_t until_ms = clock_now_ms() + storefront->conf.drain_ms;
	int r = 0;

	log_info("STOPPING", "stopping, will answer the requests that wait");
	http_drain(storefront->http);
	while (!r && clock_left_ms(until_ms) > 0) {
		subscriptions_end(shop->subscriptions);
		if (http_n_connections(storefront->http) == 0 &&
		    commands_n(shop->commands) == 0)
			break;
		r = run_once(storefront);
	}
	return r;
}

int main(int argc, char **argv)
{
	struct storefront storefront = { 0 };
	int status, r;

	if (conf_arguments(&conf_table, argc, argv, &status))
		return status;
	if (conf_load(&conf_table, &storefront.conf))
		return 2;
	(void)signal(SIGPIPE, SIG_IGN);
	json_object_seed(0);
	init_log(&storefront);
	r = open_all(&storefront);
	if (!r) {
		log_info("STARTED", "serving at '%s'", storefront.conf.address);
		r = run(&storefront);
	}
	if (!r)
		r = drain(&storefront);
	close_all(&storefront);
	if (r)
		log_error("ENDED", "ended: %s", err_text(r));
	else
		log_info("ENDED", "ended");
	return r ? 1 : 0;
}

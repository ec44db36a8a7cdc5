/* SPDX-License-Identifier: MIT */
/*
 * Watch: looks at chillybin's positions until all is decided and told, and
 * says how quickly that went over the middle; then, whether it is right.
 * Main thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "infra/bench/bench.h"
#include "infra/lib/clock.h"
#include "infra/lib/kafka_admin.h"
#include "infra/lib/loop.h"
#include "infra/lib/xalloc.h"
#include "schemas/topics.h"

#define LOOK_EVERY_MS 50
/* A middle that is shorter says more about the looks than about the drain. */
#define MIDDLE_MIN_MS 200
#define TIMEOUT_MS 30000

/* -> decided, told, over all partitions of orders */
static const struct pg_statement progress = {
	.name = "watch_progress",
	.sql = "SELECT coalesce(sum(next_offset), 0)::bigint, "
	       "coalesce(sum(emitted_offset), 0)::bigint FROM positions "
	       "WHERE service = 'chillybin' AND topic = 'orders'",
	.n_args = 0,
};

/* -> orders, of them picked, ingredients whose sum is wrong, decided, gaps */
static const struct pg_statement check = {
	.name = "watch_check",
	.sql = "SELECT (SELECT count(*) FROM orders), "
	       "(SELECT count(*) FROM orders WHERE verdict = 'picked'), "
	       "(SELECT count(*) FROM stock s LEFT JOIN ("
	       "SELECT stall, i->>'ingredient' AS ingredient, "
	       "sum((i->>'quantity')::bigint) AS n FROM orders, "
	       "jsonb_array_elements(items) AS i WHERE verdict = 'picked' "
	       "GROUP BY 1, 2) taken USING (stall, ingredient) "
	       "LEFT JOIN (SELECT stall, ingredient, sum(delta) AS n "
	       "FROM stock_changes GROUP BY 1, 2) put USING (stall, "
	       "ingredient) "
	       "WHERE s.quantity <> coalesce(put.n, 0) - coalesce(taken.n, "
	       "0)), "
	       "(SELECT coalesce(sum(next_offset), 0)::bigint FROM positions "
	       "WHERE service = 'chillybin' AND topic = 'orders'), "
	       "(SELECT count(*) FROM positions WHERE next_offset <> "
	       "emitted_offset "
	       "AND service = 'chillybin')",
	.n_args = 0,
};

struct watch {
	const struct conf *conf;
	struct pg *pg;
	struct loop *loop;
	int64_t deadline_at_ms;
	int64_t from_us, from_n; /* past a tenth */
	int64_t to_us, to_n;     /* past nine tenths, or the last look */
	int64_t first_us, last_us;
	int r;
};

static int not_drained(const struct watch *watch)
{
	(void)fprintf(stderr,
		      "bench: %" PRId64 " of %" PRId64 " orders were decided "
		      "within the deadline of %" PRId64 " ms\n",
		      watch->to_n, watch->conf->n_orders,
		      watch->conf->deadline_ms);
	return BENCH_E_VOID;
}

static void look(void *arg)
{
	struct watch *watch = arg;
	int i = pg_add(watch->pg, &progress, NULL);
	int64_t n = watch->conf->n_orders, decided, now_us;

	watch->r = pg_run(watch->pg, TIMEOUT_MS);
	if (watch->r) {
		watch->r = bench_pg_failed(watch->pg, watch->r);
		loop_stop(watch->loop);
		return;
	}
	decided = pg_i64(watch->pg, i, 0, 0);
	now_us = clock_now_us();
	if (decided && !watch->first_us)
		watch->first_us = now_us;
	if (decided >= n / 10 && !watch->from_us) {
		watch->from_us = now_us;
		watch->from_n = decided;
	}
	if (decided > watch->to_n && watch->to_n < n / 10 * 9) {
		watch->to_us = now_us;
		watch->to_n = decided;
	}
	watch->last_us = now_us;
	if (pg_i64(watch->pg, i, 0, 1) >= n) {
		loop_stop(watch->loop);
	} else if (!clock_left_ms(watch->deadline_at_ms)) {
		watch->r = not_drained(watch);
		loop_stop(watch->loop);
	}
}

static int watch_all(struct watch *watch)
{
	struct loop_source *timer =
		loop_timer(watch->loop, LOOK_EVERY_MS, look, watch);
	double seconds;

	loop_run(watch->loop);
	(void)loop_source_free(timer);
	if (watch->r)
		return watch->r;
	if (watch->to_us - watch->from_us < MIDDLE_MIN_MS * 1000) {
		(void)fprintf(stderr,
			      "bench: the middle of %" PRId64 " orders took "
			      "less than %d ms, N is too small\n",
			      watch->conf->n_orders, MIDDLE_MIN_MS);
		return BENCH_E_VOID;
	}
	seconds = (double)(watch->to_us - watch->from_us) / 1e6;
	(void)printf("{\"per_second\":%.0f,\"seconds\":%.3f}\n",
		     (double)(watch->to_n - watch->from_n) / seconds,
		     (double)(watch->last_us - watch->first_us) / 1e6);
	return 0;
}

int bench_watch(const struct conf *conf)
{
	struct watch watch = {
		.conf = conf,
		.deadline_at_ms = clock_now_ms() + conf->deadline_ms,
	};
	int r = bench_connect(&watch.pg, conf);

	if (!r)
		r = loop_new(&watch.loop);
	if (!r)
		r = watch_all(&watch);
	watch.loop = loop_free(watch.loop);
	watch.pg = pg_free(watch.pg);
	return r;
}

/* ---- is it right? ---- */

static int count_facts(const struct conf *conf, int64_t *ret)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	int64_t ends[TOPIC_PARTITIONS];
	char name[256];
	int r = kafka_admin_new(&admin, conf->brokers, "bench", TIMEOUT_MS);

	if (r)
		return r;
	(void)snprintf(name, sizeof(name), "%s%s",
		       topic_table[TOPIC_PICKS].name, conf->topic_suffix);
	r = kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends);
	if (r) {
		(void)fprintf(stderr, "bench: topic '%s': %s\n", name,
			      kafka_admin_error(admin));
		return BENCH_E_FAILED;
	}
	*ret = 0;
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		*ret += ends[i];
	return 0;
}

static int expect(const char *what, int64_t is, int64_t expected)
{
	if (is == expected)
		return 0;
	(void)fprintf(stderr, "bench: %s: %" PRId64 ", expected %" PRId64 "\n",
		      what, is, expected);
	return BENCH_E_VOID;
}

/* What a drain and a floor have in common; @ret_untold: positions. */
static int check_tables(const struct conf *conf, int64_t *ret_untold)
{
	CLEANUP(pg_freep) struct pg *pg = NULL;
	int64_t n = conf->n_orders;
	int i, r = bench_connect(&pg, conf), wrong = 0;

	if (r)
		return r;
	i = pg_add(pg, &check, NULL);
	r = pg_run(pg, TIMEOUT_MS);
	if (r)
		return bench_pg_failed(pg, r);
	wrong |= expect("orders", pg_i64(pg, i, 0, 0), n);
	wrong |= expect("orders picked", pg_i64(pg, i, 0, 1), n);
	wrong |= expect("ingredients not conserved", pg_i64(pg, i, 0, 2), 0);
	wrong |= expect("records decided", pg_i64(pg, i, 0, 3), n);
	*ret_untold = pg_i64(pg, i, 0, 4);
	return wrong;
}

static int verdict(int wrong)
{
	if (wrong >= 0)
		(void)printf("{\"right\":%s}\n", wrong ? "false" : "true");
	return wrong;
}

int bench_check(const struct conf *conf)
{
	int64_t n_untold = 0, n_facts;
	int r = count_facts(conf, &n_facts), wrong;

	if (r)
		return r;
	wrong = check_tables(conf, &n_untold);
	if (wrong < 0 || wrong == BENCH_E_FAILED)
		return wrong;
	wrong |= expect("positions with facts untold", n_untold, 0);
	wrong |= expect("facts on picks", n_facts, conf->n_orders);
	return verdict(wrong);
}

int bench_check_floor(const struct conf *conf)
{
	int64_t n_untold;
	int wrong = check_tables(conf, &n_untold);

	return wrong == BENCH_E_FAILED ? wrong : verdict(wrong);
}

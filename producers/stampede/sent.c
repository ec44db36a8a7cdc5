/* SPDX-License-Identifier: MIT */
/* Sent: the pool, lines of JSON, counts. Main thread. */
#include "producers/stampede/sent.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "infra/lib/xalloc.h"

void sent_init(struct sent_pool *pool, size_t n)
{
	*pool = (struct sent_pool){ .all = xcalloc(n, sizeof(*pool->all)),
				    .n = n };
	for (size_t i = n; i-- > 0;) {
		pool->all[i].next = pool->free;
		pool->free = &pool->all[i];
	}
}

void sent_deinit(struct sent_pool *pool)
{
	free(pool->all);
	*pool = (struct sent_pool){ 0 };
}

struct sent *sent_get(struct sent_pool *pool)
{
	struct sent *sent = pool->free;

	if (!sent)
		return NULL;
	pool->free = sent->next;
	*sent = (struct sent){ .on_its_way = true };
	return sent;
}

void sent_release(struct sent_pool *pool, struct sent *sent)
{
	assert(sent->on_its_way);
	sent->on_its_way = false;
	sent->next = pool->free;
	pool->free = sent;
}

static const char *kind_name(enum sent_kind kind)
{
	static const char *const names[] = {
		[SENT_ORDER] = "order",
		[SENT_DUPLICATE] = "duplicate",
		[SENT_POISON] = "poison",
		[SENT_RESTOCK] = "restock",
	};

	return names[kind];
}

static void put_id(struct buf *ret, const struct order_id *id)
{
	char text[ORDER_ID_CHARS + 1];

	buf_json_pair(ret, "id", text_of(order_id_format(id, text)));
}

static void order_line(const struct orders *orders, const struct sent *sent,
		       struct buf *ret)
{
	struct made_order made;

	orders_make(orders, sent->step.index, &made);
	put_id(ret, &made.order.order_id);
	buf_json_pair(ret, "stall", made.order.stall);
	if (made.order.customer.n)
		buf_json_pair(ret, "customer", made.order.customer);
	buf_json_key(ret, "items");
	buf_text(ret, "{");
	for (size_t i = 0; i < made.order.n_items; i++)
		buf_json_pair_i64(ret, made.items[i].ingredient.p,
				  made.items[i].quantity);
	buf_text(ret, "}");
	buf_json_pair(ret, "doneness",
		      text_of(doneness_name(made.order.doneness)));
	buf_json_key(ret, "grill");
	buf_text(ret, made.order.grill ? "true" : "false");
	buf_json_pair_i64(ret, "version", made.order.version);
}

static void poison_line(const struct orders *orders, const struct sent *sent,
			struct buf *ret)
{
	const struct order_id id = orders_poison_id(orders, sent->step.index);

	put_id(ret, &id);
	buf_json_pair(ret, "sort",
		      text_of(poison_sorts[sent->step.poison].name));
}

static void restock_line(const struct orders *orders, const struct sent *sent,
			 int64_t restock, struct buf *ret)
{
	struct restock row;

	orders_restock(orders, sent->step.index, &row);
	put_id(ret, &row.id);
	buf_json_pair(ret, "stall", row.stall);
	buf_json_key(ret, "items");
	buf_text(ret, "{");
	buf_json_pair_i64(ret, row.ingredient.p, restock);
	buf_text(ret, "}");
	buf_json_pair_i64(ret, "version", 1);
}

void sent_line(const struct orders *orders, const struct sent *sent,
	       int64_t restock, const struct arrival *arrival, struct buf *ret)
{
	bool arrived = arrival->offset >= 0;

	buf_text(ret, "{");
	buf_json_pair(ret, "kind", text_of(kind_name(sent->step.kind)));
	buf_json_pair(ret, "outcome", arrived ? TEXT("ok") : TEXT("info"));
	switch (sent->step.kind) {
	case SENT_ORDER:
	case SENT_DUPLICATE:
		order_line(orders, sent, ret);
		break;
	case SENT_POISON:
		poison_line(orders, sent, ret);
		break;
	case SENT_RESTOCK:
		restock_line(orders, sent, restock, ret);
		break;
	}
	buf_json_pair(ret, "topic", text_of(arrival->topic));
	if (arrived) {
		buf_json_pair_i64(ret, "partition", arrival->partition);
		buf_json_pair_i64(ret, "offset", arrival->offset);
	}
	buf_json_pair_i64(ret, "sent_ms", sent->sent_ms);
	if (arrived)
		buf_json_pair_i64(ret, "acked_ms", arrival->acked_ms);
	buf_text(ret, "}\n");
}

/* ---- the summary ---- */

static int64_t sum(const int64_t n[N_SENT_KINDS])
{
	int64_t all = 0;

	for (int i = 0; i < N_SENT_KINDS; i++)
		all += n[i];
	return all;
}

void score_acked(struct score *score, enum sent_kind kind, int64_t took_us)
{
	int64_t took_ms = took_us / 1000;

	score->n_acked[kind]++;
	if (kind == SENT_RESTOCK)
		return;
	score->latencies[took_ms < N_LATENCIES ? took_ms : N_LATENCIES - 1]++;
	if (took_us > score->longest_us)
		score->longest_us = took_us;
}

int64_t score_n_acked(const struct score *score)
{
	return sum(score->n_acked);
}

/* Of which there are latencies. */
static int64_t n_timed(const struct score *score)
{
	return score_n_acked(score) - score->n_acked[SENT_RESTOCK];
}

int64_t score_percentile_ms(const struct score *score, int percent)
{
	int64_t n = n_timed(score), seen = 0, ms = 0;

	while (ms < N_LATENCIES - 1) {
		seen += score->latencies[ms];
		if (seen * 100 >= n * percent)
			break;
		ms++;
	}
	return ms;
}

void score_summary(const struct score *score, uint64_t seed, struct buf *out)
{
	int64_t n_acked = score_n_acked(score), n = n_timed(score);
	int64_t took_us = score->ended_us - score->started_us;

	buf_printf(out, "{\"seed\":%" PRIu64, seed);
	for (int kind = 0; kind < N_SENT_KINDS; kind++)
		buf_printf(out, ",\"%s%s\":%" PRId64,
			   kind_name((enum sent_kind)kind),
			   kind == SENT_POISON ? "" : "s", score->n_sent[kind]);
	buf_printf(out,
		   ",\"v1\":%" PRId64 ",\"acked\":%" PRId64
		   ",\"unacked\":%" PRId64 ",\"refused\":%" PRId64,
		   score->n_v1, n_acked, sum(score->n_sent) - n_acked,
		   score->n_refused);
	buf_printf(out, ",\"seconds\":%.3f,\"per_second\":%.0f",
		   (double)took_us / 1e6,
		   took_us > 0 ? (double)n * 1e6 / (double)took_us : 0.0);
	buf_printf(out,
		   ",\"ack_ms\":{\"p50\":%" PRId64 ",\"p99\":%" PRId64
		   ",\"max\":%" PRId64 "}}\n",
		   score_percentile_ms(score, 50),
		   score_percentile_ms(score, 99), score->longest_us / 1000);
}

/* SPDX-License-Identifier: MIT */
/*
 * The tables check_* have what the bytes on the topics say, and the view
 * check_first the first record of each order. All other tables are the
 * product's own.
 */
#include "itests/harness/checker_rules.h"

const char *const check_tables[] = {
	/* Records of `orders`. @reason: no reader can accept it, or the
	 * database refuses it. */
	"CREATE TABLE IF NOT EXISTS check_commands (partition int, "
	"\"offset\" int8, placed bool, order_id uuid, hash int8, reason text, "
	"timestamp_ms int8, bucket int, customer text, stall text)",
	/* Dead letters, by the place of their source. */
	"CREATE TABLE IF NOT EXISTS check_copies (partition int, "
	"\"offset\" int8, exact bool, cut bool)",
	"CREATE TABLE IF NOT EXISTS check_picks (at int, order_id uuid, "
	"seq int8, version int, verdict text, timestamp_ms int8)",
	"CREATE TABLE IF NOT EXISTS check_toasties (at int, order_id uuid, "
	"seq int8, state text)",
	"CREATE TABLE IF NOT EXISTS check_changes (at int, stall text, "
	"ingredient text, kind text, delta int8)",
	/* Of the grills' own logs. */
	"CREATE TABLE IF NOT EXISTS check_edges (kind text, order_id uuid)",
	"CREATE OR REPLACE VIEW check_first AS SELECT DISTINCT ON (order_id) * "
	"FROM check_commands WHERE placed AND reason IS NULL "
	"ORDER BY order_id, partition, \"offset\"",
	"TRUNCATE check_commands, check_copies, check_picks, check_toasties, "
	"check_changes, check_edges",
};
const size_t n_check_tables = sizeof(check_tables) / sizeof(check_tables[0]);

/* Each order, with its toastie and the last fact of that. */
#define ORDERS_AND_TOASTIES                                                    \
	"FROM order_view o LEFT JOIN toasties t USING (order_id) LEFT JOIN "   \
	"(SELECT DISTINCT ON (order_id) * FROM check_toasties "                \
	"ORDER BY order_id, seq DESC) f USING (order_id) "
#define GRILLED "o.verdict = 'picked' AND o.wants_grill"

/* Each order, with its picks counted; a pick of version 1 is one a line. */
#define ORDERS_AND_PICKS                                                       \
	"FROM (SELECT o.order_id, o.cancelled_at, CASE pick_version WHEN 1 "   \
	"THEN jsonb_array_length(o.items) ELSE 1 END AS n, count(p.seq) "      \
	"FILTER (WHERE p.verdict IN ('picked', 'refused')) AS verdicts, "      \
	"count(p.seq) FILTER (WHERE p.verdict = 'cancelled') AS cancelled "    \
	"FROM order_view o LEFT JOIN check_picks p USING (order_id) "          \
	"GROUP BY 1, 2, 3) o "

/* Each order that has a toastie, with its edges counted. */
#define TOASTIES_AND_EDGES                                                     \
	"FROM (SELECT t.order_id, t.state, count(*) FILTER (WHERE kind = "     \
	"'START') AS starts, count(*) FILTER (WHERE kind = 'DONE') AS ends "   \
	"FROM toasties t LEFT JOIN check_edges e USING (order_id) "            \
	"GROUP BY t.order_id) t "

const struct check_rule check_rules[] = {
	/* ---- commands and dead letters ---- */
	{ CHECK_ALWAYS, "an order without a row",
	  "SELECT f.order_id::text FROM check_first f LEFT JOIN order_view o "
	  "USING (order_id) WHERE o.order_id IS NULL" },
	{ CHECK_ALWAYS, "a row of orders that nobody asked for",
	  "SELECT o.order_id::text FROM order_view o LEFT JOIN check_first f "
	  "USING (order_id) WHERE f.order_id IS NULL" },
	{ CHECK_ALWAYS, "a row that is not of its order's first record",
	  "SELECT o.order_id::text FROM order_view o JOIN check_first f "
	  "USING (order_id) WHERE (o.partition, o.\"offset\") <> "
	  "(f.partition, f.\"offset\")" },
	{ CHECK_ALWAYS, "a row with another content than its record",
	  "SELECT o.order_id::text FROM order_view o JOIN check_first f "
	  "USING (order_id) WHERE o.content_hash <> f.hash" },
	{ CHECK_ALWAYS, "a row with another number than its record",
	  "SELECT concat_ws(' ', order_id, number) FROM order_view "
	  "WHERE number <> \"offset\" * 12 + partition" },
	{ CHECK_ALWAYS, "a verdict with another time than its row",
	  "SELECT p.order_id::text FROM check_picks p JOIN orders o "
	  "USING (order_id) WHERE p.seq = 1 AND p.timestamp_ms <> "
	  "floor(extract(epoch FROM o.decided_at) * 1000)" },
	{ CHECK_ALWAYS, "a record that is dead by another reason: should, is",
	  "SELECT concat(partition, '@', \"offset\", ' ', e.reason, ', ', "
	  "d.reason) FROM (SELECT c.partition, c.\"offset\", CASE "
	  "WHEN c.reason IS NOT NULL THEN c.reason "
	  "WHEN c.placed AND c.hash <> o.content_hash AND "
	  "(c.partition, c.\"offset\") <> (f.partition, f.\"offset\") "
	  "THEN 'conflict' "
	  "WHEN NOT c.placed AND (o.order_id IS NULL OR NOT coalesce("
	  "(f.partition, f.\"offset\") < (c.partition, c.\"offset\"), false)) "
	  "THEN 'unknown-order' END AS reason "
	  "FROM check_commands c LEFT JOIN order_view o USING (order_id) "
	  "LEFT JOIN check_first f USING (order_id)) e FULL JOIN "
	  "(SELECT partition, \"offset\", reason FROM dead_letters "
	  "WHERE service = 'chillybin' AND topic = 'orders') d "
	  "USING (partition, \"offset\") "
	  "WHERE e.reason IS DISTINCT FROM d.reason" },
	{ CHECK_ALWAYS, "a dead letter without a copy on orders.dlq",
	  "SELECT concat(partition, '@', \"offset\") FROM dead_letters d "
	  "WHERE service = 'chillybin' AND topic = 'orders' AND NOT EXISTS "
	  "(SELECT FROM check_copies c WHERE c.partition = d.partition AND "
	  "c.\"offset\" = d.\"offset\")" },
	{ CHECK_ALWAYS, "a dead letter that is no true copy",
	  "SELECT concat(partition, '@', \"offset\") FROM check_copies "
	  "WHERE NOT exact" },
	{ CHECK_ALWAYS, "a dead letter of another topic",
	  "SELECT concat(topic, ' ', partition, '@', \"offset\") "
	  "FROM dead_letters WHERE topic <> 'orders'" },

	/* ---- stock ---- */
	{ CHECK_ALWAYS, "stock that does not add up: is, should",
	  "SELECT concat_ws(' ', stall, ingredient, s.quantity, "
	  "coalesce(c.delta, 0) - coalesce(p.picked, 0)) FROM stock s "
	  "FULL JOIN (SELECT stall, ingredient, sum(delta) AS delta "
	  "FROM stock_changes GROUP BY 1, 2) c USING (stall, ingredient) "
	  "FULL JOIN (SELECT o.stall, i->>'ingredient' AS ingredient, "
	  "sum((i->>'quantity')::int8) AS picked "
	  "FROM order_view o, jsonb_array_elements(o.items) i "
	  "WHERE o.verdict = 'picked' GROUP BY 1, 2) p "
	  "USING (stall, ingredient) WHERE coalesce(s.quantity, 0) <> "
	  "coalesce(c.delta, 0) - coalesce(p.picked, 0)" },
	{ CHECK_ALWAYS, "what came back of an order: is, should",
	  "SELECT concat_ws(' ', o.order_id, coalesce(c.delta, 0), i.quantity) "
	  "FROM order_view o JOIN LATERAL (SELECT sum((x->>'quantity')::int8) "
	  "AS "
	  "quantity FROM jsonb_array_elements(o.items) x) i ON true "
	  "LEFT JOIN (SELECT order_id, sum(delta) AS delta "
	  "FROM stock_changes WHERE kind = 'returned' GROUP BY 1) c "
	  "USING (order_id) WHERE coalesce(c.delta, 0) <> "
	  "CASE WHEN o.returned_at IS NULL THEN 0 ELSE i.quantity END" },
	{ CHECK_ALWAYS, "a refusal of what was there or was not wanted",
	  "SELECT concat_ws(' ', o.order_id, m) "
	  "FROM order_view o, jsonb_array_elements(o.missing) m "
	  "WHERE o.verdict = 'refused' AND "
	  "(coalesce((m->>'left')::int8, 0) >= (m->>'wanted')::int8 "
	  "OR NOT EXISTS (SELECT FROM jsonb_array_elements(o.items) i "
	  "WHERE i->>'ingredient' = m->>'ingredient' AND "
	  "i->>'quantity' = m->>'wanted'))" },
	{ CHECK_ALWAYS, "a refusal that names nothing",
	  "SELECT order_id::text FROM order_view WHERE verdict = 'refused' AND "
	  "jsonb_array_length(missing) = 0" },
	{ CHECK_ALWAYS, "a fact of the ledger that is no stock change",
	  "SELECT concat_ws(' ', x.*) FROM (SELECT stall, ingredient, kind, "
	  "delta FROM check_changes EXCEPT ALL SELECT stall, ingredient, kind, "
	  "delta FROM stock_changes) x" },
	{ CHECK_ALWAYS, "a stock change that is no fact of the ledger",
	  "SELECT concat_ws(' ', x.*) FROM (SELECT stall, ingredient, kind, "
	  "delta FROM stock_changes EXCEPT ALL SELECT stall, ingredient, kind, "
	  "delta FROM check_changes) x" },

	/* ---- picks ---- */
	{ CHECK_ALWAYS, "a pick of an order that has no row",
	  "SELECT p.order_id::text FROM check_picks p LEFT JOIN order_view o "
	  "USING (order_id) WHERE o.order_id IS NULL" },
	/* Readers ignore what is not above what they have. */
	{ CHECK_ALWAYS, "a pick with another seq or version",
	  "SELECT concat_ws(' ', p.order_id, p.seq, p.version) "
	  "FROM check_picks p JOIN order_view o USING (order_id) WHERE "
	  "(p.verdict IN ('picked', 'refused')) <> (p.seq = 1) OR p.seq < 1 "
	  "OR p.version <> o.pick_version" },
	{ CHECK_ALWAYS, "a pick that does not say what was decided",
	  "SELECT concat_ws(' ', p.order_id, p.verdict) FROM check_picks p "
	  "JOIN order_view o USING (order_id) WHERE NOT CASE p.verdict "
	  "WHEN 'picked' THEN o.verdict = 'picked' "
	  "WHEN 'refused' THEN o.verdict = 'refused' "
	  "WHEN 'cancelled' THEN o.cancelled_at IS NOT NULL "
	  "ELSE p.verdict = 'kept' END" },
	{ CHECK_ALWAYS, "facts of a verdict: are, should",
	  "SELECT concat_ws(' ', order_id, verdicts, n) " ORDERS_AND_PICKS
	  "WHERE verdicts <> n" },
	{ CHECK_ALWAYS, "facts of a cancellation: are, should",
	  "SELECT concat_ws(' ', order_id, cancelled, n) " ORDERS_AND_PICKS
	  "WHERE cancelled <> CASE WHEN cancelled_at IS NULL THEN 0 "
	  "ELSE n END" },

	/* ---- toasties ---- */
	{ CHECK_TOASTIES, "a toastie of an order that was not for the grill",
	  "SELECT order_id::text FROM (SELECT order_id FROM toasties UNION "
	  "SELECT order_id FROM check_toasties) t LEFT JOIN order_view o "
	  "USING (order_id) WHERE (" GRILLED ") IS NOT TRUE" },
	{ CHECK_TOASTIES, "an order for the grill without a toastie",
	  "SELECT order_id::text " ORDERS_AND_TOASTIES "WHERE " GRILLED
	  " AND t.order_id IS NULL" },
	/* The first of a fact comes after all that are older. */
	{ CHECK_IN_ORDER, "facts of a toastie in another order than their seq",
	  "SELECT concat_ws(' ', order_id, seq, before) FROM (SELECT order_id, "
	  "seq, max(seq) OVER (PARTITION BY order_id ORDER BY at ROWS BETWEEN "
	  "UNBOUNDED PRECEDING AND 1 PRECEDING) AS before "
	  "FROM check_toasties) t WHERE seq <= coalesce(before, 0)" },
	{ CHECK_TOASTIES, "a toastie whose last fact says something else",
	  "SELECT concat_ws(' ', order_id, t.state, t.seq, t.published_seq, "
	  "f.state, f.seq) " ORDERS_AND_TOASTIES "WHERE " GRILLED
	  " AND (t.state, t.seq, t.seq) IS DISTINCT FROM "
	  "(f.state, f.seq, t.published_seq)" },
	{ CHECK_TOASTIES, "a toastie that is returned and its order is not",
	  "SELECT concat_ws(' ', order_id, t.state, "
	  "o.returned_at) " ORDERS_AND_TOASTIES "WHERE " GRILLED " AND "
	  "(coalesce(t.state, '') = 'returned') <> "
	  "(o.returned_at IS NOT NULL)" },
	{ CHECK_ALL_DONE, "a toastie that is not done",
	  "SELECT concat_ws(' ', order_id, t.state) " ORDERS_AND_TOASTIES
	  "WHERE " GRILLED " AND o.returned_at IS NULL AND "
	  "o.cancelled_at IS NULL AND t.state IS DISTINCT FROM 'done'" },

	/* ---- the grills' own logs ---- */
	{ CHECK_STARTS, "an edge of an order that was not for the grill",
	  "SELECT concat_ws(' ', e.kind, e.order_id) FROM check_edges e "
	  "LEFT JOIN order_view o USING (order_id) "
	  "WHERE (" GRILLED ") IS NOT TRUE" },
	{ CHECK_STARTS, "a toastie that was started several times",
	  "SELECT concat_ws(' ', order_id, count(*)) FROM check_edges "
	  "WHERE kind = 'START' GROUP BY order_id HAVING count(*) > 1" },
	{ CHECK_STARTS, "a toastie that is done: starts, ends",
	  "SELECT concat_ws(' ', order_id, starts, ends) " TOASTIES_AND_EDGES
	  "WHERE state = 'done' AND (starts, ends) <> (1, 1)" },
	{ CHECK_STARTS, "a toastie that was grilled and given back",
	  "SELECT concat_ws(' ', order_id, starts) " TOASTIES_AND_EDGES
	  "WHERE state = 'returned' AND starts > 0" },
};
const size_t n_check_rules = sizeof(check_rules) / sizeof(check_rules[0]);

/* SPDX-License-Identifier: MIT */
/*
 * Checker: see checker.h. Commands against tables and dead letters; facts are
 * in checker_facts.c. The first thread of the test's process.
 */
#include "itests/harness/checker.h"

#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "infra/lib/clock.h"
#include "infra/lib/hash.h"
#include "infra/lib/kafka_admin.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/checker_state.h"
#include "itests/harness/until.h"
#include "schemas/dead_letter.h"
#include "schemas/topics.h"

#define FAULTS_TOLD 8

void check_fault(struct check *check, const char *format, ...)
{
	char line[512];
	va_list args;

	if (check->n_faults++ >= FAULTS_TOLD)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_printf(&check->faults, "\n\t%s", line);
}

/* ---- rows ---- */

static int by_id(const void *key, const void *row)
{
	return order_id_compare(key, &((const struct check_order *)row)->id);
}

struct check_order *check_find(const struct check *check,
			       const struct order_id *id)
{
	if (!check->n_rows)
		return NULL;
	return bsearch(id, check->rows, check->n_rows, sizeof(*check->rows),
		       by_id);
}

static void read_row(struct pg *pg, int i, int row, struct check_order *ret)
{
	const char *p;
	size_t n;

	p = pg_bytes(pg, i, row, 0, &n);
	memcpy(ret->id.bytes, p, sizeof(ret->id.bytes));
	ret->picked = pg_bool(pg, i, row, 1);
	ret->grill = pg_bool(pg, i, row, 2);
	ret->cancelled = pg_bool(pg, i, row, 3);
	ret->returned = pg_bool(pg, i, row, 4);
	ret->partition = (int32_t)pg_i64(pg, i, row, 5);
	ret->offset = pg_i64(pg, i, row, 6);
	ret->number = pg_i64(pg, i, row, 7);
	ret->content_hash = (uint64_t)pg_i64(pg, i, row, 8);
	ret->n_items = pg_i64(pg, i, row, 9);
	ret->pick_version = pg_i64(pg, i, row, 10);
	if (pg_null(pg, i, row, 11))
		return;
	p = pg_bytes(pg, i, row, 11, &n);
	(void)str_n_copy(ret->state, sizeof(ret->state), p, n);
	ret->toastie_seq = pg_i64(pg, i, row, 12);
	ret->published_seq = pg_i64(pg, i, row, 13);
}

static void read_rows(struct check *check)
{
	struct db *db = check->world->db;
	int i, n;

	i = db_query(db,
		     "SELECT o.order_id, o.verdict = 'picked', o.grill, "
		     "o.cancelled_at IS NOT NULL, o.returned_at IS NOT NULL, "
		     "o.partition, o.\"offset\", o.number, o.content_hash, "
		     "jsonb_array_length(o.items), o.pick_version, t.state, "
		     "t.seq, t.published_seq "
		     "FROM orders o LEFT JOIN toasties t USING (order_id) "
		     "ORDER BY o.order_id");
	n = pg_n_rows(db_pg(db), i);
	check->rows = xcalloc((size_t)n, sizeof(*check->rows));
	check->n_rows = (size_t)n;
	for (int row = 0; row < n; row++) {
		read_row(db_pg(db), i, row, &check->rows[row]);
		check->result.n_orders++;
		if (check->rows[row].picked)
			check->result.n_picked++;
		else
			check->result.n_refused++;
	}
}

/* ---- commands ---- */

/* What a dead letter of @record has to say; NULL: it is none. */
static const char *judge_placed(struct check *check,
				const struct bus_record *record,
				const struct envelope *envelope)
{
	struct item items[ORDER_ITEMS_MAX];
	struct order_placed order;
	struct schema_fault fault;
	struct check_order *row;
	char id[ORDER_ID_CHARS + 1];
	int r;

	r = order_placed_decode(&order, items, envelope, record->value.p,
				record->value.n, &fault);
	if (r)
		return schema_outcome_name(r);
	if (check->params->refuses && check->params->refuses(&order.order_id))
		return "sql-error";
	(void)order_id_format(&order.order_id, id);
	row = check_find(check, &order.order_id);
	if (!row) {
		check_fault(check, "order %s has no row", id);
		return NULL;
	}
	if (row->asked) {
		check->result.n_repeats++;
		return row->content_hash == order_placed_hash(&order)
			       ? NULL
			       : "conflict";
	}
	row->asked = true;
	if (row->partition != record->partition ||
	    row->offset != record->offset)
		check_fault(check, "order %s is not of its first record", id);
	if (row->content_hash != order_placed_hash(&order))
		check_fault(check, "order %s has another content", id);
	if (row->number != row->offset * TOPIC_PARTITIONS + row->partition)
		check_fault(check, "order %s has the number %" PRId64, id,
			    row->number);
	return NULL;
}

static const char *judge_cancelled(const struct check *check,
				   const struct bus_record *record,
				   const struct envelope *envelope)
{
	struct order_cancelled cancelled;
	struct schema_fault fault;
	const struct check_order *row;
	int r;

	r = order_cancelled_decode(&cancelled, envelope, record->value.p,
				   record->value.n, &fault);
	if (r)
		return schema_outcome_name(r);
	row = check_find(check, &cancelled.order_id);
	return row && row->asked ? NULL : "unknown-order";
}

static const char *judge(struct check *check, const struct bus_record *record)
{
	struct schema_fault fault;
	struct envelope envelope;
	int r;

	r = bus_envelope(record, &envelope, &fault);
	if (r)
		return schema_outcome_name(r);
	if (envelope.type == EVENT_ORDER_PLACED)
		return judge_placed(check, record, &envelope);
	if (envelope.type == EVENT_ORDER_CANCELLED)
		return judge_cancelled(check, record, &envelope);
	return schema_outcome_name(SCHEMA_E_UNKNOWN_TYPE);
}

/* ---- dead letters ---- */

static bool same_text(struct text a, struct text b)
{
	return !a.p == !b.p && text_equal(a, b);
}

/* A copy has all that its source has, in the same order. */
static bool is_copy(const struct bus_record *copy,
		    const struct bus_record *source)
{
	if (!same_text(copy->key, source->key) ||
	    !same_text(copy->value, source->value) ||
	    copy->n_headers < source->n_headers)
		return false;
	for (size_t i = 0; i < source->n_headers; i++)
		if (strcmp(copy->headers[i].name, source->headers[i].name) !=
			    0 ||
		    !same_text(copy->headers[i].value,
			       source->headers[i].value))
			return false;
	return true;
}

/* How many copies of the record stand on the other topic. */
static size_t count_copies(struct check *check, const struct bus_record *source)
{
	size_t n = 0;

	for (size_t i = 0; i < check->dlq.n; i++) {
		const struct bus_record *copy = &check->dlq.records[i];
		struct schema_fault fault;
		struct dead_letter letter;

		if (copy->partition != source->partition)
			continue;
		dead_letter_init(&letter);
		for (size_t h = 0; h < copy->n_headers; h++)
			dead_letter_read(&letter, copy->headers[h].name,
					 copy->headers[h].value.p,
					 copy->headers[h].value.n);
		if (dead_letter_check(&letter, &fault) ||
		    letter.partition != source->partition ||
		    letter.offset != source->offset)
			continue;
		/* Or it says what was left out. */
		if (!letter.cut.n && !is_copy(copy, source))
			check_fault(check,
				    "dead letter orders/%d@%" PRId64
				    " is no true copy",
				    source->partition, source->offset);
		n++;
	}
	return n;
}

/* @reason NULL: it must be none. */
static void check_dead_letter(struct check *check,
			      const struct bus_record *record,
			      const struct table *dead, const char *reason);

struct dead_row {
	int32_t partition;
	int64_t offset;
	char reason[64];
};

static uint64_t hash_position(int32_t partition, int64_t offset)
{
	int64_t key[2] = { partition, offset };

	return hash_bytes(key, sizeof(key));
}

static bool is_at(const void *key, const void *value)
{
	const struct bus_record *record = key;
	const struct dead_row *row = value;

	return row->partition == record->partition &&
	       row->offset == record->offset;
}

static void check_dead_letter(struct check *check,
			      const struct bus_record *record,
			      const struct table *dead, const char *reason)
{
	const struct dead_row *row = table_find(
		dead, hash_position(record->partition, record->offset), is_at,
		record);
	size_t n_copies;

	if (!reason && !row)
		return;
	if (!reason || !row || strcmp(row->reason, reason) != 0) {
		check_fault(check,
			    "orders/%d@%" PRId64 " should be dead by '%s' and "
			    "is by '%s'",
			    record->partition, record->offset,
			    reason ? reason : "", row ? row->reason : "");
		return;
	}
	n_copies = count_copies(check, record);
	if (!n_copies)
		check_fault(check,
			    "orders/%d@%" PRId64 " is dead and has no "
			    "copy on orders.dlq",
			    record->partition, record->offset);
	check->result.n_dead_letters++;
	check->result.n_fact_copies += (int64_t)n_copies - 1;
}

static struct dead_row *read_dead(struct check *check, struct table *ret,
				  size_t *ret_n)
{
	struct db *db = check->world->db;
	struct dead_row *rows;
	const char *p;
	size_t n;
	int i;

	i = db_query(db, "SELECT partition, \"offset\", reason "
			 "FROM dead_letters WHERE service = 'chillybin' "
			 "AND topic = 'orders'");
	*ret_n = (size_t)pg_n_rows(db_pg(db), i);
	rows = xcalloc(*ret_n, sizeof(*rows));
	for (int row = 0; row < (int)*ret_n; row++) {
		rows[row].partition = (int32_t)pg_i64(db_pg(db), i, row, 0);
		rows[row].offset = pg_i64(db_pg(db), i, row, 1);
		p = pg_bytes(db_pg(db), i, row, 2, &n);
		(void)str_n_copy(rows[row].reason, sizeof(rows[row].reason), p,
				 n);
		table_add(ret,
			  hash_position(rows[row].partition, rows[row].offset),
			  &rows[row]);
	}
	return rows;
}

static void check_commands(struct check *check)
{
	struct table dead = { 0 };
	struct dead_row *rows;
	size_t n_rows;
	int64_t n_others;

	rows = read_dead(check, &dead, &n_rows);
	for (size_t i = 0; i < check->orders.n; i++) {
		const struct bus_record *record = &check->orders.records[i];

		check_dead_letter(check, record, &dead, judge(check, record));
	}
	for (size_t i = 0; i < check->n_rows; i++)
		if (!check->rows[i].asked)
			check_fault(check,
				    "a row of orders, number %" PRId64
				    ", that nobody asked for",
				    check->rows[i].number);
	if (check->result.n_dead_letters != (int64_t)n_rows)
		check_fault(check,
			    "%zu rows of dead letters, %" PRId64
			    " records that are dead",
			    n_rows, check->result.n_dead_letters);
	n_others = db_i64(check->world->db, "SELECT count(*) FROM dead_letters "
					    "WHERE topic <> 'orders'");
	if (n_others)
		check_fault(check, "%" PRId64 " dead letters of other topics",
			    n_others);
	free(rows);
	table_deinit(&dead);
}

/* ---- what was acknowledged ---- */

static void check_line(struct check *check, const json_t *line)
{
	const char *kind = json_string_value(json_object_get(line, "kind"));
	const char *id = json_string_value(json_object_get(line, "id"));
	const json_t *offset = json_object_get(line, "offset");
	const struct bus_record *record;
	bool restock;
	struct text key;

	/* Without one it is not known to have arrived. */
	if (!kind || !id || !offset)
		return;
	restock = !strcmp(kind, "restock");
	record = bus_at(
		restock ? &check->restocks : &check->orders,
		(int32_t)json_integer_value(json_object_get(line, "partition")),
		json_integer_value(offset));
	key = record ? bus_header(record, "ce_id") : (struct text){ 0 };
	if (!text_equal(key, text_of(id)))
		check_fault(check,
			    "the %s %s was acknowledged and is not "
			    "where it was said to be",
			    kind, id);
}

static void check_record_file(struct check *check, const char *path)
{
	size_t flags = JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK;
	FILE *file = fopen(path, "re");
	size_t n = 0;
	json_t *line;

	ck_assert_msg(file, "there is no record '%s'", path);
	while ((line = json_loadf(file, flags, NULL))) {
		check_line(check, line);
		json_decref(line);
		n++;
	}
	(void)fclose(file);
	if (!n)
		check_fault(check, "the record '%s' is empty", path);
}

/* ---- stock ---- */

/* Columns of the query: stall/ingredient, what is there, what should be. */
static void check_pairs(struct check *check, const char *what, const char *sql)
{
	struct db *db = check->world->db;
	const char *p;
	size_t n;
	int i;

	i = db_query(db, "%s", sql);
	for (int row = 0; row < pg_n_rows(db_pg(db), i); row++) {
		p = pg_bytes(db_pg(db), i, row, 0, &n);
		check_fault(check,
			    "%s of %.*s is %" PRId64 " and should be %" PRId64,
			    what, (int)n, p, pg_i64(db_pg(db), i, row, 1),
			    pg_i64(db_pg(db), i, row, 2));
	}
}

static void check_stock(struct check *check)
{
	check_pairs(check, "stock",
		    "SELECT stall || '/' || ingredient, "
		    "coalesce(s.quantity, 0), (coalesce(c.delta, 0) - "
		    "coalesce(p.picked, 0))::int8 "
		    "FROM stock s FULL JOIN (SELECT stall, ingredient, "
		    "sum(delta) AS delta FROM stock_changes GROUP BY 1, 2) c "
		    "USING (stall, ingredient) FULL JOIN "
		    "(SELECT o.stall, i->>'ingredient' AS ingredient, "
		    "sum((i->>'quantity')::int8) AS picked "
		    "FROM orders o, jsonb_array_elements(o.items) i "
		    "WHERE o.verdict = 'picked' GROUP BY 1, 2) p "
		    "USING (stall, ingredient) "
		    "WHERE coalesce(s.quantity, 0) <> coalesce(c.delta, 0) - "
		    "coalesce(p.picked, 0)");
	check_pairs(check, "what came back",
		    "SELECT o.order_id::text, coalesce(c.delta, 0)::int8, "
		    "i.quantity::int8 FROM orders o JOIN LATERAL "
		    "(SELECT sum((x->>'quantity')::int8) AS quantity "
		    "FROM jsonb_array_elements(o.items) x) i ON true "
		    "LEFT JOIN (SELECT order_id, sum(delta) AS delta "
		    "FROM stock_changes WHERE kind = 'returned' GROUP BY 1) c "
		    "USING (order_id) WHERE coalesce(c.delta, 0) <> "
		    "CASE WHEN o.returned_at IS NULL THEN 0 "
		    "ELSE i.quantity END");
	/* What was missing was wanted and was not there. */
	check_pairs(check, "a refusal",
		    "SELECT o.order_id::text, "
		    "coalesce((m->>'left')::int8, -1), (m->>'wanted')::int8 "
		    "FROM orders o, jsonb_array_elements(o.missing) m "
		    "WHERE o.verdict = 'refused' AND "
		    "(coalesce((m->>'left')::int8, 0) >= (m->>'wanted')::int8 "
		    "OR NOT EXISTS (SELECT FROM "
		    "jsonb_array_elements(o.items) i WHERE i->>'ingredient' = "
		    "m->>'ingredient' AND i->>'quantity' = m->>'wanted'))");
	check_pairs(check, "missing",
		    "SELECT order_id::text, 0::int8, 1::int8 FROM orders "
		    "WHERE verdict = 'refused' AND "
		    "jsonb_array_length(missing) = 0");
}

/* ---- positions ---- */

static bool in_play(const struct world *world, const char *service)
{
	size_t n = strlen(service);

	for (const struct program *p = world->programs; p; p = p->next)
		if (!strncmp(p->name, service, n))
			return true;
	return false;
}

/*
 * The way of an order: once nothing comes in, and a stage and all before it
 * are done, that stage stays so. Looked at in another order something may
 * slip by.
 */
static const struct {
	const char *service, *topic;
	bool toasties; /* the rows of the table of that name */
} stages[] = {
	{ "chillybin", "orders", false },   { "chillybin", "restocks", false },
	{ "jafflr", "picks", false },       { "jafflr", "toasties", true },
	{ "chillybin", "toasties", false }, { "tally", "toasties", false },
};
#define N_STAGES (sizeof(stages) / sizeof(stages[0]))

/* Rows whose next and emitted are not at the end of the topic. */
static int64_t count_behind(struct world *world, struct kafka_admin *admin,
			    const char *service, const char *topic)
{
	int64_t ends[TOPIC_PARTITIONS];
	char name[128];
	struct buf list = { 0 };
	int64_t n;

	world_topic(world, topic, name);
	if (kafka_admin_ends(admin, name, TOPIC_PARTITIONS, ends))
		return -1;
	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		buf_printf(&list, "%s(%d, %" PRId64 ")", i ? ", " : "", i,
			   ends[i]);
	buf_add(&list, "", 1);
	n = db_i64(world->db,
		   "SELECT count(*) FROM (VALUES %s) AS e(partition, ending) "
		   "LEFT JOIN positions p ON p.partition = e.partition AND "
		   "p.service = '%s' AND p.topic = '%s' "
		   "WHERE p.next_offset IS DISTINCT FROM e.ending OR "
		   "p.emitted_offset IS DISTINCT FROM e.ending",
		   list.p, service, topic);
	buf_deinit(&list);
	return n;
}

static int64_t count_unfinished(struct world *world)
{
	return db_i64(world->db, "SELECT count(*) FROM toasties WHERE state IN "
				 "('collecting', 'queued', 'grilling') OR "
				 "published_seq < seq");
}

struct settling {
	struct world *world;
	struct kafka_admin *admin;
	const char *service, *topic;
	int64_t n;
};

static bool is_level(void *arg)
{
	struct settling *settling = arg;
	struct world *world = settling->world;

	for (size_t i = 0; i < N_STAGES; i++) {
		if (!in_play(world, stages[i].service))
			continue;
		settling->service = stages[i].service;
		settling->topic = stages[i].topic;
		settling->n = stages[i].toasties
				      ? count_unfinished(world)
				      : count_behind(world, settling->admin,
						     stages[i].service,
						     stages[i].topic);
		if (settling->n)
			return false;
	}
	return true;
}

void world_settle(struct world *world, int64_t timeout_ms)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	struct settling settling = { .world = world };

	ck_assert(
		!kafka_admin_new(&admin, world->brokers, "itest", PATIENCE_MS));
	settling.admin = admin;
	ck_assert_msg(until(timeout_ms, is_level, &settling),
		      "after %" PRId64 " ms %s is not done with %s: %" PRId64
		      " left",
		      timeout_ms, settling.service, settling.topic, settling.n);
}

static void check_positions(struct check *check)
{
	CLEANUP(kafka_admin_freep) struct kafka_admin *admin = NULL;
	struct settling settling = { .world = check->world };

	ck_assert(!kafka_admin_new(&admin, check->world->brokers, "itest",
				   PATIENCE_MS));
	settling.admin = admin;
	/* A transaction's marker may come after its end was acknowledged. */
	if (!until(PATIENCE_MS, is_level, &settling))
		check_fault(check, "%s is not done with %s: %" PRId64 " left",
			    settling.service, settling.topic, settling.n);
}

/* ---- all of it ---- */

static void check_deinit(struct check *check)
{
	bus_log_deinit(&check->orders);
	bus_log_deinit(&check->restocks);
	bus_log_deinit(&check->picks);
	bus_log_deinit(&check->ledger);
	bus_log_deinit(&check->toasties);
	bus_log_deinit(&check->dlq);
	free(check->rows);
	buf_deinit(&check->faults);
}

struct check_result check_world(struct world *world,
				const struct check_params *params)
{
	struct check check = { .world = world, .params = params };

	bus_read(world, "orders", &check.orders);
	bus_read(world, "restocks", &check.restocks);
	bus_read(world, "picks", &check.picks);
	bus_read(world, "ledger", &check.ledger);
	bus_read(world, "toasties", &check.toasties);
	bus_read(world, "orders.dlq", &check.dlq);
	read_rows(&check);
	check_commands(&check);
	for (size_t i = 0; i < CHECK_RECORDS_MAX && params->records[i]; i++)
		check_record_file(&check, params->records[i]);
	check_stock(&check);
	check_ledger(&check);
	check_picks(&check);
	if (in_play(world, "jafflr")) {
		check_toasties(&check);
		check_starts(&check);
	}
	check_positions(&check);
	ck_assert_msg(!check.n_faults, "%zu breaches:%.*s", check.n_faults,
		      (int)check.faults.n, check.faults.p);
	check_deinit(&check);
	return check.result;
}

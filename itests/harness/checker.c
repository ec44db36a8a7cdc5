/* SPDX-License-Identifier: MIT */
/*
 * Decodes what stands on the topics into tables, and lets the rules of
 * checker_rules.h find every breach. The first thread of the test's process.
 */
#include "itests/harness/checker.h"

#include <check.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

#include "infra/lib/hash.h"
#include "infra/lib/table.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/checker_rules.h"
#include "schemas/dead_letter.h"
#include "schemas/messages/order_cancelled.h"
#include "schemas/messages/order_placed.h"
#include "schemas/messages/pick.h"
#include "schemas/messages/stock_changed.h"
#include "schemas/messages/toastie.h"

#define FAULTS_SHOWN 8

struct check {
	struct world *world;
	const struct check_params *params;
	struct bus_log orders, restocks, dlq;
	int64_t n_copies; /* of facts that are on their topic already */
	struct buf faults;
	size_t n_faults;
};

static void add_fault(struct check *check, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add_fault(struct check *check, const char *format, ...)
{
	char line[512];
	va_list args;

	if (check->n_faults++ >= FAULTS_SHOWN)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_printf(&check->faults, "\n\t%s", line);
}

/* ---- rows of the tables ---- */

/* The rows of an INSERT, as they are put together. */
struct values {
	struct buf sql;
	int n;
};

static void values_add(struct values *values, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void values_add(struct values *values, const char *format, ...)
{
	char row[8192];
	va_list args;

	va_start(args, format);
	ck_assert_int_lt(vsnprintf(row, sizeof(row), format, args),
			 (int)sizeof(row));
	va_end(args);
	buf_printf(&values->sql, "%s(%s)", values->n++ ? ", " : "", row);
}

static void values_insert(struct values *values, const struct world *world,
			  const char *table)
{
	if (values->n)
		(void)db_query(world->db, "INSERT INTO %s VALUES %.*s", table,
			       (int)values->sql.n, values->sql.p);
	buf_deinit(&values->sql);
}

/* ---- commands ---- */

static const char *id_text(const struct order_id *id)
{
	static char text[ORDER_ID_CHARS + 1];

	return order_id_format(id, text);
}

/* NULL, or the reason for which nobody can act on the record. */
static const char *decode_command(const struct check *check,
				  const struct bus_record *record, bool *placed,
				  struct order_id *id, uint64_t *hash)
{
	struct item items[ORDER_ITEMS_MAX];
	struct order_cancelled cancelled;
	struct order_placed order;
	struct schema_fault fault;
	struct envelope envelope;
	int r;

	r = bus_envelope(record, &envelope, &fault);
	if (r)
		return schema_outcome_name(r);
	*placed = envelope.type == EVENT_ORDER_PLACED;
	if (!*placed && envelope.type != EVENT_ORDER_CANCELLED)
		return schema_outcome_name(SCHEMA_E_UNKNOWN_TYPE);
	if (*placed)
		r = order_placed_decode(&order, items, &envelope,
					record->value.p, record->value.n,
					&fault);
	else
		r = order_cancelled_decode(&cancelled, &envelope,
					   record->value.p, record->value.n,
					   &fault);
	if (r)
		return schema_outcome_name(r);
	*id = *placed ? order.order_id : cancelled.order_id;
	if (!*placed)
		return NULL;
	*hash = order_placed_hash(&order);
	if (check->params->refuses && check->params->refuses(id))
		return "sql-error";
	return NULL;
}

static void read_commands(const struct check *check)
{
	struct values values = { 0 };

	for (size_t i = 0; i < check->orders.n; i++) {
		const struct bus_record *record = &check->orders.records[i];
		const char *reason;
		struct order_id id = { 0 };
		uint64_t hash = 0;
		bool placed = false;

		reason = decode_command(check, record, &placed, &id, &hash);
		values_add(&values,
			   "%d, %" PRId64 ", %s, '%s', %" PRId64 ", %s%s%s",
			   record->partition, record->offset,
			   placed ? "true" : "false", id_text(&id),
			   (int64_t)hash, reason ? "'" : "",
			   reason ? reason : "NULL", reason ? "'" : "");
	}
	values_insert(&values, check->world, "check_commands");
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
	if (!source || !same_text(copy->key, source->key) ||
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

/* It says where it comes from, which group gave it up, and why; of what was
 * left out it says that much, and need not say why. */
static bool is_letter(const struct dead_letter *letter, const char *group)
{
	return text_equal(letter->topic, TEXT("orders")) &&
	       text_equal(letter->group, text_of(group)) &&
	       letter->delivery_count == 1 &&
	       (letter->cut.n || letter->message.n);
}

static void read_copies(const struct check *check)
{
	struct values values = { 0 };
	char group[128];

	(void)snprintf(group, sizeof(group), "chillybin.blue%s",
		       check->world->suffix);
	for (size_t i = 0; i < check->dlq.n; i++) {
		const struct bus_record *copy = &check->dlq.records[i];
		struct dead_letter letter;
		struct schema_fault fault;
		bool exact;

		dead_letter_init(&letter);
		for (size_t k = 0; k < copy->n_headers; k++)
			dead_letter_read(&letter, copy->headers[k].name,
					 copy->headers[k].value.p,
					 copy->headers[k].value.n);
		if (dead_letter_check(&letter, &fault) ||
		    letter.partition != copy->partition)
			continue;
		exact = letter.cut.n ||
			is_copy(copy, bus_at(&check->orders, letter.partition,
					     letter.offset));
		values_add(&values, "%d, %" PRId64 ", %s, %s", letter.partition,
			   letter.offset,
			   exact && is_letter(&letter, group) ? "true"
							      : "false",
			   letter.cut.n ? "true" : "false");
	}
	values_insert(&values, check->world, "check_copies");
}

/* ---- facts ---- */

static bool has_id(const void *key, const void *value)
{
	const struct bus_record *a = key, *b = value;

	return text_equal(bus_header(a, "ce_id"), bus_header(b, "ce_id"));
}

static bool equal_but_producer(const struct bus_record *a,
			       const struct bus_record *b)
{
	if (!text_equal(a->key, b->key) || !text_equal(a->value, b->value) ||
	    a->n_headers != b->n_headers)
		return false;
	for (size_t i = 0; i < a->n_headers; i++)
		if (strcmp(a->headers[i].name, b->headers[i].name) != 0 ||
		    (strcmp(a->headers[i].name, "producer") != 0 &&
		     !text_equal(a->headers[i].value, b->headers[i].value)))
			return false;
	return true;
}

/* A fact may stand on its topic several times: the copies have one identity,
 * and are equal in everything but who sent them. True for the first one. */
static bool is_first(struct check *check, struct table *seen,
		     struct bus_record *record)
{
	struct text id = bus_header(record, "ce_id");
	uint64_t hash = hash_bytes(id.p, id.n);
	const struct bus_record *first = table_find(seen, hash, has_id, record);

	if (!first) {
		table_add(seen, hash, record);
		return true;
	}
	check->n_copies++;
	if (!equal_but_producer(first, record))
		add_fault(check, "copies of the fact %.*s differ", (int)id.n,
			  id.p);
	return false;
}

/* Adds the row of a fact, the @at-th of its topic. Positive: SCHEMA_E_*. */
typedef int (*add_fact_fn)(struct values *values, int at,
			   const struct bus_record *record,
			   const struct envelope *envelope,
			   struct schema_fault *fault);

static int add_pick(struct values *values, int at,
		    const struct bus_record *record,
		    const struct envelope *envelope, struct schema_fault *fault)
{
	static struct pick_storage room;
	struct pick pick;
	int r;

	r = pick_decode(&pick, &room, envelope, record->value.p,
			record->value.n, fault);
	if (!r)
		values_add(values, "%d, '%s', %" PRId64 ", %d, '%s'", at,
			   id_text(&pick.order_id), pick.seq, pick.version,
			   verdict_name(pick.verdict));
	return r;
}

static int add_toastie(struct values *values, int at,
		       const struct bus_record *record,
		       const struct envelope *envelope,
		       struct schema_fault *fault)
{
	struct toastie toastie;
	int r;

	r = toastie_decode(&toastie, envelope, record->value.p, record->value.n,
			   fault);
	if (!r)
		values_add(values, "%d, '%s', %" PRId64 ", '%s'", at,
			   id_text(&toastie.order_id), toastie.seq,
			   toastie_state_name(toastie.state));
	return r;
}

static int add_change(struct values *values, int at,
		      const struct bus_record *record,
		      const struct envelope *envelope,
		      struct schema_fault *fault)
{
	struct stock_changed changed;
	int r;

	r = stock_changed_decode(&changed, envelope, record->value.p,
				 record->value.n, fault);
	/* No name in a test has the end of such a quotation in it. */
	if (!r)
		values_add(values, "%d, $q$%.*s$q$, $q$%.*s$q$, '%s', %" PRId64,
			   at, (int)changed.stall.n, changed.stall.p,
			   (int)changed.ingredient.n, changed.ingredient.p,
			   stock_change_name(changed.kind), changed.delta);
	return r;
}

static const struct {
	const char *topic, *table;
	enum event_type type;
	add_fact_fn add;
} fact_topics[] = {
	{ "picks", "check_picks", EVENT_PICK, add_pick },
	{ "ledger", "check_changes", EVENT_STOCK_CHANGED, add_change },
	{ "toasties", "check_toasties", EVENT_TOASTIE, add_toastie },
};

static void read_facts(struct check *check, int topic)
{
	struct values values = { 0 };
	struct schema_fault fault;
	struct envelope envelope;
	struct table seen = { 0 };
	struct bus_log log;

	bus_read(check->world, fact_topics[topic].topic, &log);
	for (size_t i = 0; i < log.n; i++) {
		struct bus_record *record = &log.records[i];

		if (!is_first(check, &seen, record))
			continue;
		if (bus_envelope(record, &envelope, &fault) ||
		    envelope.type != fact_topics[topic].type ||
		    fact_topics[topic].add(&values, (int)i, record, &envelope,
					   &fault))
			add_fault(check,
				  "a fact at %s/%d@%" PRId64
				  " cannot be read: %s",
				  fact_topics[topic].topic, record->partition,
				  record->offset, fault.what);
	}
	values_insert(&values, check->world, fact_topics[topic].table);
	table_deinit(&seen);
	bus_log_deinit(&log);
}

/* ---- the grills' own logs ---- */

static void read_edges(const struct check *check)
{
	static const char *const kinds[] = { "start", "done", "stop", "reset" };
	const struct grill_spy *grill = check->world->grills;
	struct values values = { 0 };

	for (; grill; grill = grill->next) {
		struct edges edges = grill_edges(grill);

		for (size_t i = 0; i < edges.n; i++)
			if (edges.all[i].kind != EDGE_RESET)
				values_add(&values, "'%s', '%s'",
					   kinds[edges.all[i].kind],
					   id_text(&edges.all[i].job));
		edges_deinit(&edges);
	}
	values_insert(&values, check->world, "check_edges");
}

/* ---- what was acknowledged ---- */

static void check_line(struct check *check, const json_t *line)
{
	const char *kind = json_string_value(json_object_get(line, "kind"));
	const char *id = json_string_value(json_object_get(line, "id"));
	const json_t *offset = json_object_get(line, "offset");
	const struct bus_record *record;
	struct text key;

	/* Without one it is not known to have arrived. */
	if (!kind || !id || !offset)
		return;
	record = bus_at(
		!strcmp(kind, "restock") ? &check->restocks : &check->orders,
		(int32_t)json_integer_value(json_object_get(line, "partition")),
		json_integer_value(offset));
	key = record ? bus_header(record, "ce_id") : (struct text){ 0 };
	if (!text_equal(key, text_of(id)))
		add_fault(check,
			  "the %s %s was acknowledged and is not where it was "
			  "said to be",
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
		add_fault(check, "the record '%s' is empty", path);
}

/* ---- all of it ---- */

static void check_rule(struct check *check, const struct check_rule *rule)
{
	struct db *db = check->world->db;
	int i = db_query(db, "%s", rule->sql);
	const char *p;
	size_t n;

	for (int row = 0; row < pg_n_rows(db_pg(db), i); row++) {
		p = pg_bytes(db_pg(db), i, row, 0, &n);
		add_fault(check, "%s: %.*s", rule->breach, (int)n, p);
	}
}

static void check_all(struct check *check)
{
	struct world *world = check->world;
	const struct check_params *params = check->params;
	bool toasties = world_has(world, "jafflr");
	const bool whens[] = {
		[CHECK_ALWAYS] = true,
		[CHECK_TOASTIES] = toasties,
		[CHECK_STARTS] = toasties && world->grills,
		[CHECK_ALL_DONE] = toasties && params->all_done,
	};

	for (size_t i = 0; i < n_check_tables; i++)
		(void)db_query(world->db, "%s", check_tables[i]);
	read_commands(check);
	read_copies(check);
	for (int i = 0; i < 3; i++)
		read_facts(check, i);
	read_edges(check);
	for (size_t i = 0; i < CHECK_RECORDS_MAX && params->records[i]; i++)
		check_record_file(check, params->records[i]);
	for (size_t i = 0; i < n_check_rules; i++)
		if (whens[check_rules[i].when])
			check_rule(check, &check_rules[i]);
}

static struct check_result result_of(const struct check *check)
{
	struct db *db = check->world->db;
	struct check_result result = {
		.n_orders = db_i64(db, "orders"),
		.n_picked = db_i64(db, "order_view WHERE verdict = 'picked'"),
		.n_refused = db_i64(db, "order_view WHERE verdict = 'refused'"),
		.n_repeats = db_i64(db, "check_commands WHERE placed AND "
					"reason IS NULL") -
			     db_i64(db, "check_first"),
		.n_dead_letters = db_i64(db, "dead_letters"),
		.n_cancelled = db_i64(db, "check_picks WHERE verdict = "
					  "'cancelled'"),
		.n_kept = db_i64(db, "check_picks WHERE verdict = 'kept'"),
		.n_done = db_i64(db, "toasties WHERE state = 'done'"),
		.n_starts = db_i64(db, "check_edges WHERE kind = 'start'"),
		.n_fact_copies = check->n_copies,
	};

	result.n_fact_copies +=
		db_i64(db, "check_copies") - result.n_dead_letters;
	return result;
}

struct check_result check_world_with(struct world *world,
				     const struct check_params *params)
{
	struct check check = { .world = world, .params = params };
	struct check_result result;

	world_settle(world);
	bus_read(world, "orders", &check.orders);
	bus_read(world, "restocks", &check.restocks);
	bus_read(world, "orders.dlq", &check.dlq);
	check_all(&check);
	/* A transaction's marker may come after its end was acknowledged. */
	world_settle(world);
	ck_assert_msg(!check.n_faults, "%zu breaches:%.*s", check.n_faults,
		      (int)check.faults.n, check.faults.p);
	result = result_of(&check);
	bus_log_deinit(&check.orders);
	bus_log_deinit(&check.restocks);
	bus_log_deinit(&check.dlq);
	return result;
}

struct check_result check_world(struct world *world)
{
	return check_world_with(world, &(struct check_params){ 0 });
}

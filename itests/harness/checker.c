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

#include "infra/lib/text/hash.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/checker_rules.h"
#include "schemas/dead_letter.h"
#include "schemas/oracle.h"

#define FAULTS_SHOWN 8
/* As the workers have it, and every version of them. */
#define LANE_BUCKETS 4096

/* The message that was decoded last. */
static struct oracle_message it;

struct checker {
	struct world *world;
	const struct check_params *params;
	struct bus_log orders, restocks, dlq;
	int64_t n_copies; /* of facts that are on their topic already */
	struct buf faults;
	size_t n_faults;
};

static void add_fault(struct checker *checker, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void add_fault(struct checker *checker, const char *format, ...)
{
	char line[512];
	va_list args;

	if (checker->n_faults++ >= FAULTS_SHOWN)
		return;
	va_start(args, format);
	(void)vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	buf_printf(&checker->faults, "\n\t%s", line);
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

/* What a command is, and by what its lane is found. */
struct command {
	bool placed;
	struct order_id id;
	uint64_t hash;
	struct text customer, stall;
};

/* NULL, or the reason for which nobody can act on the record. */
static const char *decode_command(const struct checker *checker,
				  const struct bus_record *record,
				  struct command *ret)
{
	struct schema_fault fault;
	struct envelope envelope;
	int r;

	r = bus_envelope(record, &envelope, &fault);
	ret->placed = !r && envelope.type == EVENT_ORDER_PLACED;
	if (!r && !ret->placed && envelope.type != EVENT_ORDER_CANCELLED)
		r = SCHEMA_E_UNKNOWN_TYPE;
	if (!r)
		r = oracle_decode(&it, &envelope, record->value.p,
				  record->value.n, &fault);
	if (r)
		return schema_outcome_name(r);
	ret->id = ret->placed ? it.order.order_id : it.cancelled.order_id;
	ret->customer = envelope.customer;
	if (!ret->placed)
		return NULL;
	ret->hash = order_placed_hash(&it.order);
	ret->stall = it.order.stall;
	if (checker->params->refuses && checker->params->refuses(&ret->id))
		return "sql-error";
	return NULL;
}

/* No text of these tests has the end of such a quotation in it. */
#define QUOTED "$q$%.*s$q$"

static void read_commands(const struct checker *checker)
{
	struct values values = { 0 };

	for (size_t i = 0; i < checker->orders.n; i++) {
		const struct bus_record *record = &checker->orders.records[i];
		struct command command = { 0 };
		const char *reason = decode_command(checker, record, &command);
		struct text lane_key =
			command.customer.n ? command.customer : record->key;

		values_add(&values,
			   "%d, %" PRId64 ", %s, '%s', %" PRId64
			   ", %s%s%s, %" PRId64 ", %d, " QUOTED ", " QUOTED,
			   record->partition, record->offset,
			   command.placed ? "true" : "false",
			   id_text(&command.id), (int64_t)command.hash,
			   reason ? "'" : "", reason ? reason : "NULL",
			   reason ? "'" : "", record->timestamp_ms,
			   (int)(hash_bytes(lane_key.p, lane_key.n) %
				 LANE_BUCKETS),
			   (int)command.customer.n, command.customer.p,
			   (int)command.stall.n, command.stall.p);
	}
	values_insert(&values, checker->world, "check_commands");
}

/* ---- dead letters ---- */

static bool same_text(struct text a, struct text b)
{
	return !a.p == !b.p && text_equal(a, b);
}

/* @copy has the time, the key, the value and the first headers of @source, in
 * the same order. */
static bool repeats(const struct bus_record *copy,
		    const struct bus_record *source)
{
	if (copy->timestamp_ms != source->timestamp_ms ||
	    !same_text(copy->key, source->key) ||
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
static bool is_letter(const struct world *world,
		      const struct dead_letter *letter)
{
	char blue[128], green[128];

	world_group(world, "chillybin", "blue", blue);
	world_group(world, "chillybin", "green", green);
	return text_equal(letter->topic, TEXT("orders")) &&
	       (text_equal(letter->group, text_of(blue)) ||
		text_equal(letter->group, text_of(green))) &&
	       letter->delivery_count == 1 &&
	       (letter->cut.n || letter->message.n);
}

static void read_copies(const struct checker *checker)
{
	struct values values = { 0 };

	for (size_t i = 0; i < checker->dlq.n; i++) {
		const struct bus_record *copy = &checker->dlq.records[i];
		const struct bus_record *source;
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
		source = bus_at(&checker->orders, letter.partition,
				letter.offset);
		exact = letter.cut.n || (source && repeats(copy, source));
		values_add(&values, "%d, %" PRId64 ", %s, %s", letter.partition,
			   letter.offset,
			   exact && is_letter(checker->world, &letter)
				   ? "true"
				   : "false",
			   letter.cut.n ? "true" : "false");
	}
	values_insert(&values, checker->world, "check_copies");
}

/* ---- facts ---- */

static bool has_id(const void *key, const void *value)
{
	const struct bus_record *a = key, *b = value;

	return text_equal(bus_header(a, "ce_id"), bus_header(b, "ce_id"));
}

/* A fact may stand on its topic several times: the copies have one identity,
 * and are equal in everything. True for the first one. */
static bool is_first(struct checker *checker, struct table *seen,
		     struct bus_record *record)
{
	struct text id = bus_header(record, "ce_id");
	uint64_t hash = hash_bytes(id.p, id.n);
	const struct bus_record *first = table_find(seen, hash, has_id, record);

	if (!first) {
		table_add(seen, hash, record);
		return true;
	}
	checker->n_copies++;
	if (first->n_headers != record->n_headers || !repeats(record, first))
		add_fault(checker, "copies of the fact %.*s differ", (int)id.n,
			  id.p);
	return false;
}

/* The rows of a fact, @record, the @at-th of its topic; decoded it is @it. */

static void add_pick(struct values *values, int at,
		     const struct bus_record *record)
{
	values_add(values, "%d, '%s', %" PRId64 ", %d, '%s', %" PRId64, at,
		   id_text(&it.pick.order_id), it.pick.seq, it.pick.version,
		   verdict_name(it.pick.verdict), record->timestamp_ms);
}

static void add_toastie(struct values *values, int at,
			const struct bus_record *record)
{
	(void)record;

	values_add(values, "%d, '%s', %" PRId64 ", '%s'", at,
		   id_text(&it.toastie.order_id), it.toastie.seq,
		   toastie_state_name(it.toastie.state));
}

static void add_change(struct values *values, int at,
		       const struct bus_record *record)
{
	(void)record;
	values_add(values, "%d, " QUOTED ", " QUOTED ", '%s', %" PRId64, at,
		   (int)it.changed.stall.n, it.changed.stall.p,
		   (int)it.changed.ingredient.n, it.changed.ingredient.p,
		   stock_change_name(it.changed.kind), it.changed.delta);
}

static const struct {
	const char *topic, *table;
	enum event_type type;
	void (*add)(struct values *values, int at,
		    const struct bus_record *record);
} fact_topics[] = {
	{ "picks", "check_picks", EVENT_PICK, add_pick },
	{ "ledger", "check_changes", EVENT_STOCK_CHANGED, add_change },
	{ "toasties", "check_toasties", EVENT_TOASTIE, add_toastie },
};

static void read_facts(struct checker *checker, int topic)
{
	struct values values = { 0 };
	struct schema_fault fault;
	struct envelope envelope;
	struct table seen = { 0 };
	struct bus_log log;

	bus_read(checker->world, fact_topics[topic].topic, &log);
	for (size_t i = 0; i < log.n; i++) {
		struct bus_record *record = &log.records[i];

		if (!is_first(checker, &seen, record))
			continue;
		if (bus_envelope(record, &envelope, &fault) ||
		    envelope.type != fact_topics[topic].type ||
		    oracle_decode(&it, &envelope, record->value.p,
				  record->value.n, &fault))
			add_fault(checker,
				  "a fact at %s/%d@%" PRId64
				  " cannot be read: %s",
				  fact_topics[topic].topic, record->partition,
				  record->offset, fault.what);
		else
			fact_topics[topic].add(&values, (int)i, record);
	}
	values_insert(&values, checker->world, fact_topics[topic].table);
	table_deinit(&seen);
	bus_log_deinit(&log);
}

/* ---- the grills' own logs ---- */

static void read_edges(const struct checker *checker)
{
	const struct grill_spy *grill = checker->world->grills;
	struct values values = { 0 };

	for (; grill; grill = grill->next) {
		struct edges edges = grill_edges(grill);

		for (size_t i = 0; i < edges.n; i++)
			values_add(&values, "'%s', '%s'", edges.all[i].kind,
				   id_text(&edges.all[i].job));
		edges_deinit(&edges);
	}
	values_insert(&values, checker->world, "check_edges");
}

/* ---- what was acknowledged ---- */

static void check_line(struct checker *checker, const json_t *line)
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
		!strcmp(kind, "restock") ? &checker->restocks
					 : &checker->orders,
		(int32_t)json_integer_value(json_object_get(line, "partition")),
		json_integer_value(offset));
	key = record ? bus_header(record, "ce_id") : (struct text){ 0 };
	if (!text_equal(key, text_of(id)))
		add_fault(checker,
			  "the %s %s was acknowledged and is not where it was "
			  "said to be",
			  kind, id);
}

static void check_record_file(struct checker *checker, const char *path)
{
	size_t flags = JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK;
	FILE *file = fopen(path, "re");
	size_t n = 0;
	json_t *line;

	ck_assert_msg(file, "there is no record '%s'", path);
	while ((line = json_loadf(file, flags, NULL))) {
		check_line(checker, line);
		json_decref(line);
		n++;
	}
	(void)fclose(file);
	if (!n)
		add_fault(checker, "the record '%s' is empty", path);
}

/* ---- all of it ---- */

static void check_rule(struct checker *checker, const struct check_rule *rule)
{
	struct db *db = checker->world->db;
	int i = db_query(db, "%s", rule->sql);
	const char *p;
	size_t n;

	for (int row = 0; row < pg_n_rows(db_pg(db), i); row++) {
		p = pg_bytes(db_pg(db), i, row, 0, &n);
		add_fault(checker, "%s: %.*s", rule->breach, (int)n, p);
	}
}

static void check_all(struct checker *checker)
{
	struct world *world = checker->world;
	const struct check_params *params = checker->params;
	bool toasties = world_has(world, "jafflr");
	const bool whens[] = {
		[CHECK_ALWAYS] = true,
		[CHECK_TOASTIES] = toasties,
		[CHECK_IN_ORDER] = toasties && !params->late_facts,
		[CHECK_STARTS] = toasties && world->grills,
		[CHECK_ALL_DONE] = toasties && params->all_done,
	};

	for (size_t i = 0; i < n_check_tables; i++)
		(void)db_query(world->db, "%s", check_tables[i]);
	read_commands(checker);
	read_copies(checker);
	for (int i = 0; i < 3; i++)
		read_facts(checker, i);
	read_edges(checker);
	for (size_t i = 0; i < CHECK_RECORDS_MAX && params->records[i]; i++)
		check_record_file(checker, params->records[i]);
	for (size_t i = 0; i < n_check_rules; i++)
		if (whens[check_rules[i].when])
			check_rule(checker, &check_rules[i]);
}

static struct check_result result_of(const struct checker *checker)
{
	struct db *db = checker->world->db;
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
		.n_starts = db_i64(db, "check_edges WHERE kind = 'START'"),
		.n_fact_copies = checker->n_copies,
	};

	result.n_fact_copies +=
		db_i64(db, "check_copies") - result.n_dead_letters;
	return result;
}

struct check_result check_world_with(struct world *world,
				     const struct check_params *params)
{
	struct checker checker = { .world = world, .params = params };
	struct check_result result;

	world_settle(world);
	bus_read(world, "orders", &checker.orders);
	bus_read(world, "restocks", &checker.restocks);
	bus_read(world, "orders.dlq", &checker.dlq);
	check_all(&checker);
	/* A transaction's marker may come after its end was acknowledged. */
	world_settle(world);
	ck_assert_msg(!checker.n_faults, "%zu breaches:%.*s", checker.n_faults,
		      (int)checker.faults.n, checker.faults.p);
	result = result_of(&checker);
	bus_log_deinit(&checker.orders);
	bus_log_deinit(&checker.restocks);
	bus_log_deinit(&checker.dlq);
	return result;
}

struct check_result check_world(struct world *world)
{
	return check_world_with(world, &(struct check_params){ 0 });
}

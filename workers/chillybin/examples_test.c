/* SPDX-License-Identifier: MIT */
/*
 * Examples: schemas/examples, each by the whole of chillybin but the broker:
 * decode, the transaction on a real server, facts. schemas/examples/README.md
 * says what is compared.
 *
 * Each file is run in several cuts: everything at once, one record a batch,
 * and a second time, as after a take-over that begins again at the first.
 */
#include <dirent.h>
#include <jansson.h>
#include <msgpack/object.h>
#include <msgpack/unpack.h>

#include "infra/lib/postgres/postgres_fixture.h"
#include "workers/chillybin/chillybin.h"
#include "workers/chillybin/decide.h"
#include "workers/runtime/batches/batch_extent.h"
#include "workers/runtime/database/transaction.h"
#include "workers/runtime/publish_fake.h"

#define FOLDER "schemas/examples"
enum { EXAMPLES_MAX = 100, TOPICS = 3 };

static char *names[EXAMPLES_MAX];
static int n_names;

static json_t *example;
static const char *name, *url;

/* ---- the worker ---- */

static struct chillybin chillybin;
static struct publisher *publisher;
static struct session session;
static struct transaction *tx;
static struct identity identity;

static const struct worker_ops ops = {
	.service = "chillybin",
	.load = sql_load,
	.decide = decide,
	.store = sql_store,
};

static void open_worker(void)
{
	struct publisher_params publishing = { .group = "chillybin.blue" };
	struct session_params params = {
		.url = url = postgres_database(),
		.schema = "galore",
		.holder = "test",
		.schema_version = 7,
	};
	char error[BACKOFF_REASON_BYTES] = "";

	ck_assert_msg(!session_open(&session, &params, error), "%s", error);
	ck_assert_int_eq(publisher_new(&publisher, &publishing), 0);
	identity = (struct identity){
		.service = "chillybin",
		.colour = "blue",
		.holder = "test",
		.topics = { &topic_table[TOPIC_ORDERS],
			    &topic_table[TOPIC_RESTOCKS],
			    &topic_table[TOPIC_TOASTIES] },
		.n_topics = TOPICS,
	};
	tx = xcalloc(1, sizeof(*tx));
	tx->ops = &ops;
	tx->arg = &chillybin;
	tx->identity = &identity;
	tx->batch = batch_new();
}

static void close_worker(void)
{
	session_close(&session);
	publisher = publisher_free(publisher);
	(void)batch_free(tx->batch);
	free(tx);
	sql_deinit(&chillybin.sql);
	json_decref(example);
}

/* ---- JSON to bytes, and back ---- */

static void put_json(struct msgpack_writer *writer, const json_t *value)
{
	const char *key;
	json_t *child;
	size_t i;

	switch (json_typeof(value)) {
	case JSON_OBJECT:
		msgpack_put_map(writer, json_object_size(value));
		json_object_foreach((json_t *)(uintptr_t)value, key, child)
		{
			msgpack_put_text(writer, text_of(key));
			put_json(writer, child);
		}
		return;
	case JSON_ARRAY:
		msgpack_put_array(writer, json_array_size(value));
		json_array_foreach(value, i, child) put_json(writer, child);
		return;
	case JSON_STRING:
		msgpack_put_text(writer, text_of(json_string_value(value)));
		return;
	case JSON_INTEGER:
		msgpack_put_i64(writer, json_integer_value(value));
		return;
	case JSON_TRUE:
	case JSON_FALSE:
		msgpack_put_bool(writer, json_is_true(value));
		return;
	case JSON_NULL:
		msgpack_put_nil(writer);
		return;
	case JSON_REAL:
		break;
	}
	ck_abort_msg("%s: a body has no place for this", name);
}

/* Without what is nil: an absent key is the same. */
static json_t *get_json(const msgpack_object *value)
{
	json_t *json;

	switch (value->type) {
	case MSGPACK_OBJECT_MAP:
		json = json_object();
		for (uint32_t i = 0; i < value->via.map.size; i++) {
			const msgpack_object_kv *kv = &value->via.map.ptr[i];

			if (kv->val.type == MSGPACK_OBJECT_NIL)
				continue;
			ck_assert_int_eq(json_object_setn_new_nocheck(
						 json, kv->key.via.str.ptr,
						 kv->key.via.str.size,
						 get_json(&kv->val)),
					 0);
		}
		return json;
	case MSGPACK_OBJECT_ARRAY:
		json = json_array();
		for (uint32_t i = 0; i < value->via.array.size; i++)
			(void)json_array_append_new(
				json, get_json(&value->via.array.ptr[i]));
		return json;
	case MSGPACK_OBJECT_STR:
		return json_stringn(value->via.str.ptr, value->via.str.size);
	case MSGPACK_OBJECT_BOOLEAN:
		return json_boolean(value->via.boolean);
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		return json_integer(value->via.i64);
	default:
		ck_abort_msg("%s: a body has a value of another type", name);
		return NULL;
	}
}

static json_t *body_of(struct text bytes)
{
	msgpack_unpacked unpacked;
	json_t *json;

	msgpack_unpacked_init(&unpacked);
	ck_assert_int_eq(msgpack_unpack_next(&unpacked, bytes.p, bytes.n, NULL),
			 MSGPACK_UNPACK_SUCCESS);
	json = get_json(&unpacked.data);
	msgpack_unpacked_destroy(&unpacked);
	return json;
}

static void put_hex(struct msgpack_writer *writer, const char *hex)
{
	for (; hex[0] && hex[1]; hex += 2) {
		unsigned int byte;
		char c;

		ck_assert_int_eq(sscanf(hex, "%2x", &byte), 1);
		c = (char)byte;
		(void)msgpack_writer_write(writer, &c, 1);
	}
}

/* The bytes of a record's body, in the arena. */
static struct text bytes_of(struct arena *arena, const json_t *record)
{
	const json_t *hex = json_object_get(record, "body_hex");
	uint8_t *bytes = arena_alloc(arena, BODY_MAX_BYTES);
	struct msgpack_writer writer = { .p = bytes, .cap = BODY_MAX_BYTES };

	if (hex)
		put_hex(&writer, json_string_value(hex));
	else
		put_json(&writer, json_object_get(record, "body"));
	ck_assert_int_eq(msgpack_writer_result(&writer), 0);
	return (struct text){ (const char *)writer.p, writer.n };
}

/* ---- given, and input ---- */

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	ck_assert_msg(text, "%s: there is no '%s'", name, key);
	return text;
}

static int64_t number_at(const json_t *object, const char *key)
{
	const json_t *number = json_object_get(object, key);

	ck_assert_msg(json_is_integer(number), "%s: '%s' is no number", name,
		      key);
	return json_integer_value(number);
}

static void give(void)
{
	const json_t *given = json_object_get(example, "given");
	struct buf text = { 0 };
	json_t *row;
	size_t i;

	buf_text(&text, "TRUNCATE stock, orders, stock_changes, dead_letters;");
	json_array_foreach(json_object_get(given, "stock"), i, row) buf_printf(
		&text, "INSERT INTO stock VALUES ('%s', '%s', %lld);",
		text_at(row, "stall"), text_at(row, "ingredient"),
		(long long)number_at(row, "quantity"));
	buf_add(&text, "", 1);
	postgres_exec(session.watch, text.p);
	buf_deinit(&text);
	publish_fake_clear(publisher);
	tx->history = (struct transaction_history){ 0 };
}

static int64_t pick_v2_percent(void)
{
	const json_t *given = json_object_get(example, "given");
	const json_t *writes = json_object_get(given, "writes");

	return number_at(writes, "pick") == 2 ? 100 : 0;
}

static int topic_of(const char *topic)
{
	for (int i = 0; i < TOPICS; i++)
		if (!strcmp(identity.topics[i]->name, topic))
			return i;
	ck_abort_msg("%s: chillybin does not read '%s'", name, topic);
	return -1;
}

static void add_record(const json_t *input, bool decided)
{
	struct batch *batch = tx->batch;
	struct text body = bytes_of(&batch->arena, input);
	const json_t *headers = json_object_get(input, "headers");
	struct kafka_record kafka = {
		.topic = topic_of(text_at(input, "topic")),
		.partition = (int32_t)number_at(input, "partition"),
		.offset = number_at(input, "offset"),
		.key = text_at(input, "key"),
		.n_key = strlen(text_at(input, "key")),
		.value = body.p,
		.n_value = body.n,
	};
	struct schema_fault fault = { { 0 } };
	struct record *record = batch_add(batch, NULL, &kafka);
	const char *key;
	json_t *value;
	int r;

	envelope_init(&record->envelope);
	json_object_foreach((json_t *)(uintptr_t)headers, key, value)
		envelope_read(&record->envelope, key, json_string_value(value),
			      json_string_length(value));
	record->decided = decided;
	r = envelope_check(&record->envelope, &fault);
	chillybin.conf.pick_v2_percent = pick_v2_percent();
	if (!r)
		r = chillybin_decode(&chillybin, batch, record, &fault);
	if (r) {
		record->poison = true;
		batch_dead(batch, record, schema_outcome_name(r), fault.what);
	}
}

static void run_batch(void)
{
	char error[BACKOFF_REASON_BYTES] = "";
	int r;

	batch_close(tx->batch, &(struct lanes){ 0 }, 1700000000000);
	r = transaction_run(tx, &session, error);
	ck_assert_msg(!r, "%s: %d, %s", name, r, error);
	for (size_t i = 0; i < tx->batch->n_records; i++) {
		const struct record *record = &tx->batch->records[i];

		publish_begin(publisher, record);
		if (record->dead_reason)
			publish_dead(publisher, record,
				     identity.topics[record->kafka.topic]);
		else
			facts_publish(record, &chillybin.scratch, publisher);
		publish_end(publisher);
	}
	batch_reset(tx->batch);
}

static void run_input(bool at_once, bool decided)
{
	json_t *input;
	size_t i;

	json_array_foreach(json_object_get(example, "input"), i, input)
	{
		add_record(input, decided);
		if (!at_once)
			run_batch();
	}
	if (at_once)
		run_batch();
}

/* ---- output ---- */

/* Is that path one whose value may be another? */
static bool is_loose(const char *part, const char *key)
{
	char path[128];
	json_t *loose;
	size_t i;

	(void)snprintf(path, sizeof(path), "output/*/%s/%s", part, key);
	json_array_foreach(
		json_object_get(example, "non_strict"), i,
		loose) if (!strcmp(json_string_value(loose), path)) return true;
	return false;
}

static void drop_loose(json_t *body)
{
	const char *key;
	json_t *value;
	void *next;

	json_object_foreach_safe(body, next, key,
				 value) if (is_loose("body", key))(void)
		json_object_del(body, key);
}

static void compare_body(const json_t *expected, const struct published *got)
{
	const json_t *hex = json_object_get(expected, "body_hex");
	struct arena arena = { 0 };
	struct text bytes;
	json_t *want, *have;

	if (hex) {
		bytes = bytes_of(&arena, expected);
		ck_assert_msg(text_equal(bytes, got->body),
			      "%s: bytes are not as they came", name);
		arena_deinit(&arena);
		return;
	}
	/* By way of bytes, so that what is null is absent here too. */
	bytes = bytes_of(&arena, expected);
	want = body_of(bytes);
	have = body_of(got->body);
	drop_loose(want);
	drop_loose(have);
	if (!json_equal(want, have)) {
		char *a = json_dumps(want, JSON_SORT_KEYS);
		char *b = json_dumps(have, JSON_SORT_KEYS);

		ck_abort_msg("%s: wanted %s, got %s", name, a, b);
	}
	json_decref(want);
	json_decref(have);
	arena_deinit(&arena);
}

static bool may_differ(const char *header)
{
	static const char *const free_ones[] = {
		"ce_id",
		"ce_source",
		"traceparent",
	};

	for (size_t i = 0; i < sizeof(free_ones) / sizeof(*free_ones); i++)
		if (!strcmp(header, free_ones[i]))
			return true;
	return is_loose("headers", header);
}

/* Of a copy the headers that came with the record are the runtime's. */
static void compare_headers(const json_t *expected, const struct published *got)
{
	bool copy = topic_table[got->topic].kind == TOPIC_COPY;
	const json_t *headers = json_object_get(expected, "headers");
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)headers, key, value)
	{
		struct text have = published_header(got, key);

		if (copy && !have.p)
			continue;
		ck_assert_msg(have.p, "%s: there is no header %s", name, key);
		if (may_differ(key))
			continue;
		ck_assert_msg(
			text_equal(have, text_of(json_string_value(value))),
			"%s: %s is '%.*s', not '%s'", name, key, (int)have.n,
			have.p, json_string_value(value));
	}
	for (size_t i = 0; i < got->n_headers; i++)
		ck_assert_msg(
			may_differ(got->headers[i].name) ||
				json_object_get(headers, got->headers[i].name),
			"%s: nobody expects %s '%.*s'", name,
			got->headers[i].name, (int)got->headers[i].value.n,
			got->headers[i].value.p);
}

static bool same_event(const struct published *a, const struct published *b)
{
	static const char *const identity_headers[] = { "ce_source", "ce_id",
							"dead-letter-id" };

	for (size_t i = 0; i < 3; i++)
		if (!text_equal(published_header(a, identity_headers[i]),
				published_header(b, identity_headers[i])))
			return false;
	return a->topic == b->topic;
}

static bool came_before(const struct published *published)
{
	const struct published *other = publish_fake_first(publisher);

	for (; other != published; other = other->next)
		if (same_event(other, published))
			return true;
	return false;
}

/* The @nth of that topic and key, without repeats; NULL past the last. */
static const struct published *find(const char *topic, const char *key,
				    size_t nth)
{
	const struct published *published = publish_fake_first(publisher);

	for (; published; published = published->next)
		if (!strcmp(topic_table[published->topic].name, topic) &&
		    text_equal(published->key, text_of(key)) &&
		    !came_before(published) && !nth--)
			return published;
	return NULL;
}

static size_t n_distinct(void)
{
	const struct published *published = publish_fake_first(publisher);
	size_t n = 0;

	for (; published; published = published->next)
		n += !came_before(published);
	return n;
}

static void compare_output(void)
{
	const json_t *output = json_object_get(example, "output");
	json_t *expected, *earlier;
	size_t i, k;

	json_array_foreach(output, i, expected)
	{
		const char *topic = text_at(expected, "topic");
		const char *key = text_at(expected, "key");
		const struct published *got;
		size_t nth = 0;

		json_array_foreach(output, k, earlier) nth +=
			k < i && !strcmp(text_at(earlier, "topic"), topic) &&
			!strcmp(text_at(earlier, "key"), key);
		got = find(topic, key, nth);
		ck_assert_msg(got, "%s: output %zu did not come", name, i);
		compare_headers(expected, got);
		compare_body(expected, got);
	}
	ck_assert_uint_eq(n_distinct(), json_array_size(output));
}

/* ---- state ---- */

/* As many rows as there should be, and each of them. */
static void compare_rows(const char *table, const char *from)
{
	const json_t *state = json_object_get(example, "state");
	const json_t *rows = json_object_get(state, table);
	char text[1024];
	json_t *row;
	size_t i;

	if (!rows)
		return;
	(void)snprintf(text, sizeof(text), "SELECT count(*) FROM %s", table);
	ck_assert_msg(postgres_number(url, text) ==
			      (int64_t)json_array_size(rows),
		      "%s: %s has other rows", name, table);
	json_array_foreach(rows, i, row)
	{
		char *json = json_dumps(row, 0);

		(void)snprintf(text, sizeof(text),
			       "SELECT count(*) FROM (%s) AS t"
			       " WHERE to_jsonb(t) @> '%s'",
			       from, json);
		ck_assert_msg(postgres_number(url, text) == 1,
			      "%s: %s has no %s", name, table, json);
		free(json);
	}
}

static void compare_all(void)
{
	compare_output();
	compare_rows("stock", "SELECT * FROM stock");
	compare_rows("orders", "SELECT * FROM order_view");
	compare_rows("dead_letters", "SELECT * FROM dead_letters");
}

/* ---- the files ---- */

START_TEST(an_example_is_what_the_worker_does)
	{
		json_error_t error;

		name = names[_i];
		example = json_load_file(name, 0, &error);
		ck_assert_msg(example, "%s: %s", name, error.text);
		if (strcmp(text_at(example, "worker"), "chillybin") != 0)
			return;
		for (int at_once = 0; at_once < 2; at_once++) {
			give();
			run_input(at_once, false);
			compare_all();
			run_input(at_once, true);
			compare_all();
			run_input(!at_once, true);
			compare_all();
		}
	}
END_TEST

static void find_examples(void)
{
	struct dirent **found;
	int n = scandir(FOLDER, &found, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		const char *end = strrchr(found[i]->d_name, '.');
		char path[512];

		(void)snprintf(path, sizeof(path), FOLDER "/%s",
			       found[i]->d_name);
		if (end && !strcmp(end, ".json") && n_names < EXAMPLES_MAX)
			names[n_names++] = xstrdup(path);
		free(found[i]);
	}
	if (n >= 0)
		free(found);
}

START_TEST(there_are_examples)
	{
		ck_assert_int_gt(n_names, 20);
		ck_assert_int_lt(n_names, EXAMPLES_MAX);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("examples");
	TCase *tcase = check_case(suite, 60);
	int r;

	find_examples();
	tcase_add_checked_fixture(tcase, open_worker, close_worker);
	tcase_add_loop_test(tcase, an_example_is_what_the_worker_does, 0,
			    n_names);
	tcase_add_test(tcase, there_are_examples);
	r = postgres_run(suite);
	while (n_names)
		free(names[--n_names]);
	return r;
}

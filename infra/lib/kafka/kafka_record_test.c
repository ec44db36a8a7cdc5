/* SPDX-License-Identifier: MIT */
/* Kafka record: what is kept in an arena is all of it, and the client's memory
 * goes at once. */
#include <stdio.h>
#include <string.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/kafka/kafka_in_fake.h"

enum { HEADERS_MAX = 40 };

/* Every third has no value, every third an empty one. */
static char names[HEADERS_MAX][32];
static const char *value_of(size_t i)
{
	return i % 3 == 0 ? NULL : i % 3 == 1 ? "" : names[i];
}

static void check_header(void *arg, const char *name, const void *value,
			 size_t n)
{
	size_t *n_seen = arg, i = (*n_seen)++;

	ck_assert_uint_lt(i, HEADERS_MAX);
	ck_assert_str_eq(name, names[i]);
	ck_assert_int_eq(!value, !value_of(i));
	if (value)
		CHECK_BYTES(value, n, value_of(i));
	ck_assert_uint_eq(n, value ? strlen(value_of(i)) : 0);
}

static void push(struct kafka_in *in, size_t n_headers, const char *key,
		 const char *value)
{
	struct kafka_in_fake_header headers[HEADERS_MAX];
	struct kafka_record record = {
		.offset = 7,
		.key = key,
		.n_key = key ? strlen(key) : 0,
		.value = value,
		.n_value = value ? strlen(value) : 0,
	};

	for (size_t i = 0; i < n_headers; i++) {
		(void)snprintf(names[i], sizeof(names[i]), "header-%zu", i);
		headers[i] = (struct kafka_in_fake_header){
			names[i], value_of(i),
			value_of(i) ? strlen(value_of(i)) : 0
		};
	}
	kafka_in_fake_push(in, &record, headers, n_headers);
}

static const struct {
	size_t n_headers;
	const char *key, *value;
} kinds[] = {
	{ 0, NULL, NULL },    { 1, "", "" },         { 3, "key", NULL },
	{ 16, NULL, "body" }, { 17, "key", "body" }, { HEADERS_MAX, "k", "v" },
};

START_TEST(all_of_a_record_is_kept_and_the_clients_memory_goes)
	{
		const char *key = kinds[_i].key, *value = kinds[_i].value;
		struct arena arena = { 0 };
		struct kafka_record record;
		struct kafka_in *in;
		size_t n_seen = 0;

		ck_assert_int_eq(
			kafka_in_new(&in, &(struct kafka_in_params){ 0 }), 0);
		push(in, kinds[_i].n_headers, key, value);
		ck_assert_uint_eq(kafka_in_poll(in, &record, 1, 0), 1);
		kafka_record_keep(&record, &arena);
		ck_assert_uint_eq(in->n_in_hand, 0);
		ck_assert_int_eq(record.offset, 7);
		ck_assert_int_eq(!record.key, !key);
		ck_assert_int_eq(!record.value, !value);
		if (key)
			CHECK_BYTES(record.key, record.n_key, key);
		if (value)
			CHECK_BYTES(record.value, record.n_value, value);
		kafka_record_headers(&record, check_header, &n_seen);
		ck_assert_uint_eq(n_seen, kinds[_i].n_headers);
		arena_deinit(&arena);
		(void)kafka_in_free(in);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kafka_record");
	TCase *tcase = check_case(suite, 10);

	tcase_add_loop_test(tcase,
			    all_of_a_record_is_kept_and_the_clients_memory_goes,
			    0, CHECK_N(kinds));
	return check_run(suite);
}

/* SPDX-License-Identifier: MIT */
/* Tally: what a batch of facts leaves in the tables of a real server. */
#include "workers/tally/tally.h"

#include <string.h>

#include "infra/lib/postgres_fixture.h"
#include "schemas/fixture.h"
#include "schemas/messages/toastie.h"

#define HOUR "2026-01-02T03"

static const char *url;
static struct pg *pg;
static struct batch *batch;
static struct tally tally;
static struct schema_fault fault;

static void setup(void)
{
	url = postgres_database();
	pg = postgres_connect(url, "galore");
	batch = batch_new();
}

static void teardown(void)
{
	pg = pg_free(pg);
	batch = batch_free(batch);
	tally_deinit(&tally);
}

/* The fact of order number @n; its bytes live in the batch's arena. */
static int add_at(uint8_t n, struct text stall, enum toastie_state state,
		  const char *at)
{
	struct toastie toastie = {
		.order_id = { { n } },
		.number = TOASTIE_NUMBER_NONE,
		.plate = TOASTIE_PLATE_NONE,
		.stall = stall,
		.state = state,
		.at = text_of(at),
	};
	uint8_t room[2048];
	struct msgpack_writer writer = MSGPACK_WRITER_INIT(room);
	struct kafka_record kafka = { .offset = (int64_t)batch->n_records };
	struct record *record;
	int r;

	ck_assert_int_eq(toastie_encode(&toastie, &writer), 0);
	kafka.value = arena_copy(&batch->arena, writer.p, writer.n);
	kafka.n_value = writer.n;
	record = batch_add(batch, NULL, &kafka);
	envelope_init(&record->envelope);
	record->envelope.type = EVENT_TOASTIE;
	record->envelope.version = 1;
	r = tally_decode(&tally, batch, record, &fault);
	if (r) {
		record->poison = true;
		batch_dead(batch, record, schema_outcome_name(r), fault.what);
	}
	return r;
}

static int add(uint8_t n, const char *stall, enum toastie_state state,
	       const char *at)
{
	return add_at(n, text_of(stall), state, at);
}

static void commit(void)
{
	int r;

	(void)pg_add(pg, &pg_begin, NULL);
	tally_store(&tally, pg, batch, false);
	(void)pg_add(pg, &pg_commit, NULL);
	r = pg_run(pg, POSTGRES_TIMEOUT_MS);
	ck_assert_msg(!r, "%s", pg_message(pg));
	batch_reset(batch);
}

static int64_t made(const char *stall, const char *hour)
{
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT coalesce(sum(toasties), 0)::bigint FROM tally"
		       " WHERE stall = '%s' AND hour = '%s:00:00Z'",
		       stall, hour);
	return postgres_number(url, sql);
}

START_TEST(toasties_are_counted_per_stall_and_hour)
	{
		(void)add(1, "main", TOASTIE_DONE, HOUR ":00:00.000Z");
		(void)add(2, "main", TOASTIE_DONE, HOUR ":59:59.999Z");
		(void)add(3, "pier", TOASTIE_DONE, HOUR ":30:00Z");
		(void)add(4, "main", TOASTIE_DONE, "2026-01-02T04:00:00.000Z");
		commit();
		ck_assert_int_eq(made("main", HOUR), 2);
		ck_assert_int_eq(made("pier", HOUR), 1);
		ck_assert_int_eq(made("main", "2026-01-02T04"), 1);
		(void)add(5, "main", TOASTIE_DONE, HOUR ":00:00.000Z");
		commit();
		ck_assert_int_eq(made("main", HOUR), 3);
	}
END_TEST

START_TEST(a_fact_that_comes_twice_counts_once)
	{
		for (int round = 0; round < 3; round++) {
			(void)add(1, "main", TOASTIE_DONE, HOUR ":00:00Z");
			(void)add(1, "main", TOASTIE_DONE, HOUR ":00:00Z");
			(void)add(2, "main", TOASTIE_DONE, HOUR ":00:00Z");
			commit();
			ck_assert_int_eq(made("main", HOUR), 2);
		}
	}
END_TEST

START_TEST(only_what_was_made_counts)
	{
		for (int state = 0; state < N_TOASTIE_STATES; state++)
			ck_assert_int_eq(add((uint8_t)state, "main",
					     (enum toastie_state)state,
					     HOUR ":00:00Z"),
					 0);
		commit();
		ck_assert_int_eq(made("main", HOUR), 1);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM tallied"),
			1);
	}
END_TEST

START_TEST(a_batch_without_anything_made_leaves_nothing)
	{
		(void)add(1, "main", TOASTIE_QUEUED, HOUR ":00:00Z");
		commit();
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM tally"), 0);
	}
END_TEST

START_TEST(a_time_that_is_none_is_poison_and_the_others_count)
	{
		ck_assert_int_eq(add(1, "main", TOASTIE_DONE, "yesterday"),
				 SCHEMA_E_CONTRACT);
		ck_assert_ptr_nonnull(strstr(fault.what, "RFC 3339"));
		ck_assert_int_eq(add(2, "main", TOASTIE_DONE, HOUR ":00:00Z"),
				 0);
		commit();
		ck_assert_int_eq(made("main", HOUR), 1);
	}
END_TEST

START_TEST(the_longest_name_of_a_stall_fits_the_index)
	{
		static char room[TEXT_MAX_BYTES];

		ck_assert_int_eq(add_at(1, fixture_longest(room, 1),
					TOASTIE_DONE, HOUR ":00:00Z"),
				 0);
		commit();
		ck_assert_int_eq(postgres_number(url,
						 "SELECT octet_length(stall)"
						 " FROM tally"),
				 TEXT_MAX_BYTES);
	}
END_TEST

START_TEST(the_first_and_the_last_instant_that_can_be_written_fit)
	{
		(void)add(1, "main", TOASTIE_DONE, "0000-01-01T00:00:00Z");
		(void)add(2, "main", TOASTIE_DONE, "9999-12-31T23:59:59.999Z");
		commit();
		ck_assert_int_eq(made("main", "9999-12-31T23"), 1);
		ck_assert_int_eq(
			postgres_number(url, "SELECT count(*) FROM tally"), 2);
	}
END_TEST

START_TEST(another_type_is_poison)
	{
		struct kafka_record kafka = { .offset = 0 };
		struct record *record = batch_add(batch, NULL, &kafka);

		envelope_init(&record->envelope);
		record->envelope.type = EVENT_PICK;
		ck_assert_int_eq(tally_decode(&tally, batch, record, &fault),
				 SCHEMA_E_UNKNOWN_TYPE);
		ck_assert_ptr_null(record->item);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("tally");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, toasties_are_counted_per_stall_and_hour);
	tcase_add_test(tcase, a_fact_that_comes_twice_counts_once);
	tcase_add_test(tcase, only_what_was_made_counts);
	tcase_add_test(tcase, a_batch_without_anything_made_leaves_nothing);
	tcase_add_test(tcase, a_time_that_is_none_is_poison_and_the_others_count);
	tcase_add_test(tcase, the_longest_name_of_a_stall_fits_the_index);
	tcase_add_test(tcase, the_first_and_the_last_instant_that_can_be_written_fit);
	tcase_add_test(tcase, another_type_is_poison);
	return postgres_run(suite);
}

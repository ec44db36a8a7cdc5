/* SPDX-License-Identifier: MIT */
/* Tally: what a batch of facts leaves in the tables of a real server. */
#include "workers/tally/tally.h"

#include <string.h>

#include "infra/lib/postgres/postgres_fixture.h"
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

/* All rows of the table: "stall hour toasties, ...". */
static void check_tally(const char *rows)
{
	char from[480];

	(void)snprintf(from, sizeof(from),
		       "(SELECT coalesce(string_agg(stall || to_char(hour AT"
		       " TIME ZONE 'UTC', ' YYYYMMDDHH24 ') || toasties, ', '"
		       " ORDER BY stall, hour), '') AS rows FROM tally) t"
		       " WHERE rows = '%s'",
		       rows);
	ck_assert_msg(postgres_count(url, from) == 1, "not '%s'", rows);
}

/* Facts, and what the tables count of them. */
static const struct {
	struct {
		uint8_t n;
		const char *stall;
		enum toastie_state state;
		const char *at;
		int outcome;
	} facts[4];
	const char *rows;
} tallies[] = {
	/* Each stall and each hour is counted by itself. */
	{ { { 1, "main", TOASTIE_DONE, HOUR ":00:00.000Z", 0 },
	    { 2, "main", TOASTIE_DONE, HOUR ":59:59.999Z", 0 },
	    { 3, "pier", TOASTIE_DONE, HOUR ":30:00Z", 0 },
	    { 4, "main", TOASTIE_DONE, "2026-01-02T04:00:00.000Z", 0 } },
	  "main 2026010203 2, main 2026010204 1, pier 2026010203 1" },
	/* A fact that comes twice counts once. */
	{ { { 1, "main", TOASTIE_DONE, HOUR ":00:00Z", 0 },
	    { 1, "main", TOASTIE_DONE, HOUR ":00:00Z", 0 },
	    { 2, "main", TOASTIE_DONE, HOUR ":00:00Z", 0 } },
	  "main 2026010203 2" },
	{ { { 1, "main", TOASTIE_QUEUED, HOUR ":00:00Z", 0 } }, "" },
	/* The others of poison count. */
	{ { { 1, "main", TOASTIE_DONE, "yesterday", SCHEMA_E_CONTRACT },
	    { 2, "main", TOASTIE_DONE, HOUR ":00:00Z", 0 } },
	  "main 2026010203 1" },
	/* The first and the last instant that can be written. */
	{ { { 1, "main", TOASTIE_DONE, "0000-01-01T00:00:00Z", 0 },
	    { 2, "main", TOASTIE_DONE, "9999-12-31T23:59:59.999Z", 0 } },
	  "main 0001010100 1, main 9999123123 1" },
};

static void add_and_commit(int i, bool at_once)
{
	for (int k = 0; k < 4 && tallies[i].facts[k].at; k++) {
		ck_assert_int_eq(add_at(tallies[i].facts[k].n,
					text_of(tallies[i].facts[k].stall),
					tallies[i].facts[k].state,
					tallies[i].facts[k].at),
				 tallies[i].facts[k].outcome);
		if (!at_once)
			commit();
	}
	commit();
}

START_TEST(each_toastie_is_counted_once_however_often_its_batches_come)
	{
		int i = _i / 2;
		bool at_once = _i % 2;

		add_and_commit(i, at_once);
		check_tally(tallies[i].rows);
		for (int round = 0; round < 2; round++) {
			add_and_commit(i, round == at_once);
			check_tally(tallies[i].rows);
		}
	}
END_TEST

START_TEST(only_what_was_made_counts)
	{
		for (int state = 0; state < N_TOASTIE_STATES; state++)
			ck_assert_int_eq(add_at((uint8_t)state, TEXT("main"),
						(enum toastie_state)state,
						HOUR ":00:00Z"),
					 0);
		commit();
		check_tally("main 2026010203 1");
		ck_assert_int_eq(postgres_count(url, "tallied"), 1);
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
	tcase_add_loop_test(tcase, each_toastie_is_counted_once_however_often_its_batches_come, 0, 2 * CHECK_N(tallies));
	tcase_add_test(tcase, only_what_was_made_counts);
	tcase_add_test(tcase, the_longest_name_of_a_stall_fits_the_index);
	tcase_add_test(tcase, another_type_is_poison);
	return postgres_run(suite);
}

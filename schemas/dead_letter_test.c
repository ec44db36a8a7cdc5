/* SPDX-License-Identifier: MIT */
/*
 * Dead letter: its headers, both ways, and that they do not pile up.
 */
#include "schemas/dead_letter.h"

#include "schemas/fixture.h"

static const struct fixture_header all[] = {
	{ "__dlq.errors.topic", "orders" },
	{ "__dlq.errors.partition", "3" },
	{ "__dlq.errors.offset", "1234" },
	{ "__dlq.errors.group", "chillybin.blue" },
	{ "__dlq.errors.delivery.count", "1" },
	{ "__dlq.errors.message", "malformed: too deep at byte 8" },
	{ "__dlq.errors.cut", "value of 3000012 bytes" },
	{ "kafka_dlt-original-topic", "orders" },
	{ "kafka_dlt-original-partition", "3" },
	{ "kafka_dlt-original-offset", "1234" },
	{ "dead-letter-id", "orders/3@1234" },
};

static const struct dead_letter sample = {
	.topic = TEXT_INIT("orders"),
	.partition = 3,
	.offset = 1234,
	.group = TEXT_INIT("chillybin.blue"),
	.delivery_count = 1,
	.message = TEXT_INIT("malformed: too deep at byte 8"),
	.cut = TEXT_INIT("value of 3000012 bytes"),
};

static int next_is(void *arg, const char *name, const char *value, size_t n)
{
	ck_assert(dead_letter_owns(name));
	return fixture_next_header_is(arg, name, value, n);
}

START_TEST(the_source_and_the_reason_are_written)
	{
		const struct fixture_header *next = all;

		ck_assert_int_eq(dead_letter_write(&sample, next_is, &next), 0);
		ck_assert_ptr_eq(next, all + CHECK_N(all));
	}
END_TEST

static int fail_at(void *arg, const char *name, const char *value, size_t n)
{
	(void)value;
	(void)n;
	return strcmp(name, arg) == 0 ? -7 : 0;
}

START_TEST(a_callback_that_fails_ends_the_writing)
	{
		char name[40];

		(void)snprintf(name, sizeof(name), "%s", all[_i].name);
		ck_assert_int_eq(dead_letter_write(&sample, fail_at, name), -7);
	}
END_TEST

static void read_rest_but(struct dead_letter *letter, const char *name)
{
	for (int i = 0; i < CHECK_N(all); i++)
		if (strcmp(all[i].name, name) != 0)
			dead_letter_read(letter, all[i].name, all[i].value,
					 strlen(all[i].value));
}

static void read_all_but(struct dead_letter *letter, const char *name)
{
	dead_letter_init(letter);
	read_rest_but(letter, name);
}

START_TEST(what_is_written_is_read)
	{
		struct dead_letter letter;

		read_all_but(&letter, "");
		ck_assert_int_eq(dead_letter_check(&letter, NULL), 0);
		ck_assert(text_equal(letter.topic, sample.topic));
		ck_assert_int_eq(letter.partition, 3);
		ck_assert_int_eq(letter.offset, 1234);
		ck_assert(text_equal(letter.group, sample.group));
		ck_assert_int_eq(letter.delivery_count, 1);
		ck_assert(text_equal(letter.message, sample.message));
		ck_assert(text_equal(letter.cut, sample.cut));
		fixture_text_eq(letter.id, "orders/3@1234");
	}
END_TEST

static const struct {
	const char *name;
	struct text value;
} wrong[] = {
	{ "__dlq.errors.topic", TEXT_INIT("") },
	{ "__dlq.errors.topic", TEXT_INIT("a\0b") },
	{ "__dlq.errors.partition", TEXT_INIT("-1") },
	{ "__dlq.errors.partition", TEXT_INIT("2147483648") },
	{ "__dlq.errors.offset", TEXT_INIT("one") },
	{ "dead-letter-id", TEXT_INIT("\xff") },
};

START_TEST(a_copy_without_its_source_is_refused)
	{
		struct schema_fault fault;
		struct dead_letter letter;
		char what[80];

		(void)snprintf(what, sizeof(what),
			       "header %s is missing or wrong", wrong[_i].name);
		read_all_but(&letter, wrong[_i].name);
		ck_assert_int_eq(dead_letter_check(&letter, &fault),
				 SCHEMA_E_CONTRACT);
		ck_assert_str_eq(fault.what, what);
		dead_letter_read(&letter, wrong[_i].name, wrong[_i].value.p,
				 wrong[_i].value.n);
		ck_assert_int_eq(dead_letter_check(&letter, &fault),
				 SCHEMA_E_CONTRACT);
	}
END_TEST

START_TEST(a_right_header_behind_a_wrong_one_is_too_late)
	{
		struct dead_letter letter;

		dead_letter_init(&letter);
		dead_letter_read(&letter, wrong[_i].name, wrong[_i].value.p,
				 wrong[_i].value.n);
		read_rest_but(&letter, "");
		ck_assert_int_eq(dead_letter_check(&letter, NULL),
				 SCHEMA_E_CONTRACT);
	}
END_TEST

START_TEST(the_first_wins_and_other_headers_are_not_ours)
	{
		struct dead_letter letter;

		read_all_but(&letter, "");
		dead_letter_read(&letter, "__dlq.errors.offset", "99", 2);
		dead_letter_read(&letter, "__dlq.errors.topic", NULL, 0);
		dead_letter_read(&letter, "customer", "gita", 4);
		ck_assert_int_eq(letter.offset, 1234);
		ck_assert(!dead_letter_owns("customer"));
		ck_assert(!dead_letter_owns("decided-at"));
		ck_assert(!dead_letter_owns(""));
	}
END_TEST

START_TEST(a_reason_that_is_absent_is_not_written)
	{
		static const struct fixture_header least[] = {
			{ "__dlq.errors.topic", "picks" },
			{ "__dlq.errors.partition", "0" },
			{ "__dlq.errors.offset", "0" },
			{ "__dlq.errors.delivery.count", "0" },
			{ "kafka_dlt-original-topic", "picks" },
			{ "kafka_dlt-original-partition", "0" },
			{ "kafka_dlt-original-offset", "0" },
			{ "dead-letter-id", "picks/0@0" },
		};
		struct dead_letter letter = { .topic = TEXT("picks") };
		const struct fixture_header *next = least;

		ck_assert_int_eq(dead_letter_write(&letter, next_is, &next), 0);
		ck_assert_ptr_eq(next, least + CHECK_N(least));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dead_letter");
	TCase *tcase = tcase_create("dead_letter");

	tcase_add_test(tcase, the_source_and_the_reason_are_written);
	tcase_add_loop_test(tcase, a_callback_that_fails_ends_the_writing, 0,
			    CHECK_N(all));
	tcase_add_test(tcase, what_is_written_is_read);
	tcase_add_loop_test(tcase, a_copy_without_its_source_is_refused, 0,
			    CHECK_N(wrong));
	tcase_add_loop_test(tcase,
			    a_right_header_behind_a_wrong_one_is_too_late, 0,
			    CHECK_N(wrong));
	tcase_add_test(tcase, the_first_wins_and_other_headers_are_not_ours);
	tcase_add_test(tcase, a_reason_that_is_absent_is_not_written);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}

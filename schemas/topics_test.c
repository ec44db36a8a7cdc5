/* SPDX-License-Identifier: MIT */
/*
 * Topics: the table holds together.
 */
#include "schemas/topics.h"

#include "schemas/fixture.h"

static bool has(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return true;
	return false;
}

START_TEST(each_topic_is_found_by_its_name_and_says_who_uses_it)
	{
		const struct topic *topic = &topic_table[_i];

		ck_assert_int_eq(topic->id, _i);
		ck_assert_ptr_eq(topic_find(text_of(topic->name)), topic);
		ck_assert_int_eq(topic->partitions, TOPIC_PARTITIONS);
		ck_assert_ptr_nonnull(topic->writers[0]);
		ck_assert_ptr_nonnull(topic->readers[0]);
		ck_assert(has(topic->readers, "rebuild"));
		ck_assert_str_ne(topic->sentence, "");
	}
END_TEST

START_TEST(a_dead_letter_topic_has_its_sources_name_and_readers_as_writers)
	{
		const struct topic *topic = &topic_table[_i],
				   *dlq = topic_dlq(topic);
		char name[64];

		if (topic->kind == TOPIC_COPY || topic->id == TOPIC_LEDGER) {
			ck_assert_ptr_null(dlq);
			return;
		}
		(void)snprintf(name, sizeof(name), "%s.dlq", topic->name);
		ck_assert_str_eq(dlq->name, name);
		ck_assert_str_eq(topic_kind_name(dlq->kind), "copy");
		for (size_t i = 0; dlq->writers[i]; i++)
			ck_assert(has(topic->readers, dlq->writers[i]));
	}
END_TEST

START_TEST(nothing_is_deleted_and_the_settings_have_values)
	{
		const struct topic_setting *setting = topic_table[_i].settings;
		bool kept = false;

		for (; setting->name; setting++) {
			ck_assert_str_ne(setting->value, "");
			if (strcmp(setting->name, "retention.ms") == 0)
				kept = strcmp(setting->value, "-1") == 0;
		}
		ck_assert(kept);
	}
END_TEST

START_TEST(a_name_that_is_no_topic_is_not_found)
	{
		ck_assert_ptr_null(topic_find(TEXT("order")));
		ck_assert_ptr_null(topic_find(TEXT("")));
		ck_assert_ptr_null(topic_find(TEXT("ledger.dlq")));
	}
END_TEST

START_TEST(kinds_have_names)
	{
		ck_assert_str_eq(topic_kind_name(TOPIC_COMMAND), "command");
		ck_assert_str_eq(topic_kind_name(TOPIC_FACT), "fact");
	}
END_TEST

START_TEST(a_name_with_its_suffix_is_at_most_what_kafka_takes)
	{
		char name[TOPIC_NAME_BYTES], suffix[TOPIC_NAME_BYTES];
		struct topic_names names;

		ck_assert_int_eq(topic_name(name, TOPIC_ORDERS_DLQ, ".shadow"),
				 0);
		ck_assert_str_eq(name, "orders.dlq.shadow");
		memset(suffix, 'x', sizeof(suffix));
		suffix[249 - strlen("orders")] = '\0';
		ck_assert_int_eq(topic_name(name, TOPIC_ORDERS, suffix), 0);
		ck_assert_int_eq(topic_name(name, TOPIC_TOASTIES, suffix),
				 TOPIC_E_LONG);
		ck_assert_int_eq(topic_names_init(&names, suffix),
				 TOPIC_E_LONG);
		ck_assert_int_eq(topic_names_init(&names, ".x"), 0);
		ck_assert_str_eq(names.of[TOPIC_PICKS], "picks.x");
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("topics");
	TCase *tcase = tcase_create("topics");

	tcase_add_loop_test(
		tcase, each_topic_is_found_by_its_name_and_says_who_uses_it, 0,
		N_TOPICS);
	tcase_add_loop_test(
		tcase,
		a_dead_letter_topic_has_its_sources_name_and_readers_as_writers,
		0, N_TOPICS);
	tcase_add_loop_test(tcase,
			    nothing_is_deleted_and_the_settings_have_values, 0,
			    N_TOPICS);
	tcase_add_test(tcase, a_name_that_is_no_topic_is_not_found);
	tcase_add_test(tcase, kinds_have_names);
	tcase_add_test(tcase,
		       a_name_with_its_suffix_is_at_most_what_kafka_takes);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}

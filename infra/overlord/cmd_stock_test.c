/* SPDX-License-Identifier: MIT */
/* Stock: the list, what restock plans, and what is taken off the menu. */
#include "infra/lib/kafka_fixture.h"
#include "infra/overlord/command_fixture.h"
#include "schemas/limits.h"
#include "schemas/topics.h"

static void begin(void)
{
	setup();
	execute_sql("INSERT INTO stock VALUES ('main', 'cheese', 12), "
		    "('main', 'chese', 0), ('other', 'ham', 1)");
}

static int with_words(int (*verb)(struct command *command), const char *stall,
		      const char *ingredient, const char *quantity)
{
	command.options.words[0] = stall;
	command.options.words[1] = ingredient;
	command.options.words[2] = quantity;
	return run(verb);
}

START_TEST(stock_is_listed_of_all_stalls_or_of_one)
	{
		ck_assert_int_eq(run(cmd_stock_list), 0);
		CHECK_SAID("cheese           12");
		CHECK_SAID("other ham");
		command.options.stall = "other";
		ck_assert_int_eq(run(cmd_stock_list), 0);
		ck_assert_ptr_null(strstr(said, "cheese"));
		command.options.stall = "nowhere";
		ck_assert_int_eq(run(cmd_stock_list), 0);
		CHECK_SAID("stall 'nowhere' has no ingredients");
	}
END_TEST

START_TEST(a_plan_to_restock_says_what_is_there_and_what_will_be)
	{
		ck_assert_int_eq(with_words(cmd_restock, "main", "cheese", "5"),
				 0);
		CHECK_SAID("main/cheese 12  17 (added: +5) NOT_ATTEMPTED");
		command.options.count = true;
		ck_assert_int_eq(with_words(cmd_restock, "main", "cheese", "5"),
				 0);
		CHECK_SAID("main/cheese 12  5 (counted: 5) NOT_ATTEMPTED");
		command.options.count = false;
		execute_sql("UPDATE stock SET quantity = 9223372036854775803 "
			    "WHERE ingredient = 'cheese'");
		ck_assert_int_eq(with_words(cmd_restock, "main", "cheese", "4"),
				 0);
		CHECK_SAID("9223372036854775807 (added: +4) NOT_ATTEMPTED");
		ck_assert_int_eq(with_words(cmd_restock, "main", "cheese", "5"),
				 0);
		CHECK_SAID("too much: chillybin refuses it (added: +5)");
	}
END_TEST

static const struct {
	const char *stall, *ingredient, *said, *now;
} slips[] = {
	{ "mian", "cheese", "there is no stall 'mian' yet", "a new stall" },
	{ "main", "cheeze", "stall 'main' has no 'cheeze' yet",
	  "a new ingredient" },
};

START_TEST(a_new_name_is_sent_only_when_it_is_meant)
	{
		const char *stall = slips[_i].stall, *of = slips[_i].ingredient;

		ck_assert_int_eq(with_words(cmd_restock, stall, of, "5"), 0);
		CHECK_SAID(slips[_i].said);
		CHECK_SAID(slips[_i].now);
		CHECK_SAID("HINT: --new");
		command.options.execute = true;
		command.conf.timeout_ms = 500;
		ck_assert_int_eq(with_words(cmd_restock, stall, of, "5"),
				 COMMAND_E_FAILED);
		CHECK_SAID("HINT: --new");
		ck_assert_ptr_null(strstr(said, "KAFKA_BROKERS"));
		/* It is sent then, if only there were a Kafka. */
		command.options.fresh = true;
		ck_assert_int_eq(with_words(cmd_restock, stall, of, "5"),
				 COMMAND_E_FAILED);
		CHECK_SAID("KAFKA_BROKERS");
	}
END_TEST

/* The first record on `restocks`; the caller destroys it. */
static rd_kafka_message_t *first_restock(rd_kafka_t *consumer)
{
	rd_kafka_topic_partition_list_t *all =
		rd_kafka_topic_partition_list_new(TOPIC_PARTITIONS);
	rd_kafka_message_t *message = NULL;

	for (int i = 0; i < TOPIC_PARTITIONS; i++)
		rd_kafka_topic_partition_list_add(all, "restocks", i)->offset =
			RD_KAFKA_OFFSET_BEGINNING;
	ck_assert_int_eq(rd_kafka_assign(consumer, all), 0);
	rd_kafka_topic_partition_list_destroy(all);
	CHECK_WITHIN(COMMAND_DEADLINE_MS, message,
		     message = rd_kafka_consumer_poll(consumer, 100));
	ck_assert_int_eq(message->err, 0);
	return message;
}

static rd_kafka_t *consumer_new(void)
{
	rd_kafka_conf_t *conf = xalloc_check(rd_kafka_conf_new());
	char error[256];

	ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers",
					   mock_brokers(), error,
					   sizeof(error)),
			 RD_KAFKA_CONF_OK);
	ck_assert_int_eq(rd_kafka_conf_set(conf, "group.id", "test", error,
					   sizeof(error)),
			 RD_KAFKA_CONF_OK);
	return xalloc_check(
		rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error)));
}

/* Chillybin refuses an envelope with a longer text. */
START_TEST(the_longest_names_are_sent_with_a_subject_that_chillybin_takes)
	{
		char name[TEXT_MAX_CHARS + 1];
		rd_kafka_headers_t *headers;
		rd_kafka_message_t *message;
		rd_kafka_t *consumer;
		const void *subject;
		size_t n;

		memset(name, 'x', TEXT_MAX_CHARS);
		name[TEXT_MAX_CHARS] = '\0';
		mock_start("restocks", TOPIC_PARTITIONS);
		command.conf.brokers = mock_brokers();
		command.options.execute = true;
		command.options.fresh = true;
		ck_assert_msg(!with_words(cmd_restock, name, name, "5"), "%s",
			      said);
		CHECK_SAID("CONFIRMED");
		consumer = consumer_new();
		message = first_restock(consumer);
		ck_assert_uint_eq(message->key_len, 2 * TEXT_MAX_CHARS + 1);
		ck_assert_int_eq(rd_kafka_message_headers(message, &headers),
				 0);
		ck_assert_int_eq(rd_kafka_header_get_last(headers, "ce_subject",
							  &subject, &n),
				 0);
		ck_assert_uint_eq(n, TEXT_MAX_CHARS);
		rd_kafka_message_destroy(message);
		rd_kafka_destroy(consumer);
		mock_stop();
	}
END_TEST

START_TEST(an_ingredient_of_which_there_is_nothing_is_taken_off_the_menu)
	{
		ck_assert_int_eq(
			with_words(cmd_stock_remove, "main", "chese", NULL), 0);
		CHECK_SAID("NOT_ATTEMPTED");
		command.options.execute = true;
		ck_assert_int_eq(
			with_words(cmd_stock_remove, "main", "chese", NULL), 0);
		CHECK_SAID("CONFIRMED");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM stock"), 2);
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM control.audit "
					"WHERE what->>'stock' = 'main/chese' "
					"AND before = '0' AND after IS NULL"),
				 1);
		ck_assert_int_eq(
			with_words(cmd_stock_remove, "main", "chese", NULL),
			COMMAND_E_FAILED);
		CHECK_SAID("there is no 'main/chese' in stock");
		ck_assert_int_eq(
			with_words(cmd_stock_remove, "main", "cheese", NULL),
			COMMAND_E_FAILED);
		CHECK_SAID("of 'main/cheese' there are 12");
		ck_assert_int_eq(NUMBER("SELECT count(*) FROM stock"), 2);
	}
END_TEST

#define TAKE(delta)                                                            \
	"SELECT take_stock(ARRAY['main'], ARRAY['chese'], ARRAY[" delta        \
	"]::bigint[], ARRAY[0]::bigint[])"

START_TEST(what_was_put_in_meanwhile_stays_on_the_menu)
	{
		struct pg *chillybin = postgres_connect(url, "galore");

		postgres_exec(chillybin, "BEGIN; " TAKE("5"));
		command.options.execute = true;
		command.options.words[0] = "main";
		command.options.words[1] = "chese";
		ck_assert_int_eq(run_behind(chillybin, cmd_stock_remove),
				 COMMAND_E_FAILED);
		ck_assert_int_eq(NUMBER("SELECT quantity FROM stock "
					"WHERE ingredient = 'chese'"),
				 5);
		(void)pg_free(chillybin);
	}
END_TEST

/* It has read the row and not locked it yet. */
START_TEST(chillybin_notices_that_the_row_has_gone)
	{
		struct pg *chillybin = postgres_connect(url, "galore");

		command.options.execute = true;
		ck_assert_int_eq(
			with_words(cmd_stock_remove, "main", "chese", NULL), 0);
		ck_assert_int_eq(
			pg_exec(chillybin, TAKE("5"), POSTGRES_TIMEOUT_MS),
			PG_E_SQL);
		ck_assert_str_eq(pg_sqlstate(chillybin), "TG002");
		(void)pg_free(chillybin);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_stock");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, begin, NULL);
	tcase_add_test(tcase, stock_is_listed_of_all_stalls_or_of_one);
	tcase_add_test(tcase,
		       a_plan_to_restock_says_what_is_there_and_what_will_be);
	tcase_add_loop_test(tcase, a_new_name_is_sent_only_when_it_is_meant, 0,
			    CHECK_N(slips));
	tcase_add_test(
		tcase,
		the_longest_names_are_sent_with_a_subject_that_chillybin_takes);
	tcase_add_test(
		tcase,
		an_ingredient_of_which_there_is_nothing_is_taken_off_the_menu);
	tcase_add_test(tcase, what_was_put_in_meanwhile_stays_on_the_menu);
	tcase_add_test(tcase, chillybin_notices_that_the_row_has_gone);
	return postgres_run(suite);
}

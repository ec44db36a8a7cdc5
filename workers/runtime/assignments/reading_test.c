/* SPDX-License-Identifier: MIT */
/*
 * Reading: a partition that cannot be read is paused alone, and is tried again
 * until something comes of it. The pauses of a backoff are ended by hand.
 */
#include "workers/runtime/batches/batches_fixture.h"

#define DAMAGED "a batch is damaged"

/* The pause of its backoff is not over by itself while a test looks. */
static void pause_lasts(int32_t partition)
{
	ck_assert(assignment_at(partition)->backoff.on);
	assignment_at(partition)->backoff.until_ms = INT64_MAX;
}

static void pause_ends(int32_t partition)
{
	backoff_retry(&assignment_at(partition)->backoff);
	assignments_turn(assignments);
}

/* Partition 3 cannot be read. */
static void come_unreadable(void)
{
	come_mark(KAFKA_UNREADABLE, 3, 0, DAMAGED);
	batches_read(batches);
}

static void turn(void)
{
	assignments_turn(assignments);
}

/* Only that partition is not read, and this is what everybody is shown. */
static void check_paused_alone(int32_t partition, const char *why)
{
	char text[512];

	for (int32_t i = 0; i < TOPIC_PARTITIONS; i++) {
		ck_assert_int_eq(client_at(i)->reading, i != partition);
		ck_assert_int_eq(assignment_at(i)->backoff.on, i == partition);
	}
	(void)snprintf(text, sizeof(text),
		       "'orders' partition %d cannot be read: %s", partition,
		       why);
	ck_assert_str_eq(assignments_not_ready(assignments), text);
}

static void check_no_trouble(void)
{
	const char *shown = assignments_not_ready(assignments);

	ck_assert_msg(!shown, "%s", shown);
}

/* ---- a partition that cannot be read ---- */

START_TEST(a_partition_that_cannot_be_read_is_paused_alone_and_named)
	{
		come(4, FIRST);
		come_mark(KAFKA_UNREADABLE, 3, 0, DAMAGED);
		come(4, FIRST + 1);
		check_read(4, FIRST + 2);
		pause_lasts(3);
		turn();
		check_paused_alone(3, DAMAGED);
		ck_assert(has_logged("PARTITION-UNREADABLE"));
		come(4, FIRST + 2);
		come(5, FIRST);
		check_read(4, FIRST + 3);
		check_read(5, FIRST + 1);
	}
END_TEST

START_TEST(it_is_begun_again_where_it_stands_until_something_comes_of_it)
	{
		come(3, FIRST);
		come_unreadable();
		pause_lasts(3);
		turn();
		ck_assert(!client_at(3)->reading);
		ck_assert_uint_eq(client_at(3)->n_pauses, 1);
		pause_ends(3);
		ck_assert(client_at(3)->reading);
		ck_assert_int_eq(client_at(3)->resumed_at, FIRST + 1);
		ck_assert_uint_eq(client_at(3)->n_resumes, 2);
		/* Whether it can be read is not known by that. */
		pause_lasts(3);
		ck_assert_str_eq(assignment_at(3)->backoff.reason, DAMAGED);
		batches_read(batches);
		turn();
		ck_assert_uint_eq(client_at(3)->n_resumes, 2);
		pause_ends(3);
		ck_assert_uint_eq(client_at(3)->n_pauses, 2);
		ck_assert_uint_eq(client_at(3)->n_resumes, 3);
		ck_assert_int_eq(client_at(3)->resumed_at, FIRST + 1);
		/* One for the mark, and one for each time: the pauses grow. */
		ck_assert_uint_eq(assignment_at(3)->backoff.n_tries, 3);
	}
END_TEST

/* What comes after it was begun again at FIRST. */
static const struct {
	enum kafka_mark mark;
	int64_t offset;
	bool ends;
} comings[] = {
	{ KAFKA_RECORD, FIRST, true },      { KAFKA_END, FIRST, true },
	{ KAFKA_RECORD, FIRST - 1, false }, { KAFKA_END, FIRST - 1, false },
	{ KAFKA_RECORD, FIRST + 1, false }, /* not in turn */
	{ KAFKA_END, FIRST + 1, false },    { KAFKA_UNREADABLE, FIRST, false },
};

START_TEST(its_backoff_ends_only_with_what_comes_in_turn)
	{
		come_unreadable();
		pause_ends(3);
		if (comings[_i].mark == KAFKA_RECORD)
			come(3, comings[_i].offset);
		else
			come_mark(comings[_i].mark, 3, comings[_i].offset,
				  DAMAGED);
		batches_read(batches);
		ck_assert_int_eq(!assignment_at(3)->backoff.on,
				 comings[_i].ends);
		ck_assert_int_eq(has_logged("PARTITION-READ"),
				 comings[_i].ends);
	}
END_TEST

START_TEST(its_backoff_ends_when_the_same_gap_is_read_again)
	{
		come_unreadable();
		pause_ends(3);
		come(3, FIRST + 1);
		batches_read(batches);
		pause_ends(3);
		ck_assert(assignment_at(3)->backoff.on);
		come(3, FIRST + 1);
		check_read(3, FIRST + 2);
		check_no_trouble();
	}
END_TEST

START_TEST(of_a_partition_that_is_taken_over_anew_a_lost_place_is_remembered)
	{
		assignment_at(3)->state = ASSIGNMENT_ACQUIRING;
		come_mark(KAFKA_UNREADABLE, 3, 0, DAMAGED);
		come_mark(KAFKA_GONE, 3, 0, "gone");
		batches_read(batches);
		ck_assert_int_eq(assignment_at(3)->state, ASSIGNMENT_ACQUIRING);
		ck_assert(!assignment_at(3)->backoff.on);
		/* The client says it once. */
		ck_assert(assignment_at(3)->gone);
		assignment_at(4)->state = ASSIGNMENT_FREE;
		come_mark(KAFKA_GONE, 4, 0, "gone");
		batches_read(batches);
		ck_assert(!assignment_at(4)->gone);
	}
END_TEST

START_TEST(one_that_cannot_begin_yet_is_begun_a_little_later)
	{
		assignment_at(3)->state = ASSIGNMENT_ACQUIRED;
		client_at(3)->slow = true;
		turn();
		ck_assert_int_eq(assignment_at(3)->state, ASSIGNMENT_ACQUIRED);
		ck_assert_int_gt(assignment_at(3)->failing_at_ms, 0);
		client_at(3)->slow = false;
		CHECK_WITHIN(5000, client_at(3)->reading,
			     assignments_turn(assignments));
		ck_assert_int_eq(assignment_at(3)->failing_at_ms, 0);
		check_no_trouble();
	}
END_TEST

START_TEST(a_worker_that_pauses_goes_on_everywhere_from_where_it_was)
	{
		come(3, FIRST);
		come_mark(KAFKA_UNREADABLE, 4, 0, DAMAGED);
		batches_read(batches);
		pause_lasts(4);
		assignments_pause(assignments);
		turn();
		for (int32_t i = 0; i < TOPIC_PARTITIONS; i++)
			ck_assert(!client_at(i)->reading);
		assignments_continue(assignments);
		turn();
		check_paused_alone(4, DAMAGED);
		ck_assert_int_eq(client_at(3)->resumed_at, FIRST + 1);
	}
END_TEST

/* ---- a position that is said to be gone ---- */

static void say_gone(int32_t partition, int64_t low, int64_t high)
{
	client_at(partition)->low = low;
	client_at(partition)->high = high;
	come_mark(KAFKA_GONE, partition, 0, "offset out of range");
	batches_read(batches);
}

/* The bounds of logs that have FIRST; it may be the next to be written. */
static const struct {
	int64_t low, high;
} logs_with_it[] = {
	{ 0, 500 },
	{ FIRST, FIRST + 1 },
	{ 0, FIRST },
};

START_TEST(a_position_that_the_log_has_is_read_again_after_a_restart)
	{
		come(5, FIRST);
		say_gone(3, logs_with_it[_i].low, logs_with_it[_i].high);
		ck_assert(!client_at(3)->reading && client_at(4)->reading);
		turn();
		ck_assert_uint_eq(in->n_restarts, 1);
		for (size_t i = 0; i < 2 * TOPIC_PARTITIONS; i++)
			ck_assert_int_eq(assignments->all[i].state,
					 ASSIGNMENT_READING);
		for (int32_t i = 0; i < TOPIC_PARTITIONS; i++) {
			ck_assert(client_at(i)->reading);
			ck_assert_uint_eq(client_at(i)->n_resumes, 2);
			ck_assert_int_eq(client_at(i)->resumed_at,
					 FIRST + (i == 5));
		}
		check_no_trouble();
		ck_assert(!has_logged("POSITION-GONE"));
		turn();
		ck_assert_uint_eq(in->n_restarts, 1);
	}
END_TEST

/* The bounds of logs that do not have FIRST, or that are not to be had. */
static const struct {
	int64_t low, high;
	bool away;
	const char *why;
} logs_without_it[] = {
	{ FIRST + 1, 500, false,
	  "the log has not got offset 100, it begins at 101 and ends at 500" },
	{ 0, FIRST - 1, false,
	  "the log has not got offset 100, it begins at 0 and ends at 99" },
	{ 0, 500, true,
	  "the log has not got offset 100, and the broker does not say what it "
	  "has" },
};

START_TEST(a_position_that_the_log_has_not_is_paused_with_its_bounds)
	{
		client_at(3)->away = logs_without_it[_i].away;
		say_gone(3, logs_without_it[_i].low, logs_without_it[_i].high);
		turn();
		pause_lasts(3);
		turn();
		check_paused_alone(3, logs_without_it[_i].why);
		ck_assert(has_logged("POSITION-GONE"));
		ck_assert_uint_eq(in->n_restarts, 0);
		ck_assert_uint_eq(client_at(3)->n_watermarks, 1);
		ck_assert_uint_eq(client_at(3)->n_resumes, 1);
		ck_assert_uint_eq(client_at(4)->n_pauses, 0);
	}
END_TEST

START_TEST(a_backoff_for_a_position_ends_when_the_log_has_it)
	{
		say_gone(3, FIRST + 1, 500);
		turn();
		pause_ends(3);
		ck_assert_uint_eq(in->n_restarts, 0);
		client_at(3)->low = FIRST;
		pause_ends(3);
		ck_assert_uint_eq(in->n_restarts, 1);
		ck_assert(client_at(3)->reading && client_at(4)->reading);
		ck_assert(assignment_at(3)->backoff.on);
		come(3, FIRST);
		check_read(3, FIRST + 1);
		check_no_trouble();
		ck_assert(has_logged("PARTITION-READ"));
	}
END_TEST

START_TEST(news_of_a_position_counts_before_reading_has_begun_too)
	{
		assignment_at(3)->state = ASSIGNMENT_ACQUIRED;
		say_gone(3, FIRST + 1, 500);
		turn();
		ck_assert(assignment_at(3)->backoff.on);
		ck_assert_uint_eq(client_at(3)->n_resumes, 1);
	}
END_TEST

START_TEST(of_two_positions_that_are_gone_one_is_asked_for_in_a_turn)
	{
		say_gone(3, FIRST + 1, 500);
		say_gone(7, FIRST + 1, 500);
		turn();
		pause_lasts(3);
		ck_assert_uint_eq(client_at(3)->n_watermarks, 1);
		ck_assert_uint_eq(client_at(7)->n_watermarks, 0);
		turn();
		ck_assert_uint_eq(client_at(3)->n_watermarks, 1);
		ck_assert_uint_eq(client_at(7)->n_watermarks, 1);
	}
END_TEST

/* ---- topics ---- */

#define NOT_AUTHORIZED "topic 'restocks' cannot be read: not authorized"
#define NOT_THERE "topic 'restocks' cannot be read: the brokers do not have it"

/*
 * What happens to topic restocks, how often the brokers are asked for it, and
 * what everybody is shown. u: the client says that it cannot be read; d: the
 * client doubts its topics; s, S: the brokers are silent, answer; g, G: the
 * topic is gone, is there; a: a turn that may ask; t: one that may not yet.
 */
static const struct {
	const char *steps;
	size_t n_asked;
	const char *shown, *logged;
} askings[] = {
	/* Without a doubt nobody is asked. */
	{ "a", 0, NULL, NULL },
	{ "daa", 1, NULL, NULL },
	/* A topic is paused until the brokers say that it is there. */
	{ "u", 0, NOT_AUTHORIZED, "TOPIC-UNREADABLE" },
	{ "usa", 1, NOT_AUTHORIZED, NULL },
	{ "usaSga", 2, NOT_THERE, NULL },
	{ "usaSgaa", 3, NOT_THERE, NULL },
	{ "usaSgaaGa", 4, NULL, "TOPIC-READ" },
	/* It is asked for until then, but not in every turn. */
	{ "dgaat", 2, NOT_THERE, "TOPIC-UNREADABLE" },
	/* A doubt of a turn that may not ask is kept. */
	{ "dadt", 1, NULL, NULL },
	{ "dadta", 2, NULL, NULL },
	/* A doubt lasts until a broker answers. */
	{ "dsaa", 2, NULL, NULL },
	{ "dsaaSaa", 3, NULL, NULL },
};

static void happen(char step)
{
	struct kafka_record mark = { .mark = KAFKA_UNREADABLE,
				     .topic = 1,
				     .partition = -1,
				     .value = "not authorized",
				     .n_value = 14 };

	if (step == 'u')
		kafka_in_fake_push(in, &mark, NULL, 0);
	else if (step == 'd')
		in->doubted = true;
	else if (step == 's' || step == 'S')
		in->silent = step == 's';
	else if (step == 'g' || step == 'G')
		in->topics[1].gone = step == 'g';
	if (step == 'a')
		assignments->topics_at_ms = 0;
	if (step == 'a' || step == 't')
		turn();
	batches_read(batches);
}

START_TEST(the_brokers_are_asked_for_a_topic_while_there_is_a_doubt)
	{
		for (const char *step = askings[_i].steps; *step; step++)
			happen(*step);
		ck_assert_uint_eq(in->n_asked, askings[_i].n_asked);
		ck_assert_pstr_eq(assignments_not_ready(assignments),
				  askings[_i].shown);
		if (askings[_i].logged)
			ck_assert(has_logged(askings[_i].logged));
		come(3, FIRST);
		check_read(3, FIRST + 1);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("reading");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
	tcase_add_test(tcase, a_partition_that_cannot_be_read_is_paused_alone_and_named);
	tcase_add_test(tcase, it_is_begun_again_where_it_stands_until_something_comes_of_it);
	tcase_add_loop_test(tcase, its_backoff_ends_only_with_what_comes_in_turn, 0, CHECK_N(comings));
	tcase_add_test(tcase, its_backoff_ends_when_the_same_gap_is_read_again);
	tcase_add_test(tcase, of_a_partition_that_is_taken_over_anew_a_lost_place_is_remembered);
	tcase_add_test(tcase, one_that_cannot_begin_yet_is_begun_a_little_later);
	tcase_add_test(tcase, a_worker_that_pauses_goes_on_everywhere_from_where_it_was);
	tcase_add_loop_test(tcase, a_position_that_the_log_has_is_read_again_after_a_restart, 0, CHECK_N(logs_with_it));
	tcase_add_loop_test(tcase, a_position_that_the_log_has_not_is_paused_with_its_bounds, 0, CHECK_N(logs_without_it));
	tcase_add_test(tcase, a_backoff_for_a_position_ends_when_the_log_has_it);
	tcase_add_test(tcase, news_of_a_position_counts_before_reading_has_begun_too);
	tcase_add_test(tcase, of_two_positions_that_are_gone_one_is_asked_for_in_a_turn);
	tcase_add_loop_test(tcase, the_brokers_are_asked_for_a_topic_while_there_is_a_doubt, 0, CHECK_N(askings));
	return check_run(suite);
}

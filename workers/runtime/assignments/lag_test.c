/* SPDX-License-Identifier: MIT */
/* Lag, and what cannot be read is named, wherever it is shown; what was
 * read, by topic. */
#include "workers/runtime/batches/batches_fixture.h"

static struct buf out;

static void setup(void)
{
	fixture_setup();
	buf_reset(&out);
}

static void teardown(void)
{
	buf_deinit(&out);
	fixture_teardown();
}

static void fail_topic(void)
{
	(void)backoff_begin(&assignments->topic_backoffs[0], "no such topic",
			    0);
}

static void raise_partitions(void)
{
	assignments->undeclared[1] = 12;
}

static void fail_partition(void)
{
	(void)backoff_begin(&assignment_of(assignments, 1, 3)->backoff,
			    "it is \"broken\"", 0);
}

static void lose_partition(void)
{
	fail_partition();
	assignment_of(assignments, 1, 3)->state = ASSIGNMENT_FREE;
}

static void fail_all(void)
{
	fail_partition();
	raise_partitions();
	fail_topic();
}

static void fall_silent(void)
{
	assignments->unacknowledged_ms = 12345;
}

static void acquire_again(void)
{
	assignment_at(3)->state = ASSIGNMENT_ACQUIRING;
}

#define TOPIC_JSON "{\"topic\":\"orders\",\"what\":\"no such topic\"}"
#define RAISED_JSON                                                            \
	"{\"topic\":\"restocks\",\"partition\":12,\"what\":"                   \
	"\"it is not declared, nothing reads it\"}"
#define PARTITION_JSON                                                         \
	"{\"topic\":\"restocks\",\"partition\":3,\"what\":"                    \
	"\"it is \\\"broken\\\"\"}"
#define METRIC "galore_paused_partitions{topic="

/* What is wrong, and how it is shown; NULL: not at all. */
static const struct {
	void (*go_wrong)(void);
	const char *sentence, *json, *metric;
} troubles[] = {
	{ NULL, NULL, "[]", NULL },
	{ fail_topic, "topic 'orders' cannot be read: no such topic",
	  "[" TOPIC_JSON "]", METRIC "\"orders\",partition=\"all\"} 1\n" },
	{ raise_partitions,
	  "'restocks' partition 12 cannot be read: it is not declared, "
	  "nothing reads it",
	  "[" RAISED_JSON "]", METRIC "\"restocks\",partition=\"12\"} 1\n" },
	{ fail_partition,
	  "'restocks' partition 3 cannot be read: it is \"broken\"",
	  "[" PARTITION_JSON "]", METRIC "\"restocks\",partition=\"3\"} 1\n" },
	{ lose_partition, NULL, "[]", NULL }, /* not ours any more */
	{ fail_all, "topic 'orders' cannot be read: no such topic",
	  "[" TOPIC_JSON ", " RAISED_JSON ", " PARTITION_JSON "]",
	  METRIC "\"restocks\",partition=\"3\"} 1\n" },
	{ fall_silent, "a fact waits for the broker since 12 s", "[]", NULL },
	{ acquire_again, "partitions are being taken over", "[]", NULL },
};

START_TEST(what_cannot_be_read_is_named_with_its_reason)
	{
		if (troubles[_i].go_wrong)
			troubles[_i].go_wrong();
		ck_assert_pstr_eq(assignments_not_ready(assignments),
				  troubles[_i].sentence);
		assignments_troubles(assignments, &out);
		buf_add(&out, "", 1);
		ck_assert_str_eq(out.p, troubles[_i].json);
		buf_reset(&out);
		assignments_collect(assignments, &out);
		buf_add(&out, "", 1);
		if (troubles[_i].metric)
			ck_assert_ptr_nonnull(
				strstr(out.p, troubles[_i].metric));
		else
			ck_assert_ptr_null(strstr(out.p, METRIC));
	}
END_TEST

static void check_line(const char *line)
{
	buf_reset(&out);
	assignments_collect(assignments, &out);
	buf_add(&out, "", 1);
	ck_assert_msg(strstr(out.p, line) != NULL, "no '%s' in\n%s", line,
		      out.p);
}

/* The broker has so many records of partition 3 behind FIRST; the last record
 * that was read is old. */
static void fall_behind(int64_t n)
{
	client_at(3)->fetched = true;
	client_at(3)->high = FIRST + n;
	assignment_at(3)->read_stamp_ms = 1;
}

#define LAG                                                                    \
	"kafka_consumergroup_lag{consumergroup=\"test\",topic=\"orders\","     \
	"partition=\"3\"} "

START_TEST(lag_is_what_the_log_has_behind_the_lowest_position)
	{
		fall_behind(5);
		check_line(LAG "5\n");
		assignment_at(3)->lanes[1] =
			(struct lane_position){ .lane = 1,
						.next_offset = FIRST - 2 };
		assignment_at(3)->n_lanes = 2;
		check_line(LAG "7\n");
		assignments_doubt(assignments, assignment_at(3), false);
		check_line(LAG "5\n");
	}
END_TEST

START_TEST(lag_is_also_that_of_a_lane_that_catches_up)
	{
		struct assignment *other =
			catch_up_of(assignments, assignment_at(3));

		fall_behind(5);
		*other = *assignment_at(3);
		other->state = ASSIGNMENT_ACQUIRED;
		other->lanes[0].next_offset = FIRST - 90;
		check_line(LAG "95\n");
		/* It was left behind, however short ago it came. */
		assignment_at(3)->level_at_ms = clock_wall_ms();
		other->read_stamp_ms = clock_wall_ms() - 3600500;
		check_line("kafka_consumergroup_group_lag_seconds{"
			   "consumergroup=\"test\",group=\"test\",topic="
			   "\"orders\",partition=\"3\"} 3600\n");
		/* And until it is taken over. */
		other->decided = FIRST - 90;
		assignments_doubt(assignments, assignment_at(3), false);
		check_line(LAG "95\n");
	}
END_TEST

START_TEST(a_record_after_an_idle_time_is_no_lag_of_that_time)
	{
		fall_behind(0);
		assignments_mirror(assignments, false);
		fall_behind(1);
		check_line("kafka_consumergroup_group_lag_seconds{"
			   "consumergroup=\"test\",group=\"test\",topic="
			   "\"orders\",partition=\"3\"} 0\n");
	}
END_TEST

START_TEST(each_topic_that_is_read_has_a_row_of_what_was_read)
	{
		come(3, FIRST);
		come(3, FIRST + 1);
		come(4, FIRST);
		batches_read(batches);
		check_line("messaging_client_consumed_messages_total{"
			   "messaging_destination_name=\"orders\"} 3\n");
		check_line("messaging_client_consumed_messages_total{"
			   "messaging_destination_name=\"restocks\"} 0\n");
	}
END_TEST

/* A topic is rows of topics.def, and a worker that reads it: whatever it is,
 * its records are read and counted. */
START_TEST(any_topic_of_the_table_can_be_read)
	{
		struct identity identity = two_topics;
		char line[160];

		identity.topics[0] = &topic_table[_i];
		assignments->identity = &identity;
		batches->params.identity = &identity;
		come(3, FIRST);
		check_read(3, FIRST + 1);
		(void)snprintf(line, sizeof(line), "_name=\"%s\"} 1\n",
			       topic_table[_i].name);
		check_line(line);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("lag");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, what_cannot_be_read_is_named_with_its_reason, 0, CHECK_N(troubles));
	tcase_add_test(tcase, lag_is_what_the_log_has_behind_the_lowest_position);
	tcase_add_test(tcase, lag_is_also_that_of_a_lane_that_catches_up);
	tcase_add_test(tcase, a_record_after_an_idle_time_is_no_lag_of_that_time);
	tcase_add_test(tcase, each_topic_that_is_read_has_a_row_of_what_was_read);
	tcase_add_loop_test(tcase, any_topic_of_the_table_can_be_read, 0, N_TOPICS);
	return check_run(suite);
}

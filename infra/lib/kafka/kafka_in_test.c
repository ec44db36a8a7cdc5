/* SPDX-License-Identifier: MIT */
/* Kafka in: records come from where the seek says, and from nowhere else. */
#include "infra/lib/kafka/kafka_in.h"

#include <string.h>

#include "infra/lib/kafka/kafka_fixture.h"
#include "infra/lib/kafka/kafka_out.h"

#define DEADLINE_MS 15000
#define N_PARTITIONS 3
#define N_EACH 100

static struct kafka_in *in;
static struct loop *loop;

static struct {
	struct kafka_partition assigned[N_PARTITIONS];
	size_t n_assigned, n_revoked, n_troubles;
	bool lost;
} seen;

static void on_assigned(void *arg, const struct kafka_partition *partitions,
			size_t n)
{
	(void)arg;
	ck_assert_uint_le(n, N_PARTITIONS);
	memcpy(seen.assigned, partitions, n * sizeof(*partitions));
	seen.n_assigned = n;
}

static void on_revoked(void *arg, const struct kafka_partition *partitions,
		       size_t n, bool lost)
{
	(void)arg;
	(void)partitions;
	seen.n_revoked = n;
	seen.lost = lost;
}

static void on_trouble(void *arg, const char *what)
{
	(void)arg;
	ck_assert_ptr_nonnull(what);
	seen.n_troubles++;
}

static void ignore_report(void *arg, const struct kafka_report *report)
{
	(void)arg;
	ck_assert(report->delivered);
}

/* N_EACH records in each partition; the key says which one it is. */
static void fill_topic(void)
{
	struct kafka_out_params params = {
		.brokers = mock_brokers(),
		.client_id = "filler",
		.queue_max = 100000,
		.report = ignore_report,
	};
	struct kafka_out *out;
	char key[16];

	ck_assert_int_eq(kafka_out_new(&out, &params), 0);
	for (int i = 0; i < N_EACH * N_PARTITIONS; i++) {
		struct kafka_message *message =
			kafka_out_message(out, "orders");
		struct kafka_body body = {
			.key = key,
			.n_key = (size_t)snprintf(key, sizeof(key), "%d",
						  i / N_PARTITIONS),
			.value = i % 2 ? NULL : "body",
			.n_value = i % 2 ? 0 : 4,
		};

		kafka_message_partition(message, i % N_PARTITIONS);
		(void)kafka_message_header(message, "stall", "main", 4);
		(void)kafka_message_header(message, "empty", NULL, 0);
		ck_assert_int_eq(kafka_out_send(message, &body, NULL), 0);
	}
	ck_assert(kafka_out_flush(out, DEADLINE_MS));
	(void)kafka_out_free(out);
}

static void open_as(const char *group, bool marks)
{
	static const char *const topics[] = { "orders" };
	struct kafka_in_params params = {
		.brokers = mock_brokers(),
		.client_id = "test",
		.group = group,
		.topics = topics,
		.n_topics = 1,
		.queue_max_kbytes = 1024,
		.assigned = on_assigned,
		.revoked = on_revoked,
		.trouble = on_trouble,
		.marks = marks,
		.loop = loop,
	};

	ck_assert_int_eq(kafka_in_new(&in, &params), 0);
}

static void open_in(void)
{
	open_as(NULL, false);
}

static void setup(void)
{
	mock_start("orders", N_PARTITIONS);
	ck_assert_int_eq(loop_new(&loop), 0);
	fill_topic();
}

static void teardown(void)
{
	in = kafka_in_free(in);
	loop = loop_free(loop);
	mock_stop();
}

static void assign(int32_t partition, int64_t offset)
{
	struct kafka_partition one = { 0, partition, offset };

	ck_assert_int_eq(kafka_in_assign(in, &one, 1), 0);
}

static void read_from(int32_t partition, int64_t offset)
{
	open_in();
	assign(partition, offset);
}

static void read_with_marks(int32_t partition, int64_t offset)
{
	open_as(NULL, true);
	assign(partition, offset);
}

static bool resume(struct kafka_partition at)
{
	bool begun = false;

	kafka_in_resume_at(in, &at, 1, &begun);
	return begun;
}

/* The next @n records, which must follow each other from @offset on. */
static void expect_records(int32_t partition, int64_t offset, int64_t n)
{
	struct kafka_record records[N_EACH];
	int64_t until = offset + n;

	CHECK_WITHIN(DEADLINE_MS, offset == until, {
		size_t n_max =
			until - offset < 7 ? (size_t)(until - offset) : 7;
		size_t got = kafka_in_poll(in, records, n_max, 50);

		for (size_t i = 0; i < got; i++) {
			ck_assert_int_eq(records[i].partition, partition);
			ck_assert_int_eq(records[i].offset, offset++);
			kafka_record_release(&records[i]);
		}
	});
}

static void expect_silence(void)
{
	struct kafka_record record;
	int64_t until_ms = clock_now_ms() + 300;

	while (clock_left_ms(until_ms) > 0)
		ck_assert_uint_eq(kafka_in_poll(in, &record, 1, 50), 0);
}

START_TEST(a_record_has_its_key_value_headers_and_time)
	{
		struct kafka_record record;
		const char *name;
		const void *value;
		size_t n;

		read_from(0, 3);
		/* The record wakes the loop. */
		CHECK_WITHIN(DEADLINE_MS, kafka_in_poll(in, &record, 1, 0) == 1,
			     loop_wait(loop, DEADLINE_MS));
		ck_assert_int_eq(record.topic, 0);
		CHECK_BYTES(record.key, record.n_key, "3");
		ck_assert_ptr_null(record.value); /* i is 9: a tombstone */
		ck_assert_int_gt(record.timestamp_ms, 0);
		ck_assert(kafka_record_header(&record, 0, &name, &value, &n));
		ck_assert_str_eq(name, "stall");
		CHECK_BYTES(value, n, "main");
		ck_assert(kafka_record_header(&record, 1, &name, &value, &n));
		ck_assert_str_eq(name, "empty");
		ck_assert_ptr_null(value);
		ck_assert(!kafka_record_header(&record, 2, &name, &value, &n));
		kafka_record_release(&record);
		kafka_record_release(&record);
	}
END_TEST

START_TEST(a_seek_makes_what_was_fetched_before_it_void)
	{
		struct kafka_partition back = { 0, 0, 10 };

		read_from(0, 60);
		expect_records(0, 60, 5);
		ck_assert(resume(back));
		expect_records(0, 10, N_EACH - 10);
	}
END_TEST

START_TEST(a_paused_partition_is_silent_until_it_is_resumed)
	{
		struct kafka_partition one = { 0, 2, 0 };

		read_from(2, 0);
		expect_records(2, 0, 5);
		ck_assert_int_eq(kafka_in_pause(in, &one, 1), 0);
		expect_silence();
		one.offset = 5;
		ck_assert(resume(one));
		expect_records(2, 5, N_EACH - 5);
	}
END_TEST

START_TEST(a_partition_that_cannot_be_read_does_not_hold_up_the_others)
	{
		struct kafka_partition both[] = { { 0, 1, N_EACH + 1000 },
						  { 0, 2, 0 } };
		struct kafka_record record;
		bool begun[2] = { true, false };

		open_in();
		ck_assert_int_eq(kafka_in_assign(in, both, 2), 0);
		CHECK_WITHIN(
			DEADLINE_MS, seen.n_troubles > 0,
			if (kafka_in_poll(in, &record, 1, 50)) {
				ck_assert_int_eq(record.partition, 2);
				kafka_record_release(&record);
			});
		both[1].offset = N_EACH - 5;
		kafka_in_resume_at(in, both, 2, begun);
		ck_assert(!begun[0]);
		ck_assert(begun[1]);
		expect_records(2, N_EACH - 5, 5);
	}
END_TEST

/* The next mark is that one; records before it are released. */
static int64_t expect_mark(enum kafka_mark mark, int32_t partition)
{
	struct kafka_record record = { .mark = KAFKA_RECORD };

	CHECK_WITHIN(DEADLINE_MS, record.mark != KAFKA_RECORD, {
		if (kafka_in_poll(in, &record, 1, 50))
			kafka_record_release(&record);
		else
			record.mark = KAFKA_RECORD;
	});
	ck_assert_int_eq(record.mark, mark);
	ck_assert_int_eq(record.partition, partition);
	return record.offset;
}

START_TEST(the_end_of_the_log_comes_behind_its_records)
	{
		read_with_marks(1, N_EACH - 5);
		expect_records(1, N_EACH - 5, 5);
		ck_assert_int_eq(expect_mark(KAFKA_END, 1), N_EACH);
	}
END_TEST

START_TEST(a_partition_that_was_given_up_is_read_after_a_restart)
	{
		struct kafka_partition one = { 0, 1, 90 };

		read_with_marks(1, N_EACH + 1000);
		(void)expect_mark(KAFKA_GONE, 1);
		ck_assert(!resume(one));
		kafka_in_restart(in);
		expect_silence();
		CHECK_WITHIN(DEADLINE_MS, resume(one), loop_wait(loop, 10));
		expect_records(1, 90, 10);
	}
END_TEST

START_TEST(a_fetch_that_is_refused_is_a_mark_of_its_partition)
	{
		mock_refuse(API_FETCH,
			    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
		read_with_marks(2, 0);
		(void)expect_mark(KAFKA_UNREADABLE, 2);
	}
END_TEST

START_TEST(the_brokers_say_which_topics_and_offsets_are_there_if_they_answer)
	{
		bool there[KAFKA_IN_TOPICS_MAX] = { false };
		int64_t low = -1, high = -1;

		open_in();
		ck_assert_int_eq(kafka_in_topics(in, DEADLINE_MS, there), 0);
		ck_assert(there[0]);
		ck_assert_int_eq(
			kafka_in_watermarks(in, 0, 1, DEADLINE_MS, &low, &high),
			0);
		ck_assert_int_eq(low, 0);
		ck_assert_int_eq(high, N_EACH);
		rd_kafka_mock_topic_set_error(
			mock, "orders",
			RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
		ck_assert_int_eq(kafka_in_topics(in, DEADLINE_MS, there), 0);
		ck_assert(!there[0]);
		rd_kafka_mock_broker_set_down(mock, 1);
		ck_assert_int_eq(kafka_in_topics(in, 300, there),
				 KAFKA_IN_E_AWAY);
		ck_assert_int_eq(
			kafka_in_watermarks(in, 0, 0, 300, &low, &high),
			KAFKA_IN_E_AWAY);
	}
END_TEST

static void join(void)
{
	struct kafka_record record;

	open_as("group", false);
	CHECK_WITHIN(DEADLINE_MS, seen.n_assigned == N_PARTITIONS,
		     ck_assert_uint_eq(kafka_in_poll(in, &record, 1, 50), 0));
}

START_TEST(what_the_group_gives_is_silent_until_its_owner_says_where_to_begin)
	{
		join();
		expect_silence();
		for (int32_t partition = 0; partition < N_PARTITIONS;
		     partition++) {
			struct kafka_partition one = { 0, partition, 90 };

			CHECK_WITHIN(DEADLINE_MS, resume(one),
				     loop_wait(loop, 10));
			expect_records(partition, 90, 10);
		}
	}
END_TEST

START_TEST(who_leaves_the_group_hears_that_its_partitions_go)
	{
		join();
		in = kafka_in_free(in);
		ck_assert_uint_eq(seen.n_revoked, N_PARTITIONS);
		ck_assert(!seen.lost);
	}
END_TEST

START_TEST(a_commit_confirms_that_we_are_a_member_or_that_we_are_not)
	{
		struct kafka_partition one = { 0, 0, 7 };

		join();
		ck_assert_int_eq(kafka_in_commit(in, &one, 1, true), 0);
		ck_assert_int_eq(kafka_in_commit(in, &one, 1, false), 0);
		for (int i = 0; i < 2; i++)
			mock_refuse(API_OFFSET_COMMIT,
				    RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
		ck_assert_int_eq(kafka_in_commit(in, &one, 1, true),
				 KAFKA_IN_E_NOT_MEMBER);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("kafka_in");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_record_has_its_key_value_headers_and_time);
	tcase_add_test(tcase, a_seek_makes_what_was_fetched_before_it_void);
	tcase_add_test(tcase, a_paused_partition_is_silent_until_it_is_resumed);
	tcase_add_test(tcase, a_partition_that_cannot_be_read_does_not_hold_up_the_others);
	tcase_add_test(tcase, the_end_of_the_log_comes_behind_its_records);
	tcase_add_test(tcase, a_partition_that_was_given_up_is_read_after_a_restart);
	tcase_add_test(tcase, a_fetch_that_is_refused_is_a_mark_of_its_partition);
	tcase_add_test(tcase, the_brokers_say_which_topics_and_offsets_are_there_if_they_answer);
	tcase_add_test(tcase, what_the_group_gives_is_silent_until_its_owner_says_where_to_begin);
	tcase_add_test(tcase, who_leaves_the_group_hears_that_its_partitions_go);
	tcase_add_test(tcase, a_commit_confirms_that_we_are_a_member_or_that_we_are_not);
	return check_run(suite);
}

/* SPDX-License-Identifier: MIT */
/*
 * Tell: the facts of a committed batch go out in parts, and only those of
 * partitions that are held as they were at the commit.
 */
#include "workers/runtime/publish_fake.h"
#include "workers/runtime/worker_fixture.h"

#define BATCH_RECORDS 8
#define FACTS_MAX 10
#define MIB ((size_t)1 << 20)

/* Records whose facts went out, and what each makes wait. */
static struct {
	int64_t offset;
	struct slot *slot;
	uint64_t entry;
} told[2 * BATCH_RECORDS];
static size_t n_told, n_delivered, n_facts, n_bytes;

static void facts(void *arg, const struct batch *batch,
		  const struct record *record, struct publisher *publisher)
{
	(void)arg;
	(void)batch;
	ck_assert_uint_lt(n_told, CHECK_N(told));
	told[n_told].offset = record->kafka.offset;
	told[n_told].slot = record->slot;
	told[n_told++].entry = record->entry;
	emitted_expect_more(&record->slot->emitted, record->entry);
	publish_fake_wait(publisher, publisher_waiting(publisher) + n_facts,
			  publisher_waiting_bytes(publisher) + n_bytes);
}

/* The broker has all that went out. */
static void deliver(void)
{
	for (; n_delivered < n_told; n_delivered++)
		emitted_acknowledge(&told[n_delivered].slot->emitted,
				    told[n_delivered].entry);
	publish_fake_wait(worker->publisher, 0, 0);
}

static void setup(void)
{
	static const struct worker_ops ops = { .facts = facts };
	static const struct runtime_conf conf = { .facts_max = FACTS_MAX };
	struct publisher_params params = { .producer = "test@1",
					   .group = "test" };

	worker_setup();
	worker->ops = &ops;
	worker->conf = &conf;
	ck_assert_int_eq(publisher_new(&worker->publisher, &params), 0);
	n_told = n_delivered = n_facts = n_bytes = 0;
}

static void teardown(void)
{
	worker->publisher = publisher_free(worker->publisher);
	worker_teardown();
}

/* A committed batch of the partitions 3 and 4 in turns, from FIRST on. */
static void commit(void)
{
	for (int i = 0; i < BATCH_RECORDS; i++) {
		struct kafka_record kafka = { .partition = 3 + i % 2,
					      .offset = FIRST + i };

		publish_expect(
			batch_add(worker->told, slot_at(3 + i % 2), &kafka));
	}
}

static void check_told(size_t n)
{
	ck_assert_uint_eq(n_told, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(told[i].offset, FIRST + (int64_t)i);
}

/* What the facts of one record make wait, so that three reach the bound. */
static const struct {
	size_t n_facts, n_bytes;
} heavy[] = { { FACTS_MAX / 3 + 1, 1 }, { 1, 12 * MIB } };

START_TEST(the_rest_of_a_batch_waits_while_facts_are_above_the_bound)
	{
		n_facts = heavy[_i].n_facts;
		n_bytes = heavy[_i].n_bytes;
		commit();
		tell_committed(worker);
		check_told(3);
		tell_committed(worker);
		check_told(3);
		/* Others' have gone: those of the first three may still wait.
		 */
		publish_fake_wait(worker->publisher, 0, 0);
		tell_committed(worker);
		check_told(6);
		ck_assert(!batch_empty(worker->told));
		deliver();
		tell_committed(worker);
		check_told(BATCH_RECORDS);
		ck_assert(batch_empty(worker->told));
		/* The next batch begins with its first record. */
		deliver();
		n_told = n_delivered = 0;
		commit();
		tell_committed(worker);
		check_told(3);
	}
END_TEST

START_TEST(a_partition_is_emitted_up_to_the_facts_that_wait)
	{
		n_facts = FACTS_MAX + 1;
		slot_at(3)->decided = FIRST + BATCH_RECORDS;
		commit();
		ck_assert_int_eq(slot_emitted(slot_at(3)), FIRST);
		tell_committed(worker);
		ck_assert_int_eq(slot_emitted(slot_at(3)), FIRST);
		deliver();
		ck_assert_int_eq(slot_emitted(slot_at(3)), FIRST + 2);
		n_facts = 0;
		tell_committed(worker);
		deliver();
		ck_assert_int_eq(slot_emitted(slot_at(3)),
				 FIRST + BATCH_RECORDS);
	}
END_TEST

/* A take-over gives it back, and a batch after that one expects facts. */
static void take_over_anew(int32_t partition)
{
	struct slot *slot = slot_at(partition);

	holdings_want(worker, slot, true);
	slot->state = SLOT_READING;
	(void)emitted_expect(&slot->emitted, FIRST, 1);
}

static void lose(int32_t partition)
{
	slot_at(partition)->state = SLOT_WANTED;
}

static void (*const doubts[])(int32_t partition) = { take_over_anew, lose };

START_TEST(a_partition_that_was_taken_over_is_not_told_from_the_old_batch)
	{
		n_facts = heavy[0].n_facts;
		commit();
		tell_committed(worker);
		check_told(3);
		doubts[_i](3);
		n_facts = 0;
		deliver();
		tell_committed(worker);
		ck_assert(batch_empty(worker->told));
		/* Of the five that were left, those of partition 4. */
		ck_assert_uint_eq(n_told, 6);
		ck_assert_int_eq(told[3].offset, FIRST + 3);
		ck_assert_int_eq(told[4].offset, FIRST + 5);
		ck_assert_int_eq(told[5].offset, FIRST + 7);
	}
END_TEST

START_TEST(a_dead_record_goes_out_as_its_copy_and_without_facts)
	{
		commit();
		batch_dead(worker->told, &worker->told->records[1], "malformed",
			   "no map");
		tell_outcomes(worker, worker->told);
		tell_committed(worker);
		ck_assert_uint_eq(n_told, BATCH_RECORDS - 1);
		ck_assert_int_eq(told[1].offset, FIRST + 2);
		ck_assert_uint_eq(publish_fake_n(worker->publisher), 1);
		ck_assert_int_eq(publish_fake_first(worker->publisher)->topic,
				 TOPIC_ORDERS_DLQ);
	}
END_TEST

/* clang-format off */
static void add_tests(TCase *tcase)
{
	tcase_add_loop_test(tcase, the_rest_of_a_batch_waits_while_facts_are_above_the_bound, 0, CHECK_N(heavy));
	tcase_add_test(tcase, a_partition_is_emitted_up_to_the_facts_that_wait);
	tcase_add_loop_test(tcase, a_partition_that_was_taken_over_is_not_told_from_the_old_batch, 0, CHECK_N(doubts));
	tcase_add_test(tcase, a_dead_record_goes_out_as_its_copy_and_without_facts);
}
/* clang-format on */

int main(void)
{
	Suite *suite = suite_create("tell");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	add_tests(tcase);
	return check_run(suite);
}

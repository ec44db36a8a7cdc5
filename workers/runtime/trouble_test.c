/* SPDX-License-Identifier: MIT */
/* Trouble: what cannot be read is named, wherever it is shown. */
#include "workers/runtime/trouble.h"

#include <stdlib.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"
#include "workers/runtime/state.h"

static struct worker *worker;
static struct buf out;
static char text[512];

static void setup(void)
{
	worker = xcalloc(1, sizeof(*worker));
	worker->identity.n_topics = 2;
	(void)str_copy(worker->topic_names[0], TOPIC_NAME_BYTES, "orders");
	(void)str_copy(worker->topic_names[1], TOPIC_NAME_BYTES, "restocks");
	for (int i = 0; i < SLOTS_MAX; i++) {
		worker->slots[i].topic = i / TOPIC_PARTITIONS;
		worker->slots[i].partition = i % TOPIC_PARTITIONS;
		worker->slots[i].state = SLOT_READING;
	}
}

static void teardown(void)
{
	buf_deinit(&out);
	free(worker);
}

static const char *all(void)
{
	trouble_json(worker, &out);
	buf_add(&out, "", 1);
	return out.p;
}

START_TEST(a_worker_without_trouble_has_none_to_show)
	{
		ck_assert(!trouble_first(worker, text, sizeof(text)));
		ck_assert_str_eq(all(), "[]");
	}
END_TEST

START_TEST(a_partition_that_is_held_is_named_with_its_reason)
	{
		(void)hold_on(&slot_of(worker, 1, 3)->hold, "it is \"broken\"",
			      0, 0);
		ck_assert(trouble_first(worker, text, sizeof(text)));
		ck_assert_str_eq(text, "'restocks' partition 3 cannot be read: "
				       "it is \"broken\"");
		ck_assert_str_eq(all(),
				 "[{\"topic\": \"restocks\", \"partition\": 3,"
				 " \"what\": \"it is \\\"broken\\\"\"}]");
	}
END_TEST

START_TEST(a_partition_that_is_not_ours_any_more_is_no_trouble_of_ours)
	{
		(void)hold_on(&slot_of(worker, 1, 3)->hold, "broken", 0, 0);
		slot_of(worker, 1, 3)->state = SLOT_FREE;
		ck_assert(!trouble_first(worker, text, sizeof(text)));
	}
END_TEST

START_TEST(topics_and_partitions_that_nobody_declared_are_named_too)
	{
		(void)hold_on(&worker->topic_holds[0], "no such topic", 0, 0);
		worker->undeclared[1] = 12;
		(void)hold_on(&slot_of(worker, 1, 3)->hold, "broken", 0, 0);
		ck_assert(trouble_first(worker, text, sizeof(text)));
		ck_assert_str_eq(text, "topic 'orders' cannot be read: "
				       "no such topic");
		ck_assert_str_eq(
			all(),
			"[{\"topic\": \"orders\", \"what\": \"no such topic\"},"
			" {\"topic\": \"restocks\", \"partition\": 12, "
			"\"what\":"
			" \"it is not declared, nothing reads it\"},"
			" {\"topic\": \"restocks\", \"partition\": 3, \"what\":"
			" \"broken\"}]");
	}
END_TEST

START_TEST(each_is_a_line_of_the_metrics)
	{
		worker->undeclared[1] = 12;
		(void)hold_on(&worker->topic_holds[0], "away", 0, 0);
		trouble_collect(worker, &out);
		buf_add(&out, "", 1);
		ck_assert_ptr_nonnull(
			strstr(out.p, "galore_paused_partitions{topic="
				      "\"restocks\",partition=\"12\"} 1\n"));
		ck_assert_ptr_nonnull(
			strstr(out.p, "galore_paused_partitions{topic="
				      "\"orders\",partition=\"all\"} 1\n"));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("trouble");
	TCase *tcase = check_case(suite, 20);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_worker_without_trouble_has_none_to_show);
	tcase_add_test(tcase,
		       a_partition_that_is_held_is_named_with_its_reason);
	tcase_add_test(
		tcase,
		a_partition_that_is_not_ours_any_more_is_no_trouble_of_ours);
	tcase_add_test(
		tcase,
		topics_and_partitions_that_nobody_declared_are_named_too);
	tcase_add_test(tcase, each_is_a_line_of_the_metrics);
	return check_run(suite);
}

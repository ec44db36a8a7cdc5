/* SPDX-License-Identifier: MIT */
/* Topics: what drifts, what is mended, how it reads. */
#include "infra/lib/check_fixture.h"
#include "infra/overlord/cmd_topics.h"

static const struct topic_setting declared_settings[] = {
	{ "cleanup.policy", "delete" },
	{ "retention.ms", "-1" },
	{ NULL, NULL },
};

static const struct topic declared = {
	.name = "orders",
	.partitions = 12,
	.settings = declared_settings,
};

static const struct {
	struct kafka_topic is;
	struct kafka_setting settings[3];
	size_t n_settings;
	const char *now, *then;
	/* The first that is to be set. */
	const char *first;
	bool partitions;
} rows[] = {
	{ { .there = false },
	  { { "", "", false } },
	  0,
	  "missing",
	  "12 partitions, cleanup.policy=delete, retention.ms=-1",
	  "cleanup.policy",
	  false },
	{ { .there = true, .n_partitions = 12 },
	  { { "cleanup.policy", "delete", false },
	    { "retention.ms", "-1", true },
	    { "segment.bytes", "7", true } },
	  3,
	  "12 partitions",
	  "12 partitions",
	  NULL,
	  false },
	{ { .there = true, .n_partitions = 12 },
	  { { "cleanup.policy", "compact", true },
	    { "retention.ms", "-1", true } },
	  2,
	  "12 partitions, cleanup.policy=compact",
	  "12 partitions, cleanup.policy=delete",
	  "cleanup.policy",
	  false },
	{ { .there = true, .n_partitions = 3 },
	  { { "cleanup.policy", "delete", true } },
	  1,
	  "3 partitions, retention.ms=?",
	  "12 partitions, retention.ms=-1",
	  "retention.ms",
	  true },
};

START_TEST(drift_is_what_differs_from_the_declared_table)
	{
		struct kafka_setting settings[3];
		struct kafka_topic is = rows[_i].is;
		struct topic_drift drift;

		memcpy(settings, rows[_i].settings, sizeof(settings));
		is.settings = settings;
		is.n_settings = rows[_i].n_settings;
		topic_drift(&declared, &is, &drift);
		ck_assert_int_eq(drift.missing, !is.there);
		ck_assert_int_eq(drift.partitions, rows[_i].partitions);
		ck_assert_pstr_eq(drift.settings[0], rows[_i].first);
		ck_assert_str_eq(drift.now.p, rows[_i].now);
		ck_assert_str_eq(drift.then.p, rows[_i].then);
		topic_drift_deinit(&drift);
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cmd_topics");
	TCase *tcase = check_case(suite, 20);

	tcase_add_loop_test(tcase,
			    drift_is_what_differs_from_the_declared_table, 0,
			    CHECK_N(rows));
	return check_run(suite);
}

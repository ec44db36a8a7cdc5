/* SPDX-License-Identifier: MIT */
/* Work: one job at a time in the other thread, and how its end is known. */
#include "workers/runtime/database/work.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "infra/lib/postgres/postgres_fixture.h"

#define DEADLINE_MS 15000

static struct loop *loop;
static struct work *work;

static void setup(void)
{
	ck_assert_int_eq(loop_new(&loop), 0);
	ck_assert_int_eq(work_new(&work, loop), 0);
}

static void teardown(void)
{
	work = work_free(work);
	loop = loop_free(loop);
}

struct job {
	pthread_t thread; /* that ran it; not guarded, on purpose */
	int n_runs;
	atomic_bool go;
};

static int count(void *arg, struct session *session)
{
	struct job *job = arg;

	ck_assert_ptr_nonnull(session);
	job->thread = pthread_self();
	job->n_runs++;
	return job->n_runs;
}

START_TEST(a_job_runs_in_the_other_thread_and_wakes_the_loop_with_its_result)
	{
		struct job job = { 0 };

		for (int i = 1; i <= 200; i++) {
			int r = -1;

			work_submit(work, count, &job);
			CHECK_WITHIN(DEADLINE_MS, work_wait(work, 0, &r),
				     loop_wait(loop, DEADLINE_MS));
			ck_assert_int_eq(r, i);
			ck_assert_int_eq(job.n_runs, i);
			ck_assert(!pthread_equal(job.thread, pthread_self()));
			ck_assert(!work_wait(work, 0, &r)); /* once */
		}
	}
END_TEST

static int linger(void *arg, struct session *session)
{
	struct job *job = arg;
	int64_t until_ms = clock_now_ms() + DEADLINE_MS;

	(void)session;
	while (!atomic_load(&job->go) && clock_left_ms(until_ms) > 0)
		;
	return 7;
}

START_TEST(a_wait_ends_at_its_deadline_and_can_be_begun_again)
	{
		struct job job = { 0 };
		int r = -1;

		work_submit(work, linger, &job);
		ck_assert(!work_wait(work, 20, &r));
		ck_assert_int_eq(r, -1);
		ck_assert(!work_wait(work, 0, &r));
		atomic_store(&job.go, true);
		ck_assert(work_wait(work, DEADLINE_MS, &r));
		ck_assert_int_eq(r, 7);
	}
END_TEST

START_TEST(who_leaves_waits_for_the_job_in_hand)
	{
		struct job job = { 0 };

		work_submit(work, count, &job);
		work = work_free(work);
		ck_assert_int_le(job.n_runs, 1);
	}
END_TEST

START_TEST(a_second_job_before_the_first_is_done_is_our_mistake)
	{
		struct job job = { 0 };

		work_submit(work, linger, &job);
		work_submit(work, count, &job);
	}
END_TEST

/* ---- notifications, which come while the thread is idle ---- */

static int open_session(void *arg, struct session *session)
{
	static char error[BACKOFF_REASON_BYTES];
	struct session_params params = {
		.url = arg,
		.schema = "galore",
		.holder = "holder",
		.schema_version = 1,
	};

	return session_open(session, &params, error);
}

START_TEST(a_notification_wakes_the_loop_and_is_reported_once)
	{
		static char url[256];
		struct pg *other;
		int r = -1;

		(void)str_copy(url, sizeof(url), postgres_database());
		work_submit(work, open_session, url);
		ck_assert(work_wait(work, DEADLINE_MS, &r));
		ck_assert_int_eq(r, 0);
		ck_assert(!work_notified(work));
		other = postgres_connect(url, NULL);
		postgres_exec(other, "NOTIFY lanes");
		CHECK_WITHIN(DEADLINE_MS, work_notified(work),
			     loop_wait(loop, DEADLINE_MS));
		ck_assert(!work_notified(work));
		(void)pg_free(other);
	}
END_TEST

/* clang-format off */
int main(void)
{
	Suite *suite = suite_create("work");
	TCase *tcase = check_case(suite, 60);

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, a_job_runs_in_the_other_thread_and_wakes_the_loop_with_its_result);
	tcase_add_test(tcase, a_wait_ends_at_its_deadline_and_can_be_begun_again);
	tcase_add_test(tcase, who_leaves_waits_for_the_job_in_hand);
	tcase_add_test_raise_signal(tcase, a_second_job_before_the_first_is_done_is_our_mistake, SIGABRT);
	tcase_add_test(tcase, a_notification_wakes_the_loop_and_is_reported_once);
	return postgres_run(suite);
}

/* SPDX-License-Identifier: MIT */
/* The grill without its wire: edge log, memory, fault commands, registers. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "infra/grillsim/plates.h"
#include "infra/lib/check_fixture.h"
#include "infra/lib/xalloc.h"

#define N_PLATES 3
#define TEXT_MAX 65536

static char folder[] = "/tmp/plates_test.XXXXXX";
static char log_path[64];
static struct plates *plates;

static struct plates_params params(void)
{
	return (struct plates_params){ .name = "grill-7",
				       .n_plates = N_PLATES,
				       .speed = 10,
				       .log = log_path,
				       .boot = 100 };
}

static void set_up(void)
{
	struct plates_params fresh = params();

	memset(folder + sizeof(folder) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(log_path, sizeof(log_path), "%s/log", folder);
	ck_assert_int_eq(plates_new(&plates, &fresh), 0);
}

static void tear_down(void)
{
	plates = plates_free(plates);
	(void)unlink(log_path);
	(void)rmdir(folder);
}

/* As after a kill: only the log is left. */
static void restart(int64_t now_ms)
{
	struct plates_params again = params();

	again.boot = 200;
	again.now_ms = now_ms;
	plates = plates_free(plates);
	ck_assert_int_eq(plates_new(&plates, &again), 0);
}

/* Borrowed until the next call. */
static const char *log_text(void)
{
	static char text[TEXT_MAX];
	FILE *file = fopen(log_path, "re");
	size_t n;

	ck_assert_ptr_nonnull(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	text[n] = '\0';
	return text;
}

/* The exception that answers it. */
static int send(int plate, uint16_t verb, uint16_t token, uint16_t job,
		int64_t now_ms)
{
	struct request request = {
		.kind = REQUEST_COMMAND,
		.first_plate = plate,
		.verb = verb,
		.token = token,
		.job.bytes = { [14] = (uint8_t)(job >> 8),
			       [15] = (uint8_t)job },
		.time_ms = 1000,
	};
	struct fate fate = { 0 };

	ck_assert_int_eq(plates_do(plates, &request, now_ms, &fate), 0);
	return fate.exception;
}

static void command(const char *line, int64_t now_ms)
{
	struct buf out = { 0 };
	struct fault_command parsed;

	ck_assert_int_eq(
		fault_command_parse(&parsed, line, strlen(line), N_PLATES), 0);
	ck_assert_int_eq(plates_apply(plates, &parsed, now_ms, &out), 0);
	buf_deinit(&out);
}

static uint16_t status(int plate, int at, int64_t now_ms)
{
	struct request request = { .first_plate = plate, .last_plate = plate };
	uint16_t registers[N_PLATES * BLOCK];

	plates_status(plates, &request, now_ms, registers);
	return registers[plate * BLOCK + at];
}

/* The registers that a client reads, those of 32 bits by their low half. */
struct expected {
	uint16_t state, flags, token, boot, job, left_ms;
};

static void expect_status(int plate, int64_t now_ms, struct expected expected)
{
	struct expected seen = {
		status(plate, STATUS_STATE, now_ms),
		status(plate, STATUS_FLAGS, now_ms),
		status(plate, STATUS_TOKEN + 1, now_ms),
		status(plate, STATUS_BOOT + 1, now_ms),
		status(plate, STATUS_JOB + 7, now_ms),
		status(plate, STATUS_LEFT_MS + 1, now_ms),
	};

	ck_assert_msg(!memcmp(&seen, &expected, sizeof(seen)),
		      "plate %d: state %d, flags %d, token %d, boot %d, job %d,"
		      " left %d ms",
		      plate, seen.state, seen.flags, seen.token, seen.boot,
		      seen.job, seen.left_ms);
}

START_TEST(the_log_has_a_line_for_each_edge)
	{
		ck_assert_int_eq(send(1, VERB_FENCE, 4, 0, 900), 0);
		ck_assert_int_eq(send(1, VERB_START, 5, 0xbeef, 1000), 0);
		ck_assert_int_eq(plates_left_ms(plates, 1000), 100);
		ck_assert_int_eq(plates_step(plates, 1100), 0);
		ck_assert_int_eq(plates_left_ms(plates, 1100), INT64_MAX);
		ck_assert_str_eq(strstr(log_text(), "FENCE at_ms=900 "),
				 "FENCE at_ms=900 grill=grill-7 plate=1 "
				 "token=4 boot=100 "
				 "job=00000000-0000-0000-0000-000000000000\n"
				 "START at_ms=1000 grill=grill-7 plate=1 "
				 "token=5 boot=100 "
				 "job=00000000-0000-0000-0000-00000000beef\n"
				 "DONE at_ms=1100 grill=grill-7 plate=1 "
				 "token=5 boot=100 "
				 "job=00000000-0000-0000-0000-00000000beef\n");
	}
END_TEST

START_TEST(what_a_plate_refuses_leaves_no_line)
	{
		ck_assert_int_eq(send(0, VERB_FENCE, 9, 0, 0), 0);
		ck_assert_int_eq(send(0, VERB_START, 8, 1, 0), 3);
		ck_assert_int_eq(send(0, VERB_START, 9, 0, 0), 3);
		ck_assert_int_eq(send(0, 3, 9, 1, 0), 3);
		ck_assert_ptr_null(strstr(log_text(), "START"));
		ck_assert_int_eq(send(0, VERB_START, 9, 1, 0), 0);
		ck_assert_int_eq(send(0, VERB_START, 10, 2, 0), 6);
		expect_status(0, 0, (struct expected){ 1, 1, 9, 100, 1, 100 });
	}
END_TEST

START_TEST(the_status_shows_what_the_plate_is)
	{
		(void)send(2, VERB_START, 5, 0xbeef, 1000);
		expect_status(2, 1040,
			      (struct expected){ 1, 1, 5, 100, 0xbeef, 60 });
		expect_status(1, 1040, (struct expected){ 0, 1, 0, 100, 0, 0 });
		command("broken 1", 1040);
		expect_status(1, 1040, (struct expected){ 3, 1, 0, 100, 0, 0 });
		ck_assert_int_eq(send(1, VERB_START, 5, 1, 1040), 4);
		command("ok 1", 1040);
		ck_assert_int_eq(send(1, VERB_START, 5, 1, 1040), 0);
		/* One that cannot fence says nothing of its past. */
		command("no-fence 1", 1050);
		expect_status(1, 1050,
			      (struct expected){ 1, 0, 0, 100, 0, 90 });
	}
END_TEST

START_TEST(a_power_cut_stops_every_plate_and_keeps_its_history)
	{
		(void)send(0, VERB_START, 5, 1, 0);
		(void)send(1, VERB_START, 6, 3, 100);
		command("power-cut", 120);
		expect_status(0, 120, (struct expected){ 2, 1, 5, 100, 1, 0 });
		expect_status(1, 120, (struct expected){ 0, 1, 6, 100, 3, 0 });
		ck_assert_int_eq(plates_left_ms(plates, 120), INT64_MAX);
		ck_assert_int_eq(send(1, VERB_START, 7, 3, 120), 3);
	}
END_TEST

START_TEST(a_restart_with_its_log_refuses_what_was_refused_before)
	{
		(void)send(0, VERB_START, 5, 1, 0);
		(void)send(0, VERB_START, 6, 2, 100);
		(void)send(0, VERB_FENCE, 8, 0, 200);
		for (int i = 0; i < 2; i++) {
			restart(300);
			expect_status(0, 300,
				      (struct expected){ 2, 1, 8, 100, 2, 0 });
			ck_assert_int_eq(send(0, VERB_START, 7, 3, 300), 3);
			ck_assert_int_eq(send(0, VERB_START, 9, 1, 300), 3);
		}
	}
END_TEST

START_TEST(a_restart_while_it_heats_cuts_the_job_short)
	{
		(void)send(0, VERB_START, 5, 1, 0);
		restart(50);
		ck_assert_ptr_nonnull(strstr(log_text(), "STOP at_ms=50 "));
		expect_status(0, 50, (struct expected){ 0, 1, 5, 100, 1, 0 });
		restart(60);
		ck_assert_ptr_null(strstr(log_text(), "STOP at_ms=60 "));
	}
END_TEST

START_TEST(a_plate_that_was_never_used_keeps_its_boot_over_a_restart)
	{
		restart(50);
		expect_status(0, 50, (struct expected){ 0, 1, 0, 100, 0, 0 });
	}
END_TEST

START_TEST(a_log_that_lost_its_beginning_still_knows_the_last_job)
	{
		FILE *file;

		(void)send(0, VERB_START, 5, 1, 0);
		(void)plates_step(plates, 100);
		plates = plates_free(plates);
		file = fopen(log_path, "we");
		ck_assert_ptr_nonnull(file);
		(void)fputs("DONE at_ms=100 grill=grill-7 plate=0 token=5 "
			    "boot=100 job=00000000-0000-0000-0000-"
			    "000000000001\n",
			    file);
		(void)fclose(file);
		restart(150);
		expect_status(0, 150, (struct expected){ 2, 1, 5, 100, 1, 0 });
		ck_assert_int_eq(send(0, VERB_START, 6, 1, 200), 3);
	}
END_TEST

START_TEST(a_restart_without_its_log_is_another_boot)
	{
		(void)send(0, VERB_START, 5, 1, 0);
		ck_assert_int_eq(unlink(log_path), 0);
		restart(50);
		expect_status(0, 50, (struct expected){ 0, 1, 0, 200, 0, 0 });
	}
END_TEST

START_TEST(a_reset_is_remembered_as_one)
	{
		(void)send(0, VERB_START, 5, 1, 0);
		command("reset 0", 20);
		restart(50);
		expect_status(0, 50, (struct expected){ 0, 1, 0, 101, 0, 0 });
		ck_assert_ptr_nonnull(strstr(log_text(), "STOP at_ms=20 "));
		ck_assert_ptr_nonnull(strstr(log_text(), "RESET at_ms=20 "));
	}
END_TEST

START_TEST(a_last_line_cut_off_is_removed)
	{
		FILE *file;

		(void)send(0, VERB_START, 5, 1, 0);
		file = fopen(log_path, "ae");
		ck_assert_ptr_nonnull(file);
		(void)fputs("START at_ms=9 grill=grill-7 plate=0 tok", file);
		(void)fclose(file);
		restart(50);
		expect_status(0, 50, (struct expected){ 0, 1, 5, 100, 1, 0 });
		ck_assert_ptr_nonnull(strstr(log_text(), "\nSTOP at_ms=50 "));
		restart(60);
	}
END_TEST

#define JOB " job=00000000-0000-0000-0000-00000000beef"

static const struct {
	int outcome;
	const char *text;
} strange[] = {
	{ -EBADMSG, "hello\n" },
	{ -EBADMSG, "\n" },
	{ -EBADMSG, "START\n" },
	{ -EBADMSG, "TOAST at_ms=1 grill=g plate=0 token=1 boot=1" JOB "\n" },
	{ -EBADMSG, "START at_ms=1 grill=g plate=-1 token=1 boot=1" JOB "\n" },
	{ -EBADMSG, "START at_ms=1 grill=g plate=0 token=1" JOB "\n" },
	{ -EBADMSG,
	  "START at_ms=1 grill=g plate=0 token=99999999999 boot=1" JOB "\n" },
	{ -EBADMSG, "START at_ms=1 grill=g plate=0 token=1 boot=1 job=7\n" },
	{ -EBADMSG, "START at_ms=1 grill=g plate=0 token=1 boot=1" JOB " x\n" },
	/* Of another grill, and of a plate that this one does not have. */
	{ 0, "START at_ms=1 grill=g plate=0 token=1 boot=1" JOB "\n" },
	{ 0, "START at_ms=1 grill=grill-7 plate=99 token=1 boot=1" JOB "\n" },
};

START_TEST(a_file_that_is_no_edge_log_is_refused)
	{
		struct plates_params again = params();
		FILE *file = fopen(log_path, "we");

		ck_assert_ptr_nonnull(file);
		(void)fputs(strange[_i].text, file);
		(void)fclose(file);
		plates = plates_free(plates);
		ck_assert_int_eq(plates_new(&plates, &again),
				 strange[_i].outcome);
		ck_assert(!strncmp(log_text(), strange[_i].text,
				   strlen(strange[_i].text)));
	}
END_TEST

START_TEST(a_log_that_another_simulator_writes_is_refused_and_left_alone)
	{
		struct plates_params again = params();
		struct plates *other = NULL;
		FILE *file = fopen(log_path, "ae");

		/* Half a line, which the other one is just writing. */
		ck_assert_ptr_nonnull(file);
		(void)fputs("START at_ms=9 grill=grill-7 plate=0 tok", file);
		(void)fclose(file);
		ck_assert_int_eq(plates_new(&other, &again), -EBUSY);
		ck_assert_ptr_null(other);
		ck_assert_ptr_nonnull(strstr(log_text(), "plate=0 tok"));
	}
END_TEST

int main(void)
{
	Suite *suite = suite_create("plates");
	TCase *tests = check_case(suite, 60);

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, the_log_has_a_line_for_each_edge);
	tcase_add_test(tests, what_a_plate_refuses_leaves_no_line);
	tcase_add_test(tests, the_status_shows_what_the_plate_is);
	tcase_add_test(tests,
		       a_power_cut_stops_every_plate_and_keeps_its_history);
	tcase_add_test(tests,
		       a_restart_with_its_log_refuses_what_was_refused_before);
	tcase_add_test(tests, a_restart_while_it_heats_cuts_the_job_short);
	tcase_add_test(
		tests,
		a_plate_that_was_never_used_keeps_its_boot_over_a_restart);
	tcase_add_test(tests,
		       a_log_that_lost_its_beginning_still_knows_the_last_job);
	tcase_add_test(tests, a_restart_without_its_log_is_another_boot);
	tcase_add_test(tests, a_reset_is_remembered_as_one);
	tcase_add_test(tests, a_last_line_cut_off_is_removed);
	tcase_add_test(
		tests,
		a_log_that_another_simulator_writes_is_refused_and_left_alone);
	tcase_add_loop_test(tests, a_file_that_is_no_edge_log_is_refused, 0,
			    CHECK_N(strange));
	return check_run(suite);
}

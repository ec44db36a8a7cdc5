/* SPDX-License-Identifier: MIT */
/*
 * The grill over Modbus TCP, against the real simulator: both copies of the
 * register map have to mean the same for these to pass. The simulator is
 * bin/grillsim of the build that this test is of.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/text/text.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/grill/grill_modbus.h"

#define DEADLINE_MS 10000
#define ANSWER_MS 150
#define N_PLATES 20
#define ADDRESS_MAX 80
#define SAID_MAX 65536

static struct {
	pid_t pid;
	int out; /* what it says, its physical log among it */
	int control;
	char said[SAID_MAX];
	size_t n_said;
	size_t n_heard; /* what a test has waited for already */
} sim;

static const char *sim_unit = "1";
static char folder[] = "/tmp/grill_modbus_test.XXXXXX";
static char address_path[64];
static char control_path[64];
static char address[ADDRESS_MAX];
static struct grill_modbus *grill;
static const struct grill_ops *ops = &grill_modbus_ops;

/* ---- the simulator ---- */

static void find_simulator(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 32);

	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	for (int i = 0; i < 4; i++)
		*strrchr(path, '/') = '\0';
	(void)snprintf(path + strlen(path), 32, "/bin/grillsim");
}

static void become_simulator(const char *path, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)dup2(out, STDOUT_FILENO);
	(void)setenv("ADDR", "127.0.0.1:0", 1);
	(void)setenv("ADDR_FILE", address_path, 1);
	(void)setenv("CONTROL_ADDR", "127.0.0.1:0", 1);
	(void)setenv("CONTROL_ADDR_FILE", control_path, 1);
	(void)setenv("GRILLSIM_PLATES", "20", 1);
	(void)setenv("GRILLSIM_UNIT", sim_unit, 1);
	(void)setenv("GRILLSIM_SPEED", "10", 1);
	(void)setenv("GRILLSIM_LOG", "/dev/stdout", 1);
	(void)execl(path, path, (char *)NULL);
	(void)fprintf(stderr, "cannot run '%s': %s\n", path, strerror(errno));
	_exit(127);
}

/* Waits until the simulator has said @text, once more than it was heard. */
static void hear(const char *text)
{
	int64_t deadline_at_ms = clock_now_ms() + DEADLINE_MS;
	struct pollfd fd = { .fd = sim.out, .events = POLLIN };
	const char *at;
	ssize_t n;

	for (;;) {
		sim.said[sim.n_said] = '\0';
		at = strstr(sim.said + sim.n_heard, text);
		if (at) {
			sim.n_heard = (size_t)(at - sim.said) + strlen(text);
			return;
		}
		ck_assert_msg(poll(&fd, 1, clock_left_ms(deadline_at_ms)) == 1,
			      "'%s' is not heard in:\n%s", text, sim.said);
		n = read(sim.out, sim.said + sim.n_said,
			 sizeof(sim.said) - sim.n_said - 1);
		ck_assert_msg(n > 0, "the simulator has gone:\n%s", sim.said);
		sim.n_said += (size_t)n;
	}
}

static int times_said(const char *text)
{
	int n = 0;

	for (const char *at = sim.said; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static void read_address(const char *path, char ret[ADDRESS_MAX])
{
	FILE *file = fopen(path, "re");

	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(ret, ADDRESS_MAX, file));
	(void)fclose(file);
	ret[strcspn(ret, "\n")] = '\0';
}

static int dial(const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char host[64];
	uint16_t port;

	ck_assert_int_eq(text_host_port(text, host, &port), 0);
	to.sin_port = htons(port);
	ck_assert_int_eq(inet_pton(AF_INET, host, &to.sin_addr), 1);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

/* Returns when the simulator does it. */
static void command(const char *line)
{
	struct pollfd fd = { .fd = sim.control, .events = POLLIN };
	char said[ADDRESS_MAX];
	int n = snprintf(said, sizeof(said), "%s\n", line);

	ck_assert_int_eq(write(sim.control, said, (size_t)n), n);
	ck_assert_int_eq(poll(&fd, 1, DEADLINE_MS), 1);
	ck_assert_int_gt(read(sim.control, said, sizeof(said)), 2);
	ck_assert_msg(!strncmp(said, "ok", 2), "'%s': %s", line, said);
}

static struct grill_modbus *grill_at(const char *at, int unit)
{
	const struct grill_modbus_params params = { .address = at,
						    .unit = unit,
						    .connect_ms = 1000,
						    .answer_ms = ANSWER_MS };
	struct grill_modbus *made = NULL;

	ck_assert_int_eq(grill_modbus_new(&made, &params), 0);
	return made;
}

static void set_up(void)
{
	char control[ADDRESS_MAX];
	char path[PATH_MAX];
	int out[2];

	find_simulator(path);
	memset(folder + sizeof(folder) - 7, 'X', 6);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	(void)snprintf(address_path, sizeof(address_path), "%s/a", folder);
	(void)snprintf(control_path, sizeof(control_path), "%s/c", folder);
	ck_assert_int_eq(pipe2(out, O_CLOEXEC), 0);
	sim.n_said = 0;
	sim.n_heard = 0;
	sim.out = out[0];
	sim.pid = fork();
	ck_assert_int_ge(sim.pid, 0);
	if (!sim.pid)
		become_simulator(path, out[1]);
	(void)close(out[1]);
	hear("GRILLSIM-READY");
	read_address(address_path, address);
	read_address(control_path, control);
	sim.control = dial(control);
	grill = grill_at(address, 1);
}

static void tear_down(void)
{
	int status = 0;

	grill = grill_modbus_free(grill);
	(void)close(sim.control);
	(void)kill(sim.pid, SIGTERM);
	hear("GRILLSIM-STOPPED");
	ck_assert_int_eq(waitpid(sim.pid, &status, 0), sim.pid);
	ck_assert_int_eq(status, 0);
	(void)close(sim.out);
	(void)unlink(address_path);
	(void)unlink(control_path);
	(void)rmdir(folder);
}

/* ---- what a test does ---- */

static struct grill_start start_of(int plate, uint32_t token, uint8_t job)
{
	return (struct grill_start){ .plate = plate,
				     .token = token,
				     .job = { [0] = job, [15] = 0xe1 },
				     .time_ms = 1000 };
}

static int start(int plate, uint32_t token, uint8_t job)
{
	struct grill_start start = start_of(plate, token, job);

	return ops->start(grill, &start);
}

static int fence(int plate, uint32_t token)
{
	return ops->fence(grill, plate, token);
}

static struct grill_report report(int plate)
{
	struct grill_report report = { 0 };

	ck_assert_int_eq(ops->read(grill, plate, 1, &report), 0);
	return report;
}

static bool ran(const struct grill_report *report, uint8_t job)
{
	struct grill_start start = start_of(0, 0, job);

	return !memcmp(report->job, start.job, sizeof(start.job));
}

static bool ran_none(const struct grill_report *report)
{
	static const uint8_t none[GRILL_JOB_BYTES];

	return !memcmp(report->job, none, sizeof(none));
}

/* ---- the way things should go ---- */

START_TEST(a_start_is_read_back_until_it_is_done)
	{
		struct grill_report seen;

		ck_assert_int_eq(start(3, 0x12345678, 1), 0);
		seen = report(3);
		ck_assert_int_eq(seen.state, GRILL_HEATING);
		ck_assert_uint_eq(seen.token, 0x12345678);
		ck_assert(ran(&seen, 1));
		ck_assert_int_gt(seen.left_ms, 0);
		ck_assert_int_le(seen.left_ms, 100);
		hear("START ");
		hear("plate=3 token=305419896 ");
		hear("job=01000000-0000-0000-0000-0000000000e1\n");
		hear("DONE ");
		seen = report(3);
		ck_assert_int_eq(seen.state, GRILL_DONE);
		ck_assert(ran(&seen, 1));
		ck_assert_int_eq(seen.left_ms, 0);
	}
END_TEST

START_TEST(a_read_of_many_plates_puts_each_in_its_place)
	{
		struct grill_report reports[N_PLATES];

		for (int i = 0; i < N_PLATES; i++)
			ck_assert_int_eq(fence(i, (uint32_t)i + 100), 0);
		ck_assert_int_eq(ops->read(grill, 2, N_PLATES - 2, reports), 0);
		for (int i = 2; i < N_PLATES; i++) {
			const struct grill_report *seen = &reports[i - 2];

			ck_assert_uint_eq(seen->token, (uint32_t)i + 100);
			ck_assert_int_eq(seen->state, GRILL_IDLE);
			ck_assert(seen->fences);
			ck_assert(ran_none(seen));
		}
	}
END_TEST

START_TEST(what_a_grill_cannot_do_or_has_lost_is_read)
	{
		uint32_t boot = report(1).boot;

		command("reset 1");
		ck_assert_uint_ne(report(1).boot, boot);
		command("no-fence 2");
		ck_assert(!report(2).fences);
		command("broken 3");
		ck_assert_int_eq(report(3).state, GRILL_FAULT);
	}
END_TEST

/* ---- refusals ---- */

START_TEST(a_lower_token_and_a_job_that_ran_are_refused)
	{
		ck_assert_int_eq(start(0, 7, 1), 0);
		hear("DONE ");
		ck_assert_int_eq(start(0, 7, 1), GRILL_E_REFUSED);
		ck_assert_int_eq(start(0, 8, 1), GRILL_E_REFUSED);
		ck_assert_int_eq(start(0, 6, 2), GRILL_E_REFUSED);
		ck_assert_int_eq(fence(0, 6), GRILL_E_REFUSED);
		ck_assert_int_eq(fence(0, 7), 0);
		ck_assert_uint_eq(report(0).token, 7);
		ck_assert_int_eq(times_said("START "), 1);
	}
END_TEST

/* What a plate may answer to a start, and what that leaves. */
static const struct {
	const char *command;
	int plate, outcome;
} answers[] = {
	{ "plate 1 exception", 1, GRILL_E_REFUSED },
	{ "plate 1 exception 4", 1, GRILL_E_UNKNOWN },
	{ "plate 1 exception 5", 1, GRILL_E_UNKNOWN },
	{ "plate 1 exception 7", 1, GRILL_E_UNKNOWN },
	{ "plate 1 exception 8", 1, GRILL_E_UNKNOWN },
	{ "plate 1 exception 11", 1, GRILL_E_UNKNOWN },
	/* There is none. */
	{ "ok 1", N_PLATES, GRILL_E_REFUSED },
};

START_TEST(only_an_exception_that_leaves_no_doubt_is_a_refusal)
	{
		struct grill_report reports[2];

		command(answers[_i].command);
		ck_assert_int_eq(start(answers[_i].plate, 5, 1),
				 answers[_i].outcome);
		ck_assert_int_eq(fence(answers[_i].plate, 5),
				 answers[_i].outcome);
		ck_assert_int_eq(start(2, 5, 1), 0);
		ck_assert_int_eq(ops->read(grill, N_PLATES - 1, 2, reports),
				 GRILL_E_REFUSED);
		command("ok 1");
		ck_assert_uint_eq(report(1).token, 0);
	}
END_TEST

START_TEST(what_no_grill_can_do_is_a_fault_and_is_not_sent)
	{
		struct grill_start wrong = start_of(0, 1, 1);
		struct grill_report seen;

		ck_assert_int_eq(ops->read(grill, -1, 1, &seen), -EINVAL);
		ck_assert_int_eq(ops->read(grill, 0, 0, &seen), -EINVAL);
		ck_assert_int_eq(ops->read(grill, 1, GRILL_PLATES_MAX, &seen),
				 -EINVAL);
		ck_assert_int_eq(fence(-1, 1), -EINVAL);
		ck_assert_int_eq(fence(GRILL_PLATES_MAX, 1), -EINVAL);
		wrong.time_ms = 0;
		ck_assert_int_eq(ops->start(grill, &wrong), -EINVAL);
		wrong.time_ms = GRILL_TIME_MAX_MS + 1;
		ck_assert_int_eq(ops->start(grill, &wrong), -EINVAL);
	}
END_TEST

/* ---- doubt ---- */

/* It had begun, or was lost and is made again. */
START_TEST(a_start_without_an_answer_is_read_back_after_a_fence)
	{
		struct grill_report seen;

		command(_i ? "plate 2 silent-before-start 1"
			   : "plate 2 silent-after-start");
		ck_assert_int_eq(start(2, 5, 9), GRILL_E_UNKNOWN);
		ck_assert_int_eq(fence(2, 6), 0);
		seen = report(2);
		ck_assert(_i ? ran_none(&seen) : ran(&seen, 9));
		ck_assert_uint_eq(seen.token, 6);
		if (_i)
			ck_assert_int_eq(start(2, 6, 9), 0);
		hear("START ");
		hear("DONE ");
		ck_assert_int_eq(times_said("START "), 1);
	}
END_TEST

START_TEST(a_late_answer_is_not_taken_for_the_next_one)
	{
		struct grill_report seen;

		ck_assert_int_eq(fence(1, 111), 0);
		ck_assert_int_eq(fence(2, 222), 0);
		command("plate 1 slow 300");
		ck_assert_int_eq(ops->read(grill, 1, 1, &seen),
				 GRILL_E_UNKNOWN);
		ck_assert_uint_eq(report(2).token, 222);
		command("ok 1");
		ck_assert_uint_eq(report(1).token, 111);
		ck_assert_uint_eq(report(2).token, 222);
	}
END_TEST

START_TEST(an_answer_has_its_deadline)
	{
		int64_t begin_at_ms = clock_now_ms();
		struct grill_report seen = { .token = 42 };

		command("plate 1 silent");
		ck_assert_int_eq(ops->read(grill, 1, 1, &seen),
				 GRILL_E_UNKNOWN);
		ck_assert_uint_eq(seen.token, 42);
		ck_assert_int_ge(clock_now_ms() - begin_at_ms, ANSWER_MS);
		ck_assert_int_lt(clock_now_ms() - begin_at_ms, DEADLINE_MS);
	}
END_TEST

START_TEST(one_slow_plate_does_not_hold_up_another_master)
	{
		CLEANUP(grill_modbus_freep)
		struct grill_modbus *other = grill_at(address, 1);
		struct grill_report seen;

		command("plate 1 slow 60s");
		ck_assert_int_eq(ops->read(grill, 1, 1, &seen),
				 GRILL_E_UNKNOWN);
		ck_assert_int_eq(ops->read(other, 2, 1, &seen), 0);
		ck_assert_int_eq(ops->fence(other, 2, 5), 0);
	}
END_TEST

/* ---- away ---- */

/* By the grill, or by us. */
START_TEST(a_connection_that_was_closed_between_calls_is_made_anew)
	{
		ck_assert_int_eq(fence(0, 1), 0);
		if (_i) {
			ops->close(grill);
			ops->close(grill);
		} else {
			command("power-cut");
		}
		ck_assert_int_eq(start(0, 2, 1), 0);
	}
END_TEST

START_TEST(a_grill_that_is_away_is_found_again_when_it_is_back)
	{
		int r;

		ck_assert_int_eq(fence(0, 1), 0);
		command("down 100ms");
		r = start(0, 2, 1);
		ck_assert_int_eq(r, GRILL_E_AWAY);
		CHECK_WITHIN(DEADLINE_MS, r != GRILL_E_AWAY,
			     r = start(0, 2, 1));
		ck_assert_int_eq(r, 0);
		hear("START ");
	}
END_TEST

START_TEST(another_unit_is_never_written_to)
	{
		CLEANUP(grill_modbus_freep)
		struct grill_modbus *other = grill_at(address, 2);

		ck_assert_int_eq(ops->fence(other, 0, 9), GRILL_E_AWAY);
		ck_assert_uint_eq(report(0).token, 0);
	}
END_TEST

START_TEST(who_does_not_name_itself_a_grill_is_never_written_to)
	{
		struct sockaddr_in to = { .sin_family = AF_INET };
		socklen_t n = sizeof(to);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		CLEANUP(grill_modbus_freep) struct grill_modbus *other = NULL;
		char text[ADDRESS_MAX];
		char bytes[64];
		int client;

		to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&to, sizeof(to)),
				 0);
		ck_assert_int_eq(listen(fd, 1), 0);
		ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&to, &n),
				 0);
		(void)snprintf(text, sizeof(text), "127.0.0.1:%u",
			       ntohs(to.sin_port));
		other = grill_at(text, 1);
		ck_assert_int_eq(ops->fence(other, 0, 9), GRILL_E_AWAY);
		client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		ck_assert_int_ge(client, 0);
		/* The question who it is, and then the end. */
		ck_assert_int_eq(recv(client, bytes, sizeof(bytes), 0), 12);
		ck_assert_int_eq(bytes[7], 3);
		ck_assert_int_eq(recv(client, bytes, sizeof(bytes), 0), 0);
		(void)close(client);
		(void)close(fd);
	}
END_TEST

static const struct grill_modbus_params wrong_params[] = {
	{ "nonsense", 1, 100, 100 },        { "127.0.0.1:99999", 1, 100, 100 },
	{ "127.0.0.1:0", 1, 100, 100 },     { "127.0.0.1:502", -1, 100, 100 },
	{ "127.0.0.1:502", 256, 100, 100 }, { "127.0.0.1:502", 254, 100, 100 },
	{ "127.0.0.1:502", 248, 100, 100 }, { "127.0.0.1:502", 1, 0, 100 },
	{ "127.0.0.1:502", 1, 100, -1 },    { "127.0.0.1:502", 1, 100, 60001 },
};

START_TEST(settings_out_of_bounds_are_refused)
	{
		struct grill_modbus *none = NULL;

		ck_assert_int_eq(grill_modbus_new(&none, &wrong_params[_i]),
				 GRILL_MODBUS_E_PARAMS);
		ck_assert_ptr_null(none);
	}
END_TEST

static const struct {
	const char *of_sim;
	int unit;
} units[] = { { "0", 0 }, { "255", 255 }, { "247", 247 } };

START_TEST(a_device_that_is_reached_by_its_address_alone_is_a_grill_too)
	{
		sim_unit = units[_i].of_sim;
		set_up();
		(void)grill_modbus_free(grill);
		grill = grill_at(address, units[_i].unit);
		ck_assert_int_eq(start(3, 7, 1), 0);
		ck_assert_uint_eq(report(3).token, 7);
		hear("DONE ");
		tear_down();
	}
END_TEST

static void add_alone(Suite *suite)
{
	TCase *tcase = check_case(suite, 30);

	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ who_does_not_name_itself_a_grill_is_never_written_to, 1 },
		{ settings_out_of_bounds_are_refused, CHECK_N(wrong_params) },
		{ a_device_that_is_reached_by_its_address_alone_is_a_grill_too, CHECK_N(units) },
		{ 0 },
	});
	/* clang-format on */
}

int main(void)
{
	Suite *suite = suite_create("grill_modbus");
	TCase *tcase = check_case(suite, 30);

	tcase_add_checked_fixture(tcase, set_up, tear_down);
	/* clang-format off */
	check_add(tcase, (const struct check_row[]){
		{ a_start_is_read_back_until_it_is_done, 1 },
		{ a_read_of_many_plates_puts_each_in_its_place, 1 },
		{ what_a_grill_cannot_do_or_has_lost_is_read, 1 },
		{ a_lower_token_and_a_job_that_ran_are_refused, 1 },
		{ only_an_exception_that_leaves_no_doubt_is_a_refusal, CHECK_N(answers) },
		{ what_no_grill_can_do_is_a_fault_and_is_not_sent, 1 },
		{ a_start_without_an_answer_is_read_back_after_a_fence, 2 },
		{ a_late_answer_is_not_taken_for_the_next_one, 1 },
		{ an_answer_has_its_deadline, 1 },
		{ one_slow_plate_does_not_hold_up_another_master, 1 },
		{ a_connection_that_was_closed_between_calls_is_made_anew, 2 },
		{ a_grill_that_is_away_is_found_again_when_it_is_back, 1 },
		{ another_unit_is_never_written_to, 1 },
		{ 0 },
	});
	/* clang-format on */
	add_alone(suite);
	return check_run(suite);
}

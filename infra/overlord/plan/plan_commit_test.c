/* SPDX-License-Identifier: MIT */
/*
 * Plan commit: a session with a real server, cut through exactly at its COMMIT,
 * before or after the server has it. What the verb says became of it is true.
 *
 * Between overlord and the server stands a proxy, a process that passes on what
 * it reads until it reads a COMMIT.
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "infra/overlord/database_fixture.h"

enum when { BEFORE, AFTER };

enum trouble {
	CUT,     /* the connection alone */
	RESTART, /* the server stops and comes back */
	CRASH,   /* the same, and it has to recover */
	AWAY,    /* no connection is accepted any more */
};

struct proxy {
	enum when when;
	enum trouble trouble;
	int listener;
	struct sockaddr_un server, here;
	int ended; /* is readable once overlord has ended */
	pid_t pid;
};

static pid_t program;
static char dir[32];

/* ---- the proxy's process ---- */

static int open_server(const struct proxy *proxy)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (!connect(fd, (const struct sockaddr *)&proxy->server,
		     sizeof(proxy->server)))
		return fd;
	(void)close(fd);
	return -1;
}

static void put(int fd, const char *p, size_t n)
{
	/* The other side may have gone. */
	(void)send(fd, p, n, MSG_NOSIGNAL);
}

static void cause(const struct proxy *proxy)
{
	char more[64];

	if (proxy->trouble != RESTART && proxy->trouble != CRASH)
		return;
	if (proxy->trouble == CRASH)
		ck_assert_int_eq(
			kill((pid_t)NUMBER(
				     "SELECT pid FROM pg_stat_activity WHERE "
				     "application_name LIKE 'overlord%'"),
			     SIGKILL),
			0);
	(void)snprintf(more, sizeof(more), "--test --watch-pid %d",
		       (int)program);
	ck_assert_int_eq(postgres_script("stop", ""), 0);
	ck_assert_int_eq(postgres_script("start", more), 0);
}

/* The COMMIT is in @p. Held back, it is delivered when overlord has ended. */
static void at_commit(const struct proxy *proxy, int client, int server,
		      const char *p, size_t n)
{
	char answer[8192] = "";
	ssize_t n_answer = 0, n_read = 1;

	if (proxy->when == AFTER) {
		put(server, p, n);
		while (n_read > 0 &&
		       !memmem(answer, (size_t)n_answer, "COMMIT", 6)) {
			n_read = read(server, answer + n_answer,
				      sizeof(answer) - (size_t)n_answer);
			n_answer += n_read;
		}
		ck_assert_int_gt(n_read, 0);
	}
	if (proxy->trouble == AWAY)
		(void)unlink(proxy->here.sun_path);
	cause(proxy);
	(void)close(client);
	if (proxy->when == AFTER)
		(void)close(server);
}

/* Passes on until a side ends; true: it came to a COMMIT, which is in @p. */
static bool pump(int client, int server, char p[8192], size_t *ret_n)
{
	struct pollfd fds[] = { { .fd = client, .events = POLLIN },
				{ .fd = server, .events = POLLIN } };

	for (;;) {
		(void)poll(fds, 2, -1);
		for (int i = 0; i < 2; i++) {
			ssize_t n;

			if (!fds[i].revents)
				continue;
			n = read(fds[i].fd, p, 8192);
			if (n <= 0)
				return false;
			*ret_n = (size_t)n;
			if (i == 0 && memmem(p, *ret_n, "COMMIT", 6))
				return true;
			put(fds[!i].fd, p, *ret_n);
		}
	}
}

static void run_proxy(const struct proxy *proxy)
{
	char text[8192], late[8192];
	struct pollfd fds[] = { { .fd = proxy->listener, .events = POLLIN },
				{ .fd = proxy->ended, .events = POLLIN } };
	int client, server, late_server = -1;
	size_t n, n_late = 0;

	while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
		client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
		server = open_server(proxy);
		if (server >= 0 && pump(client, server, text, &n)) {
			at_commit(proxy, client, server, text, n);
			memcpy(late, text, n);
			late_server = server;
			n_late = n;
		} else {
			(void)close(client);
			(void)close(server);
		}
	}
	if (proxy->when == AFTER)
		return;
	put(late_server, late, n_late);
	(void)shutdown(late_server, SHUT_WR);
	while (read(late_server, late, sizeof(late)) > 0)
		;
}

/* ---- the test's ---- */

/* "postgresql://galore@:PORT/NAME?host=DIR" with the proxy in place of it. */
static void start_proxy(struct proxy *proxy, int *ret_ended)
{
	char port[8], name[64], socket_dir[80], through[256];
	int ends[2];

	ck_assert_int_eq(sscanf(url,
				"%*[^:]://galore@:%7[0-9]/%63[^?]?host=%79s",
				port, name, socket_dir),
			 3);
	(void)str_copy(dir, sizeof(dir), "/tmp/overlord-proxy.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	proxy->server.sun_family = proxy->here.sun_family = AF_UNIX;
	(void)snprintf(proxy->server.sun_path, sizeof(proxy->server.sun_path),
		       "%s/.s.PGSQL.%s", socket_dir, port);
	(void)snprintf(proxy->here.sun_path, sizeof(proxy->here.sun_path),
		       "%s/.s.PGSQL.%s", dir, port);
	proxy->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(proxy->listener, (struct sockaddr *)&proxy->here,
			      sizeof(proxy->here)),
			 0);
	ck_assert_int_eq(listen(proxy->listener, 16), 0);
	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	proxy->ended = ends[0];
	*ret_ended = ends[1];
	proxy->pid = fork();
	if (proxy->pid == 0) {
		(void)close(ends[1]);
		run_proxy(proxy);
		_exit(0);
	}
	(void)close(proxy->listener);
	(void)snprintf(through, sizeof(through),
		       "postgresql://galore@:%s/%s?host=%s", port, name, dir);
	set_env("DATABASE_URL", through);
}

/* Runs the line through a proxy, which has delivered what it held back when
 * this returns. */
static int overlord_through(struct proxy *proxy, const char *line)
{
	int ended, r;

	start_proxy(proxy, &ended);
	r = overlord(line);
	(void)close(ended);
	ck_assert_int_eq(status_of(proxy->pid), 0);
	(void)unlink(proxy->here.sun_path);
	ck_assert_int_eq(rmdir(dir), 0);
	set_env("DATABASE_URL", url);
	return r;
}

#define SET_LEFT "grill set left --address h:1 --plates 2 --execute"

static const struct {
	enum when when;
	enum trouble trouble;
} rows[] = {
	{ BEFORE, CUT },    { AFTER, CUT },    { BEFORE, RESTART },
	{ AFTER, RESTART }, { BEFORE, CRASH }, { AFTER, CRASH },
};

START_TEST(a_commit_without_an_answer_is_read_back)
	{
		struct proxy proxy = { .when = rows[_i].when,
				       .trouble = rows[_i].trouble };
		bool done = proxy.when == AFTER;
		int r = overlord_through(&proxy, SET_LEFT);

		ck_assert_msg(r == (done ? DONE : FAILED), "%d: %s", r, said);
		CHECK_SAID("left: the session with Postgres was lost at the "
			   "commit: ");
		CHECK_SAID(done ? "2 plates, stalls all CONFIRMED"
				: "2 plates, stalls all FAILED");
		CHECK_SAID(done ? "it was committed before that"
				: "will not be: nothing was changed");
		CHECK_COUNT(done ? 1 : 0, "control.grills");
		CHECK_COUNT(done ? 1 : 0, "control.audit");
		CHECK_COUNT(0, "pg_stat_activity WHERE application_name LIKE "
			       "'overlord%'");
	}
END_TEST

START_TEST(of_a_server_that_stays_away_nobody_knows_and_the_token_is_shown)
	{
		struct proxy proxy = { .when = _i ? AFTER : BEFORE,
				       .trouble = AWAY };
		char from[128];
		const char *at;

		set_env("OVERLORD_TIMEOUT_MS", "1000");
		ck_assert_int_eq(overlord_through(&proxy, SET_LEFT), FAILED);
		set_env("OVERLORD_TIMEOUT_MS", "20000");
		CHECK_SAID("2 plates, stalls all UNKNOWN");
		at = strstr(said, "control.audit WHERE token = '");
		ck_assert_msg(at, "%s", said);
		(void)snprintf(from, sizeof(from), "%.*s",
			       (int)strcspn(at, "\""), at);
		if (_i)
			CHECK_COUNT(1, from);
	}
END_TEST

/* The second step is done in the new session. */
START_TEST(a_migration_whose_commit_got_no_answer_is_read_back)
	{
		struct proxy proxy = { .when = _i ? AFTER : BEFORE,
				       .trouble = CUT };
		char files[] = "/tmp/overlord-files.XXXXXX", line[128];
		int r;

		ck_assert_ptr_nonnull(mkdtemp(files));
		write_file(files, "0001_a.up.sql", "CREATE TABLE a (n int);");
		write_file(files, "0001_a.down.sql", "DROP TABLE a;");
		write_file(files, "0002_b.up.sql", "CREATE TABLE b (n int);");
		write_file(files, "0002_b.down.sql", "DROP TABLE b;");
		(void)snprintf(line, sizeof(line),
			       "migrate up --set service --schema other --dir "
			       "%s --execute",
			       files);
		r = overlord_through(&proxy, line);
		ck_assert_msg(r == (_i ? DONE : FAILED), "%d: %s", r, said);
		CHECK_SAID(_i ? "version 1 CONFIRMED" : "version 1 FAILED");
		CHECK_SAID(_i ? "version 2 CONFIRMED"
			      : "version 2 NOT_ATTEMPTED");
		CHECK_COUNT(_i ? 2 : 0, "pg_tables WHERE schemaname = 'other' "
					"AND tablename IN ('a', 'b')");
		execute_sql("DROP SCHEMA IF EXISTS other CASCADE");
		(void)snprintf(line, sizeof(line), "rm -r %s", files);
		ck_assert_int_eq(system(line), 0); /* NOLINT: fixed text */
	}
END_TEST

int main(void)
{
	const struct check_row tests[] = {
		{ a_commit_without_an_answer_is_read_back, CHECK_N(rows) },
		{ of_a_server_that_stays_away_nobody_knows_and_the_token_is_shown,
		  2 },
		{ a_migration_whose_commit_got_no_answer_is_read_back, 2 },
		{ 0 },
	};
	Suite *suite = suite_create("plan_commit");
	TCase *tcase = database_case(suite);

	program = getpid();
	check_add(tcase, tests);
	return postgres_run(suite);
}

/* SPDX-License-Identifier: MIT */
/*
 * Program: see program.h. The environment of the child is made before the
 * fork: the test's process has threads (its Kafka clients), so between fork
 * and exec nothing but system calls is safe.
 */
#include "itests/harness/program.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/http.h"
#include "itests/harness/until.h"

#define STOP_TIMEOUT_MS 30000
#define PROBE_TIMEOUT_MS 5000
#define UNREADY_MS 30000

extern char **environ;

/* ---- starting ---- */

static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return !strncmp(a, b, n + 1);
}

static bool overridden(char *const *settings, const char *variable)
{
	for (; *settings; settings++)
		if (same_name(*settings, variable))
			return true;
	return false;
}

/* Ours and what we have inherited; the later of two settings wins. */
static char **environment(char *const *settings)
{
	size_t n = 0, n_settings = 0;
	char **ret;

	while (environ[n])
		n++;
	while (settings[n_settings])
		n_settings++;
	ret = xcalloc(n + n_settings + 1, sizeof(*ret));
	n = 0;
	for (char **inherited = environ; *inherited; inherited++)
		if (!overridden(settings, *inherited))
			ret[n++] = *inherited;
	for (size_t i = 0; i < n_settings; i++)
		if (!overridden(settings + i + 1, settings[i]))
			ret[n++] = settings[i];
	return ret;
}

static __attribute__((noreturn)) void run(const struct program *program,
					  char **env, pid_t parent)
{
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(program->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		       0644);
	sigset_t none;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have died before that call. */
	if (getppid() != parent)
		_exit(127);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
	    dup2(out, 2) == 2)
		(void)execve(program->path, program->argv, env);
	_exit(127);
}

void program_start(struct program *program)
{
	CLEANUP(cleanup_free) char **env = NULL;
	pid_t parent = getpid();

	ck_assert_msg(!program->pid, "%s runs already", program->name);
	if (*program->port_file)
		(void)unlink(program->port_file);
	env = environment(program->settings);
	program->pid = fork();
	if (program->pid == 0)
		run(program, env, parent);
	ck_assert_msg(program->pid > 0, "cannot fork: %s", strerror(errno));
	/* Both sides do it, so that it is done when either goes on. */
	(void)setpgid(program->pid, program->pid);
}

/* ---- ready ---- */

uint16_t program_port(const struct program *program)
{
	char line[128] = "";
	int64_t port = 0;
	const char *colon;
	FILE *file;

	file = fopen(program->port_file, "re");
	if (!file)
		return 0;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	(void)fclose(file);
	line[strcspn(line, "\n")] = '\0';
	colon = strrchr(line, ':');
	if (str_to_i64(&port, colon ? colon + 1 : line, 1, 65535))
		return 0;
	return (uint16_t)port;
}

/* A grill has no probes: one that has written its address listens. */
static bool has_probes(const struct program *program)
{
	return strncmp(program->name, "grill", 5) != 0;
}

/* The status of /readyz, 0 when there was none in time. */
static int ready_status(const struct program *program)
{
	struct http_answer answer;
	uint16_t port = program_port(program);
	int status;

	if (!port || http_get(&answer, port, "/readyz", PROBE_TIMEOUT_MS))
		return 0;
	status = answer.status;
	http_answer_deinit(&answer);
	return status;
}

bool program_ready_now(const struct program *program)
{
	if (!has_probes(program))
		return program_port(program) != 0;
	return ready_status(program) == 200;
}

bool program_unready_now(const struct program *program)
{
	return ready_status(program) == 503;
}

struct unready {
	const struct program *program;
	const char *text;
	char seen[512];
};

static bool is_unready(void *arg)
{
	struct unready *unready = arg;
	uint16_t port = program_port(unready->program);
	struct http_answer answer;
	bool is;

	if (!port || http_get(&answer, port, "/readyz", PROBE_TIMEOUT_MS))
		return false;
	is = answer.status == 503 && strstr(answer.body.p, unready->text);
	(void)str_n_copy(unready->seen, sizeof(unready->seen), answer.body.p,
			 strcspn(answer.body.p, "\r\n"));
	http_answer_deinit(&answer);
	return is;
}

void program_wait_unready(struct program *program, const char *text)
{
	struct unready unready = { .program = program, .text = text };

	ck_assert_msg(until(UNREADY_MS, is_unready, &unready),
		      "%s does not say that it is not ready for '%s', but "
		      "'%s'; its log is '%s'",
		      program->name, text, unready.seen, program->log);
}

static bool ready_or_over(void *arg)
{
	struct program *program = arg;

	return program_ended(program) || program_ready_now(program);
}

bool program_is_ready(struct program *program, int64_t timeout_ms)
{
	return until(timeout_ms, ready_or_over, program) && program->pid;
}

int64_t program_wait_ready(struct program *program, int64_t timeout_ms)
{
	int64_t start_ms = clock_now_ms();

	ck_assert_msg(program_is_ready(program, timeout_ms),
		      program->pid ? "%s is not ready within %" PRId64 " ms, "
				     "its log is '%s'"
				   : "%s has ended in place of getting ready "
				     "(%" PRId64 " ms), its log is '%s'",
		      program->name, timeout_ms, program->log);
	return since_ms(start_ms);
}

/* ---- ending ---- */

void program_signal(const struct program *program, int signal)
{
	ck_assert_msg(program->pid, "%s does not run", program->name);
	ck_assert_int_eq(kill(program->pid, signal), 0);
}

/* The parent hears of a stop once the last thread has come to it. */
static bool has_stopped(void *arg)
{
	const struct program *program = arg;
	int status = 0;

	return waitpid(program->pid, &status, WNOHANG | WUNTRACED) ==
		       program->pid &&
	       WIFSTOPPED(status);
}

void program_freeze(struct program *program)
{
	program_signal(program, SIGSTOP);
	ck_assert_msg(until(PATIENCE_MS, has_stopped, program),
		      "%s does not stop", program->name);
}

void program_thaw(const struct program *program)
{
	program_signal(program, SIGCONT);
}

bool program_ended(struct program *program)
{
	if (!program->pid)
		return true;
	if (waitpid(program->pid, &program->status, WNOHANG) != program->pid)
		return false;
	program->pid = 0;
	return true;
}

static bool has_ended(void *arg)
{
	return program_ended(arg);
}

int program_wait(struct program *program, int64_t timeout_ms)
{
	ck_assert_msg(until(timeout_ms, has_ended, program),
		      "%s does not end within %" PRId64 " ms, its log is '%s'",
		      program->name, timeout_ms, program->log);
	if (WIFSIGNALED(program->status))
		return 128 + WTERMSIG(program->status);
	return WEXITSTATUS(program->status);
}

void program_kill(struct program *program)
{
	if (program_ended(program))
		return;
	(void)kill(-program->pid, SIGKILL);
	(void)program_wait(program, PATIENCE_MS);
}

int64_t program_stop(struct program *program)
{
	int64_t start_ms = clock_now_ms();
	int status;

	program_signal(program, SIGTERM);
	status = program_wait(program, STOP_TIMEOUT_MS);
	ck_assert_msg(status == 0, "%s left with status %d, its log is '%s'",
		      program->name, status, program->log);
	return since_ms(start_ms);
}

/* ---- figures ---- */

/* The sum of the lines that begin with @metric, whatever labels follow. */
static bool find_metric(const char *text, const char *metric, int64_t *ret)
{
	size_t n = strlen(metric);
	bool found = false;

	*ret = 0;
	for (const char *p = text; p && *p; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncmp(p, metric, n) != 0 || !strchr(" {,}", p[n]))
			continue;
		p += strcspn(p, "\n");
		while (p[-1] != ' ')
			p--;
		*ret += (int64_t)strtod(p, NULL);
		found = true;
	}
	return found;
}

static bool ask_metric(const struct program *program, const char *metric,
		       int64_t *ret)
{
	struct http_answer answer;
	bool found;

	ck_assert_msg(!http_get(&answer, program_port(program), "/metrics",
				PATIENCE_MS),
		      "%s does not tell its metrics", program->name);
	found = find_metric(answer.body.p, metric, ret);
	http_answer_deinit(&answer);
	return found;
}

int64_t program_metric(const struct program *program, const char *metric)
{
	int64_t value = 0;

	ck_assert_msg(ask_metric(program, metric, &value),
		      "%s has no metric '%s'", program->name, metric);
	return value;
}

int64_t program_metric_if_any(const struct program *program, const char *metric)
{
	int64_t value = 0;

	(void)ask_metric(program, metric, &value);
	return value;
}

/* A line "Name:   number kB" of one of the program's files in /proc. */
static int64_t read_kbytes(const struct program *program, const char *file_name,
			   const char *name)
{
	char path[64], line[256];
	size_t n = strlen(name);
	int64_t kbytes = -1;
	const char *p;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)program->pid,
		       file_name);
	file = fopen(path, "re");
	ck_assert_msg(file, "%s is not in /proc", program->name);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, name, n) != 0 || line[n] != ':')
			continue;
		p = line + n + 1 + strspn(line + n + 1, " \t");
		(void)str_n_to_i64(&kbytes, p, strspn(p, "0123456789"), 0,
				   INT64_MAX);
	}
	(void)fclose(file);
	ck_assert_msg(kbytes >= 0, "%s tells no %s", program->name, name);
	return kbytes;
}

int64_t program_memory_kbytes(const struct program *program, const char *sum)
{
	/* Exact, unlike VmRSS, which lags behind by some pages a thread. */
	return read_kbytes(program, "smaps_rollup", sum);
}

int64_t program_expect_peak(const struct program *program, int64_t idle_kbytes,
			    int64_t more_kbytes)
{
	int64_t kbytes = read_kbytes(program, "status", "VmHWM");

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_msg(kbytes <= idle_kbytes + more_kbytes,
		      "%s had %" PRId64 " KiB resident and should have %" PRId64
		      " at the most: it has %" PRId64 " when idle",
		      program->name, kbytes, idle_kbytes + more_kbytes,
		      idle_kbytes);
#else
	(void)idle_kbytes;
	(void)more_kbytes;
#endif
	return kbytes;
}

void program_limit(const struct program *program, int64_t more_kbytes)
{
	int64_t kbytes = read_kbytes(program, "status", "VmSize") + more_kbytes;
	const struct rlimit limit = { (rlim_t)kbytes * 1024,
				      (rlim_t)kbytes * 1024 };

	ck_assert_msg(!prlimit(program->pid, RLIMIT_AS, &limit, NULL),
		      "the memory of %s cannot be limited: %s", program->name,
		      strerror(errno));
}

int64_t program_said(const struct program *program, const char *text)
{
	FILE *file = fopen(program->log, "re");
	char *line = NULL;
	size_t size = 0;
	int64_t n = 0;

	ck_assert_msg(file, "%s has no log '%s'", program->name, program->log);
	while (getline(&line, &size, file) >= 0)
		n += strstr(line, text) != NULL;
	free(line);
	(void)fclose(file);
	return n;
}

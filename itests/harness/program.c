/* SPDX-License-Identifier: MIT */
/*
 * The test's process has threads (its Kafka clients): between fork and exec
 * nothing is called that waits for one of them.
 */
#include "itests/harness/program.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/http.h"
#include "itests/harness/until.h"

#define STOP_TIMEOUT_MS 30000
#define PROBE_TIMEOUT_MS 5000

char *file_text(const char *path)
{
	FILE *file = fopen(path, "re");
	struct buf text = { 0 };
	size_t n;

	if (!file)
		return NULL;
	do {
		n = fread(buf_reserve(&text, 65536), 1, 65536, file);
		text.n += n;
	} while (n);
	(void)fclose(file);
	buf_add(&text, "", 1);
	return text.p;
}

/* ---- the command line and the settings ---- */

/* Takes @text. */
static void append(char ***list, char *text)
{
	size_t n = 0;

	while (*list && (*list)[n])
		n++;
	*list = xreallocarray(*list, n + 2, sizeof(**list));
	(*list)[n] = text;
	(*list)[n + 1] = NULL;
}

void program_argument(struct program *program, const char *argument)
{
	append(&program->argv, xstrdup(argument));
}

void program_set(struct program *program, const char *format, ...)
{
	char *setting = NULL;
	va_list args;

	va_start(args, format);
	ck_assert_int_ge(vasprintf(&setting, format, args), 0);
	va_end(args);
	append(&program->settings, setting);
}

struct program *program_new(const char *name, const char *bin, const char *dir)
{
	struct program *program = xcalloc(1, sizeof(*program));
	const char *slash = strrchr(name, '/');

	ck_assert(str_copy(program->name, sizeof(program->name),
			   slash ? slash + 1 : name));
	if (slash)
		ck_assert(str_copy(program->path, sizeof(program->path), name));
	else
		(void)snprintf(program->path, sizeof(program->path), "%s/%.*s",
			       bin, (int)strcspn(name, "-"), name);
	(void)snprintf(program->log, sizeof(program->log), "%s/%s.log", dir,
		       program->name);
	(void)snprintf(program->port_file, sizeof(program->port_file),
		       "%s/%s.port", dir, program->name);
	program_argument(program, program->path);
	return program;
}

static void free_list(char **list)
{
	for (char **text = list; text && *text; text++)
		free(*text);
	free(list);
}

struct program *program_free(struct program *program)
{
	struct program *next = program->next;

	free_list(program->argv);
	free_list(program->settings);
	free(program);
	return next;
}

static __attribute__((noreturn)) void become(const struct program *program,
					     pid_t parent)
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
	/* The later one of two settings wins. */
	for (char **setting = program->settings; setting && *setting; setting++)
		(void)putenv(*setting);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
	    dup2(out, 2) == 2)
		(void)execv(program->path, program->argv);
	_exit(127);
}

void program_start(struct program *program)
{
	pid_t parent = getpid();

	ck_assert_msg(!program->pid, "%s runs already", program->name);
	if (*program->port_file)
		(void)unlink(program->port_file);
	program->pid = fork();
	if (program->pid == 0)
		become(program, parent);
	ck_assert_msg(program->pid > 0, "cannot fork: %s", strerror(errno));
	/* Both sides do it, so that it is done when either goes on. */
	(void)setpgid(program->pid, program->pid);
}

/* ---- ready ---- */

uint16_t program_port(const struct program *program)
{
	CLEANUP(cleanup_free) char *line = file_text(program->port_file);
	int64_t port = 0;
	const char *colon;

	if (!line)
		return 0;
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

int program_ready_status(const struct program *program,
			 char reason[PROGRAM_REASON_MAX])
{
	struct http_answer answer;
	uint16_t port = program_port(program);
	int status;

	if (!port || http_get(&answer, port, "/readyz", PROBE_TIMEOUT_MS))
		return 0;
	status = answer.status;
	(void)str_n_copy(reason, PROGRAM_REASON_MAX, answer.body,
			 strcspn(answer.body, "\r\n"));
	http_answer_deinit(&answer);
	return status;
}

bool program_ready_now(const struct program *program)
{
	char reason[PROGRAM_REASON_MAX];

	if (!has_probes(program))
		return program_port(program) != 0;
	return program_ready_status(program, reason) == 200;
}

bool program_unready_now(const struct program *program)
{
	char reason[PROGRAM_REASON_MAX];

	return program_ready_status(program, reason) == 503;
}

int64_t program_wait_unready(struct program *program, const char *text)
{
	int64_t start_ms = clock_now_ms();
	char reason[PROGRAM_REASON_MAX] = "";

	while (program_ready_status(program, reason) != 503 ||
	       !strstr(reason, text))
		wait_more(start_ms + PATIENCE_MS,
			  "%s does not say that it is not ready for '%s', but "
			  "'%s'; its log is '%s'",
			  program->name, text, reason, program->log);
	return since_ms(start_ms);
}

int64_t program_wait_ready(struct program *program)
{
	int64_t start_ms = clock_now_ms();

	while (!program_ended(program) && !program_ready_now(program))
		wait_more(start_ms + PATIENCE_MS,
			  "%s is not ready, its log is '%s'", program->name,
			  program->log);
	ck_assert_msg(program->pid, "%s has ended instead, its log is '%s'",
		      program->name, program->log);
	return since_ms(start_ms);
}

/* ---- ending ---- */

void program_signal(const struct program *program, int signal)
{
	ck_assert_msg(program->pid, "%s does not run", program->name);
	ck_assert_int_eq(kill(program->pid, signal), 0);
}

void program_freeze(struct program *program)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);
	int status = 0;

	program_signal(program, SIGSTOP);
	/* The parent hears of it once the last thread has come to a stop. */
	while (waitpid(program->pid, &status, WNOHANG | WUNTRACED) !=
		       program->pid ||
	       !WIFSTOPPED(status))
		wait_more(deadline_at_ms, "%s does not stop", program->name);
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

int program_wait(struct program *program, int64_t timeout_ms)
{
	int64_t deadline_at_ms = within(timeout_ms);

	while (!program_ended(program))
		wait_more(deadline_at_ms,
			  "%s does not end within %" PRId64
			  " ms, its log is '%s'",
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

void program_restart(struct program *program)
{
	(void)program_stop(program);
	program_start(program);
	(void)program_wait_ready(program);
}

/* ---- metrics ---- */

/* A whole answer, with a line's end before the first line too. */
static char *metrics_of(const struct program *program)
{
	struct http_answer answer;
	char *text = NULL;

	ck_assert_msg(!http_get(&answer, program_port(program), "/metrics",
				PATIENCE_MS),
		      "%s does not answer /metrics", program->name);
	ck_assert_int_ge(asprintf(&text, "\n%s", answer.body), 0);
	http_answer_deinit(&answer);
	return text;
}

/* The sum of the lines that begin with @metric, whatever labels follow. */
static int64_t sum_metric(const struct program *program, const char *metric,
			  bool *ret_found)
{
	CLEANUP(cleanup_free) char *text = metrics_of(program);
	size_t n = strlen(metric);
	int64_t sum = 0;

	*ret_found = false;
	for (const char *p = text; p; p = strchr(p, '\n')) {
		p++;
		if (strncmp(p, metric, n) != 0 || !strchr(" {,}", p[n]))
			continue;
		p += strcspn(p, "\n");
		while (p[-1] != ' ')
			p--;
		sum += (int64_t)strtod(p, NULL);
		*ret_found = true;
	}
	return sum;
}

int64_t program_metric(const struct program *program, const char *metric)
{
	bool found;
	int64_t sum = sum_metric(program, metric, &found);

	ck_assert_msg(found, "%s has no metric '%s'", program->name, metric);
	return sum;
}

bool program_shows(const struct program *program, const char *line)
{
	CLEANUP(cleanup_free) char *text = metrics_of(program);
	const char *p = text;

	while ((p = strstr(p, line)) && p[-1] != '\n')
		p++;
	return p != NULL;
}

void program_wait_metric(const struct program *program, const char *metric,
			 int64_t value)
{
	int64_t deadline_at_ms = within(PATIENCE_MS), seen;
	bool found;

	while ((seen = sum_metric(program, metric, &found)) != value)
		wait_more(deadline_at_ms,
			  "%s of %s is %" PRId64 " and not %" PRId64, metric,
			  program->name, seen, value);
}

void program_wait_no_lag(const struct program *program)
{
	static const char *const metrics[] = {
		"kafka_consumergroup_lag",
		"kafka_consumergroup_group_lag_seconds"
	};

	for (int i = 0; i < 2; i++) {
		/* There is such a metric. */
		(void)program_metric(program, metrics[i]);
		program_wait_metric(program, metrics[i], 0);
	}
}

/* ---- memory ---- */

/* A line "Name:   number kB" of one of the program's files in /proc. */
static int64_t read_kbytes(const struct program *program, const char *file_name,
			   const char *name)
{
	CLEANUP(cleanup_free) char *text = NULL;
	char path[64], line[32];
	int64_t kbytes;
	const char *p;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)program->pid,
		       file_name);
	(void)snprintf(line, sizeof(line), "\n%s:", name);
	text = file_text(path);
	p = text ? strstr(text, line) : NULL;
	ck_assert_msg(p && sscanf(p + strlen(line), "%" SCNd64, &kbytes) == 1,
		      "'%s' of %s has no %s", path, program->name, name);
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

/* ---- the log ---- */

static int64_t count_lines(const struct program *program, const char *text,
			   const char *about)
{
	CLEANUP(cleanup_free) char *log = file_text(program->log);
	char *next = log;
	const char *line;
	int64_t n = 0;

	while ((line = strsep(&next, "\n")))
		n += strstr(line, text) && strstr(line, about);
	return n;
}

int64_t program_said(const struct program *program, const char *text)
{
	return count_lines(program, text, "");
}

void program_wait_said(const struct program *program, int64_t timeout_ms,
		       const char *text, const char *about)
{
	int64_t deadline_at_ms = within(timeout_ms);

	while (!count_lines(program, text, about))
		wait_more(deadline_at_ms, "'%s' with '%s' is not in '%s'", text,
			  about, program->log);
}

/* SPDX-License-Identifier: MIT */
/*
 * Process: fork, pidfd, and files under /proc. The agent has two threads:
 * between fork and exec nothing is called that waits for the other one.
 */
#include "infra/overlord/agent/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infra/lib/text/str.h"

/* The 22nd field of /proc/PID/stat; what stands before the last ')' is the
 * name, which may have anything in it. */
enum { BORN_FIELD = 22, FIELD_AFTER_NAME = 3 };

/* No printf, no memory: a child between fork and exec asks, too. */
int64_t process_born(pid_t pid)
{
	char path[32] = "/proc/", text[1024];
	struct str name = { path, strlen(path), sizeof(path) };
	struct text rest;
	int64_t born = 0;
	ssize_t n;
	int fd;

	str_add_i64(&name, pid);
	str_add_text(&name, "/stat");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	rest = text_of(strrchr(text, ')'));
	if (rest.n < 2)
		return 0;
	rest = (struct text){ rest.p + 2, rest.n - 2 };
	/* One that has ended and is not waited for yet. */
	if (*rest.p == 'Z' || *rest.p == 'X')
		return 0;
	for (int i = FIELD_AFTER_NAME; i < BORN_FIELD; i++)
		(void)text_cut(&rest, ' ');
	(void)text_to_i64(&born, text_cut(&rest, ' '), 1, INT64_MAX);
	return born;
}

bool process_lives(pid_t pid, int64_t born)
{
	return pid > 0 && born > 0 && process_born(pid) == born;
}

/* ---- starting ---- */

static bool write_pid_file(const struct process_params *params)
{
	char line[512];
	struct str text = STR_INIT(line);
	int fd = open(params->pid_file,
		      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool written;

	str_add_i64(&text, getpid());
	str_add_text(&text, " ");
	str_add_i64(&text, process_born(getpid()));
	str_add_text(&text, " ");
	str_add_text(&text, params->note);
	str_add_text(&text, "\n");
	written = fd >= 0 && write(fd, text.p, text.n) == (ssize_t)text.n;
	if (fd >= 0)
		(void)close(fd);
	return written;
}

static __attribute__((noreturn)) void
become(const struct process_params *params, pid_t parent)
{
	char *const argv[] = { (char *)(uintptr_t)params->path, NULL };
	int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int out = open(params->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
		       0644);
	sigset_t none;

	(void)setsid();
	if (params->bound)
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* We may have been orphaned before that call. */
	if (params->bound && getppid() != parent)
		_exit(127);
	for (int i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
	    dup2(out, 2) == 2 && write_pid_file(params))
		(void)execve(params->path, argv, params->environment);
	_exit(127);
}

int process_start(struct process *ret, const struct process_params *params)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid == 0)
		become(params, parent);
	if (pid < 0)
		return -errno;
	*ret = (struct process){ pid, process_born(pid), pidfd_open(pid, 0) };
	if (ret->fd >= 0)
		return 0;
	/* No descriptor is left: what cannot be watched does not run. */
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return -EMFILE;
}

bool process_adopt(struct process *ret, const char *pid_file, char *note,
		   size_t note_bytes)
{
	char line[512] = "";
	FILE *file = fopen(pid_file, "re");
	struct text rest;
	int64_t pid, born;
	int fd;

	if (!file)
		return false;
	if (fgets(line, sizeof(line), file))
		line[strcspn(line, "\n")] = '\0';
	(void)fclose(file);
	rest = text_of(line);
	if (text_to_i64(&pid, text_cut(&rest, ' '), 2, INT32_MAX) ||
	    text_to_i64(&born, text_cut(&rest, ' '), 1, INT64_MAX))
		return false;
	fd = pidfd_open((pid_t)pid, 0);
	/* Now the number cannot become another's. */
	if (fd < 0 || !process_lives((pid_t)pid, born)) {
		if (fd >= 0)
			(void)close(fd);
		return false;
	}
	*ret = (struct process){ (pid_t)pid, born, fd };
	return str_n_copy(note, note_bytes, rest.p, rest.n);
}

/* ---- the end ---- */

void process_signal(const struct process *process, int signal)
{
	if (process->fd >= 0)
		(void)pidfd_send_signal(process->fd, signal, NULL, 0);
}

void process_leave(struct process *process)
{
	if (process->fd >= 0)
		(void)close(process->fd);
	*process = (struct process){ .fd = -1 };
}

bool process_ended(struct process *process, char how[static 64])
{
	struct pollfd end = { .fd = process->fd, .events = POLLIN };
	int status;

	if (process->fd < 0 || poll(&end, 1, 0) != 1)
		return false;
	if (waitpid(process->pid, &status, WNOHANG) != process->pid)
		(void)snprintf(how, 64, "how is not known");
	else if (WIFSIGNALED(status))
		(void)snprintf(how, 64, "signal %s",
			       sigabbrev_np(WTERMSIG(status)) ?: "unknown");
	else
		(void)snprintf(how, 64, "exit status %d", WEXITSTATUS(status));
	process_leave(process);
	return true;
}

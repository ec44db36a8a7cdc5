/* SPDX-License-Identifier: MIT */
/* Scaler: two processes, each of which ends with the one that made it. */
#include "infra/overlord/agent/scaler.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN_AFTER_S 5

static pid_t fork_bound(void)
{
	pid_t parent = getpid();
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* We may have been orphaned before that call. */
	if (getppid() != parent)
		_exit(127);
	return 0;
}

static void write_to_log(const char *dir)
{
	char path[4096];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/log", dir);
	(void)mkdir(path, 0755);
	(void)snprintf(path, sizeof(path), "%s/log/autoscaler.log", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (fd < 0 || dup2(fd, 1) != 1 || dup2(fd, 2) != 2)
		_exit(127);
}

static __attribute__((noreturn)) void keep(const struct scaler_params *params)
{
	const char *const argv[] = { "overlord",
				     "autoscaler",
				     "--schema",
				     params->schema,
				     *params->suffix ? "--suffix" : NULL,
				     params->suffix,
				     NULL };

	(void)signal(SIGTERM, SIG_DFL);
	/* Ctrl-C is for the agent, which may have work to end. */
	(void)setsid();
	write_to_log(params->dir);
	for (;;) {
		pid_t pid = fork_bound();

		if (pid == 0) {
			(void)execv("/proc/self/exe",
				    (char *const *)(uintptr_t)argv);
			_exit(127);
		}
		if (pid > 0)
			(void)waitpid(pid, NULL, 0);
		(void)sleep(AGAIN_AFTER_S);
	}
}

int scaler_start(const struct scaler_params *params)
{
	pid_t pid = fork_bound();

	if (pid == 0)
		keep(params);
	return pid < 0 ? -errno : 0;
}

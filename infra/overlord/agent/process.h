/* SPDX-License-Identifier: MIT */
/*
 * Process: one that an agent started, or that it found as an earlier agent
 * left it.
 *
 * A process is named by its number and the time it was born at, and held by a
 * pidfd: a signal reaches nobody else, and its end makes the descriptor
 * readable, child or not. What runs does not depend on the agent: it has a
 * session of its own and writes to files, and its number stands in a file that
 * it has written itself before it became the program.
 */
#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct process {
	pid_t pid; /* 0: none */
	int64_t born;
	int fd; /* of the pid; -1: none */
};

struct process_params {
	const char *path;
	char *const *environment;
	const char *log;      /* appended to */
	const char *pid_file; /* gets "PID BORN @note" */
	const char *note;
	bool bound; /* the kernel sends it SIGTERM when we die */
};

/* -errno: it could not be started. One that cannot be executed ends with
 * status 127. Only the first thread may start one that is bound. */
int process_start(struct process *ret, const struct process_params *params);
/* The process of a file that process_start() wrote, if it still runs, and its
 * note. */
bool process_adopt(struct process *ret, const char *pid_file, char *note,
		   size_t note_bytes);
/* 0 when there is no such process. */
int64_t process_born(pid_t pid);
bool process_lives(pid_t pid, int64_t born);

void process_signal(const struct process *process, int signal);
/* Has it ended? Then @how says how ("signal KILL"), as far as it was ours to
 * know, and the process is let go. */
bool process_ended(struct process *process, char how[static 64]);
/* Lets it go, as it is. */
void process_leave(struct process *process);

#endif

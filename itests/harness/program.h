/* SPDX-License-Identifier: MIT */
/*
 * Program: a process of ours, started, watched, signalled and ended.
 *
 * Each runs in a process group of its own, with its words in a log file, and
 * is killed by the kernel when the test's process ends, however that came
 * about. What cannot be done fails the test.
 *
 * Only the test's first thread starts programs: the kernel's promise is bound
 * to the thread.
 */
#ifndef HARNESS_PROGRAM_H
#define HARNESS_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "infra/lib/cleanup.h"

enum { PROGRAM_PATH_MAX = 512 };

struct program {
	char name[64]; /* "chillybin-1" */
	char path[PROGRAM_PATH_MAX];
	char log[PROGRAM_PATH_MAX];
	char port_file[PROGRAM_PATH_MAX]; /* "" when it serves nothing */
	char *const *argv;
	char **settings; /* NAME=value, owned; ended by NULL */
	pid_t pid;       /* 0: it does not run */
	int status;      /* of waitpid(), once it has ended */
	struct program *next;
};

/* Starts it, or starts it again with the same settings. */
void program_start(struct program *program);

/* The port in its port file, 0 as long as there is none. */
uint16_t program_port(const struct program *program);

/* True when it answers /readyz (or, a grillsim, listens) within the time. */
bool program_is_ready(struct program *program, int64_t timeout_ms);
/* The same, or the test fails. Gives the milliseconds. */
int64_t program_wait_ready(struct program *program, int64_t timeout_ms);
/* Does /readyz answer 200 now? */
bool program_ready_now(const struct program *program);
/* Does it say of itself that it is not ready? No answer is none. */
bool program_unready_now(const struct program *program);
/* The same, and waits for it: what is amiss has @text in it, or the test
 * fails. */
void program_wait_unready(struct program *program, const char *text);

void program_signal(const struct program *program, int signal);
/* SIGSTOP, and waits until not one of its threads runs; and SIGCONT. */
void program_freeze(struct program *program);
void program_thaw(const struct program *program);
/* SIGKILL, and waits until it has gone. */
void program_kill(struct program *program);
/* Has it ended? Takes note when it has. */
bool program_ended(struct program *program);
/* Waits for the end. Gives the exit status, or 128 + the signal's number. */
int program_wait(struct program *program, int64_t timeout_ms);
/* SIGTERM, the wait, and status 0, or the test fails. Gives milliseconds. */
int64_t program_stop(struct program *program);

/* Of /metrics: the sum over all labels of @metric, which is a name, or a name
 * with the first of its labels: "galore_records_total{outcome=\"dead\"". */
int64_t program_metric(const struct program *program, const char *metric);
/* The same of one that may not be there: 0 then. */
int64_t program_metric_if_any(const struct program *program,
			      const char *metric);
/* Memory, of the sums in smaps_rollup: "Rss", "Pss", "Anonymous". */
int64_t program_memory_kbytes(const struct program *program, const char *sum);
/*
 * The most that was ever resident of it is at most that much above what it had
 * when it was idle, or the test fails. Gives the kilobytes. A build with
 * sanitizers may have more.
 */
int64_t program_expect_peak(const struct program *program, int64_t idle_kbytes,
			    int64_t more_kbytes);

/* From now on it gets no more address space than that above what it has. */
void program_limit(const struct program *program, int64_t more_kbytes);

/* Lines of its log that have @text in them. */
int64_t program_said(const struct program *program, const char *text);

#endif

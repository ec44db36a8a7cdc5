/* SPDX-License-Identifier: MIT */
/*
 * Program: a process of ours, started, asked, signalled and ended.
 *
 * Each runs in a process group of its own, with its output in a log file, and
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

enum { PROGRAM_PATH_MAX = 512, PROGRAM_REASON_MAX = 512 };

struct program {
	char name[64]; /* "chillybin-1" */
	char path[PROGRAM_PATH_MAX];
	char log[PROGRAM_PATH_MAX];
	char port_file[PROGRAM_PATH_MAX]; /* "" when it serves nothing */
	char **argv;                      /* owned; ended by NULL */
	char **settings;                  /* NAME=value, the same */
	pid_t pid;                        /* 0: it does not run */
	int status;                       /* of waitpid(), once it has ended */
	struct program *next;
};

/* "chillybin-1" is the program @bin/chillybin; a name with a slash is a path.
 * Its files are in the folder @dir. */
struct program *program_new(const char *name, const char *bin, const char *dir);
/* Gives the next one. */
struct program *program_free(struct program *program);
/* Adds an argument, or a setting, to one that does not run. */
void program_argument(struct program *program, const char *argument);
void program_set(struct program *program, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Starts it, or starts it again with the same settings. */
void program_start(struct program *program);

/* The port in its port file, 0 as long as there is none. */
uint16_t program_port(const struct program *program);

/* Waits until it answers /readyz with 200 (or, a grillsim, listens), or the
 * test fails. Gives the milliseconds. */
int64_t program_wait_ready(struct program *program);
/* The status of /readyz and the first line of its answer; 0, and @reason as it
 * was, when there is none in time. */
int program_ready_status(const struct program *program,
			 char reason[PROGRAM_REASON_MAX]);
/* Does /readyz answer 200 now? Or 503? */
bool program_ready_now(const struct program *program);
bool program_unready_now(const struct program *program);
/* Waits until it says that it is not ready, for a reason that has @text in it,
 * or the test fails. Gives the milliseconds. */
int64_t program_wait_unready(struct program *program, const char *text);

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
/* The same, and starts it again; it is ready when this returns. */
void program_restart(struct program *program);

/* Of /metrics: the sum over all labels of @metric, which is a name, or a name
 * with the first of its labels: "galore_records_total{outcome=\"dead\"".
 * It must be there. */
int64_t program_metric(const struct program *program, const char *metric);
/* Waits until it has that value; one that is not there is 0. */
void program_wait_metric(const struct program *program, const char *metric,
			 int64_t value);
/* Waits until neither of the two metrics of lag shows any. */
void program_wait_no_lag(const struct program *program);
/* Does /metrics have a line that is, or begins with, @line? */
bool program_shows(const struct program *program, const char *line);

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
/* Waits for such a line with @about in it too; or the test fails. */
void program_wait_said(const struct program *program, int64_t timeout_ms,
		       const char *text, const char *about);

/* A whole file with a NUL behind it, to be freed; NULL: it is not there. */
char *file_text(const char *path);

#endif

/* SPDX-License-Identifier: MIT */
/* Job: the 16 bytes that name what a plate toasts, a UUID. Pure. */
#ifndef GRILLSIM_JOB_H
#define GRILLSIM_JOB_H

#include <stdbool.h>
#include <stdint.h>

enum { JOB_BYTES = 16, JOB_TEXT_MAX = 37 };

struct job {
	uint8_t bytes[JOB_BYTES];
};

enum job_outcome { JOB_E_TEXT = 1 };

/* All zeros: no job. */
bool job_is_none(const struct job *job);

/* 8-4-4-4-12, lower case. */
void job_format(const struct job *job, char ret[JOB_TEXT_MAX]);

/* The same, with a NUL behind; JOB_E_TEXT for anything else. */
int job_parse(struct job *ret, const char *text);

#endif

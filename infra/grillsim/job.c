/* SPDX-License-Identifier: MIT */
/* Job: a UUID in bytes and in text. Pure. */
#include "infra/grillsim/job.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

bool job_is_none(const struct job *job)
{
	static const struct job none = { { 0 } };

	return !memcmp(job, &none, sizeof(none));
}

/* A dash stands before these bytes. */
static bool dashed(int i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

void job_format(const struct job *job, char ret[JOB_TEXT_MAX])
{
	for (int i = 0; i < JOB_BYTES; i++) {
		if (dashed(i))
			*ret++ = '-';
		*ret++ = digits[job->bytes[i] >> 4];
		*ret++ = digits[job->bytes[i] & 15];
	}
	*ret = '\0';
}

/* The value of a digit, or -1; @c may be the NUL at the end. */
static int digit_of(char c)
{
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int job_parse(struct job *ret, const char *text)
{
	struct job job;
	int high;
	int low;

	for (int i = 0; i < JOB_BYTES; i++) {
		if (dashed(i) && *text++ != '-')
			return JOB_E_TEXT;
		high = digit_of(text[0]);
		low = high < 0 ? -1 : digit_of(text[1]);
		if (low < 0)
			return JOB_E_TEXT;
		job.bytes[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	if (*text)
		return JOB_E_TEXT;
	*ret = job;
	return 0;
}

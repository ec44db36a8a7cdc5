/* SPDX-License-Identifier: MIT */
/*
 * Said fixture: what overlord says, for *_test.c only. Between said_begin()
 * and said_end() stdout and stderr go to a file, which is then in `said`.
 */
#ifndef OVERLORD_SAID_FIXTURE_H
#define OVERLORD_SAID_FIXTURE_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"

static char said[16384];
static int said_file, said_out, said_err;

static inline void said_begin(void)
{
	(void)fflush(NULL);
	said_file = memfd_create("said", MFD_CLOEXEC);
	ck_assert_int_ge(said_file, 0);
	said_out = dup(STDOUT_FILENO);
	said_err = dup(STDERR_FILENO);
	(void)dup2(said_file, STDOUT_FILENO);
	(void)dup2(said_file, STDERR_FILENO);
}

static inline void said_end(void)
{
	ssize_t n;

	(void)fflush(NULL);
	(void)dup2(said_out, STDOUT_FILENO);
	(void)dup2(said_err, STDERR_FILENO);
	n = pread(said_file, said, sizeof(said) - 1, 0);
	ck_assert_int_ge(n, 0);
	said[n] = '\0';
	(void)close(said_file);
	(void)close(said_out);
	(void)close(said_err);
}

#define CHECK_SAID(text) ck_assert_msg(strstr(said, text), "%s", said)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Overlord fixture: overlord's command line in a test, for *_test.c only. What
 * it said on stdout and stderr is in `said`.
 */
#ifndef OVERLORD_OVERLORD_FIXTURE_H
#define OVERLORD_OVERLORD_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infra/lib/check_fixture.h"
#include "infra/lib/text/str.h"
#include "infra/overlord/cli.h"

static char said[65536];
static int said_file, said_out, said_err;

/* From here on stdout and stderr go to a file. */
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
#define CHECK_NOT_SAID(text) ck_assert_msg(!strstr(said, text), "%s", said)

/* Runs a line, whose words have a space between; '~' is a space in a word.
 * Gives the exit status. */
static inline int overlord(const char *line)
{
	enum { WORDS_MAX = 20 };
	char words[640], *argv[WORDS_MAX + 1] = { NULL }, *rest = words, *word;
	int argc = 0, r;

	ck_assert(str_copy(words, sizeof(words), line));
	while (*line && (word = strsep(&rest, " "))) {
		ck_assert_int_lt(argc, WORDS_MAX);
		for (char *at = word; (at = strchr(at, '~'));)
			*at = ' ';
		argv[argc++] = word;
	}
	said_begin();
	r = cli_run(argc, argv);
	said_end();
	return r;
}

enum { DONE, FAILED, USED_WRONGLY };

#define CHECK_RUN(line, status, text)                                          \
	do {                                                                   \
		int r_ = overlord(line);                                       \
		ck_assert_msg(r_ == (status) && strstr(said, text),            \
			      "'%s' came to %d: %s", line, r_, said);          \
	} while (0)

static inline void set_env(const char *name, const char *value)
{
	ck_assert_int_eq(setenv(name, value, 1), 0);
}

static inline void write_file(const char *dir, const char *name,
			      const char *text)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	file = fopen(path, "we");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

#endif

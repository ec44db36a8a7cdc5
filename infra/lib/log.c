/* SPDX-License-Identifier: MIT */
/*
 * Log: logfmt lines, each written by one write so that lines of several
 * threads do not mix. The program's identity is set once and then read only.
 */
#include "infra/lib/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/str.h"

#define LINE_MAX_BYTES 2048

static struct log_params identity = { .level = LOG_INFO };
static _Thread_local const struct log_subject *about;

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

/* Quoted, and nothing in it can end the line or forge another. */
static void add_quoted(struct str *line, const char *s)
{
	str_add_text(line, "\"");
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			str_add_text(line, "\\");
		str_add(line, (unsigned char)*s < ' ' ? " " : s, 1);
	}
	str_add_text(line, "\"");
}

static void add_pair(struct str *line, const char *name, const char *value)
{
	str_add_text(line, name);
	str_add_text(line, value);
}

static void add_subject(struct str *line, const struct log_subject *subject)
{
	if (subject->value) {
		add_pair(line, " ", subject->name);
		str_add_text(line, "=");
		add_quoted(line, subject->value);
	}
	if (subject->topic) {
		add_pair(line, " topic=", subject->topic);
		str_add_text(line, " partition=");
		str_add_i64(line, subject->partition);
		str_add_text(line, " offset=");
		str_add_i64(line, subject->offset);
	}
	if (subject->trace) {
		str_add_text(line, " trace=");
		add_quoted(line, subject->trace);
	}
}

static void add_identity(struct str *line, enum log_level level, const char *id)
{
	char now[CLOCK_RFC3339_MAX];

	clock_rfc3339(clock_wall_ms(), now);
	add_pair(line, "time=", now);
	add_pair(line, " level=", level_names[level]);
	add_pair(line, " id=", id);
	if (identity.program) {
		add_pair(line, " program=", identity.program);
		add_pair(line, " version=", identity.version);
	}
	if (identity.colour)
		add_pair(line, " colour=", identity.colour);
}

void log_init(const struct log_params *params)
{
	identity = *params;
	/* A reader of a log file or a pipe gets whole lines at once. */
	if (identity.out)
		(void)setvbuf(identity.out, NULL, _IOLBF, 0);
}

void log_about(const struct log_subject *subject)
{
	about = subject;
}

void log_line(enum log_level level, const char *id, const char *format, ...)
{
	FILE *out = identity.out ? identity.out : stderr;
	char message[LINE_MAX_BYTES], text[LINE_MAX_BYTES];
	/* What does not fit is cut; the line feed always fits. */
	struct str line = { .p = text, .size = sizeof(text) - 1 };
	va_list args;

	if (level < identity.level)
		return;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	add_identity(&line, level, id);
	str_add_text(&line, " msg=");
	add_quoted(&line, message);
	if (about)
		add_subject(&line, about);
	text[line.n++] = '\n';
	(void)fwrite(text, 1, line.n, out);
	(void)fflush(out);
}

bool log_limit_pass(struct log_limit *limit, const char *what)
{
	int64_t now_ms = clock_now_ms();

	if (now_ms >= limit->until_ms) {
		limit->until_ms = now_ms + 1000;
		limit->n = 0;
	}
	if (limit->n >= limit->a_second) {
		limit->n_left_out++;
		return false;
	}
	limit->n++;
	if (limit->n_left_out)
		log_info("LINES-LEFT-OUT",
			 "%" PRId64 " lines about %s were left out",
			 limit->n_left_out, what);
	limit->n_left_out = 0;
	return true;
}

enum log_level log_level_of(const char *name)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		if (!strcmp(name, level_names[i]))
			return (enum log_level)i;
	return LOG_INFO;
}

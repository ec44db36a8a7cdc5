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

#define LINE_MAX_BYTES 2048

static struct log_params identity = { .level = LOG_INFO };
static _Thread_local const struct log_subject *about;

static const char *const level_names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

/* A line under construction; what does not fit is cut. */
struct line {
	char text[LINE_MAX_BYTES];
	size_t n;
};

static void line_char(struct line *line, char c)
{
	if (line->n < sizeof(line->text) - 2)
		line->text[line->n++] = c;
}

static void line_text(struct line *line, const char *s)
{
	while (*s)
		line_char(line, *s++);
}

/* Quoted, and nothing in it can end the line or forge another. */
static void line_quoted(struct line *line, const char *s)
{
	line_char(line, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			line_char(line, '\\');
		line_char(line, (unsigned char)*s < ' ' ? ' ' : *s);
	}
	line_char(line, '"');
}

static void line_subject(struct line *line, const struct log_subject *subject)
{
	char numbers[64];

	if (subject->value) {
		line_char(line, ' ');
		line_text(line, subject->name);
		line_char(line, '=');
		line_quoted(line, subject->value);
	}
	if (subject->topic) {
		line_text(line, " topic=");
		line_text(line, subject->topic);
		(void)snprintf(numbers, sizeof(numbers),
			       " partition=%" PRId32 " offset=%" PRId64,
			       subject->partition, subject->offset);
		line_text(line, numbers);
	}
	if (subject->trace) {
		line_text(line, " trace=");
		line_quoted(line, subject->trace);
	}
}

static void line_identity(struct line *line, enum log_level level,
			  const char *id)
{
	char now[CLOCK_RFC3339_MAX];

	clock_rfc3339(clock_wall_ms(), now);
	line_text(line, "time=");
	line_text(line, now);
	line_text(line, " level=");
	line_text(line, level_names[level]);
	line_text(line, " id=");
	line_text(line, id);
	if (identity.program) {
		line_text(line, " program=");
		line_text(line, identity.program);
		line_text(line, " version=");
		line_text(line, identity.version);
	}
	if (identity.colour) {
		line_text(line, " colour=");
		line_text(line, identity.colour);
	}
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
	char message[LINE_MAX_BYTES];
	struct line line = { .n = 0 };
	va_list args;

	if (level < identity.level)
		return;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	line_identity(&line, level, id);
	line_text(&line, " msg=");
	line_quoted(&line, message);
	if (about)
		line_subject(&line, about);
	line.text[line.n++] = '\n';
	(void)fwrite(line.text, 1, line.n, out);
	(void)fflush(out);
}

bool log_limit_about(struct log_limit *limit, const struct log_subject *subject,
		     const char *what)
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
	log_about(subject);
	return true;
}

enum log_level log_level_of(const char *name)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++)
		if (!strcmp(name, level_names[i]))
			return (enum log_level)i;
	return LOG_INFO;
}

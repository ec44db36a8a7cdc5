/* SPDX-License-Identifier: MIT */
/*
 * Log: one line an event, in logfmt, with a stable id.
 *
 *	log_warn("STOCK-BUSY", "stock is busy, will retry in %d ms", 200);
 *
 *	time=2026-01-31T12:00:00.000Z level=warn id=STOCK-BUSY
 *	program=chillybin version=0.1.0 colour=blue msg="stock is busy, ..."
 *
 * Messages: lower case, no full stop, 'subject' quoted, then what happens
 * next. What a line is about (a subject, topic, partition, offset, trace) is
 * set by log_about() and added to every line of that thread until it is
 * cleared. Any thread may log; lines do not mix.
 */
#ifndef LIB_LOG_H
#define LIB_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_params {
	FILE *out; /* daemons: stdout; commands: stderr */
	const char *program;
	const char *version;
	const char *colour; /* NULL: none */
	enum log_level level;
};

/* Borrows the texts for ever. Call once, before threads start. */
void log_init(const struct log_params *params);

struct log_subject {
	const char *name, *value; /* its subject; @value NULL: not said */
	const char *topic;        /* NULL: no record */
	int32_t partition;
	int64_t offset;
	const char *trace; /* NULL: not said */
};

/* Borrows @subject until the next call in this thread; NULL clears. */
void log_about(const struct log_subject *subject);

void log_line(enum log_level level, const char *id, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(id, ...) log_line(LOG_DEBUG, id, __VA_ARGS__)
#define log_info(id, ...) log_line(LOG_INFO, id, __VA_ARGS__)
#define log_warn(id, ...) log_line(LOG_WARN, id, __VA_ARGS__)
#define log_error(id, ...) log_line(LOG_ERROR, id, __VA_ARGS__)

/* A bound on one kind of line: { .a_second = 200 } begins one. One thread. */
struct log_limit {
	int64_t a_second;
	int64_t until_ms, n, n_left_out;
};

/*
 * May a line of a bounded kind be written now? Asked before anything is made
 * for the line, since most may not. Then how many lines about @what ("decided
 * orders") were left out before is said.
 */
bool log_limit_pass(struct log_limit *limit, const char *what);

/* "debug", "info", "warn" or "error"; anything else is LOG_INFO. */
enum log_level log_level_of(const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Counters: what /metrics says, written once as a table.
 *
 * A module has a counters.def of rows
 *
 *	COUNTER(field, "name_total", "label=\"value\"", "sentence")
 *	GAUGE(field, "name_bytes", "", "sentence")
 *	HISTOGRAM(field, "name_seconds", "", "sentence")
 *
 * and makes a struct and its initialiser from it with counters_def.h, as conf.h
 * does with conf_def.h.
 *
 * Names follow Prometheus: base units, counters end in _total, rows of one
 * name with different labels stand together. Any thread may count; values
 * are relaxed atomics.
 *
 * Two things come with every program's own rows:
 *
 *	build_info{version="0.1.0",colour="blue"} 1
 *	process_cpu_seconds_total, process_resident_memory_bytes, ...
 *
 * The version is a label there and nowhere else: a label of every row would
 * begin all series anew with each build. A query that compares versions joins
 * build_info by instance. The process_* names are those of Prometheus' own
 * client libraries.
 */
#ifndef LIB_COUNTERS_H
#define LIB_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/text/str.h"

enum counter_kind { KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM };

#define COUNTER_BUCKETS 14

struct counter {
	const char *name;
	const char *labels; /* without braces; "" for none */
	const char *sentence;
	enum counter_kind kind;
	_Atomic int64_t value; /* a histogram: sum in microseconds */
	_Atomic int64_t buckets[COUNTER_BUCKETS + 1];
};

/* At the start of the process, which is shown too. Borrows both for ever.
 * @colour is "" where a program has none. What was registered before stays. */
void counters_init(const char *version, const char *colour);

/* Borrows @rows for ever. At most 16 tables; one that is known is not added
 * again, and neither is a function below with its argument. */
void counters_register(struct counter *rows, size_t n_rows);

/* For values that are asked for, not counted: appends whole lines. */
typedef void (*counters_collect_fn)(void *arg, struct buf *out);
void counters_collect(counters_collect_fn fn, void *arg);
/* What stands before the lines of one name: its HELP and its TYPE. */
void counters_head(struct buf *out, const char *name, const char *sentence,
		   enum counter_kind kind);
/* One line of such a function: name{labels} value */
void counters_line(struct buf *out, const char *name, const char *labels,
		   int64_t value);
/*
 * Appends name="value", and a comma before it unless @labels is empty. @value
 * may be any text: quotes, backslashes and line ends are escaped.
 */
void counters_label(struct buf *labels, const char *name, const char *value);

static inline void counter_add(struct counter *counter, int64_t n)
{
	(void)atomic_fetch_add_explicit(&counter->value, n,
					memory_order_relaxed);
}

static inline void counter_set(struct counter *counter, int64_t value)
{
	atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

static inline int64_t counter_get(struct counter *counter)
{
	return atomic_load_explicit(&counter->value, memory_order_relaxed);
}

/* A duration into a histogram, @n times. */
void counter_observe_us(struct counter *counter, int64_t us, int64_t n);

/* All of it in Prometheus' text format, appended to @out. */
void counters_text(struct buf *out);
/*
 * What is counted, without what is asked for, as one JSON object, appended:
 * {"name{labels}": 12, "name_seconds": [3, 0, ...]}; of a histogram how many
 * are in each bucket, not below its bound.
 */
void counters_json(struct buf *out);

#endif

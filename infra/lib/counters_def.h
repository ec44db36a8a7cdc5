/* SPDX-License-Identifier: MIT */
/*
 * The rows of COUNTERS_DEF: as fields of a struct or, where COUNTERS_ROWS is
 * defined, as its initialisers; see counters.h. Meant to be included again.
 */
#ifdef COUNTERS_DEF

#ifndef COUNTERS_ROWS
#define COUNTER_ROW(field, name, labels, sentence, kind) struct counter field;
#else
#define COUNTER_ROW(field, name, labels, sentence, kind)                       \
	.field = { name, labels, sentence, kind, 0, { 0 } },
#endif
#define COUNTER(...) COUNTER_ROW(__VA_ARGS__, KIND_COUNTER)
#define GAUGE(...) COUNTER_ROW(__VA_ARGS__, KIND_GAUGE)
#define HISTOGRAM(...) COUNTER_ROW(__VA_ARGS__, KIND_HISTOGRAM)

#include COUNTERS_DEF

#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef COUNTER_ROW
#undef COUNTERS_ROWS
#undef COUNTERS_DEF

#endif

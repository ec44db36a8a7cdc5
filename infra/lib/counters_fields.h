/* SPDX-License-Identifier: MIT */
/* Counter rows as fields; see counters.h. Meant to be included again. */
#define COUNTER(field, name, labels, sentence) struct counter field;
#define GAUGE(field, name, labels, sentence) struct counter field;
#define HISTOGRAM(field, name, labels, sentence) struct counter field;

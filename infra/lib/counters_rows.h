/* SPDX-License-Identifier: MIT */
/* Counter rows as initialisers; see counters.h. Meant to be included again. */
#define COUNTER(field, name, labels, sentence)                                 \
	.field = { name, labels, sentence, KIND_COUNTER, 0, { 0 } },
#define GAUGE(field, name, labels, sentence)                                   \
	.field = { name, labels, sentence, KIND_GAUGE, 0, { 0 } },
#define HISTOGRAM(field, name, labels, sentence)                               \
	.field = { name, labels, sentence, KIND_HISTOGRAM, 0, { 0 } },

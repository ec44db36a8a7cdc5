/* SPDX-License-Identifier: MIT */
/*
 * Latency: from the time at which an order should have been sent to the time
 * at which its fact is seen. The sender keeps to its times whatever the system
 * does, so a system that stalls pays for every order that waits meanwhile.
 */
#ifndef PROBE_LATENCY_H
#define PROBE_LATENCY_H

#include <stdint.h>

enum { PROBE_PARTITIONS_MAX = 256 };
enum probe_outcome { PROBE_E_USAGE = 1, PROBE_E_SILENT };

struct latency_params {
	const char *brokers;
	const char *orders, *picks; /* topics, of so many partitions each: */
	int32_t n_partitions;
	int64_t rate;    /* orders a second */
	int64_t seconds; /* that count; WARM_S more come first */
};

/* Sends, waits for the facts, prints an object of JSON: how many orders count,
 * how many of them have no fact, and percentiles in milliseconds. */
int latency_measure(const struct latency_params *params);

/* The floor: each order's key and value again, on the topic of the facts, at
 * once. Prints a line when it reads. Does not return. */
int latency_echo(const struct latency_params *params);

#endif

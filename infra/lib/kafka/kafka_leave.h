/* SPDX-License-Identifier: MIT */
/*
 * Kafka leave: a static member leaves its group for good.
 *
 * A static member that ends stays a member until its session times out, so
 * that it may come back; nobody reads its partitions meanwhile. Who knows that
 * it does not come back says so. The client library has no call for that, so
 * this speaks to the brokers itself: FindCoordinator 0 and LeaveGroup 3, in
 * plain text.
 */
#ifndef LIB_KAFKA_LEAVE_H
#define LIB_KAFKA_LEAVE_H

#include <stdint.h>

enum kafka_leave_outcome {
	KAFKA_LEAVE_E_AWAY = 1, /* no broker answers */
	KAFKA_LEAVE_E_REFUSED,  /* or there is no such member */
};

struct kafka_leave {
	const char *brokers; /* host:port with commas between */
	const char *group, *instance_id;
	int64_t timeout_ms; /* of all of it, but for names that are looked up */
};

/* Waits. */
int kafka_leave(const struct kafka_leave *leave);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Kafka admin: how topics are, making them, their settings, their ends; on
 * librdkafka. Every call waits for the brokers until its deadline.
 *
 * Only the functions that say so in their name delete something.
 * One thread uses a handle.
 */
#ifndef LIB_KAFKA_ADMIN_H
#define LIB_KAFKA_ADMIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "infra/lib/cleanup.h"

enum kafka_admin_outcome {
	KAFKA_ADMIN_E_AWAY = 1, /* no answer from the brokers in time */
	KAFKA_ADMIN_E_REFUSED,  /* they said no: kafka_admin_error() */
	KAFKA_ADMIN_E_OPEN, /* they keep no ACLs: everybody may everything */
};

struct kafka_admin;

int kafka_admin_new(struct kafka_admin **ret, const char *brokers,
		    const char *client_id, int64_t timeout_ms);
struct kafka_admin *kafka_admin_free(struct kafka_admin *admin);
DEFINE_CLEANUP(struct kafka_admin, kafka_admin_free);

/* For the calls from here on. */
void kafka_admin_timeout(struct kafka_admin *admin, int64_t timeout_ms);

/* Of the last call that failed; one line. */
const char *kafka_admin_error(const struct kafka_admin *admin);

struct kafka_setting {
	char name[128];
	char value[256];
	bool own; /* set on the topic itself, not a default */
};

struct kafka_topic {
	bool there;
	int32_t n_partitions;
	int32_t n_replicas; /* of partition 0 */
	struct kafka_setting *settings;
	size_t n_settings;
};

/* How @topic is; @ret->there is false when it is not. */
int kafka_admin_topic(struct kafka_admin *admin, const char *topic,
		      struct kafka_topic *ret);
void kafka_topic_deinit(struct kafka_topic *topic);
/* NULL: the brokers did not name it. */
const struct kafka_setting *kafka_topic_setting(const struct kafka_topic *topic,
						const char *name);

struct kafka_new_topic {
	const char *name;
	int32_t n_partitions;
	int32_t n_replicas;          /* -1: as the brokers do */
	const char *const *settings; /* name, value, ..., NULL */
};

/*
 * Makes a topic, and returns when its partitions have leaders. One that is
 * there already is as good as made.
 */
int kafka_admin_create(struct kafka_admin *admin,
		       const struct kafka_new_topic *topic);

/*
 * Sets some of a topic's own settings (name, value, ..., NULL); the others
 * stay. The brokers only take all of them at once: what somebody else sets at
 * the same moment may be lost.
 */
int kafka_admin_alter(struct kafka_admin *admin, const char *topic,
		      const char *const *settings);

/* Deletes a topic, or a group without members; one that is not there is as good
 * as deleted. The caller knows that nobody else needs it. */
int kafka_admin_delete(struct kafka_admin *admin, const char *topic);
int kafka_admin_delete_group(struct kafka_admin *admin, const char *group);

/* What a principal ("User:shadow") may do; brokers with ACLs refuse the rest.
 * KAFKA_ADMIN_E_OPEN: there are none. */
struct kafka_acl {
	const char *topic, *group; /* one of them */
	bool write;                /* else it reads */
};
int kafka_admin_allow(struct kafka_admin *admin, const char *principal,
		      const struct kafka_acl *acls, size_t n_acls);
int kafka_admin_delete_acls(struct kafka_admin *admin, const char *principal);

/* How many partitions it has; 0: there is no such topic. */
int kafka_admin_partitions(struct kafka_admin *admin, const char *topic,
			   int32_t *ret);

/* Of each of the first @n_partitions: the offset after the last record, and
 * that of the first one that is still there. */
int kafka_admin_ends(struct kafka_admin *admin, const char *topic,
		     int32_t n_partitions, int64_t *ret);
int kafka_admin_begins(struct kafka_admin *admin, const char *topic,
		       int32_t n_partitions, int64_t *ret);

#endif

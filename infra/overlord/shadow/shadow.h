/* SPDX-License-Identifier: MIT */
/*
 * Shadow: what a candidate version works on that must change nothing: a schema
 * and a role of its own in the same database, and topics of its own.
 *
 * The schema has the service's tables, filled at one cut: a next_offset for
 * each partition, and the state that the records before these have made. Every
 * row of an order or of a change of stock says where its record stands, so
 * only stock, positions and the newest rows are read in one snapshot. The rest
 * is copied in short transactions; what was decided behind the cut is left out
 * or undone.
 *
 * Each function says on stderr why it failed. Main thread.
 */
#ifndef OVERLORD_SHADOW_H
#define OVERLORD_SHADOW_H

#include "infra/overlord/verb.h"

/* In sql.def, too. */
#define SHADOW_SERVICE "chillybin"
#define SHADOW_SCHEMA "shadow_green"
#define SHADOW_COLOUR "green"
#define SHADOW_SUFFIX ".shadow"
/* Whom brokers with ACLs know the candidate as. */
#define SHADOW_PRINCIPAL "User:shadow"

struct shadow {
	struct verb *verb;
	struct kafka_admin *admin;
	/* How it is now. */
	bool schema, role_is_there;
	char role[64];         /* of this database's shadow */
	char role_quoted[132]; /* the same, as SQL writes it */
	char group[TOPIC_NAME_BYTES + 32];
	char topics[N_TOPICS][TOPIC_NAME_BYTES]; /* "": not the service's */
	bool topic_is_there[N_TOPICS];
	char inputs[N_TOPICS][TOPIC_NAME_BYTES]; /* that it reads; the same */
	/* What a start is given. */
	char program[4096];
};

/* Connects to the database, and looks. */
int shadow_open(struct shadow *ret, struct verb *verb);
/* VERB_E_FAILED: there is no shadow. */
int shadow_need(const struct shadow *shadow);
/* Connects to the brokers, and looks. */
int shadow_open_topics(struct shadow *shadow);
void shadow_close(struct shadow *shadow);

/* ---- making it, in this order ---- */

/* The migrations, and the tables of the shadow alone. */
int shadow_make_schema(struct shadow *shadow);
/* A role that may write in that schema and nowhere else; it is looked whether
 * that is so. */
int shadow_make_role(struct shadow *shadow);
int shadow_make_topic(struct shadow *shadow, enum topic_id id);
/* It reads what the service reads, and writes its own topics. */
int shadow_allow(struct shadow *shadow);
int shadow_disallow(struct shadow *shadow);
int shadow_copy(struct shadow *shadow);
/* Its second part: what was decided before the cut, once that is set. */
int shadow_copy_before(struct shadow *shadow);

/* ---- using it ---- */

/* Becomes the candidate, with the environment of the shadow. Returns only when
 * that failed. */
int shadow_run(struct shadow *shadow);

#endif

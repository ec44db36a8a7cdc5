/* SPDX-License-Identifier: MIT */
/*
 * Poison: records that nobody can act on, of several sorts. Pure.
 *
 * Each begins as a right order and is then spoiled in one way.
 */
#ifndef STAMPEDE_POISON_H
#define STAMPEDE_POISON_H

#include "schemas/msgpack/writer.h"

enum poison {
	POISON_NOT_MSGPACK,     /* bytes that are no msgpack */
	POISON_TRUNCATED,       /* the right beginning, cut off */
	POISON_CONTRACT,        /* msgpack, but not an order */
	POISON_HUGE_COUNT,      /* a container that says it is enormous */
	POISON_UNKNOWN_VERSION, /* schema-version 99 */
	POISON_UNKNOWN_TYPE,    /* galore.order.eaten */
	N_POISONS,
};

/* "not-msgpack", "truncated", ... */
const char *poison_name(enum poison poison);

/* Spoils the body in @writer, if that is what the sort does. */
void poison_body(enum poison poison, struct msgpack_writer *writer);

/* The value that header @name gets instead; NULL: it stays. */
const char *poison_header(enum poison poison, const char *name);

#endif

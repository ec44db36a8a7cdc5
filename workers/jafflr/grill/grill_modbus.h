/* SPDX-License-Identifier: MIT */
/*
 * Grill modbus: a grill behind Modbus TCP.
 *
 * Connects when it is first called, and anew at the call after a failure, but
 * not before a pause that grows to a second: until then calls answer
 * GRILL_E_AWAY at once. A connection is believed only after the grill has
 * named itself as one that speaks our register map, so that a wrong address
 * or unit is never written to. A connection on which an answer has not come
 * in time is closed: a late answer never counts as the next one's.
 */
#ifndef JAFFLR_GRILL_MODBUS_H
#define JAFFLR_GRILL_MODBUS_H

#include <stdint.h>

#include "infra/lib/cleanup.h"
#include "workers/jafflr/grill/grill.h"

struct grill_modbus_params {
	const char *address; /* "host:port" */
	int unit;            /* 0 to 247, or 255 */
	int64_t connect_ms;  /* for each address that the host has */
	int64_t answer_ms;   /* for a whole answer, from its request */
};

struct grill_modbus;

enum grill_modbus_outcome { GRILL_MODBUS_E_PARAMS = 1 };

/* Copies @params. GRILL_MODBUS_E_PARAMS: one of them is out of bounds. */
int grill_modbus_new(struct grill_modbus **ret,
		     const struct grill_modbus_params *params);
struct grill_modbus *grill_modbus_free(struct grill_modbus *grill);
DEFINE_CLEANUP(struct grill_modbus, grill_modbus_free);

/* The functions; their arg is the struct grill_modbus. */
extern const struct grill_ops grill_modbus_ops;

#endif

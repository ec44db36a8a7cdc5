/* SPDX-License-Identifier: MIT */
/*
 * Request: what a client asks of the plates, out of its bytes. Pure.
 *
 * Addresses are an allow-list, and every length is checked against every
 * other. libmodbus does neither: modbus_receive() derives a length from the
 * function alone and waits for the rest of a frame, and modbus_reply() answers
 * any address of its mapping and sleeps after a wrong length.
 *
 *	0x0000 + 16 * plate	status of a plate: read (function 3)
 *	0x1000 + 16 * plate	command to a plate: written (function 16), all
 *				13 registers at once and nothing else
 *	0x2000			identity: read (function 3)
 *
 * Numbers of 32 bits are two registers, the high one first.
 */
#ifndef GRILLSIM_REQUEST_H
#define GRILLSIM_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "infra/grillsim/plate.h"

enum {
	AT_STATUS = 0x0000,
	AT_COMMAND = 0x1000,
	AT_IDENTITY = 0x2000,
	BLOCK = 16,
	REGISTERS_N = AT_IDENTITY + BLOCK,
};

enum {
	STATUS_STATE = 0,
	STATUS_FLAGS = 1,
	STATUS_TOKEN = 2,
	STATUS_BOOT = 4,
	STATUS_JOB = 6,
	STATUS_LEFT_MS = 14,
};

enum {
	COMMAND_TOKEN = 0,
	COMMAND_JOB = 2,
	COMMAND_TIME_MS = 10,
	COMMAND_VERB = 12,
	COMMAND_N = 13,
};

enum {
	IDENTITY_MAGIC = 0,
	IDENTITY_VERSION = 1,
	IDENTITY_PLATES = 2,
	IDENTITY_N = 3,
};

enum {
	FLAG_FENCES = 1,
	VERB_FENCE = 1,
	VERB_START = 2,
	MAGIC = 0x7467,
	MAP_VERSION = 1,
};

enum { REQUEST_MAX_BYTES = 260 };

enum request_kind {
	REQUEST_STATUS,
	REQUEST_IDENTITY,
	REQUEST_COMMAND,
	REQUEST_REFUSED,
};

struct request {
	enum request_kind kind;
	size_t n_bytes; /* of the whole frame */
	int first_plate;
	int last_plate;
	int exception; /* of a refused one */
	/* Of a command. */
	uint16_t verb;
	uint32_t token;
	struct job job;
	uint32_t time_ms;
};

enum request_outcome {
	REQUEST_E_MORE = 1, /* it is not whole yet */
	REQUEST_E_BROKEN,   /* no Modbus TCP: nothing after it has a meaning */
};

/* For unit @unit with so many plates. */
int request_parse(struct request *ret, const uint8_t *p, size_t n, int unit,
		  int n_plates);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Grill registers: the holding registers of a grill, as the worker sees them.
 *
 * The map is a contract on the writer, published in infra/grillsim/README.md;
 *the simulator has its own copy, and grill_modbus_test.c runs this one against
 * it. What is not in this list is never read or written.
 *
 *	0x0000 + 16 * plate	status of a plate, read by function 3
 *	0x1000 + 16 * plate	command to a plate, written by function 16,
 *				all of it at once
 *	0x2000			identity of the grill, read by function 3
 *
 * Numbers of 32 bits are two registers, the high one first.
 */
#ifndef JAFFLR_GRILL_REGISTERS_H
#define JAFFLR_GRILL_REGISTERS_H

enum {
	GRILL_AT_STATUS = 0x0000,
	GRILL_AT_COMMAND = 0x1000,
	GRILL_AT_IDENTITY = 0x2000,
	GRILL_BLOCK = 16, /* registers from one plate to the next */
};

enum {
	GRILL_STATUS_STATE = 0,
	GRILL_STATUS_FLAGS = 1,
	GRILL_STATUS_TOKEN = 2,
	GRILL_STATUS_BOOT = 4,
	GRILL_STATUS_JOB = 6,
	GRILL_STATUS_LEFT_MS = 14,
	GRILL_STATUS_N = 16,
};

enum {
	GRILL_COMMAND_TOKEN = 0,
	GRILL_COMMAND_JOB = 2,
	GRILL_COMMAND_TIME_MS = 10,
	GRILL_COMMAND_VERB = 12,
	GRILL_COMMAND_N = 13,
};

enum {
	GRILL_IDENTITY_MAGIC = 0,
	GRILL_IDENTITY_VERSION = 1,
	GRILL_IDENTITY_PLATES = 2,
	GRILL_IDENTITY_N = 3,
};

enum {
	GRILL_FLAG_FENCES = 1,
	GRILL_VERB_FENCE = 1,
	GRILL_VERB_START = 2,
	GRILL_MAGIC = 0x7467, /* "tg" */
	GRILL_MAP_VERSION = 1,
};

#endif

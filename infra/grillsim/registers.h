/* SPDX-License-Identifier: MIT */
/*
 * Registers: the holding registers of this grill, as README.md tells them.
 *
 *	0x0000 + 16 * plate	status of a plate: read (function 3)
 *	0x1000 + 16 * plate	command to a plate: written (function 16), all
 *				13 registers at once and nothing else
 *	0x2000			identity: read (function 3)
 *
 * Numbers of 32 bits are two registers, the high one first.
 */
#ifndef GRILLSIM_REGISTERS_H
#define GRILLSIM_REGISTERS_H

enum {
	AT_STATUS = 0x0000,
	AT_COMMAND = 0x1000,
	AT_IDENTITY = 0x2000,
	BLOCK = 16,
	PLATES_MAX = 256,
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

#endif

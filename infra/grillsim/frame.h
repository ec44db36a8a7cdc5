/* SPDX-License-Identifier: MIT */
/*
 * Frame: one Modbus TCP request out of a client's bytes. Pure.
 *
 * Only what this grill serves passes, with every length checked against every
 * other, before libmodbus is given the bytes to answer them.
 */
#ifndef GRILLSIM_FRAME_H
#define GRILLSIM_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAX_BYTES = 260, FRAME_WRITE_MAX = 123, FRAME_READ_MAX = 125 };

enum frame_kind { FRAME_READ, FRAME_WRITE, FRAME_REFUSED };

struct frame {
	enum frame_kind kind;
	size_t n_bytes; /* of the whole frame */
	int unit;
	int address;
	int n_registers;
	uint16_t registers[FRAME_WRITE_MAX]; /* of a write */
	int exception;                       /* of a refused one */
};

enum frame_outcome {
	FRAME_E_MORE = 1, /* it is not whole yet */
	FRAME_E_BROKEN,   /* no Modbus TCP: nothing after it has a meaning */
};

int frame_parse(struct frame *ret, const uint8_t *p, size_t n);

#endif

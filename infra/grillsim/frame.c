/* SPDX-License-Identifier: MIT */
/*
 * Frame: a request of function 3 or 16, strictly. Pure.
 *
 *	0  2  transaction	6  1  unit
 *	2  2  protocol, 0	7  1  function
 *	4  2  bytes from here	8  .. what the function has
 */
#include "infra/grillsim/frame.h"

#include <modbus.h>
#include <string.h>

#define HEADER_BYTES 8
#define BEFORE_LENGTH_BYTES 6
#define READ_BYTES 12
#define WRITE_HEADER_BYTES 13

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void refuse(struct frame *frame, int exception)
{
	frame->kind = FRAME_REFUSED;
	frame->exception = exception;
}

static void parse_read(struct frame *frame, const uint8_t *p)
{
	if (frame->n_bytes != READ_BYTES) {
		refuse(frame, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
		return;
	}
	frame->kind = FRAME_READ;
	frame->address = get_u16(p + 8);
	frame->n_registers = get_u16(p + 10);
	if (frame->n_registers < 1 || frame->n_registers > FRAME_READ_MAX)
		refuse(frame, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
}

static void parse_write(struct frame *frame, const uint8_t *p)
{
	int n;

	if (frame->n_bytes < WRITE_HEADER_BYTES) {
		refuse(frame, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
		return;
	}
	n = get_u16(p + 10);
	if (n < 1 || n > FRAME_WRITE_MAX || p[12] != 2 * n ||
	    frame->n_bytes != WRITE_HEADER_BYTES + 2 * (size_t)n) {
		refuse(frame, MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
		return;
	}
	frame->kind = FRAME_WRITE;
	frame->address = get_u16(p + 8);
	frame->n_registers = n;
	for (int i = 0; i < n; i++)
		frame->registers[i] = get_u16(p + WRITE_HEADER_BYTES + 2 * i);
}

int frame_parse(struct frame *ret, const uint8_t *p, size_t n)
{
	struct frame frame = { 0 };

	if (n < BEFORE_LENGTH_BYTES)
		return FRAME_E_MORE;
	frame.n_bytes = BEFORE_LENGTH_BYTES + (size_t)get_u16(p + 4);
	if (get_u16(p + 2) || frame.n_bytes < HEADER_BYTES ||
	    frame.n_bytes > FRAME_MAX_BYTES)
		return FRAME_E_BROKEN;
	if (n < frame.n_bytes)
		return FRAME_E_MORE;
	frame.unit = p[6];
	switch (p[7]) {
	case MODBUS_FC_READ_HOLDING_REGISTERS:
		parse_read(&frame, p);
		break;
	case MODBUS_FC_WRITE_MULTIPLE_REGISTERS:
		parse_write(&frame, p);
		break;
	default:
		refuse(&frame, MODBUS_EXCEPTION_ILLEGAL_FUNCTION);
		break;
	}
	*ret = frame;
	return 0;
}

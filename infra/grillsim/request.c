/* SPDX-License-Identifier: MIT */
/*
 * Request: a frame of function 3 or 16, strictly. Pure.
 *
 *	0  2  transaction	6  1  unit
 *	2  2  protocol, 0	7  1  function
 *	4  2  bytes from here	8  2  address, 2 registers; of a write 1 bytes,
 *				      and the registers
 */
#include "infra/grillsim/request.h"

#include <modbus.h>
#include <string.h>

#define HEADER_BYTES 8
#define BEFORE_LENGTH_BYTES 6
#define READ_BYTES 12
#define WRITE_HEADER_BYTES 13

static uint16_t get_u16(const uint8_t *p)
{
	return (uint16_t)MODBUS_GET_INT16_FROM_INT8(p, 0);
}

static uint32_t get_u32(const uint8_t *p)
{
	return (uint32_t)get_u16(p) << 16 | get_u16(p + 2);
}

/* Each of these returns an exception, 0 for none. */

static int parse_read(struct request *request, const uint8_t *p, int n_plates)
{
	int address, n, last;

	if (request->n_bytes != READ_BYTES)
		return MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE;
	address = get_u16(p + 8);
	n = get_u16(p + 10);
	if (n < 1 || n > MODBUS_MAX_READ_REGISTERS)
		return MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE;
	if (address >= AT_IDENTITY && address + n <= AT_IDENTITY + IDENTITY_N) {
		request->kind = REQUEST_IDENTITY;
		return 0;
	}
	last = (address - AT_STATUS + n - 1) / BLOCK;
	if (last >= n_plates)
		return MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS;
	request->kind = REQUEST_STATUS;
	request->first_plate = (address - AT_STATUS) / BLOCK;
	request->last_plate = last;
	return 0;
}

static int parse_write(struct request *request, const uint8_t *p, int n_plates)
{
	int at, n;

	if (request->n_bytes < WRITE_HEADER_BYTES)
		return MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE;
	n = get_u16(p + 10);
	if (n < 1 || n > MODBUS_MAX_WRITE_REGISTERS || p[12] != 2 * n ||
	    request->n_bytes != WRITE_HEADER_BYTES + 2 * (size_t)n)
		return MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE;
	at = get_u16(p + 8) - AT_COMMAND;
	if (at < 0 || at % BLOCK || at / BLOCK >= n_plates || n != COMMAND_N)
		return MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS;
	request->kind = REQUEST_COMMAND;
	request->first_plate = at / BLOCK;
	request->last_plate = at / BLOCK;
	p += WRITE_HEADER_BYTES;
	request->token = get_u32(p + 2 * COMMAND_TOKEN);
	memcpy(&request->job, p + 2 * COMMAND_JOB, sizeof(request->job));
	request->time_ms = get_u32(p + 2 * COMMAND_TIME_MS);
	request->verb = get_u16(p + 2 * COMMAND_VERB);
	return 0;
}

static int parse_function(struct request *request, const uint8_t *p,
			  int n_plates)
{
	switch (p[7]) {
	case MODBUS_FC_READ_HOLDING_REGISTERS:
		return parse_read(request, p, n_plates);
	case MODBUS_FC_WRITE_MULTIPLE_REGISTERS:
		return parse_write(request, p, n_plates);
	default:
		return MODBUS_EXCEPTION_ILLEGAL_FUNCTION;
	}
}

int request_parse(struct request *ret, const uint8_t *p, size_t n, int unit,
		  int n_plates)
{
	struct request request = { 0 };

	if (n < BEFORE_LENGTH_BYTES)
		return REQUEST_E_MORE;
	request.n_bytes = BEFORE_LENGTH_BYTES + (size_t)get_u16(p + 4);
	if (get_u16(p + 2) || request.n_bytes < HEADER_BYTES ||
	    request.n_bytes > REQUEST_MAX_BYTES)
		return REQUEST_E_BROKEN;
	if (n < request.n_bytes)
		return REQUEST_E_MORE;
	request.exception = p[6] == unit ? parse_function(&request, p, n_plates)
					 : MODBUS_EXCEPTION_GATEWAY_TARGET;
	if (request.exception)
		request.kind = REQUEST_REFUSED;
	*ret = request;
	return 0;
}

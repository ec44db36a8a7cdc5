/* SPDX-License-Identifier: MIT */
/*
 * Grill modbus: the grill's functions over Modbus TCP, by libmodbus.
 *
 * Invariants: one request is in flight at a time, and a connection lives only
 * as long as every request on it has had its own whole answer; a write is one
 * frame and is never sent twice by this file; the only registers touched are
 * those listed below, for plates that the grill has said it has.
 *
 * libmodbus says a failed send from a lost answer by nothing, so whatever
 * goes wrong with a write is GRILL_E_UNKNOWN unless the grill itself said no.
 * One thread per grill.
 */
#include "workers/jafflr/grill/grill_modbus.h"

#include <assert.h>
#include <errno.h>
#include <modbus.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "infra/lib/clock.h"
#include "infra/lib/text/text.h"
#include "infra/lib/xalloc.h"

#define GRILL_MODBUS_MAGIC 0x6772696cu
/* From 0, which is the device at the address itself, as 255 is; the numbers
 * between are reserved. */
#define UNIT_MAX 247
#define DEADLINE_MAX_MS 60000
#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 1000
#define HOST_MAX 64
#define PORT_MAX 6

/*
 * The holding registers of a grill. The map is a contract on the wire,
 *described in infra/grillsim/README.md; the simulator has its own copy, and
 * grill_modbus_test.c runs this one against it. What is not in this list is
 * never read or written.
 *
 *	0x0000 + 16 * plate	status of a plate, read by function 3
 *	0x1000 + 16 * plate	command to a plate, written by function 16,
 *				all of it at once
 *	0x2000			identity of the grill, read by function 3
 *
 * Numbers of 32 bits are two registers, the high one first.
 */
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

_Static_assert(GRILL_PLATES_A_READ *GRILL_BLOCK <= MODBUS_MAX_READ_REGISTERS,
	       "what one request reads is bounded by the protocol");

struct grill_modbus {
	uint32_t magic;
	char host[HOST_MAX];
	char port[PORT_MAX];
	int unit;
	int64_t connect_ms;
	int64_t answer_ms;
	modbus_t *modbus; /* NULL: not connected */
	int n_plates;     /* by its own word, while connected */
	int64_t pause_ms; /* after the last failure to connect */
	int64_t retry_at_ms;
};

static struct grill_modbus *grill_of(void *arg)
{
	struct grill_modbus *grill = arg;

	assert(grill && grill->magic == GRILL_MODBUS_MAGIC);
	return grill;
}

static void put_u32(uint16_t *registers, uint32_t value)
{
	registers[0] = (uint16_t)(value >> 16);
	registers[1] = (uint16_t)(value & UINT16_MAX);
}

static uint32_t get_u32(const uint16_t *registers)
{
	return (uint32_t)registers[0] << 16 | registers[1];
}

static void put_job(uint16_t *registers, const uint8_t job[GRILL_JOB_BYTES])
{
	for (int i = 0; i < GRILL_JOB_BYTES / 2; i++)
		registers[i] = (uint16_t)(job[2 * i] << 8 | job[2 * i + 1]);
}

static void get_job(uint8_t job[GRILL_JOB_BYTES], const uint16_t *registers)
{
	for (int i = 0; i < GRILL_JOB_BYTES / 2; i++) {
		job[2 * i] = (uint8_t)(registers[i] >> 8);
		job[2 * i + 1] = (uint8_t)(registers[i] & UINT8_MAX);
	}
}

/* ---- connection ---- */

static void hang_up(struct grill_modbus *grill)
{
	if (!grill->modbus)
		return;
	modbus_close(grill->modbus);
	modbus_free(grill->modbus);
	grill->modbus = NULL;
	grill->n_plates = 0;
}

static void set_deadline(modbus_t *modbus, int64_t ms)
{
	/* Without a deadline a byte, this one is for the whole answer. */
	(void)modbus_set_byte_timeout(modbus, 0, 0);
	(void)modbus_set_response_timeout(modbus, (uint32_t)(ms / 1000),
					  (uint32_t)(ms % 1000 * 1000));
}

/* True if it is a grill with our map; how many plates it has is kept. */
static bool names_itself(struct grill_modbus *grill)
{
	uint16_t id[GRILL_IDENTITY_N];
	int n = modbus_read_registers(grill->modbus, GRILL_AT_IDENTITY,
				      GRILL_IDENTITY_N, id);

	if (n != GRILL_IDENTITY_N || id[GRILL_IDENTITY_MAGIC] != GRILL_MAGIC ||
	    id[GRILL_IDENTITY_VERSION] != GRILL_MAP_VERSION ||
	    id[GRILL_IDENTITY_PLATES] > GRILL_PLATES_MAX)
		return false;
	grill->n_plates = id[GRILL_IDENTITY_PLATES];
	return true;
}

static bool dial(struct grill_modbus *grill)
{
	grill->modbus =
		xalloc_check(modbus_new_tcp_pi(grill->host, grill->port));
	if (modbus_set_slave(grill->modbus, grill->unit))
		return false;
	set_deadline(grill->modbus, grill->connect_ms);
	if (modbus_connect(grill->modbus))
		return false;
	set_deadline(grill->modbus, grill->answer_ms);
	return names_itself(grill);
}

/*
 * Between two requests nothing may come: bytes then are an answer to no
 * question, and an end means that the grill has let go.
 */
static bool is_quiet(const struct grill_modbus *grill)
{
	char byte;
	ssize_t n = recv(modbus_get_socket(grill->modbus), &byte, 1,
			 MSG_PEEK | MSG_DONTWAIT);

	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

static int reach(struct grill_modbus *grill)
{
	if (grill->modbus && is_quiet(grill))
		return 0;
	hang_up(grill);
	if (clock_now_ms() < grill->retry_at_ms)
		return GRILL_E_AWAY;
	if (dial(grill)) {
		grill->pause_ms = 0;
		grill->retry_at_ms = 0;
		return 0;
	}
	hang_up(grill);
	grill->pause_ms = grill->pause_ms ? grill->pause_ms * 2 : PAUSE_MIN_MS;
	if (grill->pause_ms > PAUSE_MAX_MS)
		grill->pause_ms = PAUSE_MAX_MS;
	grill->retry_at_ms = clock_now_ms() + grill->pause_ms;
	return GRILL_E_AWAY;
}

/* ---- requests ---- */

/*
 * What a failed request leaves us with. An exception is a whole answer, so
 * the connection is as good as before; but only some of them say that nothing
 * was done. "Device failure", "acknowledge" and a gateway's "no response" do
 * not.
 */
static int outcome_of(struct grill_modbus *grill, int error)
{
	switch (error) {
	case EMBXILFUN:
	case EMBXILADD:
	case EMBXILVAL:
	case EMBXSBUSY:
	case EMBXGPATH:
		return GRILL_E_REFUSED;
	case EMBXSFAIL:
	case EMBXACK:
	case EMBXNACK:
	case EMBXMEMPAR:
	case EMBXGTAR:
		return GRILL_E_UNKNOWN;
	default:
		hang_up(grill);
		return GRILL_E_UNKNOWN;
	}
}

static enum grill_plate_state state_of(uint16_t value)
{
	switch (value) {
	case GRILL_IDLE:
	case GRILL_HEATING:
	case GRILL_DONE:
		return (enum grill_plate_state)value;
	default:
		return GRILL_FAULT;
	}
}

static void report_of(struct grill_report *ret, const uint16_t *status)
{
	*ret = (struct grill_report){
		.state = state_of(status[GRILL_STATUS_STATE]),
		.fences = status[GRILL_STATUS_FLAGS] & GRILL_FLAG_FENCES,
		.token = get_u32(status + GRILL_STATUS_TOKEN),
		.boot = get_u32(status + GRILL_STATUS_BOOT),
		.left_ms = get_u32(status + GRILL_STATUS_LEFT_MS),
	};
	get_job(ret->job, status + GRILL_STATUS_JOB);
}

/* At most GRILL_PLATES_A_READ of them. */
static int read_some(struct grill_modbus *grill, int first, int n,
		     struct grill_report *ret)
{
	uint16_t status[MODBUS_MAX_READ_REGISTERS];

	if (modbus_read_registers(grill->modbus,
				  GRILL_AT_STATUS + first * GRILL_BLOCK,
				  n * GRILL_BLOCK, status) != n * GRILL_BLOCK)
		return outcome_of(grill, errno);
	for (int i = 0; i < n; i++)
		report_of(&ret[i], status + (size_t)i * GRILL_BLOCK);
	return 0;
}

static int grill_read(void *arg, int first_plate, int n_plates,
		      struct grill_report *ret)
{
	struct grill_modbus *grill = grill_of(arg);
	struct grill_report reports[GRILL_PLATES_MAX];
	int n;
	int r;

	if (first_plate < 0 || n_plates < 1 || n_plates > GRILL_PLATES_MAX ||
	    first_plate > GRILL_PLATES_MAX - n_plates)
		return -EINVAL;
	r = reach(grill);
	if (!r && first_plate + n_plates > grill->n_plates)
		return GRILL_E_REFUSED;
	for (int i = 0; !r && i < n_plates; i += n) {
		n = n_plates - i;
		if (n > GRILL_PLATES_A_READ)
			n = GRILL_PLATES_A_READ;
		r = read_some(grill, first_plate + i, n, reports + i);
	}
	if (!r)
		memcpy(ret, reports, (size_t)n_plates * sizeof(*ret));
	return r;
}

/* The only place that writes: a plate's whole command block, in one frame. */
static int command(struct grill_modbus *grill, int plate,
		   const uint16_t registers[GRILL_COMMAND_N])
{
	int r;

	if (plate < 0 || plate >= GRILL_PLATES_MAX)
		return -EINVAL;
	r = reach(grill);
	if (r)
		return r;
	if (plate >= grill->n_plates)
		return GRILL_E_REFUSED;
	if (modbus_write_registers(
		    grill->modbus, GRILL_AT_COMMAND + plate * GRILL_BLOCK,
		    GRILL_COMMAND_N, registers) != GRILL_COMMAND_N)
		return outcome_of(grill, errno);
	return 0;
}

static int grill_fence(void *arg, int plate, uint32_t token)
{
	uint16_t registers[GRILL_COMMAND_N] = {
		[GRILL_COMMAND_VERB] = GRILL_VERB_FENCE,
	};

	put_u32(registers + GRILL_COMMAND_TOKEN, token);
	return command(grill_of(arg), plate, registers);
}

static int grill_start(void *arg, const struct grill_start *start)
{
	uint16_t registers[GRILL_COMMAND_N] = {
		[GRILL_COMMAND_VERB] = GRILL_VERB_START,
	};

	if (start->time_ms < 1 || start->time_ms > GRILL_TIME_MAX_MS)
		return -EINVAL;
	put_u32(registers + GRILL_COMMAND_TOKEN, start->token);
	put_job(registers + GRILL_COMMAND_JOB, start->job);
	put_u32(registers + GRILL_COMMAND_TIME_MS, (uint32_t)start->time_ms);
	return command(grill_of(arg), start->plate, registers);
}

static void grill_close(void *arg)
{
	hang_up(grill_of(arg));
}

const struct grill_ops grill_modbus_ops = {
	.read = grill_read,
	.fence = grill_fence,
	.start = grill_start,
	.close = grill_close,
};

/* ---- life ---- */

static bool is_unit(int unit)
{
	return (unit >= 0 && unit <= UNIT_MAX) || unit == MODBUS_TCP_SLAVE;
}

static bool is_deadline(int64_t ms)
{
	return ms >= 1 && ms <= DEADLINE_MAX_MS;
}

int grill_modbus_new(struct grill_modbus **ret,
		     const struct grill_modbus_params *params)
{
	struct grill_modbus *grill;
	char host[HOST_MAX];
	uint16_t port;

	if (!is_unit(params->unit) || !is_deadline(params->connect_ms) ||
	    !is_deadline(params->answer_ms) ||
	    text_host_port(params->address, host, &port) || !port)
		return GRILL_MODBUS_E_PARAMS;
	grill = xcalloc(1, sizeof(*grill));
	grill->magic = GRILL_MODBUS_MAGIC;
	memcpy(grill->host, host, sizeof(host));
	(void)snprintf(grill->port, sizeof(grill->port), "%u", port);
	grill->unit = params->unit;
	grill->connect_ms = params->connect_ms;
	grill->answer_ms = params->answer_ms;
	*ret = grill;
	return 0;
}

struct grill_modbus *grill_modbus_free(struct grill_modbus *grill)
{
	if (!grill)
		return NULL;
	hang_up(grill);
	grill->magic = 0;
	free(grill);
	return NULL;
}

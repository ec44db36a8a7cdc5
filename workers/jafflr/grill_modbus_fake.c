/* SPDX-License-Identifier: MIT */
/* Grill modbus fake: what a driver knows is which grill it speaks to. */
#include "workers/jafflr/grill_modbus_fake.h"

#include <stdio.h>

#include "infra/lib/xalloc.h"
#include "workers/jafflr/grill_modbus.h"

enum { SERVED_MAX = 8 };

struct grill_modbus {
	struct grill_fake *fake;
};

static struct grill_fake *served[SERVED_MAX];

void grill_modbus_fake_serve(int n, struct grill_fake *fake)
{
	served[n] = fake;
}

int grill_modbus_new(struct grill_modbus **ret,
		     const struct grill_modbus_params *params)
{
	int n;

	if (sscanf(params->address, "fake:%d", &n) != 1 || n < 0 ||
	    n >= SERVED_MAX || !served[n])
		return GRILL_MODBUS_E_PARAMS;
	*ret = xcalloc(1, sizeof(**ret));
	(*ret)->fake = served[n];
	return 0;
}

struct grill_modbus *grill_modbus_free(struct grill_modbus *grill)
{
	free(grill);
	return NULL;
}

static int fake_read(void *arg, int first_plate, int n_plates,
		     struct grill_report *ret)
{
	const struct grill_modbus *grill = arg;

	return grill_fake_ops.read(grill->fake, first_plate, n_plates, ret);
}

static int fake_fence(void *arg, int plate, uint32_t token)
{
	const struct grill_modbus *grill = arg;

	return grill_fake_ops.fence(grill->fake, plate, token);
}

static int fake_start(void *arg, const struct grill_start *start)
{
	const struct grill_modbus *grill = arg;

	return grill_fake_ops.start(grill->fake, start);
}

static void fake_close(void *arg)
{
	const struct grill_modbus *grill = arg;

	grill_fake_ops.close(grill->fake);
}

const struct grill_ops grill_modbus_ops = {
	.read = fake_read,
	.fence = fake_fence,
	.start = fake_start,
	.close = fake_close,
};

/* SPDX-License-Identifier: MIT */
/*
 * Grill modbus fake: grill_modbus.h without a network. Addresses lead to
 * grills in memory. For tests; linked in place of grill_modbus.c
 * (infra/dev/fakes.mk).
 */
#ifndef JAFFLR_GRILL_MODBUS_FAKE_H
#define JAFFLR_GRILL_MODBUS_FAKE_H

#include "workers/jafflr/grill_fake.h"

/* Who connects to "fake:@n" gets @fake, which several may use. Borrows it. */
void grill_modbus_fake_serve(int n, struct grill_fake *fake);

#endif

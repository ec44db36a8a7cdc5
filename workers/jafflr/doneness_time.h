/* SPDX-License-Identifier: MIT */
/* Doneness time: how long each doneness is grilled, from doneness.def. */
#ifndef JAFFLR_DONENESS_TIME_H
#define JAFFLR_DONENESS_TIME_H

#include <stdint.h>

#include "schemas/messages/choices.h"

static const int64_t doneness_time_ms[N_DONENESS] = {
#define DONENESS(name, ms, what) [DONENESS_##name] = ms,
#include "workers/jafflr/doneness.def"
#undef DONENESS
};

#endif

/* SPDX-License-Identifier: MIT */
#include "schemas/fuzz/fuzz.h"

FUZZ_MESSAGE(EVENT_ORDER_PLACED)

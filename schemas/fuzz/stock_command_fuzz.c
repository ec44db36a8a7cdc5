/* SPDX-License-Identifier: MIT */
#include "schemas/fuzz/fuzz.h"

FUZZ_MESSAGE(EVENT_STOCK_ADDED, EVENT_STOCK_COUNTED)

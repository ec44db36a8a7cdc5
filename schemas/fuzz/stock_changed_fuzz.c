/* SPDX-License-Identifier: MIT */
#include "schemas/messages/stock_changed.h"

#include "schemas/fuzz/fuzz.h"

FUZZ_MESSAGE(stock_changed, EVENT_STOCK_CHANGED)

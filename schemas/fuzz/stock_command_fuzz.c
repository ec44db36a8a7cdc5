/* SPDX-License-Identifier: MIT */
#include "schemas/messages/stock_command.h"

#include "schemas/fuzz/fuzz.h"

FUZZ_MESSAGE(stock_command, EVENT_STOCK_ADDED, EVENT_STOCK_COUNTED)

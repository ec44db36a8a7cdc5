/* SPDX-License-Identifier: MIT */
#include "schemas/messages/order_cancelled.h"

#include "schemas/fuzz/fuzz.h"

FUZZ_MESSAGE(order_cancelled, EVENT_ORDER_CANCELLED)

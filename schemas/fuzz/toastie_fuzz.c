/* SPDX-License-Identifier: MIT */
#include "schemas/messages/toastie.h"

#include "schemas/fuzz/fuzz.h"

FUZZ_MESSAGE(toastie, EVENT_TOASTIE)

/* SPDX-License-Identifier: MIT */
/* Version: the Makefile takes it from git. */
#include "infra/lib/version.h"

const char version_of_build[] = GALORE_VERSION;

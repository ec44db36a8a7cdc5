/* SPDX-License-Identifier: MIT */
/* Settings of every worker; the rows are in conf.def. */
#ifndef RUNTIME_CONF_H
#define RUNTIME_CONF_H

#include "infra/lib/conf.h"

/* clang-format off */
struct runtime_conf {
#include "infra/lib/conf_fields.h"
#include "workers/runtime/conf.def"
#include "infra/lib/conf_end.h"
};
/* clang-format on */

#endif

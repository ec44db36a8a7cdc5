/* SPDX-License-Identifier: MIT */
/*
 * Migrator file: one file of migrations, run in the transaction that is open.
 */
#ifndef OVERLORD_MIGRATOR_FILE_H
#define OVERLORD_MIGRATOR_FILE_H

#include <stdbool.h>

#include "infra/overlord/migrator.h"

/*
 * The session as a file finds it, in the schema, whatever was run before: what
 * a file has set, made for the session or opened is gone. PG_E_*.
 */
int migrator_file_session(const struct migrator *migrator, bool dry);

/*
 * Runs the file of the step, then begins the session afresh, and finds which
 * tables have gone. @new_enum: this transaction has added an enum's value
 * before. COMMAND_E_FAILED: said.
 */
int migrator_file_run(const struct migrator *migrator,
		      const struct migrator_step *step, bool new_enum,
		      struct migrator_done *ret);

#endif

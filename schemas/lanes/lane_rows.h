/* SPDX-License-Identifier: MIT */
/*
 * Lane rows: a service's lanes as rows of the database. A program that has a
 * session adds the statement to a message, and reads its rows.
 */
#ifndef SCHEMAS_LANE_ROWS_H
#define SCHEMAS_LANE_ROWS_H

#include "infra/lib/postgres/pg.h"
#include "schemas/lanes/lanes.h"

enum lane_rows_outcome {
	LANE_ROWS_E_TOO_MANY = 1, /* more than LANES_MAX */
};

/* Parameters: the service, and the colour whose lanes are `mine`. */
extern const struct pg_statement lane_rows;

/* The rows of statement @i of the last message. What @ret had is released;
 * { 0 } is an empty one. */
int lane_rows_read(const struct pg *pg, int i, struct lanes *ret);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Canary, automatic: `overlord canary SERVICE COLOUR --auto`. It looks each
 * second what the workers of both colours have counted (tally.h) and whether
 * the candidate's lanes move (lag_state.h), and does what the course says
 * (course.h) by the verbs canary, promote and abort. It stays in the
 * foreground; when it is ended, the lanes stay as they are.
 */
#ifndef CANARY_AUTO_H
#define CANARY_AUTO_H

#include "infra/overlord/verb.h"

int canary_auto(struct verb *verb);

#endif

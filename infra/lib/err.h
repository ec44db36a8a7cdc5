/* SPDX-License-Identifier: MIT */
/*
 * Err: what a function's int says.
 *
 *	0		done
 *	negative	a fault (-errno); passed on unchanged, up to main()
 *	positive	an outcome from the module's own X_E_ enum; it ends at
 *			its caller: handled, translated, or folded
 */
#ifndef LIB_ERR_H
#define LIB_ERR_H

/* An outcome that nobody up here knows becomes a fault. */
int err_fold(int r);

/* The text of a fault, for a log line. Borrows static memory. */
const char *err_text(int r);

#endif

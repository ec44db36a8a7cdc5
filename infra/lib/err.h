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

#include <errno.h>
#include <string.h>

/* An outcome that nobody up here knows becomes a fault. */
static inline int err_fold(int r)
{
	return r > 0 ? -ENOTRECOVERABLE : r;
}

/* The text of a fault, for a log line. Borrows static memory. */
static inline const char *err_text(int r)
{
	const char *text;

	if (r >= 0)
		return r ? "an outcome that nobody handled" : "no error";
	text = strerrordesc_np(-r);
	return text ? text : "an unknown error";
}

#endif

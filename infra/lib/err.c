/* SPDX-License-Identifier: MIT */
/* Err: outcomes and faults; the header is the whole story. */
#include "infra/lib/err.h"

#include <errno.h>
#include <string.h>

int err_fold(int r)
{
	return r > 0 ? -ENOTRECOVERABLE : r;
}

const char *err_text(int r)
{
	const char *text;

	if (r >= 0)
		return r ? "an outcome that nobody handled" : "no error";
	text = strerrordesc_np(-r);
	return text ? text : "an unknown error";
}

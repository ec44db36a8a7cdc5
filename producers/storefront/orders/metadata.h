/* SPDX-License-Identifier: MIT */
/*
 * Metadata: a JSON object of the client's own -> the msgpack map that travels
 * with its order. Members stay in the order they were written in, so that the
 * same request gives the same bytes.
 */
#ifndef STOREFRONT_METADATA_H
#define STOREFRONT_METADATA_H

#include <jansson.h>

#include "schemas/msgpack/writer.h"

/* Maps and arrays inside each other, the outermost counted. */
enum { METADATA_MAX_DEPTH = 6 };

enum metadata_outcome {
	METADATA_E_DEEP = 1,
	METADATA_E_LARGE, /* the buffer is too small */
	METADATA_E_NUL,   /* a text in it holds a NUL */
};

/* Appends @object. Texts in it are UTF-8: the parser saw to it. */
int metadata_encode(const json_t *object, struct msgpack_writer *writer);

#endif

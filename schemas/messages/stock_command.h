/* SPDX-License-Identifier: MIT */
/*
 * galore.stock.added and galore.stock.counted: commands on `restocks`.
 *
 *	added	v1 { stall, ingredient, quantity >= 1 }  put this much more in
 *	counted	v1 { stall, ingredient, quantity >= 0 }  there is this much
 */
#ifndef SCHEMAS_STOCK_COMMAND_H
#define SCHEMAS_STOCK_COMMAND_H

#include "schemas/envelope.h"
#include "schemas/limits.h"
#include "schemas/msgpack/writer.h"
#include "schemas/outcome.h"

enum stock_command_kind {
	STOCK_COMMAND_ADDED,
	STOCK_COMMAND_COUNTED,
};

struct stock_command {
	enum stock_command_kind kind;
	struct text stall, ingredient;
	int32_t quantity;
};

/* Texts are borrowed from @bytes. Positive: SCHEMA_E_*. */
int stock_command_decode(struct stock_command *ret,
			 const struct envelope *envelope, const void *bytes,
			 size_t n, struct schema_fault *fault);

/* Appends the body; -ENOBUFS: the buffer is too small. */
int stock_command_encode(const struct stock_command *command,
			 struct msgpack_writer *writer);

/* "STALL/INGREDIENT" of the longest names, and a NUL. */
enum { STOCK_KEY_BYTES = 2 * TEXT_MAX_BYTES + 2 };

/*
 * The key of a record about @ingredient of @stall, in @out with a NUL behind
 * it. The names are clean and within TEXT_MAX_BYTES.
 */
struct text stock_key(char out[static STOCK_KEY_BYTES], struct text stall,
		      struct text ingredient);

/* EVENT_STOCK_ADDED or EVENT_STOCK_COUNTED, for the envelope. */
enum event_type stock_command_type(enum stock_command_kind kind);

#endif

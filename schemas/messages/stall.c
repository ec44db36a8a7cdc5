/* SPDX-License-Identifier: MIT */
#include "schemas/messages/stall.h"

#include "schemas/msgpack/fields.h"

struct stall {
	struct text stall;
};

static const struct field rows[] = {
	FIELD_TEXT(struct stall, stall, MUST),
};

struct text message_stall(const struct envelope *envelope, const void *bytes,
			  size_t n)
{
	const struct event_version *version =
		event_version_find(envelope->type, envelope->version);
	const struct field_body body = { bytes, n, PICK_MAX_BYTES };
	struct stall message;

	if (version && version->stall == STALL_IN_BODY &&
	    !fields_decode(&message, rows, 1, &body, NULL))
		return message.stall;
	return envelope_stall(envelope);
}

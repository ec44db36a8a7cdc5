/* SPDX-License-Identifier: MIT */
/*
 * Tick: one transaction of the scheduler, what goes into it and what comes
 * out. The kitchen fills one while the database thread works on another.
 *
 * Rows that come out are to be told: their seq is above their published_seq.
 */
#ifndef JAFFLR_TICK_H
#define JAFFLR_TICK_H

#include "infra/lib/arena.h"
#include "workers/jafflr/toastie_row.h"

struct tick_finish {
	struct order_id order_id;
	int64_t intent_id;
	enum row_state state; /* ROW_QUEUED: another plate, or returned */
	const char *reason;   /* a literal */
	bool keep_plate;      /* nobody uses it until that is settled */
};

struct tick_told {
	struct order_id order_id;
	int64_t seq;
};

/* A new token for the plate of an open intent, above @seen too: tables that
 * were restored may be behind their plates. */
struct tick_raise {
	uint64_t tag;
	int64_t intent_id;
	uint32_t seen;  /* the highest that the plate says it has seen */
	uint32_t token; /* out; GRILL_TOKEN_LAST: there is none any more */
	bool done;      /* out: false when the intent is not open any more */
};

/* A plate that may be used. */
struct tick_plate {
	const char *grill;   /* borrowed from the kitchen */
	char *const *stalls; /* NULL: all */
	size_t n_stalls;
	int plate;
	uint32_t boot;
	uint32_t token; /* the highest that it says it has seen */
};

/* What was last heard of a grill, to be written beside its address. */
struct tick_health {
	const char *grill;  /* borrowed from the kitchen */
	const char *reason; /* a literal; NULL: it answers */
	bool changed;       /* written whoever has heard it since */
};

/* Stalls of a grill, whose queues are counted. */
struct tick_served {
	char *const *stalls; /* borrowed from the kitchen; NULL: all */
	size_t n_stalls;
};

/* So many toasties of ours wait at a stall, or more. */
struct tick_stall {
	struct text stall;
	int64_t n;
};

/* What became of a row. */
enum tick_kind { TICK_UNTOLD, TICK_CLAIMED, TICK_ADOPTED, TICK_FINISHED };

struct tick_row {
	enum tick_kind kind;
	struct toastie_row row;
	bool told; /* published already */
	/* FINISHED: since it was first queued; -1: not known */
	int64_t waited_ms;
	/* CLAIMED, ADOPTED */
	int64_t intent_id;
	uint32_t token;
	int64_t boot; /* -1: not known */
	int64_t time_ms;
};

struct tick_grill {
	struct text grill, address;
	int unit, n_plates;
	bool enabled;        /* or it is listed for what is on it */
	struct text *stalls; /* NULL: all */
	size_t n_stalls;
};

#define TICK_LIST(type, name)                                                  \
	type *name;                                                            \
	size_t n_##name, cap_##name

struct tick {
	/* in */
	TICK_LIST(struct tick_finish, finish);
	TICK_LIST(struct tick_told, told);
	TICK_LIST(struct tick_raise, raise);
	TICK_LIST(struct tick_plate, plates);
	TICK_LIST(struct tick_health, health);
	TICK_LIST(struct tick_served, served);
	bool offered;     /* plates were offered */
	bool adopt;       /* open intents of rows that we hold */
	bool look;        /* rows that are not told; how many wait where */
	bool list_grills; /* which grills and plates there are */
	int64_t now_ms;   /* wall clock, of all its changes */
	int64_t tries_max;
	int64_t queue_max; /* of a stall; more than that are not counted */
	/* out */
	TICK_LIST(struct tick_row, rows);
	TICK_LIST(struct tick_grill, grills);
	/* demo stalls, and those that are served, where any wait */
	TICK_LIST(struct tick_stall, stalls);
	bool looked;
	size_t n_claimed;
	struct arena arena;
};

/* The next free element of a list of a tick. */
#define TICK_ADD(tick, name)                                                   \
	(*(typeof((tick)->name))tick_grow(                                     \
		(void **)&(tick)->name, &(tick)->n_##name,                     \
		&(tick)->cap_##name, sizeof(*(tick)->name)))

void *tick_grow(void **list, size_t *n, size_t *cap, size_t n_bytes);
void tick_reset(struct tick *tick);
void tick_deinit(struct tick *tick);
/* Is there anything that cannot wait for the next look? */
bool tick_pending(const struct tick *tick);

#endif

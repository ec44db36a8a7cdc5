/* SPDX-License-Identifier: MIT */
/*
 * Tx: one transaction of the scheduler, what goes into it and what comes
 * out. The scheduler fills one while the database thread works on another.
 *
 * Rows that come out are to be published: their seq is above their
 * published_seq.
 */
#ifndef JAFFLR_SCHEDULER_TX_H
#define JAFFLR_SCHEDULER_TX_H

#include "infra/lib/arena.h"
#include "workers/jafflr/toastie_row.h"

struct tx_finish {
	struct order_id order_id;
	int64_t intent_id;
	enum row_state state; /* ROW_QUEUED: another plate, or returned */
	const char *reason;   /* a literal */
	bool keep_plate;      /* nobody uses it until that is settled */
};

struct tx_published {
	struct order_id order_id;
	int64_t seq;
};

/* A new token for the plate of an open intent, above @seen too: tables that
 * were restored may be behind their plates. */
struct tx_raise {
	uint64_t tag;
	int64_t intent_id;
	uint32_t seen;  /* the highest that the plate says it has seen */
	uint32_t token; /* out; GRILL_TOKEN_LAST: there is none any more */
	bool done;      /* out: false when the intent is not open any more */
};

/* A plate that may be used. */
struct tx_plate {
	const char *grill;   /* borrowed from the scheduler */
	char *const *stalls; /* NULL: all */
	size_t n_stalls;
	int plate;
	uint32_t boot;
	uint32_t token; /* the highest that it says it has seen */
};

/* What was last heard of a grill, to be written beside its address. */
struct tx_health {
	const char *grill;  /* borrowed from the scheduler */
	const char *reason; /* a literal; NULL: it answers */
	bool changed;       /* written whoever has heard it since */
};

/* Stalls of a grill, whose queues are counted. */
struct tx_served {
	char *const *stalls; /* borrowed from the scheduler; NULL: all */
	size_t n_stalls;
};

/* So many toasties of ours wait at a stall, or more. */
struct tx_stall {
	struct text stall;
	int64_t n;
};

/* What became of a row. */
enum tx_kind { TX_UNPUBLISHED, TX_CLAIMED, TX_ADOPTED, TX_FINISHED };

struct tx_row {
	enum tx_kind kind;
	struct toastie_row row;
	bool published; /* published already */
	/* FINISHED: since it was first queued; -1: not known */
	int64_t waited_ms;
	/* CLAIMED, ADOPTED */
	int64_t intent_id;
	uint32_t token;
	int64_t boot; /* -1: not known */
	int64_t time_ms;
};

struct tx_grill {
	struct text grill, address;
	int unit, n_plates;
	bool enabled;        /* or it is listed for what is on it */
	struct text *stalls; /* NULL: all */
	size_t n_stalls;
};

#define TX_LIST(type, name)                                                    \
	type *name;                                                            \
	size_t n_##name, cap_##name

struct scheduler_tx {
	/* in */
	TX_LIST(struct tx_finish, finish);
	TX_LIST(struct tx_published, published);
	TX_LIST(struct tx_raise, raise);
	TX_LIST(struct tx_plate, plates);
	TX_LIST(struct tx_health, health);
	TX_LIST(struct tx_served, served);
	bool offered;     /* plates were offered */
	bool adopt;       /* open intents of rows that we hold */
	bool look;        /* rows that are not published; how many wait where */
	bool list_grills; /* which grills and plates there are */
	int64_t now_ms;   /* wall clock, of all its changes */
	int64_t tries_max;
	int64_t queue_max; /* of a stall; more than that are not counted */
	/* out */
	TX_LIST(struct tx_row, rows);
	TX_LIST(struct tx_grill, grills);
	/* demo stalls, and those that are served, where any wait */
	TX_LIST(struct tx_stall, stalls);
	bool looked;
	size_t n_claimed;
	struct arena arena;
};

/* The next free element of a list of a tx. */
#define TX_ADD(tx, name)                                                       \
	(*(typeof((tx)->name))tx_grow((void **)&(tx)->name, &(tx)->n_##name,   \
				      &(tx)->cap_##name, sizeof(*(tx)->name)))

void *tx_grow(void **list, size_t *n, size_t *cap, size_t n_bytes);
void tx_reset(struct scheduler_tx *tx);
void tx_deinit(struct scheduler_tx *tx);
/* Is there anything that cannot wait for the next look? */
bool tx_pending(const struct scheduler_tx *tx);

#endif

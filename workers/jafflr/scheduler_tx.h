/* SPDX-License-Identifier: MIT */
/*
 * Scheduler transaction: what the scheduler asks of the database in one
 * transaction, what it gets back, and between the two the choice: which queued
 * toastie goes to which free plate.
 *
 * sql_read() fills in what was read, scheduler_tx_choose() chooses, sql_write()
 * writes the changes and fills in what became of the rows. The scheduler fills
 * the next transaction while the database thread works on another one.
 */
#ifndef JAFFLR_SCHEDULER_TX_H
#define JAFFLR_SCHEDULER_TX_H

#include "infra/lib/arena.h"
#include "workers/jafflr/toastie_row.h"

/* Toasties that one transaction reads at most for plates. */
enum { TX_FOR_PLATES_MAX = 256 };

/* How the name of a stall begins that is for trying things out: no grill hears
 * of its toasties. */
#define DEMO_STALL "demo-"

/* The stalls that a grill serves. */
struct stalls {
	char **names; /* NULL: all */
	size_t n;
};

bool stalls_serve(const struct stalls *stalls, struct text stall);

/* ---- what is asked ---- */

struct tx_finish {
	struct order_id order_id;
	int64_t intent_id;
	enum row_state state; /* ROW_QUEUED: another plate, or returned */
	const char *reason;   /* a literal */
	bool keep_plate;      /* nobody uses it until that is settled */
};

/* A fact that is on its topic. */
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
	const char *grill;           /* borrowed from the scheduler's grills */
	const struct stalls *stalls; /* the same */
	int plate;
	uint32_t boot;
	uint32_t token; /* the highest that it says it has seen */
	bool chosen;    /* a toastie was chosen for it */
};

/* What was last heard of a grill, to be written beside its address. */
struct tx_health {
	const char *grill;  /* borrowed from the scheduler's grills */
	const char *reason; /* a literal; NULL: it answers */
	bool changed;       /* written even if another worker hears it */
};

struct tx_asks {
	bool offered;     /* there are plates for toasties */
	bool adopt;       /* open intents of rows of our partitions */
	bool look;        /* unpublished rows; how many toasties wait where */
	bool list_grills; /* which grills and plates there are */
	int64_t now_ms;   /* wall clock, of all its changes */
	int64_t tries_max;
	int64_t queue_max; /* of a stall; more than that are not counted */
};

/* ---- what is read and chosen ---- */

/* A plate that is in use, and that no open intent has. */
struct tx_free_plate {
	struct text grill;
	int plate;
};

struct tx_claim {
	const struct toastie_row *row;
	const struct tx_plate *plate;
};

/* So many toasties of ours wait at a stall, or more. */
struct tx_stall {
	struct text stall;
	int64_t n;
};

struct tx_grill {
	struct text grill, address;
	int unit, n_plates;
	bool enabled;        /* or it is listed for what is on it */
	struct text *stalls; /* NULL: all */
	size_t n_stalls;
};

/* ---- what became of rows ---- */

enum tx_row_kind { TX_UNPUBLISHED, TX_CLAIMED, TX_ADOPTED, TX_FINISHED };

/* Its seq is above its published_seq: the fact is to be published. */
struct tx_row {
	enum tx_row_kind kind;
	struct toastie_row row;
	bool published; /* ADOPTED: it need not be */
	/* FINISHED: since it was first queued; -1: not known */
	int64_t waited_ms;
	/* CLAIMED, ADOPTED */
	int64_t intent_id;
	uint32_t token;
	int64_t boot; /* -1: not known */
	int64_t time_ms;
};

/* clang-format off */
#define TX_LISTS(LIST)                                                         \
	/* asked */                                                            \
	LIST(struct tx_finish, finish)                                         \
	LIST(struct tx_published, published)                                   \
	LIST(struct tx_raise, raise)                                           \
	LIST(struct tx_plate, plates)                                          \
	LIST(struct tx_health, health)                                         \
	/* borrowed from the grills; the queues of these are counted */        \
	LIST(const struct stalls *, served)                                    \
	/* read */                                                             \
	LIST(struct toastie_row, queued)                                       \
	LIST(struct tx_free_plate, free_plates)                                \
	LIST(struct tx_grill, grills)                                          \
	/* demo stalls, and those that are served, where any wait */           \
	LIST(struct tx_stall, stalls)                                          \
	/* chosen */                                                           \
	LIST(struct tx_claim, claims)                                          \
	/* need none: of demo stalls, or queued though they are cancelled */   \
	LIST(struct order_id, plateless)                                       \
	/* what became of rows */                                              \
	LIST(struct tx_row, rows)
/* clang-format on */

struct scheduler_tx {
#define TX_LIST(type, name)                                                    \
	type *name;                                                            \
	size_t n_##name, cap_##name;
	TX_LISTS(TX_LIST)
#undef TX_LIST
	struct tx_asks asks;
	size_t n_claimed;
	struct arena arena;
};

/* The next free element of a list, zeroed. */
#define TX_ADD(tx, name)                                                       \
	(*(typeof((tx)->name))tx_grow((void **)&(tx)->name, &(tx)->n_##name,   \
				      &(tx)->cap_##name, sizeof(*(tx)->name)))

void *tx_grow(void **list, size_t *n, size_t *cap, size_t n_bytes);
void scheduler_tx_reset(struct scheduler_tx *tx);
void scheduler_tx_deinit(struct scheduler_tx *tx);

bool stall_is_demo(struct text stall);

/*
 * Which of the queued toasties go where. First come, first grilled: each goes
 * to the first plate that is free in the tables and serves its stall. Demo
 * toasties need no plate. Pure.
 */
void scheduler_tx_choose(struct scheduler_tx *tx);

#endif

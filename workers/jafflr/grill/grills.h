/* SPDX-License-Identifier: MIT */
/*
 * Grills: the grills that the tables name, each with its thread, and what is
 * known of their plates. A grill that does not answer is logged at its first
 * failure and when it is back, and a tx writes both into its table. Poll
 * thread only.
 */
#ifndef JAFFLR_GRILLS_H
#define JAFFLR_GRILLS_H

#include "infra/lib/log.h"
#include "infra/lib/text/str.h"
#include "workers/jafflr/grill/grill_thread.h"
#include "workers/jafflr/scheduler_tx.h"

enum { GRILLS_MAX = 64 };

struct plate {
	struct grill_report report;
	int64_t seen_at_ms; /* when it was read; 0: never */
	uint64_t read;      /* the number of that reading */
	int64_t rest_until_ms;
	bool silent; /* the last reading had no word from it */
	int n_jobs;  /* of ours */
};

enum grill_health { HEALTH_UNKNOWN, HEALTH_ANSWERS, HEALTH_SILENT };

struct grill_of {
	char *name;
	char *address;
	int unit;
	struct stalls stalls;
	int n_named_plates; /* by the tables */
	int n_plates;       /* 0 without a thread */
	struct plate *plates;
	struct grill_thread *thread; /* NULL: it cannot be used */
	int64_t open_ms, open_at_ms; /* it is opened again after a pause */
	void *driver;                /* what the thread's ops work on */
	uint64_t read; /* number of the last reading that was looked at */
	uint64_t asked;
	int64_t asked_at_ms; /* for all of its plates */
	bool listed;         /* by the tables: enabled, or something is on it */
	bool enabled;        /* its plates are offered */
	enum grill_health health;
	const char *reason;      /* a literal, while it is silent */
	int64_t silent_since_ms; /* this clock's */
	bool changed;            /* to be written now, not in a while */
	int64_t written_at_ms;
};

struct grills_params {
	struct loop *loop;
	int64_t connect_ms;
	int64_t answer_ms;
};

struct grills {
	struct grills_params params;
	struct grill_of *list[GRILLS_MAX];
	size_t n;
	bool too_many; /* more are listed than are used */
	struct log_limit lines;
};

/* Those of the list are opened or kept; others are not used any more. */
void grills_update(struct grills *grills, const struct tx_grill *list, size_t n,
		   int64_t now_ms);
/* NULL for a name that is none. */
struct grill_of *grills_find(const struct grills *grills, struct text name);
/* A reading, if there is a new one: plates know of it. True then. */
bool grills_read(struct grills *grills, struct grill_of *grill, int64_t now_ms);
/* Ask for a reading of all its plates, or of one; return its number. */
uint64_t grills_ask(struct grill_of *grill, int64_t now_ms);
uint64_t grills_ask_of(struct grill_of *grill, int plate);
/* The highest token that the plate has seen, by its last reading; 0: unknown.
 */
uint32_t grills_token_of(const struct grill_of *grill, int plate);
/* Adds the plates that may be used to a tx. */
void grills_offer(const struct grills *grills, struct scheduler_tx *tx,
		  int64_t now_ms);
bool grills_any_free(const struct grills *grills, int64_t now_ms);

/* Does an enabled grill serve the stall? @heard: and answers, as far as is
 * known. */
bool grills_serve(const struct grills *grills, struct text stall, bool heard);
/* Is any enabled grill not known to be silent? One that was not asked yet
 * counts. */
bool grills_any_heard(const struct grills *grills);
/* Adds to a tx for which stalls enabled grills are: those that may answer, or
 * all when none of them does. */
void grills_name_stalls(const struct grills *grills, struct scheduler_tx *tx);

/* Has a grill fallen silent, or come back, since that was written? */
bool grills_have_changed(const struct grills *grills);
/* Adds what is to be written to a tx. */
void grills_report(struct grills *grills, struct scheduler_tx *tx,
		   int64_t now_ms);
/* What the last tx was to write may not be there. */
void grills_report_again(struct grills *grills);
/* In Prometheus' text format, appended. */
void grills_text(const struct grills *grills, int64_t now_ms, struct buf *out);
void grills_deinit(struct grills *grills);

#endif

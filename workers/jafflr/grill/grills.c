/* SPDX-License-Identifier: MIT */
/*
 * Grills: a plate is offered only when it was read lately and runs nothing,
 * so that what it said of itself (its boot) can be recorded with the intent.
 */
#include "workers/jafflr/grill/grills.h"

#include "infra/lib/counters.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/grill/grill_modbus.h"

#define FRESH_MS 3000
#define WRITE_EVERY_MS 5000
#define OPEN_AGAIN_MS 1000
#define OPEN_AGAIN_MAX_MS 60000

static char *copy(struct text text)
{
	char *s = xmalloc(text.n + 1);

	(void)str_n_copy(s, text.n + 1, text.p, text.n);
	return s;
}

static void forget_stalls(struct stalls *stalls)
{
	for (size_t i = 0; i < stalls->n; i++)
		free(stalls->names[i]);
	free(stalls->names);
	*stalls = (struct stalls){ 0 };
}

static void set_stalls(struct stalls *stalls, const struct tx_grill *row)
{
	forget_stalls(stalls);
	if (!row->stalls)
		return;
	stalls->names = xcalloc(row->n_stalls + 1, sizeof(*stalls->names));
	for (size_t i = 0; i < row->n_stalls; i++)
		stalls->names[stalls->n++] = copy(row->stalls[i]);
}

static void close_grill(struct grill_of *grill)
{
	grill->thread = grill_thread_free(grill->thread);
	(void)grill_modbus_free(grill->driver);
	forget_stalls(&grill->stalls);
	free(grill->plates);
	free(grill->address);
	free(grill->name);
	free(grill);
}

/* NULL, or why it cannot be used. */
static const char *open_thread(struct grill_of *grill,
			       const struct grills_params *params)
{
	struct grill_modbus_params modbus = {
		.address = grill->address,
		.unit = grill->unit,
		.connect_ms = params->connect_ms,
		.answer_ms = params->answer_ms,
	};
	struct grill_thread_params thread = {
		.ops = &grill_modbus_ops,
		.n_plates = grill->n_named_plates,
		.loop = params->loop,
	};
	struct grill_modbus *driver;

	if (grill->n_named_plates > GRILL_PLATES_MAX)
		return "it has too many plates";
	if (grill_modbus_new(&driver, &modbus))
		return "its address or unit cannot be used";
	grill->driver = driver;
	thread.arg = driver;
	return grill_thread_new(&grill->thread, &thread)
		       ? "there is no thread for it"
		       : NULL;
}

/* ---- is it heard of? ---- */

/* May a line be logged now? Those that may not are counted. */
static bool has_line(struct grills *grills)
{
	return log_limit_pass(&grills->lines, "grills");
}

static void note_answer(struct grills *grills, struct grill_of *grill,
			int64_t now_ms)
{
	bool was_silent = grill->health == HEALTH_SILENT;

	grill->changed = grill->changed || grill->health != HEALTH_ANSWERS;
	grill->health = HEALTH_ANSWERS;
	grill->reason = NULL;
	if (was_silent && has_line(grills))
		log_info("GRILL-ANSWERS",
			 "grill '%s' at '%s' answers again after %lld ms",
			 grill->name, grill->address,
			 (long long)(now_ms - grill->silent_since_ms));
}

static void note_silence(struct grills *grills, struct grill_of *grill,
			 const char *reason, int64_t now_ms)
{
	bool same = grill->health == HEALTH_SILENT;

	grill->changed = grill->changed || !same;
	grill->health = HEALTH_SILENT;
	grill->reason = reason;
	if (same)
		return;
	grill->silent_since_ms = now_ms;
	if (has_line(grills))
		log_warn("GRILL-SILENT",
			 "grill '%s' at '%s' did not answer: %s, its plates "
			 "get nothing new until it does",
			 grill->name, grill->address, reason);
}

static const char *reason_of(int outcome)
{
	switch (outcome) {
	case GRILL_E_AWAY:
		return "there is no connection with a grill";
	case GRILL_E_REFUSED:
		return "it refuses to be read, or has fewer plates than its "
		       "table";
	default:
		return "an answer did not come in time";
	}
}

bool grills_have_changed(const struct grills *grills)
{
	for (size_t i = 0; i < grills->n; i++)
		if (grills->list[i]->listed && grills->list[i]->changed)
			return true;
	return false;
}

void grills_report(struct grills *grills, struct scheduler_tx *tx,
		   int64_t now_ms)
{
	for (size_t i = 0; i < grills->n; i++) {
		struct grill_of *grill = grills->list[i];

		if (!grill->listed || grill->health == HEALTH_UNKNOWN ||
		    (!grill->changed &&
		     now_ms - grill->written_at_ms < WRITE_EVERY_MS))
			continue;
		TX_ADD(tx, health) = (struct tx_health){
			.grill = grill->name,
			.reason = grill->reason,
			.changed = grill->changed,
		};
		grill->changed = false;
		grill->written_at_ms = now_ms;
	}
}

void grills_report_again(struct grills *grills)
{
	for (size_t i = 0; i < grills->n; i++)
		grills->list[i]->changed =
			grills->list[i]->health != HEALTH_UNKNOWN;
}

/* ---- which there are ---- */

/* A grill that cannot be used is one that does not answer. */
static void try_to_open(struct grills *grills, struct grill_of *grill,
			int64_t now_ms)
{
	const char *reason = open_thread(grill, &grills->params);

	if (reason) {
		note_silence(grills, grill, reason, now_ms);
		grill->driver = grill_modbus_free(grill->driver);
		grill->open_ms =
			grill->open_ms ? 2 * grill->open_ms : OPEN_AGAIN_MS;
		if (grill->open_ms > OPEN_AGAIN_MAX_MS)
			grill->open_ms = OPEN_AGAIN_MAX_MS;
		grill->open_at_ms = now_ms + grill->open_ms;
		return;
	}
	grill->n_plates = grill->n_named_plates;
	grill->plates =
		xcalloc((size_t)grill->n_plates, sizeof(*grill->plates));
	log_info("GRILL", "grill '%s' at '%s', %d plates", grill->name,
		 grill->address, grill->n_plates);
}

static struct grill_of *add_grill(struct grills *grills,
				  const struct tx_grill *row, int64_t now_ms)
{
	struct grill_of *grill = xcalloc(1, sizeof(*grill));

	grill->name = copy(row->grill);
	grill->address = copy(row->address);
	grill->unit = row->unit;
	grill->n_named_plates = row->n_plates;
	grill->written_at_ms = now_ms - WRITE_EVERY_MS;
	grills->list[grills->n++] = grill;
	return grill;
}

static bool is_same(const struct grill_of *grill, const struct tx_grill *row)
{
	return text_equal(text_of(grill->name), row->grill) &&
	       text_equal(text_of(grill->address), row->address) &&
	       grill->unit == row->unit &&
	       grill->n_named_plates == row->n_plates;
}

static bool has_jobs(const struct grill_of *grill)
{
	for (int i = 0; i < grill->n_plates; i++)
		if (grill->plates[i].n_jobs)
			return true;
	return false;
}

/* One that is not listed any more stays until its last toastie is off. */
static void close_idle(struct grills *grills)
{
	size_t n = 0;

	for (size_t i = 0; i < grills->n; i++) {
		if (grills->list[i]->listed || has_jobs(grills->list[i]))
			grills->list[n++] = grills->list[i];
		else
			close_grill(grills->list[i]);
	}
	grills->n = n;
}

static void use_grill(struct grills *grills, const struct tx_grill *row,
		      int64_t now_ms)
{
	struct grill_of *grill;
	size_t i = 0;

	while (i < grills->n && !is_same(grills->list[i], row))
		i++;
	if (i == GRILLS_MAX)
		return;
	grill = i < grills->n ? grills->list[i]
			      : add_grill(grills, row, now_ms);
	grill->listed = true;
	grill->enabled = row->enabled;
	set_stalls(&grill->stalls, row);
	if (!grill->thread && now_ms >= grill->open_at_ms)
		try_to_open(grills, grill, now_ms);
}

void grills_update(struct grills *grills, const struct tx_grill *list, size_t n,
		   int64_t now_ms)
{
	bool too_many = n > GRILLS_MAX;

	for (size_t i = 0; i < grills->n; i++)
		grills->list[i]->listed = grills->list[i]->enabled = false;
	for (size_t k = 0; k < n && k < GRILLS_MAX; k++)
		use_grill(grills, &list[k], now_ms);
	close_idle(grills);
	if (too_many && !grills->too_many)
		log_error("GRILL-TOO-MANY",
			  "more than %d grills are enabled or have a toastie "
			  "on them, the enabled ones are used first, by their "
			  "names",
			  GRILLS_MAX);
	grills->too_many = too_many;
}

struct grill_of *grills_find(const struct grills *grills, struct text name)
{
	struct grill_of *found = NULL;

	/* One that has moved to another address may still be at its last. */
	for (size_t i = 0; i < grills->n; i++)
		if (text_equal(text_of(grills->list[i]->name), name) &&
		    (!found || grills->list[i]->listed))
			found = grills->list[i];
	return found;
}

uint64_t grills_ask(struct grill_of *grill, int64_t now_ms)
{
	if (grill->thread)
		grill->asked = grill_thread_read_all(grill->thread);
	grill->asked_at_ms = now_ms;
	return grill->asked;
}

uint64_t grills_ask_of(struct grill_of *grill, int plate)
{
	if (grill->thread)
		grill->asked = grill_thread_read(grill->thread, plate);
	return grill->asked;
}

bool grills_read(struct grills *grills, struct grill_of *grill, int64_t now_ms)
{
	struct grill_report reports[GRILL_PLATES_MAX];
	int outcome;

	if (!grill->thread ||
	    !grill_thread_reading(grill->thread, grill->read, reports,
				  &grill->read, &outcome))
		return false;
	if (outcome)
		note_silence(grills, grill, reason_of(outcome), now_ms);
	else
		note_answer(grills, grill, now_ms);
	for (int i = 0; i < grill->n_plates; i++) {
		struct plate *plate = &grill->plates[i];

		/* It was not in the reading. */
		if (!outcome && reports[i].reading <= plate->read)
			continue;
		plate->silent = outcome || reports[i].state == GRILL_SILENT;
		if (plate->silent)
			continue;
		plate->read = reports[i].reading;
		plate->report = reports[i];
		plate->seen_at_ms = now_ms;
	}
	return true;
}

uint32_t grills_token_of(const struct grill_of *grill, int plate)
{
	const struct grill_report *report = &grill->plates[plate].report;

	return report->fences ? report->token : 0;
}

static bool is_free(const struct plate *plate, int64_t now_ms)
{
	return !plate->n_jobs && plate->seen_at_ms && !plate->silent &&
	       now_ms - plate->seen_at_ms < FRESH_MS &&
	       now_ms >= plate->rest_until_ms &&
	       (plate->report.state == GRILL_IDLE ||
		plate->report.state == GRILL_DONE);
}

static bool is_used(const struct grill_of *grill, bool heard)
{
	return grill->enabled && (!heard || grill->health != HEALTH_SILENT);
}

bool grills_serve(const struct grills *grills, struct text stall, bool heard)
{
	for (size_t i = 0; i < grills->n; i++)
		if (is_used(grills->list[i], heard) &&
		    stalls_serve(&grills->list[i]->stalls, stall))
			return true;
	return false;
}

bool grills_any_heard(const struct grills *grills)
{
	for (size_t i = 0; i < grills->n; i++)
		if (is_used(grills->list[i], true))
			return true;
	return false;
}

void grills_name_stalls(const struct grills *grills, struct scheduler_tx *tx)
{
	bool heard = grills_any_heard(grills);

	for (size_t i = 0; i < grills->n; i++)
		if (is_used(grills->list[i], heard))
			TX_ADD(tx, served) = &grills->list[i]->stalls;
}

bool grills_any_free(const struct grills *grills, int64_t now_ms)
{
	for (size_t g = 0; g < grills->n; g++)
		for (int i = 0; i < grills->list[g]->n_plates; i++)
			if (grills->list[g]->enabled &&
			    is_free(&grills->list[g]->plates[i], now_ms))
				return true;
	return false;
}

void grills_offer(const struct grills *grills, struct scheduler_tx *tx,
		  int64_t now_ms)
{
	for (size_t g = 0; g < grills->n; g++) {
		const struct grill_of *grill = grills->list[g];

		for (int i = 0; i < grill->n_plates; i++) {
			if (!grill->enabled ||
			    !is_free(&grill->plates[i], now_ms))
				continue;
			TX_ADD(tx, plates) = (struct tx_plate){
				.grill = grill->name,
				.stalls = &grill->stalls,
				.plate = i,
				.boot = grill->plates[i].report.boot,
				.token = grills_token_of(grill, i),
			};
		}
	}
}

/* ---- for /metrics ---- */

enum use { FREE, BUSY, SILENT, N_USES };

static enum use use_of(const struct plate *plate, int64_t now_ms)
{
	if (plate->silent || !plate->seen_at_ms)
		return SILENT;
	return is_free(plate, now_ms) ? FREE : BUSY;
}

static void line(struct buf *out, const struct grill_of *grill, const char *use,
		 int64_t value)
{
	struct buf labels = { 0 };

	counters_label(&labels, "grill", grill->name);
	if (use)
		counters_label(&labels, "state", use);
	buf_add(&labels, "", 1);
	counters_line(out, use ? "galore_plates" : "galore_grill_answers",
		      labels.p, value);
	buf_deinit(&labels);
}

static void plates_text(const struct grill_of *grill, int64_t now_ms,
			struct buf *out)
{
	static const char *const uses[N_USES] = {
		[FREE] = "free",
		[BUSY] = "busy",
		[SILENT] = "silent",
	};
	int64_t n[N_USES] = { 0 };

	for (int i = 0; i < grill->n_plates; i++)
		n[use_of(&grill->plates[i], now_ms)]++;
	for (int i = 0; i < N_USES; i++)
		line(out, grill, uses[i], n[i]);
}

void grills_text(const struct grills *grills, int64_t now_ms, struct buf *out)
{
	counters_head(out, "galore_grill_answers",
		      "1 when the grill answers this worker, 0 when it is "
		      "silent",
		      KIND_GAUGE);
	for (size_t i = 0; i < grills->n; i++)
		if (grills->list[i]->listed)
			line(out, grills->list[i], NULL,
			     grills->list[i]->health == HEALTH_ANSWERS);
	counters_head(out, "galore_plates",
		      "plates by what this worker sees of them", KIND_GAUGE);
	for (size_t i = 0; i < grills->n; i++)
		if (grills->list[i]->listed)
			plates_text(grills->list[i], now_ms, out);
}

void grills_deinit(struct grills *grills)
{
	for (size_t i = 0; i < grills->n; i++)
		close_grill(grills->list[i]);
	grills->n = 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Grills: a plate is offered only when it was read lately and runs nothing,
 * so that what it said of itself (its boot) can be recorded with the intent.
 */
#include "workers/jafflr/grills.h"

#include "infra/lib/log.h"
#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"
#include "workers/jafflr/grill_modbus.h"

#define FRESH_MS 3000

static char *copy(struct text text)
{
	char *s = xmalloc(text.n + 1);

	(void)str_n_copy(s, text.n + 1, text.p, text.n);
	return s;
}

static void forget_stalls(struct grill_of *grill)
{
	for (size_t i = 0; i < grill->n_stalls; i++)
		free(grill->stalls[i]);
	free(grill->stalls);
	grill->stalls = NULL;
	grill->n_stalls = 0;
}

static void set_stalls(struct grill_of *grill, const struct tick_grill *row)
{
	forget_stalls(grill);
	if (!row->stalls)
		return;
	grill->stalls = xcalloc(row->n_stalls + 1, sizeof(*grill->stalls));
	for (size_t i = 0; i < row->n_stalls; i++)
		grill->stalls[grill->n_stalls++] = copy(row->stalls[i]);
}

static void close_grill(struct grill_of *grill)
{
	grill->thread = grill_thread_free(grill->thread);
	(void)grill_modbus_free(grill->driver);
	forget_stalls(grill);
	free(grill->plates);
	free(grill->address);
	free(grill->name);
	free(grill);
}

static int open_thread(struct grill_of *grill,
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
		.n_plates = grill->n_plates,
		.loop = params->loop,
	};
	struct grill_modbus *driver;

	if (grill_modbus_new(&driver, &modbus))
		return -1;
	grill->driver = driver;
	thread.arg = driver;
	return grill_thread_new(&grill->thread, &thread);
}

static void open_grill(struct grills *grills, const struct tick_grill *row)
{
	struct grill_of *grill;

	if (grills->n == GRILLS_MAX || row->n_plates > GRILL_PLATES_MAX) {
		log_error("GRILL-TOO-MANY", "grill '%.*s' is not used",
			  (int)row->grill.n, row->grill.p);
		return;
	}
	grill = xcalloc(1, sizeof(*grill));
	grill->name = copy(row->grill);
	grill->address = copy(row->address);
	grill->unit = row->unit;
	grill->n_plates = row->n_plates;
	grill->plates = xcalloc((size_t)row->n_plates, sizeof(*grill->plates));
	if (open_thread(grill, &grills->params)) {
		log_error("GRILL-ADDRESS", "grill '%s' at '%s' cannot be used",
			  grill->name, grill->address);
		close_grill(grill);
		return;
	}
	log_info("GRILL", "grill '%s' at '%s', %d plates", grill->name,
		 grill->address, grill->n_plates);
	grills->list[grills->n++] = grill;
}

static bool is_same(const struct grill_of *grill, const struct tick_grill *row)
{
	return text_equal(text_of(grill->name), row->grill) &&
	       text_equal(text_of(grill->address), row->address) &&
	       grill->unit == row->unit && grill->n_plates == row->n_plates;
}

static bool in_hand(const struct grill_of *grill)
{
	for (int i = 0; i < grill->n_plates; i++)
		if (grill->plates[i].in_hand)
			return true;
	return false;
}

/* One that is not named any more stays until its last toastie is off. */
static void close_idle(struct grills *grills)
{
	size_t n = 0;

	for (size_t i = 0; i < grills->n; i++) {
		if (grills->list[i]->enabled || in_hand(grills->list[i]))
			grills->list[n++] = grills->list[i];
		else
			close_grill(grills->list[i]);
	}
	grills->n = n;
}

void grills_update(struct grills *grills, const struct tick_grill *list,
		   size_t n)
{
	for (size_t i = 0; i < grills->n; i++)
		grills->list[i]->enabled = false;
	for (size_t k = 0; k < n; k++) {
		size_t i = 0;

		while (i < grills->n && !is_same(grills->list[i], &list[k]))
			i++;
		if (i == grills->n)
			open_grill(grills, &list[k]);
		if (i < grills->n) {
			grills->list[i]->enabled = true;
			set_stalls(grills->list[i], &list[k]);
		}
	}
	close_idle(grills);
}

struct grill_of *grills_find(const struct grills *grills, struct text name)
{
	struct grill_of *found = NULL;

	/* One that has moved to another address may still be at its last. */
	for (size_t i = 0; i < grills->n; i++)
		if (text_equal(text_of(grills->list[i]->name), name) &&
		    (!found || grills->list[i]->enabled))
			found = grills->list[i];
	return found;
}

uint64_t grills_ask(struct grill_of *grill, int64_t now_ms)
{
	grill->asked = grill_thread_read(grill->thread);
	grill->asked_at_ms = now_ms;
	return grill->asked;
}

bool grills_take_reading(struct grill_of *grill, int64_t now_ms,
			 int *ret_outcome)
{
	struct grill_report reports[GRILL_PLATES_MAX];

	if (!grill_thread_reading(grill->thread, grill->read, reports,
				  &grill->read, ret_outcome))
		return false;
	for (int i = 0; i < grill->n_plates; i++) {
		grill->plates[i].silent =
			*ret_outcome || reports[i].state == GRILL_SILENT;
		if (grill->plates[i].silent)
			continue;
		grill->plates[i].report = reports[i];
		grill->plates[i].seen_at_ms = now_ms;
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
	return !plate->in_hand && plate->seen_at_ms && !plate->silent &&
	       now_ms - plate->seen_at_ms < FRESH_MS &&
	       now_ms >= plate->rest_until_ms &&
	       (plate->report.state == GRILL_IDLE ||
		plate->report.state == GRILL_DONE);
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

void grills_offer(const struct grills *grills, struct tick *tick,
		  int64_t now_ms)
{
	for (size_t g = 0; g < grills->n; g++) {
		const struct grill_of *grill = grills->list[g];

		for (int i = 0; i < grill->n_plates; i++) {
			if (!grill->enabled ||
			    !is_free(&grill->plates[i], now_ms))
				continue;
			TICK_ADD(tick, plates) = (struct tick_plate){
				.grill = grill->name,
				.stalls = grill->stalls,
				.n_stalls = grill->n_stalls,
				.plate = i,
				.boot = grill->plates[i].report.boot,
				.token = grills_token_of(grill, i),
			};
		}
	}
}

void grills_deinit(struct grills *grills)
{
	for (size_t i = 0; i < grills->n; i++)
		close_grill(grills->list[i]);
	grills->n = 0;
}

/* SPDX-License-Identifier: MIT */
/* Topics plan: drift, and how it reads; see topics_plan.h. Pure. */
#include "infra/overlord/topics_plan.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

void topic_settings(const struct topic *declared,
		    const char *ret[2 * SETTINGS_MAX + 1])
{
	size_t n = 0;

	for (const struct topic_setting *row = declared->settings; row->name;
	     row++) {
		assert(n < SETTINGS_MAX);
		ret[2 * n] = row->name;
		ret[2 * n + 1] = row->value;
		n++;
	}
	ret[2 * n] = NULL;
}

/* A setting that is not as declared: what to set, and what there is now. */
static void add_setting(struct topic_drift *drift,
			const struct topic_setting *declared, const char *now)
{
	assert(drift->n_settings < SETTINGS_MAX);
	drift->settings[2 * drift->n_settings] = declared->name;
	drift->settings[2 * drift->n_settings + 1] = declared->value;
	drift->n_settings++;
	buf_printf(&drift->now, ", %s=%s", declared->name, now);
}

void topic_drift(const struct topic *declared, const struct kafka_topic *is,
		 struct topic_drift *ret)
{
	const char *all[2 * SETTINGS_MAX + 1];
	const char *const *settings = ret->settings;

	*ret = (struct topic_drift){ .missing = !is->there };
	if (is->there) {
		ret->partitions = is->n_partitions != declared->partitions;
		buf_printf(&ret->now, "%" PRId32 " partitions",
			   is->n_partitions);
	} else {
		buf_text(&ret->now, "missing");
		topic_settings(declared, all);
		settings = all;
	}
	for (const struct topic_setting *row = declared->settings;
	     is->there && row->name; row++) {
		const struct kafka_setting *setting =
			kafka_topic_setting(is, row->name);

		if (!setting || strcmp(setting->value, row->value) != 0)
			add_setting(ret, row, setting ? setting->value : "?");
	}
	buf_printf(&ret->then, "%" PRId32 " partitions", declared->partitions);
	for (; *settings; settings += 2)
		buf_printf(&ret->then, ", %s=%s", settings[0], settings[1]);
	buf_add(&ret->now, "", 1);
	buf_add(&ret->then, "", 1);
}

void topic_drift_deinit(struct topic_drift *drift)
{
	buf_deinit(&drift->now);
	buf_deinit(&drift->then);
}

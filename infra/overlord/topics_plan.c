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

void topic_drift(const struct topic *declared, const struct kafka_topic *is,
		 struct topic_drift *ret)
{
	*ret = (struct topic_drift){ .missing = !is->there };
	if (!is->there)
		return;
	ret->partitions = is->n_partitions != declared->partitions;
	for (const struct topic_setting *row = declared->settings; row->name;
	     row++) {
		const struct kafka_setting *setting =
			kafka_topic_setting(is, row->name);

		if (setting && !strcmp(setting->value, row->value))
			continue;
		assert(ret->n_settings < SETTINGS_MAX);
		ret->settings[2 * ret->n_settings] = row->name;
		ret->settings[2 * ret->n_settings + 1] = row->value;
		ret->n_settings++;
	}
}

void topic_describe_is(const struct kafka_topic *is,
		       const struct topic_drift *drift, struct buf *ret)
{
	if (drift->missing) {
		buf_text(ret, "missing");
	} else {
		buf_printf(ret, "%" PRId32 " partitions", is->n_partitions);
		for (size_t i = 0; i < drift->n_settings; i++) {
			const char *name = drift->settings[2 * i];
			const struct kafka_setting *setting =
				kafka_topic_setting(is, name);

			buf_printf(ret, ", %s=%s", name,
				   setting ? setting->value : "?");
		}
	}
	buf_add(ret, "", 1);
}

void topic_describe_then(const struct topic *declared,
			 const struct topic_drift *drift, struct buf *ret)
{
	const char *all[2 * SETTINGS_MAX + 1];
	const char *const *settings = drift->settings;

	if (drift->missing) {
		topic_settings(declared, all);
		settings = all;
	}
	buf_printf(ret, "%" PRId32 " partitions", declared->partitions);
	for (; *settings; settings += 2)
		buf_printf(ret, ", %s=%s", settings[0], settings[1]);
	buf_add(ret, "", 1);
}

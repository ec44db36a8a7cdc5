/* SPDX-License-Identifier: MIT */
/* Steps: see steps.h. */
#include "producers/stampede/steps.h"

#include "producers/stampede/random.h"

#define STEP_SEED UINT64_C(0x73746570)
#define BACK_MAX 1000

size_t steps_of(const struct conf *conf, uint64_t seed, uint64_t i,
		struct step ret[STEPS_MAX])
{
	struct random random = random_at(seed ^ STEP_SEED, i);
	bool duplicate = random_percent(&random, conf->duplicate_percent);
	bool poison = random_percent(&random, conf->poison_percent);
	uint64_t back = random_below(&random, i < BACK_MAX ? i + 1 : BACK_MAX);
	size_t n = 0;

	ret[n++] = (struct step){ .kind = SENT_ORDER, .index = i };
	if (duplicate)
		ret[n++] = (struct step){ .kind = SENT_DUPLICATE,
					  .index = i - back };
	if (poison)
		ret[n++] = (struct step){
			.kind = SENT_POISON,
			.index = i,
			.poison = (enum poison)random_below(&random, N_POISONS),
		};
	return n;
}

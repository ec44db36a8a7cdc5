/* SPDX-License-Identifier: MIT */
/* Lag state: the rules, the worst first. */
#include "infra/overlord/scaling/lag_state.h"

static int64_t lag_of(const struct lag_sample *sample)
{
	return sample->end > sample->next ? sample->end - sample->next : 0;
}

/* Where the tail begins: behind the last sample without lag. */
static size_t tail_of(const struct lag_sample *samples, size_t n,
		      int64_t allowed)
{
	while (n > 0 && lag_of(&samples[n - 1]) > allowed)
		n--;
	return n;
}

static bool went_back(const struct lag_sample *samples, size_t n)
{
	int64_t most = 0;

	for (size_t i = 0; i < n; i++)
		if (samples[i].next > most)
			most = samples[i].next;
	return samples[n - 1].next < most;
}

static bool moved(const struct lag_sample *samples, size_t from, size_t n)
{
	return samples[n - 1].next != samples[from].next;
}

static bool ever_fell(const struct lag_sample *samples, size_t from, size_t n)
{
	for (size_t i = from + 1; i < n; i++)
		if (lag_of(&samples[i]) < lag_of(&samples[i - 1]))
			return true;
	return false;
}

enum lag_state lag_judge(const struct lag_sample *samples, size_t n,
			 int64_t allowed)
{
	size_t tail = tail_of(samples, n, allowed);

	if (tail == n)
		return LAG_OK;
	if (went_back(samples, n))
		return LAG_REWIND;
	if (n - tail < LAG_TAIL_MIN)
		return LAG_OK;
	if (!moved(samples, tail, n))
		return samples[n - 1].held ? LAG_STALL : LAG_STOP;
	return ever_fell(samples, tail, n) ? LAG_OK : LAG_WARN;
}

int64_t lag_waited_s(const struct lag_sample *samples, size_t n)
{
	const struct lag_sample *last;
	size_t i = 0;

	if (n == 0)
		return 0;
	last = &samples[n - 1];
	if (!lag_of(last))
		return 0;
	while (samples[i].end <= last->next)
		i++;
	return (last->at_ms - samples[i].at_ms) / 1000;
}

const char *lag_state_name(enum lag_state state)
{
	static const char *const names[] = {
		[LAG_OK] = "OK",         [LAG_WARN] = "WARN",
		[LAG_STALL] = "STALL",   [LAG_STOP] = "STOP",
		[LAG_REWIND] = "REWIND",
	};

	return names[state];
}

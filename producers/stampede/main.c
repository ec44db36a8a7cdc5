/* SPDX-License-Identifier: MIT */
/*
 * Stampede: load for Toasties Galore. Settings come from the environment; the
 * summary goes to stdout as JSON, progress to stderr, and the record of what
 * was sent into a file. Exit status: 0 all acknowledged, 1 not, 2 used
 * wrongly.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/random.h>

#include "infra/lib/conf.h"
#include "infra/lib/err.h"
#include "infra/lib/log.h"
#include "producers/stampede/load.h"

static int choose_seed(const struct conf *conf, uint64_t *ret)
{
	*ret = (uint64_t)conf->seed;
	if (*ret)
		return 0;
	if (getrandom(ret, sizeof(*ret), 0) != (ssize_t)sizeof(*ret))
		return -EIO;
	/* So that SEED can be set to it. */
	*ret = (*ret >> 1) | 1;
	return 0;
}

static int status_of(int r, const struct conf *conf)
{
	switch (r) {
	case 0:
	case LOAD_E_STOPPED:
		return 0;
	case LOAD_E_SETTING:
		return 2;
	case LOAD_E_RECORD:
		return 1;
	case LOAD_E_STUCK:
		(void)fprintf(stderr,
			      "stampede: Kafka at '%s' acknowledges nothing "
			      "any more\n"
			      "HINT: KAFKA_BROKERS says where it is; overlord "
			      "topics status whether the topics are there\n",
			      conf->brokers);
		return 1;
	default:
		(void)fprintf(stderr, "stampede: %s\n", err_text(err_fold(r)));
		return 1;
	}
}

int main(int argc, char **argv)
{
	CLEANUP(load_freep) struct load *load = NULL;
	struct conf conf;
	uint64_t seed;
	int r, status;

	if (conf_arguments(&stampede_conf, argc, argv, &status))
		return status;
	if (conf_load(&stampede_conf, &conf))
		return 2;
	log_init(&(struct log_params){ .out = stderr,
				       .program = "stampede",
				       .version = version_of_build,
				       .level = LOG_WARN });
	r = choose_seed(&conf, &seed);
	if (!r)
		r = load_new(&load, &conf, seed);
	if (!r) {
		r = load_run(load);
		load_summary(load);
	}
	return status_of(r, &conf);
}

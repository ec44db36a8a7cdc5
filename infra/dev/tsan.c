/* SPDX-License-Identifier: MIT */
/*
 * Tsan: linked into everything that is built with the thread sanitizer.
 *
 * librdkafka starts its threads by C11's thrd_create(), which the sanitizer of
 * gcc 12 does not know: the first call of a thread that it never saw born ends
 * the program. These two stand in front of the C library's. The locks within
 * librdkafka are not seen either, so what it does with its own memory says
 * nothing; what our code does is what counts.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

struct start {
	thrd_start_t fn;
	void *arg;
};

static void *run(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	return (void *)(intptr_t)start.fn(start.arg);
}

int thrd_create(thrd_t *ret, thrd_start_t fn, void *arg)
{
	struct start *start = malloc(sizeof(*start));
	pthread_t thread;

	if (!start)
		return thrd_nomem;
	*start = (struct start){ fn, arg };
	if (pthread_create(&thread, NULL, run, start)) {
		free(start);
		return thrd_error;
	}
	*ret = thread;
	return thrd_success;
}

int thrd_join(thrd_t thread, int *ret)
{
	void *result;

	if (pthread_join(thread, &result))
		return thrd_error;
	if (ret)
		*ret = (int)(intptr_t)result;
	return thrd_success;
}

/* The sanitizer asks for it by this name. */
const char *__tsan_default_suppressions(void);

const char *__tsan_default_suppressions(void)
{
	return "called_from_lib:librdkafka.so\n";
}

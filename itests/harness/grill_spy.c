/* SPDX-License-Identifier: MIT */
/* Grill spy: see grill_spy.h. The first thread of the test's process. */
#include "itests/harness/grill_spy.h"

#include <arpa/inet.h>
#include <check.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "infra/lib/str.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/until.h"

static void path_of(const struct grill_spy *spy, const char *end,
		    char ret[PROGRAM_PATH_MAX])
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s.%s", spy->name, end);
	world_path(spy->world, name, ret);
}

static void enter(const struct grill_spy *spy)
{
	char address[32], plates[16];

	(void)snprintf(address, sizeof(address), "127.0.0.1:%u",
		       program_port(spy->program));
	(void)snprintf(plates, sizeof(plates), "%d", spy->n_plates);
	world_run(spy->world, PATIENCE_MS,
		  world_command(spy->world, "overlord-grill", "grill", "set",
				spy->name, "--address", address, "--plates",
				plates, "--execute", NULL));
}

static void set_path(struct grill_spy *spy, const char *setting,
		     const char *end)
{
	char path[PROGRAM_PATH_MAX], text[PROGRAM_PATH_MAX + 64];

	path_of(spy, end, path);
	(void)snprintf(text, sizeof(text), "%s=%s", setting, path);
	program_set(spy->program, text);
}

struct grill_spy grill_open(struct world *world, const char *name, int n_plates,
			    int64_t speed)
{
	struct grill_spy spy = { .world = world, .n_plates = n_plates };
	char text[64];

	(void)str_copy(spy.name, sizeof(spy.name), name);
	spy.program = world_command(world, "grillsim", NULL);
	(void)str_copy(spy.program->name, sizeof(spy.program->name), name);
	path_of(&spy, "out", spy.program->log);
	path_of(&spy, "port", spy.program->port_file);
	set_path(&spy, "ADDR_FILE", "port");
	set_path(&spy, "CONTROL_ADDR_FILE", "control");
	set_path(&spy, "GRILLSIM_LOG", "edges");
	program_set(spy.program, "CONTROL_ADDR=127.0.0.1:0");
	(void)snprintf(text, sizeof(text), "GRILLSIM_NAME=%s", name);
	program_set(spy.program, text);
	(void)snprintf(text, sizeof(text), "GRILLSIM_PLATES=%d", n_plates);
	program_set(spy.program, text);
	(void)snprintf(text, sizeof(text), "GRILLSIM_SPEED=%" PRId64, speed);
	program_set(spy.program, text);
	program_start(spy.program);
	(void)program_wait_ready(spy.program, READY_MS);
	enter(&spy);
	return spy;
}

/* ---- what happened ---- */

/* "START at_ms=81020 grill=grill-1 plate=3 token=17 boot=99 job=0190..." */
static bool parse(const char *line, struct edge *ret)
{
	static const char *const kinds[] = { "START", "DONE", "STOP", "RESET" };
	char kind[16], job[64] = "";
	int n;

	n = sscanf(line,
		   "%15s at_ms=%" SCNd64 " grill=%*s plate=%" SCNd64
		   " token=%" SCNd64 " boot=%" SCNd64 " job=%63s",
		   kind, &ret->at_ms, &ret->plate, &ret->token, &ret->boot,
		   job);
	if (n < 5)
		return false;
	(void)order_id_parse(&ret->job, job, strlen(job));
	for (size_t i = 0; i < 4; i++)
		if (!strcmp(kind, kinds[i])) {
			ret->kind = (enum edge_kind)i;
			return true;
		}
	return false;
}

struct edges grill_edges(const struct grill_spy *spy)
{
	struct edges edges = { 0 };
	char path[PROGRAM_PATH_MAX], line[512];
	size_t cap = 0;
	FILE *file;

	path_of(spy, "edges", path);
	file = fopen(path, "re");
	if (!file)
		return edges;
	while (fgets(line, sizeof(line), file)) {
		/* The last one may be under way. */
		if (!strchr(line, '\n'))
			break;
		/* A token that a plate has seen: nothing happened to bread. */
		if (!strncmp(line, "FENCE ", 6))
			continue;
		if (edges.n == cap) {
			cap = cap ? 2 * cap : 256;
			edges.all = xreallocarray(edges.all, cap,
						  sizeof(*edges.all));
		}
		edges.all[edges.n] = (struct edge){ 0 };
		ck_assert_msg(parse(line, &edges.all[edges.n]),
			      "not an edge: %s", line);
		edges.n++;
	}
	(void)fclose(file);
	return edges;
}

void edges_deinit(struct edges *edges)
{
	free(edges->all);
	*edges = (struct edges){ 0 };
}

size_t edges_count(const struct edges *edges, enum edge_kind kind,
		   const struct order_id *job)
{
	size_t n = 0;

	for (size_t i = 0; i < edges->n; i++)
		n += edges->all[i].kind == kind &&
		     (!job || !order_id_compare(&edges->all[i].job, job));
	return n;
}

struct awaited_starts {
	const struct grill_spy *spy;
	size_t n;
};

static bool has_started(void *arg)
{
	const struct awaited_starts *awaited = arg;
	struct edges edges = grill_edges(awaited->spy);
	size_t n = edges_count(&edges, EDGE_START, NULL);

	edges_deinit(&edges);
	return n >= awaited->n;
}

void grill_wait_starts(const struct grill_spy *spy, size_t n,
		       int64_t timeout_ms)
{
	struct awaited_starts awaited = { spy, n };

	ck_assert_msg(until(timeout_ms, has_started, &awaited),
		      "%s has not begun %zu toasties within %" PRId64 " ms",
		      spy->name, n, timeout_ms);
}

/* ---- control ---- */

static int connect_control(const struct grill_spy *spy)
{
	struct timeval timeout = { .tv_sec = PATIENCE_MS / 1000 };
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct program control = { 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert_int_ge(fd, 0);
	path_of(spy, "control", control.port_file);
	address.sin_port = htons(program_port(&control));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout,
			 sizeof(timeout));
	ck_assert_msg(
		!connect(fd, (struct sockaddr *)&address, sizeof(address)),
		"%s takes no control lines", spy->name);
	return fd;
}

void grill_tell(const struct grill_spy *spy, const char *line)
{
	int fd = connect_control(spy);
	char text[256], answer[256] = "";
	int n;

	n = snprintf(text, sizeof(text), "%s\n", line);
	ck_assert_int_eq(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
	(void)recv(fd, answer, sizeof(answer) - 1, 0);
	(void)close(fd);
	ck_assert_msg(!strncmp(answer, "ok", 2), "'%s': %s", line, answer);
}

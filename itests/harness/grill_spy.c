/* SPDX-License-Identifier: MIT */
/* The first thread of the test's process. */
#include "itests/harness/grill_spy.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"
#include "itests/harness/http.h"
#include "itests/harness/until.h"

static void path_of(const struct grill_spy *spy, const char *end,
		    char ret[PROGRAM_PATH_MAX])
{
	char name[64];

	(void)snprintf(name, sizeof(name), "%s.%s", spy->name, end);
	world_path(spy->world, name, ret);
}

/* Into the tables, as an operator does it. */
static void register_grill(const struct grill_spy *spy, int n_plates)
{
	char address[32], plates[16];

	(void)snprintf(address, sizeof(address), "127.0.0.1:%u",
		       program_port(spy->program));
	(void)snprintf(plates, sizeof(plates), "%d", n_plates);
	world_run(spy->world, "overlord-grill", "grill", "set", spy->name,
		  "--address", address, "--plates", plates, "--execute");
}

struct grill_spy *grill_open(struct world *world, const char *name,
			     int n_plates, int64_t speed)
{
	static const struct {
		const char *setting, *end;
	} files[] = { { "ADDR_FILE", "port" },
		      { "CONTROL_ADDR_FILE", "control" },
		      { "GRILLSIM_LOG", "edges" } };
	struct grill_spy *spy = xcalloc(1, sizeof(*spy));
	struct program *program = world_command(world, "grillsim");
	char path[PROGRAM_PATH_MAX];

	spy->world = world;
	spy->program = program;
	(void)str_copy(spy->name, sizeof(spy->name), name);
	(void)str_copy(program->name, sizeof(program->name), name);
	path_of(spy, "out", program->log);
	path_of(spy, "port", program->port_file);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(spy, files[i].end, path);
		program_set(program, "%s=%s", files[i].setting, path);
	}
	program_set(program, "CONTROL_ADDR=127.0.0.1:0");
	program_set(program, "GRILLSIM_NAME=%s", name);
	program_set(program, "GRILLSIM_PLATES=%d", n_plates);
	program_set(program, "GRILLSIM_SPEED=%" PRId64, speed);
	program_start(program);
	(void)program_wait_ready(program);
	register_grill(spy, n_plates);
	spy->next = world->grills;
	world->grills = spy;
	return spy;
}

struct grill_spy *grill_free(struct grill_spy *spy)
{
	struct grill_spy *next = spy->next;

	free(spy);
	return next;
}

/* ---- what happened ---- */

/* "START at_ms=81020 grill=grill-1 plate=3 token=17 boot=99 job=0190..." */
static bool parse(const char *line, struct edge *ret)
{
	char job[64];

	return sscanf(line,
		      "%7s at_ms=%*s grill=%*s plate=%*s token=%*s boot=%*s "
		      "job=%63s",
		      ret->kind, job) == 2 &&
	       !order_id_parse(&ret->job, job, strlen(job));
}

struct edges grill_edges(const struct grill_spy *spy)
{
	CLEANUP(cleanup_free) char *text = NULL;
	struct edges edges = { 0 };
	char path[PROGRAM_PATH_MAX], *line, *end;

	path_of(spy, "edges", path);
	text = file_text(path);
	/* The last line may be under way. */
	for (line = text; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		edges.all = xreallocarray(edges.all, edges.n + 1,
					  sizeof(*edges.all));
		ck_assert_msg(parse(line, &edges.all[edges.n]),
			      "not an edge: %s", line);
		/* A token that a plate has seen, or a memory that it lost. */
		if (strcmp(edges.all[edges.n].kind, "FENCE") != 0 &&
		    strcmp(edges.all[edges.n].kind, "RESET") != 0)
			edges.n++;
	}
	return edges;
}

void edges_deinit(struct edges *edges)
{
	free(edges->all);
	*edges = (struct edges){ 0 };
}

size_t grill_count(const struct grill_spy *spy, const char *kind)
{
	struct edges edges = grill_edges(spy);
	size_t n = 0;

	for (size_t i = 0; i < edges.n; i++)
		n += !strcmp(edges.all[i].kind, kind);
	edges_deinit(&edges);
	return n;
}

void grill_wait_starts(const struct grill_spy *spy, size_t n)
{
	int64_t deadline_at_ms = within(PATIENCE_MS);

	while (grill_count(spy, "START") < n)
		wait_more(deadline_at_ms, "%s has not begun %zu toasties",
			  spy->name, n);
}

/* ---- faults ---- */

void grill_fault(const struct grill_spy *spy, const char *line)
{
	struct program control = { 0 };
	char text[256], answer[256] = "";
	int fd, n;

	path_of(spy, "control", control.port_file);
	ck_assert_msg(!http_connect(&fd, program_port(&control)),
		      "%s accepts no fault commands", spy->name);
	n = snprintf(text, sizeof(text), "%s\n", line);
	ck_assert_int_eq(send(fd, text, (size_t)n, MSG_NOSIGNAL), n);
	(void)recv(fd, answer, sizeof(answer) - 1, 0);
	(void)close(fd);
	ck_assert_msg(!strncmp(answer, "ok", 2), "'%s': %s", line, answer);
}

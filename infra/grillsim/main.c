/* SPDX-License-Identifier: MIT */
/* Grillsim: wires the plates and their two ports to one loop. One thread. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "infra/grillsim/faults.h"
#include "infra/grillsim/plates.h"
#include "infra/grillsim/server.h"
#include "infra/lib/clock.h"
#include "infra/lib/conf.h"
#include "infra/lib/err.h"
#include "infra/lib/log.h"
#include "infra/lib/loop.h"
#include "infra/lib/probe.h"

#define TURN_MAX_MS 1000

struct conf {
#define CONF_DEF "infra/grillsim/conf.def"
#include "infra/lib/conf_def.h"
};

static const struct conf_row conf_rows[] = {
#define CONF_STRUCT struct conf
#define CONF_DEF "infra/grillsim/conf.def"
#include "infra/lib/conf_def.h"
};

static const struct conf_table conf_table = {
	.program = "grillsim",
	.sentence = "a grill that speaks Modbus TCP and misbehaves on request",
	.rows = conf_rows,
	.n_rows = sizeof(conf_rows) / sizeof(*conf_rows),
};

struct grillsim {
	struct conf conf;
	struct loop *loop;
	struct plates *plates;
	struct server *server;
	bool stops;
};

static void on_signal(void *arg)
{
	struct grillsim *sim = arg;

	sim->stops = true;
}

/* GRILLSIM_FAULTS: the same lines, with semicolons between them. */
static int apply_setting(struct grillsim *sim)
{
	const char *p = sim->conf.faults;
	int r = 0;

	while (!r && *p) {
		const char *end = strchrnul(p, ';');
		struct buf out = { 0 };

		r = server_apply(sim->server, p, (size_t)(end - p), &out);
		buf_deinit(&out);
		if (r)
			log_error("GRILLSIM-FAULTS",
				  "setting 'GRILLSIM_FAULTS' has '%.*s': %s",
				  (int)(end - p), p,
				  r > 0 ? fault_complaint(r) : err_text(r));
		p = *end ? end + 1 : end;
	}
	return r > 0 ? -EINVAL : r;
}

/* Passes @r on, and says what could not be opened. */
static int opened(int r, const char *what, const char *name)
{
	if (r)
		log_error("GRILLSIM-OPEN", "cannot open %s '%s': %s", what,
			  name, err_text(r));
	if (r == -EBUSY)
		(void)fprintf(stderr,
			      "HINT: another simulator writes to it; "
			      "give each one a GRILLSIM_LOG of its own\n");
	return r;
}

static int open_plates(struct grillsim *sim)
{
	struct plates_params params = {
		.name = sim->conf.name,
		.n_plates = (int)sim->conf.n_plates,
		.speed = sim->conf.speed,
		.log = sim->conf.log,
		.now_ms = clock_now_ms(),
	};

	if (getrandom(&params.boot, sizeof(params.boot), 0) !=
	    (ssize_t)sizeof(params.boot))
		return -errno;
	return plates_new(&sim->plates, &params);
}

static int open_server(struct grillsim *sim)
{
	return server_new(&sim->server,
			  &(struct server_params){
				  .loop = sim->loop,
				  .plates = sim->plates,
				  .address = sim->conf.address,
				  .n_plates = (int)sim->conf.n_plates,
				  .unit = (int)sim->conf.unit,
			  });
}

static int write_address(const char *path, const char *address)
{
	return *path && *address ? probe_write_line(path, address) : 0;
}

/* The Modbus address is written last: with it, all the rest is there. */
static int open_all(struct grillsim *sim)
{
	const char *address;
	int r = opened(open_plates(sim), "log", sim->conf.log);

	if (!r)
		r = opened(open_server(sim), "address", sim->conf.address);
	if (!r)
		r = apply_setting(sim);
	if (!r)
		r = opened(server_open_control(sim->server,
					       sim->conf.control_address),
			   "control address", sim->conf.control_address);
	if (!r)
		r = opened(write_address(sim->conf.control_address_file,
					 server_control_address(sim->server)),
			   "address file", sim->conf.control_address_file);
	if (r)
		return r;
	address = server_address(sim->server);
	r = opened(write_address(sim->conf.address_file, address),
		   "address file", sim->conf.address_file);
	if (!r)
		log_info("GRILLSIM-READY", "'%s' listens on '%s'",
			 sim->conf.name, address);
	return r;
}

static int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int turn(struct grillsim *sim)
{
	int64_t now_ms = clock_now_ms();
	int64_t left_ms = TURN_MAX_MS;
	int r = plates_step(sim->plates, now_ms);

	if (!r)
		r = server_turn(sim->server, now_ms);
	if (r)
		return r;
	left_ms = least(left_ms, plates_left_ms(sim->plates, now_ms));
	left_ms = least(left_ms, server_left_ms(sim->server, now_ms));
	loop_wait(sim->loop, left_ms);
	return 0;
}

static int run(struct grillsim *sim)
{
	CLEANUP(loop_source_freep)
	struct loop_source *on_term =
		loop_signal(sim->loop, SIGTERM, on_signal, sim);
	CLEANUP(loop_source_freep)
	struct loop_source *on_int =
		loop_signal(sim->loop, SIGINT, on_signal, sim);
	int r = open_all(sim);

	while (!r && !sim->stops)
		r = turn(sim);
	sim->server = server_free(sim->server);
	sim->plates = plates_free(sim->plates);
	return r;
}

int main(int argc, char **argv)
{
	struct grillsim sim = { 0 };
	int status;
	int r;

	if (conf_arguments(&conf_table, argc, argv, &status))
		return status;
	if (conf_load(&conf_table, &sim.conf))
		return 2;
	log_init(&(struct log_params){
		.out = stdout,
		.program = "grillsim",
		.version = version_of_build,
		.level = log_level_of(sim.conf.log_level),
	});
	r = loop_new(&sim.loop);
	if (!r)
		r = run(&sim);
	sim.loop = loop_free(sim.loop);
	if (r) {
		log_error("GRILLSIM-FAILED", "ends: %s", err_text(r));
		return 1;
	}
	log_info("GRILLSIM-STOPPED", "has stopped");
	return 0;
}

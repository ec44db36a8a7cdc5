/* SPDX-License-Identifier: MIT */
/* Grillsim: wires plates, server and control to one loop. One thread. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "infra/grillsim/conf.h"
#include "infra/grillsim/control.h"
#include "infra/grillsim/faults.h"
#include "infra/grillsim/plates.h"
#include "infra/grillsim/server.h"
#include "infra/grillsim/tcp.h"
#include "infra/lib/clock.h"
#include "infra/lib/err.h"
#include "infra/lib/log.h"
#include "infra/lib/loop.h"
#include "infra/lib/version.h"

#define TURN_MAX_MS 1000

struct grillsim {
	struct conf conf;
	struct loop *loop;
	struct plates *plates;
	struct server *server;
	struct control *control; /* NULL: none */
	bool stops;
};

static void on_signal(void *arg)
{
	struct grillsim *sim = arg;

	sim->stops = true;
}

/* One control line. An empty one is wrong, too. */
static int obey(void *arg, const char *line, size_t n, struct buf *out)
{
	struct grillsim *sim = arg;
	int64_t now_ms = clock_now_ms();
	struct order order;
	int r = order_parse(&order, line, n, (int)sim->conf.n_plates);

	if (r) {
		buf_text(out, order_complaint(r));
		return r;
	}
	log_info("GRILLSIM-FAULT", "told '%.*s'", (int)n, line);
	if (order.verb == ORDER_DOWN) {
		server_down(sim->server, now_ms + order.number);
		return 0;
	}
	if (order.verb == ORDER_POWER_CUT)
		server_cut(sim->server);
	return plates_order(sim->plates, &order, now_ms, out);
}

/* GRILLSIM_FAULTS: the same lines, with semicolons between them. */
static int obey_setting(struct grillsim *sim)
{
	const char *p = sim->conf.faults;
	int r = 0;

	while (!r && *p) {
		const char *end = strchrnul(p, ';');
		struct buf out = { 0 };

		r = obey(sim, p, (size_t)(end - p), &out);
		buf_deinit(&out);
		if (r)
			log_error("GRILLSIM-FAULTS",
				  "setting 'GRILLSIM_FAULTS' has '%.*s': %s",
				  (int)(end - p), p,
				  r > 0 ? order_complaint(r) : err_text(r));
		p = *end ? end + 1 : end;
	}
	return r > 0 ? -EINVAL : r;
}

static int open_plates(struct grillsim *sim)
{
	struct plates_params params = {
		.name = sim->conf.name,
		.n_plates = (int)sim->conf.n_plates,
		.speed = sim->conf.speed,
		.log = sim->conf.log,
		.state = sim->conf.state,
		.now_ms = clock_now_ms(),
	};
	int r;

	if (getrandom(&params.boot, sizeof(params.boot), 0) !=
	    (ssize_t)sizeof(params.boot))
		return -errno;
	r = plates_new(&sim->plates, &params);
	if (r)
		log_error("GRILLSIM-FILES",
			  "cannot use log '%s' or state '%s': %s",
			  sim->conf.log, sim->conf.state, err_text(r));
	return r;
}

static int open_server(struct grillsim *sim)
{
	int r = server_new(&sim->server, sim->loop, sim->plates,
			   sim->conf.address, (int)sim->conf.unit);

	if (r)
		log_error("GRILLSIM-ADDRESS", "cannot listen on '%s': %s",
			  sim->conf.address, err_text(r));
	return r;
}

static int open_control(struct grillsim *sim)
{
	int r;

	if (!*sim->conf.control_address)
		return 0;
	r = control_new(&sim->control, sim->loop, sim->conf.control_address,
			obey, sim);
	if (!r)
		r = tcp_write_address(sim->conf.control_address_file,
				      control_address(sim->control));
	if (r)
		log_error("GRILLSIM-ADDRESS", "cannot listen on '%s': %s",
			  sim->conf.control_address, err_text(r));
	return r;
}

/* The Modbus address is told last: who sees it finds all the rest. */
static int open_all(struct grillsim *sim)
{
	int r = open_plates(sim);

	if (!r)
		r = open_server(sim);
	if (!r)
		r = obey_setting(sim);
	if (!r)
		r = open_control(sim);
	if (!r)
		r = tcp_write_address(sim->conf.address_file,
				      server_address(sim->server));
	if (!r)
		log_info("GRILLSIM-READY", "'%s' listens on '%s'",
			 sim->conf.name, server_address(sim->server));
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
	sim->control = control_free(sim->control);
	sim->server = server_free(sim->server);
	sim->plates = plates_free(sim->plates);
	return r;
}

int main(int argc, char **argv)
{
	struct grillsim sim = { 0 };
	int status;
	int r;

	if (conf_arguments(&grillsim_conf, version_of_build, argc, argv,
			   &status))
		return status;
	if (conf_load(&grillsim_conf, &sim.conf))
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

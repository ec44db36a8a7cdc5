/* SPDX-License-Identifier: MIT */
/*
 * On brokers that know who is who, the shadow's principal may write to the
 * topics of the shadow and to no other, and it may not join a live group.
 */
#include <arpa/inet.h>
#include <check.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "infra/lib/xalloc.h"
#include "itests/harness/bus.h"
#include "itests/harness/suite.h"
#include "schemas/topics.h"

static const char jaas[] =
	"listener.name.sasl_plaintext.plain.sasl.jaas.config="
	"org.apache.kafka.common.security.plain.PlainLoginModule required "
	"user_shadow=\"secret\";";
static const char protocols[] =
	"listener.security.protocol.map=CONTROLLER:PLAINTEXT,"
	"PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT";
static const char authorizer[] =
	"authorizer.class.name=org.apache.kafka.metadata.authorizer."
	"StandardAuthorizer";

/* One that nobody has now. */
static int free_port(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	ck_assert(!bind(fd, (struct sockaddr *)&at, n));
	ck_assert(!getsockname(fd, (struct sockaddr *)&at, &n));
	(void)close(fd);
	return ntohs(at.sin_port);
}

static int port_of(const char *address)
{
	int port;

	ck_assert_int_eq(sscanf(strrchr(address, ':'), ":%d", &port), 1);
	return port;
}

/* The world's broker with a second listener, whose clients have names; at the
 * first one everybody is an administrator. Gives the address. */
static char *with_access(struct world *world)
{
	char path[PROGRAM_PATH_MAX], pid[16], listeners[512], advertised[512];
	CLEANUP(cleanup_free) char *settings = NULL;
	static char address[32];
	const char *controller;
	int port = free_port();

	world_kafka(world, "stop");
	world_path(world, "kafka/server.properties", path);
	settings = file_text(path);
	ck_assert(settings);
	controller = strstr(settings, "CONTROLLER://127.0.0.1:");
	ck_assert(controller);
	*strchr(controller, '\n') = '\0';
	(void)snprintf(address, sizeof(address), "127.0.0.1:%d", port);
	(void)snprintf(advertised, sizeof(advertised),
		       "advertised.listeners=PLAINTEXT://%s,"
		       "SASL_PLAINTEXT://%s",
		       world->brokers, address);
	(void)snprintf(listeners, sizeof(listeners),
		       "listeners=PLAINTEXT://%s,CONTROLLER://127.0.0.1:%d,"
		       "SASL_PLAINTEXT://%s",
		       world->brokers, port_of(controller), address);
	world_path(world, "kafka", path);
	(void)snprintf(pid, sizeof(pid), "%d", (int)getpid());
	world_run(world, "infra/kafka/kafka.sh", "start", path, "--watch-pid",
		  pid, "--set", listeners, "--set", advertised, "--set",
		  protocols, "--set", "sasl.enabled.mechanisms=PLAIN", "--set",
		  jaas, "--set", authorizer, "--set",
		  "super.users=User:ANONYMOUS");
	return address;
}

/* ---- a client with the shadow's name ---- */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char error[256];

	ck_assert_msg(
		!rd_kafka_conf_set(conf, name, value, error, sizeof(error)),
		"%s", error);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message,
			void *arg)
{
	(void)rk;
	(void)arg;
	*(rd_kafka_resp_err_t *)message->_private = message->err;
}

static rd_kafka_t *client_new(const char *address, const char *group)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char error[256];
	rd_kafka_t *rk;

	set(conf, "bootstrap.servers", address);
	set(conf, "security.protocol", "sasl_plaintext");
	set(conf, "sasl.mechanisms", "PLAIN");
	set(conf, "sasl.username", "shadow");
	set(conf, "sasl.password", "secret");
	if (group)
		set(conf, "group.id", group);
	else
		rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rk = rd_kafka_new(group ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf,
			  error, sizeof(error));
	ck_assert_msg(rk, "%s", error);
	return rk;
}

static rd_kafka_resp_err_t write_to(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_resp_err_t ret = RD_KAFKA_RESP_ERR__IN_PROGRESS;

	ck_assert(!rd_kafka_producev(
		rk, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(0),
		RD_KAFKA_V_VALUE((void *)(uintptr_t) "x", 1),
		RD_KAFKA_V_OPAQUE(&ret), RD_KAFKA_V_END));
	(void)rd_kafka_flush(rk, PATIENCE_MS);
	return ret;
}

/* 0: it became a member and got partitions; else why it did not. */
static rd_kafka_resp_err_t join(const char *address, const char *group,
				const char *topic)
{
	rd_kafka_t *rk = client_new(address, group);
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(1);
	int64_t deadline_at_ms = within(PATIENCE_MS);
	rd_kafka_resp_err_t ret = 0;
	int n_assigned = 0;

	(void)rd_kafka_topic_partition_list_add(list, topic,
						RD_KAFKA_PARTITION_UA);
	ck_assert(!rd_kafka_subscribe(rk, list));
	rd_kafka_topic_partition_list_destroy(list);
	while (!ret && !n_assigned) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(rk, 100);

		if (message) {
			ret = message->err;
			rd_kafka_message_destroy(message);
		}
		ck_assert(!rd_kafka_assignment(rk, &list));
		n_assigned = list->cnt;
		rd_kafka_topic_partition_list_destroy(list);
		wait_more(deadline_at_ms, "group '%s' says nothing", group);
	}
	rd_kafka_destroy(rk);
	return ret;
}

static bool is_of_shadow(enum topic_id id)
{
	for (const char *const *name = topic_table[id].writers; *name; name++)
		if (!strcmp(*name, "chillybin"))
			return true;
	return false;
}

KAFKA_TEST(the_shadows_principal_writes_no_live_topic_and_joins_no_live_group)
{
	const char *bin = getenv("BIN"), *address = with_access(world);
	rd_kafka_t *rk = client_new(address, NULL);
	char name[128], group[128];
	int64_t deadline_at_ms;

	world_run(world, "overlord-start", "shadow", "start", "chillybin",
		  "--from", bin && *bin ? bin : "build/rel/bin", "--execute");
	for (enum topic_id id = 0; id < N_TOPICS; id++) {
		(void)snprintf(name, sizeof(name), "%s%s", topic_table[id].name,
			       world->suffix);
		ck_assert_msg(
			write_to(rk, name) ==
				RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
			"it could write to '%s'", name);
		if (!is_of_shadow(id))
			continue;
		(void)snprintf(name, sizeof(name), "%s%s.shadow",
			       topic_table[id].name, world->suffix);
		ck_assert_int_eq(write_to(rk, name), 0);
	}
	rd_kafka_destroy(rk);
	world_topic(world, "orders", name);
	(void)snprintf(group, sizeof(group), "chillybin.green%s.shadow",
		       world->suffix);
	ck_assert_int_eq(join(address, group, name), 0);
	(void)snprintf(group, sizeof(group), "chillybin.blue%s", world->suffix);
	ck_assert_int_eq(join(address, group, name),
			 RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	world_run(world, "overlord-stop", "shadow", "stop", "--execute");
	(void)snprintf(group, sizeof(group), "chillybin.green%s.shadow",
		       world->suffix);
	/* Brokers hear of it a moment later. */
	deadline_at_ms = within(PATIENCE_MS);
	while (join(address, group, name) !=
	       RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED)
		wait_more(deadline_at_ms, "it still joins '%s'", group);
}

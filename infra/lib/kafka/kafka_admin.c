/* SPDX-License-Identifier: MIT */
/* Kafka admin: one question, one answer, by a deadline; see kafka_admin.h. */
#include "infra/lib/kafka/kafka_admin.h"

#include <assert.h>
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "infra/lib/clock.h"
#include "infra/lib/kafka/kafka_client.h"
#include "infra/lib/text/str.h"
#include "infra/lib/xalloc.h"

/* Between two looks whether a new topic has its leaders. */
#define LOOK_EVERY_MS 5

struct kafka_admin {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue;
	int64_t timeout_ms;
	char error[256];
};

static int fail(struct kafka_admin *admin, rd_kafka_resp_err_t code,
		const char *text)
{
	size_t n;

	(void)str_copy(admin->error, sizeof(admin->error),
		       text ? text : rd_kafka_err2str(code));
	for (n = 0; admin->error[n]; n++)
		if (admin->error[n] == '\n')
			admin->error[n] = ' ';
	switch (code) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
		return KAFKA_ADMIN_E_AWAY;
	case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
		return KAFKA_ADMIN_E_OPEN;
	default:
		return KAFKA_ADMIN_E_REFUSED;
	}
}

int kafka_admin_new(struct kafka_admin **ret, const char *brokers,
		    const char *client_id, int64_t timeout_ms)
{
	struct kafka_admin *admin = xcalloc(1, sizeof(*admin));
	rd_kafka_conf_t *conf = kafka_conf_new(brokers, client_id);
	char error[256];

	admin->timeout_ms = timeout_ms;
	admin->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!admin->rk)
		abort();
	admin->queue = rd_kafka_queue_new(admin->rk);
	*ret = admin;
	return 0;
}

struct kafka_admin *kafka_admin_free(struct kafka_admin *admin)
{
	if (admin) {
		rd_kafka_queue_destroy(admin->queue);
		rd_kafka_destroy(admin->rk);
		free(admin);
	}
	return NULL;
}

void kafka_admin_timeout(struct kafka_admin *admin, int64_t timeout_ms)
{
	admin->timeout_ms = timeout_ms;
}

const char *kafka_admin_error(const struct kafka_admin *admin)
{
	return admin->error;
}

static rd_kafka_AdminOptions_t *options_new(struct kafka_admin *admin,
					    rd_kafka_admin_op_t op)
{
	rd_kafka_AdminOptions_t *options =
		rd_kafka_AdminOptions_new(admin->rk, op);
	char error[256];

	if (rd_kafka_AdminOptions_set_request_timeout(
		    options, (int)admin->timeout_ms, error, sizeof(error)))
		abort();
	return options;
}

/* The answer of the one request that is under way; its deadline is its own. */
static int answer(struct kafka_admin *admin, rd_kafka_event_t **ret)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(
		admin->queue, (int)admin->timeout_ms + 1000);
	int r = 0;

	if (!event)
		return fail(admin, RD_KAFKA_RESP_ERR__TIMED_OUT, NULL);
	if (rd_kafka_event_error(event)) {
		r = fail(admin, rd_kafka_event_error(event),
			 rd_kafka_event_error_string(event));
		rd_kafka_event_destroy(event);
		return r;
	}
	*ret = event;
	return 0;
}

/* ---- how a topic is ---- */

static int read_partitions(struct kafka_admin *admin, const char *name,
			   struct kafka_topic *ret, bool *ret_led)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(admin->rk, name, NULL);
	const struct rd_kafka_metadata *metadata;
	const struct rd_kafka_metadata_topic *row;
	rd_kafka_resp_err_t code;

	if (!topic)
		return fail(admin, rd_kafka_last_error(), NULL);
	code = rd_kafka_metadata(admin->rk, 0, topic, &metadata,
				 (int)admin->timeout_ms);
	rd_kafka_topic_destroy(topic);
	if (code)
		return fail(admin, code, NULL);
	row = &metadata->topics[0];
	code = metadata->topic_cnt == 1 ? row->err : RD_KAFKA_RESP_ERR_UNKNOWN;
	*ret_led = !code;
	if (!code) {
		ret->there = true;
		ret->n_partitions = row->partition_cnt;
		for (int i = 0; i < row->partition_cnt; i++) {
			if (row->partitions[i].id == 0)
				ret->n_replicas =
					row->partitions[i].replica_cnt;
			if (row->partitions[i].leader < 0)
				*ret_led = false;
		}
	}
	rd_kafka_metadata_destroy(metadata);
	if (!code || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		return 0;
	return fail(admin, code, NULL);
}

/* Is the answer about one resource, and is it a yes? */
static int check_resource(struct kafka_admin *admin,
			  const rd_kafka_ConfigResource_t **resources, size_t n)
{
	if (n != 1)
		return fail(admin, RD_KAFKA_RESP_ERR_UNKNOWN, NULL);
	if (!rd_kafka_ConfigResource_error(resources[0]))
		return 0;
	return fail(admin, rd_kafka_ConfigResource_error(resources[0]),
		    rd_kafka_ConfigResource_error_string(resources[0]));
}

static void copy_settings(const rd_kafka_ConfigResource_t *resource,
			  struct kafka_topic *ret)
{
	size_t n;
	const rd_kafka_ConfigEntry_t **entries =
		rd_kafka_ConfigResource_configs(resource, &n);

	ret->settings = xcalloc(n, sizeof(*ret->settings));
	ret->n_settings = n;
	for (size_t i = 0; i < n; i++) {
		struct kafka_setting *setting = &ret->settings[i];
		const char *value = rd_kafka_ConfigEntry_value(entries[i]);

		(void)str_copy(setting->name, sizeof(setting->name),
			       rd_kafka_ConfigEntry_name(entries[i]));
		(void)str_copy(setting->value, sizeof(setting->value),
			       value ? value : "");
		setting->own = rd_kafka_ConfigEntry_source(entries[i]) ==
			       RD_KAFKA_CONFIG_SOURCE_DYNAMIC_TOPIC_CONFIG;
	}
}

static int read_settings(struct kafka_admin *admin, const char *name,
			 struct kafka_topic *ret)
{
	rd_kafka_ConfigResource_t *resource =
		rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
	rd_kafka_AdminOptions_t *options =
		options_new(admin, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
	const rd_kafka_ConfigResource_t **resources;
	rd_kafka_event_t *event = NULL;
	size_t n;
	int r;

	rd_kafka_DescribeConfigs(admin->rk, &resource, 1, options,
				 admin->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	r = answer(admin, &event);
	if (r)
		return r;
	resources = rd_kafka_DescribeConfigs_result_resources(
		rd_kafka_event_DescribeConfigs_result(event), &n);
	r = check_resource(admin, resources, n);
	if (!r)
		copy_settings(resources[0], ret);
	rd_kafka_event_destroy(event);
	return r;
}

int kafka_admin_topic(struct kafka_admin *admin, const char *topic,
		      struct kafka_topic *ret)
{
	struct kafka_topic state = { 0 };
	bool led;
	int r = read_partitions(admin, topic, &state, &led);

	if (!r && state.there)
		r = read_settings(admin, topic, &state);
	if (!r)
		*ret = state;
	return r;
}

int kafka_admin_partitions(struct kafka_admin *admin, const char *topic,
			   int32_t *ret)
{
	struct kafka_topic state = { 0 };
	bool led;
	int r = read_partitions(admin, topic, &state, &led);

	if (!r)
		*ret = state.n_partitions;
	return r;
}

void kafka_topic_deinit(struct kafka_topic *topic)
{
	free(topic->settings);
	*topic = (struct kafka_topic){ 0 };
}

const struct kafka_setting *kafka_topic_setting(const struct kafka_topic *topic,
						const char *name)
{
	for (size_t i = 0; i < topic->n_settings; i++)
		if (!strcmp(topic->settings[i].name, name))
			return &topic->settings[i];
	return NULL;
}

/* ---- writes ---- */

static int wait_for_leaders(struct kafka_admin *admin, const char *topic)
{
	int64_t deadline_at_ms = clock_now_ms() + admin->timeout_ms;
	struct kafka_topic state = { 0 };
	rd_kafka_event_t *event = NULL;
	bool led = false;
	int r;

	for (;;) {
		r = read_partitions(admin, topic, &state, &led);
		if (r || led)
			return r;
		if (!clock_left_ms(deadline_at_ms))
			return fail(admin, RD_KAFKA_RESP_ERR__TIMED_OUT,
				    "the new topic has no leaders yet");
		event = rd_kafka_queue_poll(admin->queue, LOOK_EVERY_MS);
		if (event)
			rd_kafka_event_destroy(event);
	}
}

static int created(struct kafka_admin *admin, const rd_kafka_event_t *event)
{
	size_t n;
	const rd_kafka_topic_result_t **topics =
		rd_kafka_CreateTopics_result_topics(
			rd_kafka_event_CreateTopics_result(
				(rd_kafka_event_t *)event),
			&n);
	rd_kafka_resp_err_t code;

	if (n != 1)
		return fail(admin, RD_KAFKA_RESP_ERR_UNKNOWN, NULL);
	code = rd_kafka_topic_result_error(topics[0]);
	if (!code || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		return 0;
	return fail(admin, code, rd_kafka_topic_result_error_string(topics[0]));
}

int kafka_admin_create(struct kafka_admin *admin,
		       const struct kafka_new_topic *topic)
{
	rd_kafka_AdminOptions_t *options;
	rd_kafka_NewTopic_t *row;
	rd_kafka_event_t *event = NULL;
	char error[256];
	int r;

	row = rd_kafka_NewTopic_new(topic->name, topic->n_partitions,
				    topic->n_replicas, error, sizeof(error));
	if (!row)
		return fail(admin, RD_KAFKA_RESP_ERR__INVALID_ARG, error);
	for (size_t i = 0; topic->settings[i]; i += 2)
		if (rd_kafka_NewTopic_set_config(row, topic->settings[i],
						 topic->settings[i + 1]))
			abort();
	options = options_new(admin, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	if (rd_kafka_AdminOptions_set_operation_timeout(
		    options, (int)admin->timeout_ms, error, sizeof(error)))
		abort();
	rd_kafka_CreateTopics(admin->rk, &row, 1, options, admin->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(row);
	r = answer(admin, &event);
	if (r)
		return r;
	r = created(admin, event);
	rd_kafka_event_destroy(event);
	return r ? r : wait_for_leaders(admin, topic->name);
}

static int altered(struct kafka_admin *admin)
{
	const rd_kafka_ConfigResource_t **resources;
	rd_kafka_event_t *event = NULL;
	size_t n;
	int r = answer(admin, &event);

	if (r)
		return r;
	resources = rd_kafka_AlterConfigs_result_resources(
		rd_kafka_event_AlterConfigs_result(event), &n);
	r = check_resource(admin, resources, n);
	rd_kafka_event_destroy(event);
	return r;
}

static bool named(const char *const *settings, const char *name)
{
	for (; *settings; settings += 2)
		if (!strcmp(*settings, name))
			return true;
	return false;
}

int kafka_admin_alter(struct kafka_admin *admin, const char *topic,
		      const char *const *settings)
{
	rd_kafka_ConfigResource_t *resource;
	rd_kafka_AdminOptions_t *options;
	struct kafka_topic now;
	int r = kafka_admin_topic(admin, topic, &now);

	if (r)
		return r;
	resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
	for (size_t i = 0; i < now.n_settings; i++)
		if (now.settings[i].own &&
		    !named(settings, now.settings[i].name))
			(void)rd_kafka_ConfigResource_set_config(
				resource, now.settings[i].name,
				now.settings[i].value);
	for (size_t i = 0; settings[i]; i += 2)
		(void)rd_kafka_ConfigResource_set_config(resource, settings[i],
							 settings[i + 1]);
	kafka_topic_deinit(&now);
	options = options_new(admin, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
	rd_kafka_AlterConfigs(admin->rk, &resource, 1, options, admin->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_ConfigResource_destroy(resource);
	return altered(admin);
}

/* ---- what goes ---- */

int kafka_admin_delete(struct kafka_admin *admin, const char *topic)
{
	rd_kafka_AdminOptions_t *options =
		options_new(admin, RD_KAFKA_ADMIN_OP_DELETETOPICS);
	rd_kafka_DeleteTopic_t *row = rd_kafka_DeleteTopic_new(topic);
	const rd_kafka_topic_result_t **topics;
	rd_kafka_event_t *event = NULL;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_UNKNOWN;
	size_t n;
	int r;

	rd_kafka_DeleteTopics(admin->rk, &row, 1, options, admin->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_DeleteTopic_destroy(row);
	r = answer(admin, &event);
	if (r)
		return r;
	topics = rd_kafka_DeleteTopics_result_topics(
		rd_kafka_event_DeleteTopics_result(event), &n);
	if (n == 1)
		code = rd_kafka_topic_result_error(topics[0]);
	if (code && code != RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		r = fail(admin, code, NULL);
	rd_kafka_event_destroy(event);
	return r;
}

int kafka_admin_delete_group(struct kafka_admin *admin, const char *group)
{
	rd_kafka_AdminOptions_t *options =
		options_new(admin, RD_KAFKA_ADMIN_OP_DELETEGROUPS);
	rd_kafka_DeleteGroup_t *row = rd_kafka_DeleteGroup_new(group);
	const rd_kafka_group_result_t **groups;
	const rd_kafka_error_t *error = NULL;
	rd_kafka_event_t *event = NULL;
	size_t n;
	int r;

	rd_kafka_DeleteGroups(admin->rk, &row, 1, options, admin->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_DeleteGroup_destroy(row);
	r = answer(admin, &event);
	if (r)
		return r;
	groups = rd_kafka_DeleteGroups_result_groups(
		rd_kafka_event_DeleteGroups_result(event), &n);
	if (n == 1)
		error = rd_kafka_group_result_error(groups[0]);
	if (error &&
	    rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
		r = fail(admin, rd_kafka_error_code(error),
			 rd_kafka_error_string(error));
	rd_kafka_event_destroy(event);
	return r;
}

/* ---- ACLs ---- */

enum { ACLS_MAX = 32 };

static rd_kafka_AclBinding_t *acl_new(const char *principal,
				      const struct kafka_acl *acl)
{
	rd_kafka_AclBinding_t *binding = rd_kafka_AclBinding_new(
		acl->topic ? RD_KAFKA_RESOURCE_TOPIC : RD_KAFKA_RESOURCE_GROUP,
		acl->topic ? acl->topic : acl->group,
		RD_KAFKA_RESOURCE_PATTERN_LITERAL, principal, "*",
		acl->write ? RD_KAFKA_ACL_OPERATION_WRITE
			   : RD_KAFKA_ACL_OPERATION_READ,
		RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, NULL, 0);

	return xalloc_check(binding);
}

/* All of a principal. */
static rd_kafka_AclBindingFilter_t *filter_new(const char *principal)
{
	return xalloc_check(rd_kafka_AclBindingFilter_new(
		RD_KAFKA_RESOURCE_ANY, NULL, RD_KAFKA_RESOURCE_PATTERN_ANY,
		principal, NULL, RD_KAFKA_ACL_OPERATION_ANY,
		RD_KAFKA_ACL_PERMISSION_TYPE_ANY, NULL, 0));
}

static int acls_created(struct kafka_admin *admin,
			const rd_kafka_event_t *event)
{
	size_t n;
	const rd_kafka_acl_result_t **results = rd_kafka_CreateAcls_result_acls(
		rd_kafka_event_CreateAcls_result((rd_kafka_event_t *)event),
		&n);

	for (size_t i = 0; i < n; i++) {
		const rd_kafka_error_t *error =
			rd_kafka_acl_result_error(results[i]);

		if (error)
			return fail(admin, rd_kafka_error_code(error),
				    rd_kafka_error_string(error));
	}
	return 0;
}

int kafka_admin_allow(struct kafka_admin *admin, const char *principal,
		      const struct kafka_acl *acls, size_t n_acls)
{
	rd_kafka_AdminOptions_t *options =
		options_new(admin, RD_KAFKA_ADMIN_OP_CREATEACLS);
	rd_kafka_AclBinding_t *bindings[ACLS_MAX];
	rd_kafka_event_t *event = NULL;
	int r;

	assert(n_acls <= ACLS_MAX);
	for (size_t i = 0; i < n_acls; i++)
		bindings[i] = acl_new(principal, &acls[i]);
	rd_kafka_CreateAcls(admin->rk, bindings, n_acls, options, admin->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_AclBinding_destroy_array(bindings, n_acls);
	r = answer(admin, &event);
	if (r)
		return r;
	r = acls_created(admin, event);
	rd_kafka_event_destroy(event);
	return r;
}

int kafka_admin_delete_acls(struct kafka_admin *admin, const char *principal)
{
	rd_kafka_AdminOptions_t *options =
		options_new(admin, RD_KAFKA_ADMIN_OP_DELETEACLS);
	rd_kafka_AclBindingFilter_t *filter = filter_new(principal);
	const rd_kafka_DeleteAcls_result_response_t **responses;
	const rd_kafka_error_t *error = NULL;
	rd_kafka_event_t *event = NULL;
	size_t n;
	int r;

	rd_kafka_DeleteAcls(admin->rk, &filter, 1, options, admin->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_AclBinding_destroy(filter);
	r = answer(admin, &event);
	if (r)
		return r;
	responses = rd_kafka_DeleteAcls_result_responses(
		rd_kafka_event_DeleteAcls_result(event), &n);
	if (n == 1)
		error = rd_kafka_DeleteAcls_result_response_error(responses[0]);
	if (error)
		r = fail(admin, rd_kafka_error_code(error),
			 rd_kafka_error_string(error));
	rd_kafka_event_destroy(event);
	return r;
}

/* ---- offsets ---- */

/* @which is where, as the protocol says it in the place of an instant. */
static int offsets(struct kafka_admin *admin, const char *topic,
		   int32_t n_partitions, int64_t which, int64_t *ret)
{
	rd_kafka_topic_partition_list_t *list =
		rd_kafka_topic_partition_list_new(n_partitions);
	rd_kafka_resp_err_t code;

	for (int32_t i = 0; i < n_partitions; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset =
			which;
	code = rd_kafka_offsets_for_times(admin->rk, list,
					  (int)admin->timeout_ms);
	for (int i = 0; !code && i < list->cnt; i++) {
		code = list->elems[i].err;
		ret[list->elems[i].partition] = list->elems[i].offset;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return code ? fail(admin, code, NULL) : 0;
}

int kafka_admin_ends(struct kafka_admin *admin, const char *topic,
		     int32_t n_partitions, int64_t *ret)
{
	return offsets(admin, topic, n_partitions, RD_KAFKA_OFFSET_END, ret);
}

int kafka_admin_begins(struct kafka_admin *admin, const char *topic,
		       int32_t n_partitions, int64_t *ret)
{
	return offsets(admin, topic, n_partitions, RD_KAFKA_OFFSET_BEGINNING,
		       ret);
}

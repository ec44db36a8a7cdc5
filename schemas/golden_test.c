/* SPDX-License-Identifier: MIT */
/*
 * Golden: the bytes of every version that ever shipped decode as they always
 * did, and the encoders still write exactly them.
 *
 * golden/NAME.msgpack is a body; golden/NAME.txt has its headers, an empty
 * line, and what decoding must give. `encoder: same` there means that encoding
 * what was decoded gives the same bytes; `other` that somebody else wrote them.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "schemas/fixture.h"
#include "schemas/oracle.h"

enum { FILES_MAX = 256, TEXT_CAP = 8192 };

static char names[FILES_MAX][80];
static int n_names;
static bool is_covered[32]; /* of the rows of event_versions */

/* What one file says, and what came of it. */
struct golden {
	char text[TEXT_CAP];
	uint8_t body[TEXT_CAP];
	size_t n_body;
	struct envelope envelope;
	const char *expected; /* what follows the first line of it */
	bool is_ours;

	struct oracle_message message;
	char dump[TEXT_CAP];
	size_t n_dump;
	uint8_t encoded[TEXT_CAP];
	struct msgpack_writer writer;
};

static struct golden golden;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(golden.dump + golden.n_dump, TEXT_CAP - golden.n_dump,
		      format, args);
	va_end(args);
	golden.n_dump += (size_t)n;
	ck_assert_uint_lt(golden.n_dump, TEXT_CAP);
}

/* Nothing for what is not there. */
static void say_text(const char *name, struct text text)
{
	if (text.n > 0)
		say("%s: %.*s\n", name, (int)text.n, text.p);
}

static void say_number(const char *name, int64_t number)
{
	if (number >= 0)
		say("%s: %lld\n", name, (long long)number);
}

static void say_order_id(const struct order_id *id)
{
	char out[ORDER_ID_CHARS + 1];

	say("order_id: %s\n", order_id_format(id, out));
}

static void say_items(const struct item *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		say("item: %.*s %d\n", (int)list[i].ingredient.n,
		    list[i].ingredient.p, list[i].quantity);
}

static void say_order_placed(const struct oracle_message *it)
{
	const struct order_placed *order = &it->order;

	say_order_id(&order->order_id);
	say_text("stall", order->stall);
	say_text("customer", order->customer);
	say("doneness: %s\n", doneness_name(order->doneness));
	say("grill: %s\n", order->grill ? "true" : "false");
	say_items(order->items, order->n_items);
	for (size_t i = 0; i < order->metadata.n; i++)
		say("%s%02x", i == 0 ? "metadata: " : "",
		    (uint8_t)order->metadata.p[i]);
	if (order->metadata.n > 0)
		say("\n");
}

static void say_order_cancelled(const struct oracle_message *it)
{
	const struct order_cancelled *cancelled = &it->cancelled;

	say_order_id(&cancelled->order_id);
	say_text("stall", cancelled->stall);
	say_text("customer", cancelled->customer);
	say_text("reason", cancelled->reason);
}

static void say_stock_command(const struct oracle_message *it)
{
	const struct stock_command *command = &it->command;

	say("kind: %s\n",
	    command->kind == STOCK_COMMAND_ADDED ? "added" : "counted");
	say_text("stall", command->stall);
	say_text("ingredient", command->ingredient);
	say("quantity: %d\n", command->quantity);
}

static void say_pick(const struct oracle_message *it)
{
	const struct pick *pick = &it->pick;
	const struct missing *missing = pick->missing;

	say_order_id(&pick->order_id);
	say_number("number", pick->number);
	say_number("seq", pick->seq);
	say("line: %d of %d\n", pick->line, pick->lines);
	say("verdict: %s\n", verdict_name(pick->verdict));
	say("doneness: %s\n", doneness_name(pick->doneness));
	say("grill: %s\n", pick->grill ? "true" : "false");
	say_text("stall", pick->stall);
	say_text("customer", pick->customer);
	say_text("reason", pick->reason);
	say_items(pick->items, pick->n_items);
	for (size_t i = 0; i < pick->n_missing; i++, missing++) {
		say("missing: %.*s %d ", (int)missing->ingredient.n,
		    missing->ingredient.p, missing->wanted);
		if (missing->left == MISSING_UNKNOWN)
			say("unknown\n");
		else
			say("%lld\n", (long long)missing->left);
	}
}

static void say_stock_changed(const struct oracle_message *it)
{
	const struct stock_changed *changed = &it->changed;

	say_text("stall", changed->stall);
	say_text("ingredient", changed->ingredient);
	say("delta: %lld\n", (long long)changed->delta);
	say("kind: %s\n", stock_change_name(changed->kind));
	if (changed->kind == STOCK_CHANGE_RETURNED)
		say_order_id(&changed->order_id);
}

static void say_toastie(const struct oracle_message *it)
{
	const struct toastie *toastie = &it->toastie;

	say_order_id(&toastie->order_id);
	say_number("number", toastie->number);
	say_number("seq", toastie->seq);
	say("state: %s\n", toastie_state_name(toastie->state));
	say_number("plate", toastie->plate);
	say_text("stall", toastie->stall);
	say_text("customer", toastie->customer);
	say_text("grill", toastie->grill);
	say_text("reason", toastie->reason);
	say_text("at", toastie->at);
}

static void (*const sayers[])(const struct oracle_message *it) = {
	[EVENT_ORDER_PLACED] = say_order_placed,
	[EVENT_ORDER_CANCELLED] = say_order_cancelled,
	[EVENT_STOCK_ADDED] = say_stock_command,
	[EVENT_STOCK_COUNTED] = say_stock_command,
	[EVENT_PICK] = say_pick,
	[EVENT_STOCK_CHANGED] = say_stock_changed,
	[EVENT_TOASTIE] = say_toastie,
};

static size_t load(const char *name, const char *suffix, void *to)
{
	char path[128];
	FILE *file;
	size_t n;

	(void)snprintf(path, sizeof(path), "schemas/golden/%s%s", name, suffix);
	file = fopen(path, "rb");
	ck_assert_msg(file != NULL, "%s cannot be opened", path);
	n = fread(to, 1, TEXT_CAP - 1, file);
	ck_assert_uint_lt(n, TEXT_CAP - 1);
	(void)fclose(file);
	return n;
}

/* Headers up to the empty line, then who wrote it, then what is expected. */
static void parse(char *text)
{
	char *end, *colon;

	envelope_init(&golden.envelope);
	for (; *text != '\n'; text = end + 1) {
		end = strchr(text, '\n');
		ck_assert_ptr_nonnull(end);
		*end = '\0';
		if (*text == '#')
			continue;
		colon = strstr(text, ": ");
		ck_assert_ptr_nonnull(colon);
		*colon = '\0';
		envelope_read(&golden.envelope, text, colon + 2,
			      strlen(colon + 2));
	}
	text++;
	golden.is_ours = strncmp(text, "encoder: same\n", 14) == 0;
	ck_assert(golden.is_ours || strncmp(text, "encoder: other\n", 15) == 0);
	golden.expected = strchr(text, '\n') + 1;
}

static void read_golden(const char *name)
{
	struct schema_fault fault = { "" };

	memset(&golden, 0, sizeof(golden));
	golden.writer =
		(struct msgpack_writer)MSGPACK_WRITER_INIT(golden.encoded);
	golden.n_body = load(name, ".msgpack", golden.body);
	golden.text[load(name, ".txt", golden.text)] = '\0';
	parse(golden.text);
	ck_assert_msg(envelope_check(&golden.envelope, &fault) == 0, "%s: %s",
		      name, fault.what);
	ck_assert_msg(oracle_decode(&golden.message, &golden.envelope,
				    golden.body, golden.n_body, &fault) == 0,
		      "%s: %s", name, fault.what);
}

START_TEST(what_shipped_decodes_as_it_always_did)
	{
		read_golden(names[_i]);
		sayers[golden.envelope.type](&golden.message);
		ck_assert_str_eq(golden.dump, golden.expected);
	}
END_TEST

START_TEST(what_we_wrote_is_written_again_to_the_byte)
	{
		struct msgpack_writer *writer = &golden.writer;

		read_golden(names[_i]);
		ck_assert_int_eq(oracle_encode(&golden.message,
					       &golden.envelope, writer),
				 0);
		if (golden.is_ours) {
			ck_assert_uint_eq(writer->n, golden.n_body);
			ck_assert_mem_eq(golden.encoded, golden.body,
					 golden.n_body);
		}
		/* And an encoder says that its storage is too small. */
		writer->cap = writer->n - 1;
		msgpack_writer_reset(writer);
		ck_assert_int_eq(oracle_encode(&golden.message,
					       &golden.envelope, writer),
				 -ENOBUFS);
	}
END_TEST

START_TEST(every_version_has_golden_bytes_of_ours)
	{
		const struct event_version *version = event_versions;

		for (int i = 0; i < n_names; i++) {
			read_golden(names[i]);
			version = event_version_find(golden.envelope.type,
						     golden.envelope.version);
			if (golden.is_ours)
				is_covered[version - event_versions] = true;
		}
		ck_assert_uint_le(n_event_versions, CHECK_N(is_covered));
		for (size_t i = 0; i < n_event_versions; i++)
			ck_assert_msg(
				is_covered[i],
				"%s version %d has no golden file",
				event_kinds[event_versions[i].type].name.p,
				event_versions[i].version);
	}
END_TEST

/* Every body of the folder. */
static void find_names(void)
{
	DIR *folder = opendir("schemas/golden");
	struct dirent *entry;
	const char *dot;

	while (folder && (entry = readdir(folder)) && n_names < FILES_MAX) {
		dot = strstr(entry->d_name, ".msgpack");
		if (dot)
			(void)snprintf(names[n_names++], sizeof(names[0]),
				       "%.*s", (int)(dot - entry->d_name),
				       entry->d_name);
	}
	if (folder)
		(void)closedir(folder);
}

int main(void)
{
	Suite *suite = suite_create("golden");
	TCase *tcase = tcase_create("golden");

	find_names();
	tcase_add_loop_test(tcase, what_shipped_decodes_as_it_always_did, 0,
			    n_names);
	tcase_add_loop_test(tcase, what_we_wrote_is_written_again_to_the_byte,
			    0, n_names);
	tcase_add_test(tcase, every_version_has_golden_bytes_of_ours);
	suite_add_tcase(suite, tcase);
	return check_run(suite);
}

# SPDX-License-Identifier: MIT
# One file, no recursion. `make` prints the targets; MODE picks the build
# folder: rel (default, what runs), asan, tsan, cov, fuzz.

MODE ?= rel
# Everything that is built lies below $(O), one folder a mode.
O ?= build
OUT := $(O)/$(MODE)
VERSION := $(shell infra/dev/version.sh)
# How many compilers at a time, where nobody has said.
JOBS ?= $(shell nproc)

# ---- flags -----------------------------------------------------------------

CC ?= gcc
PKGS := rdkafka libpq msgpack libevent_core libevent_extra jansson smartcols \
	libmodbus libxxhash libcrypto
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS) 2>/dev/null)
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lm

CPPFLAGS := -I. -D_GNU_SOURCE -DGALORE_VERSION='"$(VERSION)"' \
	-include infra/lib/banned.h
# The hardening flags are those of the OpenSSF guide that gcc 12 knows.
WARN := -Wall -Wextra -Wformat=2 -Wconversion -Wsign-conversion \
	-Wimplicit-fallthrough -Wtrampolines -Wbidi-chars=any -Wshadow \
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -Wundef \
	-Werror=format-security -Werror=implicit \
	-Werror=incompatible-pointer-types -Werror=int-conversion -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection \
	-fcf-protection=full -fno-delete-null-pointer-checks \
	-fno-strict-overflow -fno-strict-aliasing \
	-ftrivial-auto-var-init=zero -fexceptions
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
CFLAGS := -std=gnu17 -O2 -g -fPIE -pthread
# The exported symbol: infra/lib/postgres/pg.c says what for.
LDFLAGS := -pie -pthread -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack \
	-Wl,-z,nodlopen -Wl,--as-needed -Wl,--no-copy-dt-needed-entries \
	-Wl,--export-dynamic-symbol=_gnutls_global_init_skip

# FORTIFY and the sanitizers do not go together. In mode cov a program that a
# test kills has counted nothing.
ifeq ($(MODE),asan)
CFLAGS += -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
LDFLAGS += -fsanitize=address,undefined
else ifeq ($(MODE),tsan)
CFLAGS += -fsanitize=thread
# Without it the first call of a thread of librdkafka's ends the program.
LINKED := $(OUT)/infra/dev/tsan.o
LDFLAGS += -fsanitize=thread $(LINKED)
else ifeq ($(MODE),cov)
CFLAGS += --coverage -fprofile-update=atomic
LDFLAGS += --coverage
else
CFLAGS += $(FORTIFY)
endif
# For `make bench` alone, B=tax and B=scale: what exactly-once costs, and other
# numbers of partitions (MODE=partitions-64).
ifeq ($(MODE),at-least-once)
CPPFLAGS += -DBENCH_AT_LEAST_ONCE
else ifneq ($(filter partitions-%,$(MODE)),)
CPPFLAGS += -DBENCH_PARTITIONS=$(MODE:partitions-%=%)
endif
CFLAGS += $(WARN) $(HARDEN)

# ---- the map: a library a folder, a list of layers a program ---------------

# A folder with its sub-folders. Into its library goes neither the main file nor
# a test, a fake (a test names the fakes that it wants) or a fuzz target.
in_folder = $(wildcard $(1)/$(2) $(1)/*/$(2))
lib_c = $(filter-out %/main.c %_test.c %_fake.c %_fuzz.c,\
	$(call in_folder,$(1),*.c))
lib_a = $(foreach d,$(1),$(OUT)/$(d).a)

LEAVES := schemas infra/lib
FOLDERS := $(LEAVES) workers/runtime workers/chillybin workers/jafflr \
	workers/tally producers/storefront producers/stampede \
	infra/overlord infra/grillsim infra/bench/probe itests/harness

# What stands below a folder is what the include law lets it include, in the
# order of a linker that looks once: what needs comes before what it needs.
law = $(shell sed -n 's|^$(patsubst %/harness,%,$(1))/ ||p' infra/dev/deps.txt)
below = $(filter-out $(1),$(filter $(patsubst %/,%,$(call law,$(1))),\
	workers/runtime $(LEAVES)))

PROGRAMS := $(patsubst %/main.c,%,$(wildcard $(addsuffix /main.c,$(FOLDERS))))
BINS := $(foreach p,$(PROGRAMS),$(OUT)/bin/$(notdir $(p)))
TEST_C := $(foreach d,$(FOLDERS),$(call in_folder,$(d),*_test.c))
TESTS := $(TEST_C:%.c=$(OUT)/%)
ITEST_C := $(wildcard itests/[0-9]*.c)
ITESTS := $(ITEST_C:%.c=$(OUT)/%)
# Where the version is compiled in.
VERSIONED := infra/lib/conf.c
HEADERS := $(foreach d,$(FOLDERS),$(call in_folder,$(d),*.h))
SOURCES := $(foreach d,$(FOLDERS),$(call in_folder,$(d),*.c)) $(ITEST_C)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

.PHONY: help
help: ## print the targets
	@echo "Toasties Galore $(VERSION). Targets:"
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | \
		expand -t 16
	@echo "Settings of a run: infra/dev/run.sh help"

# ---- build -----------------------------------------------------------------

.PHONY: all programs
all: programs $(TESTS) $(ITESTS) ## build programs and tests
programs: $(BINS) ## build the programs into build/rel/bin
	@:

# Asked once a build folder: a library that is not there is named, before the
# compiler complains of a header.
$(OUT)/libraries: infra/dev/packages.txt
	@pkg-config --print-errors --exists $(PKGS) || { \
		echo "HINT: infra/dev/bootstrap.sh --need build installs" \
			"what is missing" >&2; exit 1; }
	@mkdir -p $(@D) && touch $@

# The version changes with each commit: what bears it is made anew then.
$(OUT)/version: always
	@mkdir -p $(@D)
	@[ "$$(cat $@ 2>/dev/null)" = '$(VERSION)' ] || echo '$(VERSION)' >$@
.PHONY: always
always:
$(VERSIONED:%.c=$(OUT)/%.o): $(OUT)/version

$(OUT)/%.o: %.c | $(OUT)/libraries
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(QUIET)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define folder_rules
$(OUT)/$(1).a: $$(patsubst %.c,$(OUT)/%.o,$$(call lib_c,$(1)))
	@rm -f $$@ && ar rcs $$@ $$^
$(OUT)/bin/$(notdir $(1)): $(OUT)/$(1)/main.o \
		$$(call lib_a,$(1) $(call below,$(1))) | $$(LINKED)
	@mkdir -p $$(@D)
	@echo "  link  $$@"
	$$(QUIET)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(PKG_LIBS)
$(OUT)/$(1)/%_test: $(OUT)/$(1)/%_test.o \
		$$(call lib_a,$(1) $(call below,$(1))) | $$(LINKED)
	@echo "  link  $$@"
	$$(QUIET)$$(CC) $$(LDFLAGS) -o $$@ $$(filter %_test.o,$$^) \
		$$(filter %_fake.o,$$^) $$(filter %.a,$$^) \
		$$(PKG_LIBS) $$(shell pkg-config --libs check)
endef
$(foreach d,$(FOLDERS),$(eval $(call folder_rules,$(d))))
QUIET := $(if $(V),,@)

# The fakes that tests link in place of the real thing, or beside it.
-include infra/dev/fakes.mk

# A test that drives a grill runs one.
$(OUT)/workers/jafflr/grill/grill_modbus_test: | $(OUT)/bin/grillsim

# Workers that do something wrong: itests/broken/PROGRAM_what.c.
BROKEN_C := $(wildcard itests/broken/*.c)
broken_program = $(firstword $(subst _, ,$(notdir $(basename $(1)))))
broken_bin = $(OUT)/broken/$(notdir $(basename $(1)))/$(call broken_program,$(1))
BROKEN := $(foreach c,$(BROKEN_C),$(call broken_bin,$(c)))
define broken_rules
$(call broken_bin,$(1)): $(1:%.c=$(OUT)/%.o) $(OUT)/workers/$(2)/main.o \
		$$(call lib_a,workers/$(2) $(call below,workers/$(2))) \
		| $$(LINKED)
	@mkdir -p $$(@D)
	@echo "  link  $$@"
	$$(QUIET)$$(CC) $$(LDFLAGS) -o $$@ $$^ $$(PKG_LIBS) \
		$$$$(sed -n 's/^.*__wrap_\([a-z0-9_]*\)(.*$$$$/-Wl,--wrap=\1/p' \
		$(1) | sort -u)
endef
$(foreach c,$(BROKEN_C),$(eval $(call \
	broken_rules,$(c),$(call broken_program,$(c)))))

$(OUT)/itests/%: $(OUT)/itests/%.o $(call lib_a,itests/harness $(LEAVES)) \
		| $(LINKED) $(BROKEN)
	@echo "  link  $@"
	$(QUIET)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) \
		$(shell pkg-config --libs check)

-include $(shell find $(OUT) -name '*.d' 2>/dev/null)

# ---- run -------------------------------------------------------------------

.PHONY: run stop clean-run
run: ## install what is missing, start everything, print the address
	@infra/dev/bootstrap.sh --need run
	@$(MAKE) --no-print-directory -j$(JOBS) programs
	@BIN=$(OUT)/bin infra/dev/run.sh start
stop: ## stop what `make run DETACH=1` started
	@infra/dev/run.sh stop
clean-run: ## forget the state of earlier runs
	@infra/dev/run.sh clean

# ---- test ------------------------------------------------------------------

.PHONY: test check itest model model-quick soak shelltest asan tsan coverage \
	fuzz bench
test: ## all checks and tests, on a real Kafka and Postgres
	@infra/dev/bootstrap.sh --need test
	@MAKE="$(MAKE)" JOBS=$(JOBS) infra/dev/test.sh
check: $(TESTS) ## unit tests
	@infra/dev/check.sh $(TESTS)
itest: programs $(ITESTS) ## integration tests
	@BIN=$(OUT)/bin ITEST_DIR=$(O)/itest itests/run.sh $(ITESTS)
model: ## the model of take-over, in the sizes of `make test` and larger ones
	@infra/dev/bootstrap.sh --need test
	@itests/model/run.sh full
model-quick: ## the model of take-over, in the sizes of `make test`
	@itests/model/run.sh quick
SOAKS := $(addprefix $(OUT)/itests/,909_soak 430_random_moves 440_agent 450_shadow)
soak: programs $(SOAKS) ## hostile inputs, random moves, kills, a shadow: SECONDS=600 MOVES=200 KILLS=100 SEED=
	@SOAK_SECONDS=$(or $(SECONDS),600) SOAK_SEED=$(SEED) DEADLINE=86400 \
		MOVES=$(or $(MOVES),200) MOVES_SEED=$(SEED) JOBS=1 \
		CK_DEFAULT_TIMEOUT=$$(($(or $(SECONDS),600) + 600)) \
		BIN=$(OUT)/bin ITEST_DIR=$(O)/itest \
		SHADOW_ORDERS=50000 AGENT_KILLS=$(or $(KILLS),100) itests/run.sh $(SOAKS)
shelltest: programs ## tests of `make run` and of the private servers
	@printf '%s\n' infra/dev/run_test.sh infra/dev/server_test.sh | \
		BIN=$(OUT)/bin xargs -n 1 -P 2 env
asan: ## unit and integration tests with address and UB sanitizers
	@$(MAKE) --no-print-directory MODE=asan all check itest
tsan: ## unit and integration tests with the thread sanitizer
	@$(MAKE) --no-print-directory MODE=tsan all check itest
coverage: ## line coverage of production code by all tests, build/cov/lines.txt
	@infra/dev/bootstrap.sh --need coverage
	@$(MAKE) --no-print-directory -j$(JOBS) MODE=cov all
	@find $(O)/cov -name '*.gcda' -delete
	@$(MAKE) --no-print-directory MODE=cov check itest; r=$$?; \
		gcovr -r . -j $(JOBS) --exclude 'itests/' \
		--exclude '.*(_test\.c|_fake\.c|_fuzz\.c|fixture\.h)$$' \
		--output $(O)/cov/lines.txt $(O)/cov && \
		tail -n 3 $(O)/cov/lines.txt && exit $$r
bench: ## benchmarks, all of them or `make bench B=drain`
	@infra/dev/bootstrap.sh --need bench
	@$(MAKE) --no-print-directory -j$(JOBS) programs
	@BIN=$(OUT)/bin OUT=$(O)/bench infra/bench/bench.py $(B)

FUZZ_C := $(wildcard schemas/fuzz/*_fuzz.c)
FUZZERS := $(FUZZ_C:%.c=$(O)/fuzz/%)
# Decoders and what they stand on; a decoder sends nothing and reads no rows.
FUZZED := $(filter-out schemas/event.c schemas/lanes/%,$(call lib_c,schemas)) \
	$(patsubst %,infra/lib/text/%.c,hash str text)
$(O)/fuzz/%: %.c $(FUZZED)
	@mkdir -p $(@D)
	$(QUIET)clang -std=gnu17 -O1 -g -I. -D_GNU_SOURCE \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o $@ $^ $(shell pkg-config --cflags --libs msgpack libxxhash)
fuzz: $(FUZZERS) ## run each fuzz target for SECONDS=30
	@infra/dev/fuzz.sh $(or $(SECONDS),30) $(FUZZERS)

# ---- rules as tools --------------------------------------------------------

TIDY_FLAGS := -std=gnu17 -I. -D_GNU_SOURCE -DGALORE_VERSION=\"lint\" \
	-include infra/lib/banned.h $(PKG_CFLAGS)

.PHONY: lint lint-fast format clean
SCRIPTS := $(wildcard .ci/run infra/*/*.sh itests/*.sh itests/*/*.sh)
# A header compiles alone, without what the flags include before everything.
$(OUT)/%.h.alone: %.h | $(OUT)/libraries
	@mkdir -p $(@D)
	$(QUIET)$(CC) $(filter-out -include infra/lib/banned.h,$(CPPFLAGS)) \
		$(PKG_CFLAGS) $(CFLAGS) -MMD -MP -MF $@.d -MT $@ \
		-fsyntax-only -x c $< && touch $@
lint-fast: $(HEADERS:%=$(OUT)/%.alone) # include law, documents, words
	@infra/dev/check-deps.sh
	@infra/dev/check-docs.sh
	@itests/model/run.sh in-step
	@infra/dev/check-words.sh --summary
	@infra/dev/check-rooms.sh --summary
lint: lint-fast ## include law, headers alone, documents, format, clang-tidy
	@infra/dev/bootstrap.sh --need lint
	@infra/dev/format.sh --check
	@shellcheck -x $(SCRIPTS)
	@printf '%s\n' $(SOURCES) | xargs -P $$(nproc) -n 8 sh -c \
		'clang-tidy --quiet "$$@" -- $(TIDY_FLAGS) 2>&1' sh | \
		infra/dev/tidy-report.sh
format: ## clang-format the tree
	@infra/dev/format.sh
clean: ## remove what was built
	rm -rf $(O)

# SPDX-License-Identifier: MIT
# Fakes: x_fake.c implements x.h and is linked in its place. The linker takes
# a fake's object before it looks into the libraries, so that the real one is
# left out; a row here says which test wants which fake.

$(OUT)/infra/lib/kafka/kafka_record_test: $(OUT)/infra/lib/kafka/kafka_in_fake.o
$(OUT)/workers/chillybin/examples_test $(OUT)/workers/chillybin/facts_test: \
	$(OUT)/workers/runtime/publish_fake.o
$(OUT)/workers/jafflr/job_test $(OUT)/workers/jafflr/grill/grill_thread_test: \
	$(OUT)/workers/jafflr/grill/grill_fake.o
$(OUT)/workers/jafflr/scheduler_test $(OUT)/workers/jafflr/scheduler_trouble_test: \
	$(OUT)/workers/jafflr/grill/grill_fake.o \
	$(OUT)/workers/jafflr/grill/grill_thread_fake.o \
	$(OUT)/workers/runtime/publish_fake.o
$(OUT)/workers/jafflr/sql_scheduler_test $(OUT)/workers/jafflr/sql_read_test \
$(OUT)/workers/jafflr/sql_test $(OUT)/workers/jafflr/toastie_metrics_test: \
	$(OUT)/workers/runtime/publish_fake.o
$(OUT)/workers/runtime/batches/batches_test $(OUT)/workers/runtime/assignments/reading_test \
$(OUT)/workers/runtime/assignments/lag_test $(OUT)/workers/runtime/assignments/catch_up_test \
$(OUT)/workers/runtime/engine/engine_test: \
	$(OUT)/infra/lib/kafka/kafka_in_fake.o $(OUT)/workers/runtime/publish_fake.o
$(OUT)/workers/runtime/engine/engine_test: $(OUT)/workers/runtime/database/work_fake.o

# doorbuster. `make run` shows a sale, `make test` runs every test; both set the machine up first.
# `make help` lists the rest. V=1 shows the commands.
# Variants: MODE=release (default), debug (checks on, used by the tests), asan (ASan + UBSan),
# fuzz (clang, libFuzzer), tsan (ThreadSanitizer; for tests/stress alone).

MODE ?= release
ifneq ($(words $(filter release debug asan fuzz tsan,$(MODE)) $(MODE)),2)
$(error MODE=$(MODE): there is release, debug, asan, fuzz and tsan)
endif
BUILD := build/$(MODE)
Q := $(if $(V),,@)
SAY = $(if $(V),@:,@echo "  $(1)  $(2)")

# Nothing here may fail on a machine that isn't set up yet: `run` and `test` read this first.
PKGS := libsodium libxxhash jemalloc liburing liburcu-qsbr libmicrohttpd
TOOL_PKGS := jansson
CAPTURE_PKGS := libpcap zlib libzstd
DPDK_CFLAGS := $(shell pkg-config --cflags libdpdk 2>/dev/null)
# Its plugins use our versions of these functions (net/port_libc.c, net/port_xdp_socket.c).
DPDK_LIBS := $(shell pkg-config --libs libdpdk 2>/dev/null) -lbpf \
             $(foreach f,munmap sendmsg setsockopt xsk_umem__create, \
                 -Wl,--undefined=$(f),--export-dynamic-symbol=$(f))

CC := $(if $(filter fuzz,$(MODE)),clang,gcc)
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wvla -Wundef -Wno-address-of-packed-member
# The engine is linked as one program: 11 % less time a request (full datagrams, sold out) than
# object by object. Profile-guided on top of it, x86-64-v3 instead of v2: nothing measurable.
CFLAGS_release := -O3 -fno-omit-frame-pointer -flto -ffat-lto-objects
LDFLAGS_release := -fno-lto
SERVE_LDFLAGS_release := -flto=auto -O3 -g
CFLAGS_debug := -O2 -fno-omit-frame-pointer -DDB_DEBUG
CFLAGS_asan := -O1 -fno-omit-frame-pointer -DDB_DEBUG -fsanitize=address,undefined \
               -fno-sanitize-recover=undefined -fno-sanitize=alignment
CFLAGS_tsan := -O1 -fno-omit-frame-pointer -DDB_DEBUG -fsanitize=thread
CFLAGS_fuzz := $(CFLAGS_asan) -O2 -fsanitize=fuzzer-no-link -DLANE_WINDOW_BYTES=65536
CFLAGS := -std=gnu11 -g -march=x86-64-v2 $(CFLAGS_$(MODE)) $(WARN) -I. -D_GNU_SOURCE
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS_tsan := -fsanitize=thread
LDFLAGS_fuzz := -fsanitize=fuzzer,address,undefined
LDFLAGS := -Wl,--as-needed $(LDFLAGS_$(MODE))
LDLIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread
TOOL_LDLIBS := $(shell pkg-config --libs $(TOOL_PKGS) 2>/dev/null) -lm
CAPTURE_LDLIBS := $(shell pkg-config --libs $(CAPTURE_PKGS) 2>/dev/null)

# Only the port, the worker, the server's main and the tools' way to a port know DPDK.
DPDK_SRCS := $(filter-out net/port_watch.c,$(wildcard net/port*.c)) $(wildcard engine/serve/*.c) \
             $(filter-out %/capture_socket.c %/mailbox.c,$(wildcard engine/worker/*.c)) \
             $(wildcard tools/common/transport_port*.c)
LIB_SRCS := $(filter-out $(DPDK_SRCS) %.bpf.c, $(wildcard engine/*/*.c net/*.c alloc/*.c))
TOOLS := $(notdir $(patsubst %/,%,$(dir $(wildcard tools/*/main.c))))
tool_bin = $(BUILD)/$(if $(filter doorbuster,$(1)),doorbuster,doorbuster-$(1))
TOOL_BINS := $(foreach t,$(TOOLS),$(call tool_bin,$(t)))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB := $(BUILD)/libdoorbuster.a
DPDK_LIB := $(BUILD)/libdoorbuster-port.a

.PHONY: all
all: $(BUILD)/doorbuster-serve $(TOOL_BINS)

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call SAY,CC  ,$<)
	$(Q)$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(call obj,$(DPDK_SRCS)): CFLAGS += $(DPDK_CFLAGS)

# Code for CPUs that this machine may not have: called only where they exist (net/siphash.c asks).
KERNEL_CFLAGS_net/siphash_avx2.c := -mavx2
KERNEL_CFLAGS_net/siphash_avx512.c := -mavx512f
$(foreach src,net/siphash_avx2.c net/siphash_avx512.c, \
    $(eval $(call obj,$(src)): CFLAGS += $(KERNEL_CFLAGS_$(src))))

# Shown among the metrics.
REVISION := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
METRICS_OBJ := $(call obj,engine/serve/metrics.c)
$(METRICS_OBJ): CFLAGS += -DDB_REVISION='"$(REVISION)"' -DDB_MODE='"$(MODE)"'
$(METRICS_OBJ): $(BUILD)/revision.list
$(BUILD)/revision.list: LIST := $(REVISION)

# What is linked from objects is linked again when their list changes, so that nothing of a removed
# source stays. The list is written only when it changed.
.PHONY: always
%.list: always
	@mkdir -p $(@D)
	@echo '$(LIST)' | cmp -s - $@ || echo '$(LIST)' >$@
listed = $(eval $(1).list: LIST := $(2))$(2) $(1).list
objects = $(filter %.o %.a,$^)

$(LIB): $(call listed,$(LIB),$(call obj,$(LIB_SRCS)))
	$(call SAY,AR  ,$@)
	@rm -f $@
	$(Q)ar rcs $@ $(objects)

PORT_OBJS := $(call obj,$(filter net/port%,$(DPDK_SRCS))) $(BUILD)/net/port_xdp_object.o
$(DPDK_LIB): $(call listed,$(DPDK_LIB),$(PORT_OBJS))
	$(call SAY,AR  ,$@)
	@rm -f $@
	$(Q)ar rcs $@ $(objects)

# The XDP program, embedded in every program that links the port.
XDP_OBJECT := $(BUILD)/net/xdp_take.bpf.o
$(XDP_OBJECT): net/xdp_take.bpf.c Makefile
	@mkdir -p $(@D)
	$(call SAY,BPF ,$<)
	$(Q)clang -target bpf -O2 -g -Wall -Werror -I/usr/include/$(shell gcc -print-multiarch) \
	    -c $< -o $@

$(BUILD)/net/port_xdp_object.o: net/port_xdp_object.S $(XDP_OBJECT) Makefile
	$(Q)$(CC) -DOBJECT='"$(XDP_OBJECT)"' -c $< -o $@

SERVE := $(BUILD)/doorbuster-serve
$(SERVE): $(call listed,$(SERVE),$(call obj,$(filter engine/%,$(DPDK_SRCS)))) $(DPDK_LIB) $(LIB)
	$(call SAY,LINK,$@)
	+$(Q)$(CC) $(filter-out -fno-lto,$(LDFLAGS)) $(SERVE_LDFLAGS_$(MODE)) -o $@ $(objects) \
	    $(DPDK_LIBS) $(LDLIBS)

# A tool is a folder with a main.c; those of PORT_TOOLS also drive DPDK ports. All share
# tools/common.
PORT_TOOLS := load replay
COMMON_SRCS := $(filter-out $(DPDK_SRCS),$(wildcard tools/common/*.c))
tool_objs = $(call obj,$(wildcard tools/$(1)/*.c) $(COMMON_SRCS) \
                $(if $(filter $(PORT_TOOLS),$(1)),$(filter tools/common/%,$(DPDK_SRCS))))
define tool_rule
$(call tool_bin,$(1)): $(call listed,$(call tool_bin,$(1)),$(call tool_objs,$(1))) \
    $(if $(filter $(PORT_TOOLS),$(1)),$(DPDK_LIB)) $(LIB)
	$$(call SAY,LINK,$$@)
	$$(Q)$$(CC) $$(LDFLAGS) -o $$@ $$(objects) \
	    $(if $(filter $(PORT_TOOLS),$(1)),$$(DPDK_LIBS)) \
	    $(if $(filter replay capture,$(1)),$$(CAPTURE_LDLIBS)) $$(TOOL_LDLIBS) $$(LDLIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

# Both ends of the downstream journal: publishers and consumers link it, and the brokers' clients.
# It has no main.c of its own.
DOWNSTREAM_LIB := $(BUILD)/libdoorbuster-downstream.a
DOWNSTREAM_SRCS := $(wildcard tools/downstream/*.c)
$(DOWNSTREAM_LIB): $(call listed,$(DOWNSTREAM_LIB),$(call obj,$(DOWNSTREAM_SRCS)))
	$(call SAY,AR  ,$@)
	@rm -f $@
	$(Q)ar rcs $@ $(objects)

DOWNSTREAM_BINS := $(foreach t,relay consume sink,$(call tool_bin,$(t)))
$(DOWNSTREAM_BINS): $(DOWNSTREAM_LIB)
$(DOWNSTREAM_BINS): TOOL_LDLIBS := $(DOWNSTREAM_LIB) $(LIB) -lnats -lrdkafka $(TOOL_LDLIBS)
$(call tool_bin,sink): TOOL_LDLIBS += -lpq
PQ_CFLAGS := $(shell pkg-config --cflags libpq 2>/dev/null)
$(BUILD)/tools/sink/%.o: CFLAGS += $(PQ_CFLAGS)

# The model of the decision, and random sales in which engine and model must agree.
MODEL_SRCS := $(filter-out %_main.c,$(wildcard tests/engine/sale/model*.c))

# Unit tests: every tests/**/test_*.c in one Criterion binary, without the EAL. MODE=debug or asan.
TEST_SRCS := $(shell find tests -name 'test_*.c' -o -path 'tests/support/*.c') $(MODEL_SRCS)
TESTED_TOOL_SRCS := $(filter-out %/main.c,$(wildcard tools/load/*.c)) \
                    $(filter-out %/main.c,$(wildcard tools/buy/*.c)) \
                    $(addprefix tools/journal/,conserve.c hold_sums.c orders.c) \
                    $(COMMON_SRCS) $(addprefix tools/sink/,pending.c rows.c sqlstate.c tables.c) \
                    tools/capture/files.c tools/capture/old_rotation.c \
                    $(DOWNSTREAM_SRCS) $(filter-out %/main.c,$(wildcard tools/relay/*.c)) \
                    $(filter-out %/main.c tools/replay/run_%,$(wildcard tools/replay/*.c))
UNIT := $(BUILD)/tests/unit
$(UNIT): $(call listed,$(UNIT),$(call obj,$(TEST_SRCS) $(TESTED_TOOL_SRCS))) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(objects) -lcriterion $(CAPTURE_LDLIBS) -lnats -lrdkafka \
	    $(TOOL_LDLIBS) $(LDLIBS)

# The simulator: a sale on a disk that fails and crashes, seed by seed. MODE=debug or asan. Calls of
# the engine's code for a file, a clock or a thread go to tests/sim/sim_calls.c.
SIM := $(BUILD)/tests/sim/sim
SIM_SRCS := $(filter-out tests/sim/test_%,$(wildcard tests/sim/*.c)) tests/support/lane_rule.c
comma := ,
SIM_CALLS := $(addprefix -Wl$(comma)--wrap=,safe_dir_open safe_opendir safe_open safe_make_anew \
    safe_rename safe_unlink close fsync flock fstat pread pwrite fallocate readdir closedir \
    statvfs posix_fadvise sync_file_range clock_gettime nanosleep pthread_create \
    pthread_clockjoin_np pthread_setname_np stat arena_available_bytes)
$(SIM): $(call listed,$(SIM),$(call obj,$(SIM_SRCS))) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) $(SIM_CALLS) -o $@ $(objects) $(LDLIBS)

# Random sales without an end. MODE=debug or asan.
MODEL := $(BUILD)/tests/engine/sale/model
$(MODEL): $(call listed,$(MODEL),$(call obj,$(MODEL_SRCS) tests/engine/sale/model_main.c)) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(objects) $(LDLIBS)

# The queues between threads under load. MODE=debug, asan or tsan; links only what TSan can judge.
STRESS_BINS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/stress/stress_*.c))
STRESS_SRCS := engine/base/log.c engine/lane/command.c engine/worker/mailbox.c
$(STRESS_BINS): $(BUILD)/tests/stress/%: $(BUILD)/tests/stress/%.o $(call obj,$(STRESS_SRCS))
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lpthread

# What the end-to-end tests need besides the programs: one small program a file.
E2E_PRELOADS := $(wildcard tests/e2e/preload_*.c)
E2E_BINS := $(patsubst %.c,$(BUILD)/%,$(filter-out $(E2E_PRELOADS), $(wildcard tests/e2e/*.c))) \
            $(E2E_PRELOADS:%.c=$(BUILD)/%.so)
$(filter-out %.so,$(E2E_BINS)): $(BUILD)/tests/e2e/%: $(BUILD)/tests/e2e/%.o $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/tests/e2e/kafka_mock: LDLIBS += -lrdkafka

$(BUILD)/tests/e2e/%.so: tests/e2e/%.c
	@mkdir -p $(@D)
	$(call SAY,LINK,$@)
	$(Q)$(CC) -O2 -shared -fPIC $(WARN) -o $@ $<

# Benchmarks of parts; bench/run.py measures the programs.
BENCH_BINS := $(patsubst %.c,$(BUILD)/%,$(wildcard bench/bench_*.c))
BENCH_SUPPORT := $(call obj,bench/common.c tests/support/frames.c tests/support/memory_disk.c)
$(BENCH_BINS): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(BENCH_SUPPORT) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(filter-out -fno-lto,$(LDFLAGS)) $(SERVE_LDFLAGS_$(MODE)) -o $@ $^ -lm $(LDLIBS)

# Loads for the programs that the engine is compared with. Built where their client libraries are
# installed (tools/setup/setup.sh bench); tests don't need them.
has = $(shell pkg-config --exists $(1) 2>/dev/null && echo yes)
PEER_SRCS := bench/peers/udp_echo.c $(if $(call has,hiredis),bench/peers/redis_load.c) \
             $(if $(call has,libpq),bench/peers/postgres_load.c)
PEER_BINS := $(patsubst %.c,$(BUILD)/%,$(PEER_SRCS)) $(BUILD)/bench/core_distance \
             $(BUILD)/bench/idle_sender $(BUILD)/bench/jitter
PEER_SUPPORT := $(call obj,bench/peers/peer_load.c tools/load/scenario.c tools/load/mixed.c \
                           tools/load/holds_plan.c tools/load/baskets_plan.c \
                           tools/load/demand.c $(COMMON_SRCS))
# What holds cost through the whole path: the parts of the load, with another main.
HOLD_LOAD := $(BUILD)/bench/hold_load
$(HOLD_LOAD): $(BUILD)/bench/hold_load.o $(filter-out %/main.o,$(call tool_objs,load)) \
    $(DPDK_LIB) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(DPDK_LIBS) $(TOOL_LDLIBS) $(LDLIBS)
PEER_LIBS_redis_load := $(shell pkg-config --libs hiredis 2>/dev/null)
PEER_LIBS_postgres_load := $(shell pkg-config --libs libpq 2>/dev/null)
PEER_CFLAGS := -I/usr/include/postgresql
$(call obj,$(PEER_SRCS)): CFLAGS += $(PEER_CFLAGS)
$(PEER_BINS): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(PEER_SUPPORT) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(PEER_LIBS_$(notdir $*)) -lm $(LDLIBS)

# Fuzzers, MODE=fuzz; in the other modes the same targets with a main that replays their corpus.
FUZZ_BINS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_SUPPORT := $(call obj,$(addprefix tests/support/,checkpoints.c holds.c memory_disk.c sale.c) \
                     $(addprefix tools/replay/,capture_file.c capture_magic.c \
                       capture_set.c captured.c copies.c link.c member.c pcap_file.c pcapng.c \
                       reader.c stream.c unwrap.c unwrap_tunnel.c))
$(FUZZ_BINS): $(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(FUZZ_SUPPORT) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CAPTURE_LDLIBS) $(LDLIBS)

REPLAY_BINS := $(patsubst tests/fuzz/fuzz_%.c,$(BUILD)/tests/fuzz/replay_%, \
                   $(wildcard tests/fuzz/fuzz_*.c))
$(REPLAY_BINS): $(BUILD)/tests/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o \
    $(BUILD)/tests/fuzz/replay.o $(FUZZ_SUPPORT) $(LIB)
	$(call SAY,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(CAPTURE_LDLIBS) $(LDLIBS)

.PHONY: tests-built bench-built fuzz-built stress-built
stress-built: $(STRESS_BINS)
tests-built: all $(UNIT) $(SIM) $(MODEL) $(STRESS_BINS) $(E2E_BINS) $(BENCH_BINS) $(REPLAY_BINS) \
    $(BUILD)/bench/core_distance $(BUILD)/bench/jitter $(BUILD)/bench/peers/udp_echo $(HOLD_LOAD)
bench-built: all $(BENCH_BINS) $(PEER_BINS) $(HOLD_LOAD)
fuzz-built: $(FUZZ_BINS)

# Static analysis: a stamp a source, made again when the source, a header of it or a rule changed.
# cppcheck can't read Criterion's macros.
ANALYSED := $(filter-out %.bpf.c $(filter-out $(PEER_SRCS) %/peer_load.c, \
                           $(wildcard bench/peers/*.c)), \
              $(shell find engine net alloc tools bench tests -name '*.c'))
ANALYSIS_FLAGS = -std=gnu11 -I. -D_GNU_SOURCE -DDB_DEBUG -march=x86-64-v2 \
    $(if $(filter $(DPDK_SRCS),$<),$(DPDK_CFLAGS)) \
    $(if $(filter bench/peers/%,$<),$(PEER_CFLAGS)) $(KERNEL_CFLAGS_$<) \
    $(if $(filter tools/sink/%,$<),$(PQ_CFLAGS))
# The analyser follows a function with many branches up to this many states, not the default of
# 225,000: beyond this it found nothing, and took most of the time.
# In a test each check of Criterion's is a branch.
ANALYSER = -Xclang -analyzer-config -Xclang max-nodes=$(if $(filter tests/%,$<),20000,50000)
CPPCHECK := cppcheck --quiet --enable=warning,performance,portability --std=c11 -I. -DDB_DEBUG \
    --inline-suppr --error-exitcode=1 --suppress=missingIncludeSystem --suppress=unknownMacro
STAMPS := $(patsubst %,build/check/%.ok,$(ANALYSED))
.PHONY: analysis
analysis: $(STAMPS)
build/check/%.ok: % .clang-tidy
	@mkdir -p $(@D)
	@clang-tidy --quiet $< -- $(ANALYSIS_FLAGS) $(ANALYSER) 2>$@.log || \
	    { grep -v 'warnings\? generated' $@.log; exit 1; }
	$(if $(filter tests/%,$<),,@$(CPPCHECK) $<)
	@$(CC) $(ANALYSIS_FLAGS) -MM -MP -MT $@ -MF $@.d $<
	@touch $@

# Goals for people. Each sets up first, then builds with every core in a make of its own, because
# pkg-config is asked when a make starts.
JOBS = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))
.PHONY: run serve test asan test-ran asan-ran fuzz soak soak-port soak-start chaos mutate bench \
        bench-check model \
        check setup help clean
setup:
	$(NOW)@tools/setup/setup.sh

run serve: setup
	@$(MAKE) --no-print-directory $(JOBS) all
	@tools/demo/$@.sh $(BUILD)

# Both end on the line that counts the tests. If that line failed, make would print more after it,
# so it never fails. But asked with -q, a goal that is not up to date makes make end with 1 and
# print nothing.
ifneq ($(filter $(MAKECMDGOALS),test asan),)
ifeq ($(findstring n,$(firstword -$(MAKEFLAGS))),)
MAKEFLAGS += -q
NOW := +
endif
endif
test-ran asan-ran: %-ran: setup
	$(NOW)@mkdir -p build; rm -f build/$*.failed
	$(NOW)@tests/run --mode $(if $(filter asan,$*),asan,debug) || touch build/$*.failed

test asan: %: %-ran
	@$(if $(shell ls build/$@.failed 2>/dev/null),false)

fuzz: setup
	@$(MAKE) --no-print-directory $(JOBS) MODE=fuzz fuzz-built
	@tests/fuzz.sh build/fuzz

# New seeds, unless FROM says where to begin.
SEEDS ?= 20000
FROM ?= $(shell date +%s)00000
soak: setup
	@$(MAKE) --no-print-directory $(JOBS) MODE=debug build/debug/tests/sim/sim
	@build/debug/tests/sim/sim --seeds $(FROM) $(SEEDS) --jobs $(shell nproc)

# New sales, each operation decided by the engine and by its model.
OPERATIONS ?= 10000000
model: setup
	@$(MAKE) --no-print-directory $(JOBS) MODE=debug build/debug/tests/engine/sale/model
	@build/debug/tests/engine/sale/model $(FROM) $(OPERATIONS)

# Other seeds each time, unless FROM says where to begin; a minute each.
RUNS ?= 20
chaos: setup
	@$(MAKE) --no-print-directory $(JOBS) MODE=debug tests-built
	@for seed in $$(seq $(FROM) $$(($(FROM) + $(RUNS) - 1))); do \
	    SEED=$$seed ROUNDS=5 LOSE=1 tests/run --only relay_cluster || exit 1; done

# Every system call of a start fails once, over and over: hours. ONLY="openat mmap" PORTS=lo: some.
soak-start: setup
	@$(MAKE) --no-print-directory $(JOBS) MODE=debug tests-built
	@ALL=1 TIME_LIMIT_S=$$((24 * 3600)) tests/run --only start_faults

# An AF_XDP port beside a disk that stalls again and again; an hour at the most.
FRAMES ?= 100000000
soak-port: setup
	@TIME_LIMIT_S=3600 FRAMES=$(FRAMES) tests/run --only soak_port
	@tail -n 2 build/debug/e2e/soak_port.log

mutate: setup
	@tests/mutate/run.sh

# ROUNDS=5, MINUTES=20 and all of WHAT but huge unless they say otherwise.
bench: setup
	@tools/setup/setup.sh bench || echo "bench: goes on without what is missing"
	@$(MAKE) --no-print-directory $(JOBS) bench-built
	@bench/run.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(WHAT),--what "$(WHAT)") \
	    $(if $(OUT),--out "$(OUT)") $(if $(MINUTES),--minutes $(MINUTES))

# ACCEPT=1: what is counted now becomes the reference.
bench-check: setup
	@$(MAKE) --no-print-directory $(JOBS) bench-built
	@bench/instructions.sh $(BUILD) $(if $(ACCEPT),--accept)

check: setup
	@tests/check

help:
	@echo 'make run     a drop on a real engine, checked to the last unit, and once more'
	@echo '             downstream: in files; DOWNSTREAM=nats: in a nats-server of its own;'
	@echo '             SCENARIO=holds: buyers that hold, pay late or never, and return'
	@echo '             SCENARIO=baskets: all of a basket or nothing, over two shards'
	@echo 'make test    every test; ends on the line that counts them'
	@echo 'make serve   keeps a demo engine selling until Ctrl-C'
	@echo 'make all     the programs, in build/release'
	@echo 'make check   format, style, static analysis'
	@echo 'make asan    the tests under AddressSanitizer and UBSan'
	@echo 'make fuzz    each fuzzer for a short while'
	@echo 'make soak-port  FRAMES=100000000 to a port beside a disk that stalls; an hour'
	@echo 'make soak    SEEDS=20000 seeds of the simulator, on all cores; FROM=N: from N on'
	@echo 'make model   OPERATIONS=10000000 of random sales, beside the model; FROM=N'
	@echo 'make soak-start  a start in which a system call fails, for each of them; hours'
	@echo 'make chaos   RUNS=20 sales whose broker, relay and engine are killed; a minute each'
	@echo 'make mutate  puts faults into the engine and its journal; tests must notice; 4 min'
	@echo 'make bench   engine beside testpmd, Redis, PostgreSQL; table, JSON, page; 18 minutes'
	@echo 'make bench-check  instructions a request: fails if they grew by over 3 %; ACCEPT=1'
	@echo 'make setup   installs missing packages (run, test and the others do it first)'
	@echo 'make clean   removes build/'

clean:
	rm -rf build

-include $(shell find $(BUILD) build/check -name '*.d' 2>/dev/null)

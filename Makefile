# doorbuster. `make run` shows a sale, `make test` runs every test; both set the machine up first.
# Variants: MODE=release (default), debug (checks on, used by the tests), asan (ASan + UBSan).

MODE ?= release
BUILD := build/$(MODE)

PKGS := libsodium libxxhash jemalloc liburing liburcu-qsbr
DPDK_CFLAGS = $(shell pkg-config --cflags libdpdk)
DPDK_LIBS = $(shell pkg-config --libs libdpdk) -lbpf

CC := gcc
WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
        -Wvla -Wundef -Wno-address-of-packed-member
CFLAGS_release := -O3 -g -fno-omit-frame-pointer
CFLAGS_debug := -O2 -g -fno-omit-frame-pointer -DDB_DEBUG
CFLAGS_asan := -O1 -g -fno-omit-frame-pointer -DDB_DEBUG -fsanitize=address,undefined \
               -fno-sanitize-recover=undefined -fno-sanitize=alignment
CFLAGS := -std=gnu11 -march=x86-64-v2 $(CFLAGS_$(MODE)) $(WARN) -I. -D_GNU_SOURCE
LDFLAGS_asan := -fsanitize=address,undefined
LDFLAGS := -Wl,--as-needed $(LDFLAGS_$(MODE))
LDLIBS = $(shell pkg-config --libs $(PKGS)) -lpthread

# Only the port, the worker and the server's main know DPDK.
DPDK_SRCS := $(wildcard net/port*.c engine/worker*.c engine/handover.c engine/serve*.c) engine/main.c
LIB_SRCS := $(filter-out $(DPDK_SRCS) %.bpf.c, $(wildcard engine/*.c net/*.c alloc/*.c))
TOOLS := $(notdir $(patsubst %/,%,$(dir $(wildcard tools/*/main.c))))
TOOL_BINS := $(foreach t,$(TOOLS),$(BUILD)/$(if $(filter doorbuster,$(t)),doorbuster,doorbuster-$(t)))

obj = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIB := $(BUILD)/libdoorbuster.a
DPDK_LIB := $(BUILD)/libdoorbuster-port.a

.PHONY: all
all: $(BUILD)/doorbuster-serve $(TOOL_BINS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(call obj,$(DPDK_SRCS)): CFLAGS += $(DPDK_CFLAGS)
$(BUILD)/tools/load/%.o: CFLAGS += $(DPDK_CFLAGS)

$(LIB): $(call obj,$(LIB_SRCS))
	@rm -f $@
	ar rcs $@ $^

$(DPDK_LIB): $(call obj,$(filter net/port%,$(DPDK_SRCS))) $(BUILD)/net/port_xdp_object.o
	@rm -f $@
	ar rcs $@ $^

# The XDP program, embedded in what links the port.
XDP_OBJECT := $(BUILD)/net/xdp_take.bpf.o
$(XDP_OBJECT): net/xdp_take.bpf.c
	@mkdir -p $(@D)
	clang -target bpf -O2 -g -Wall -Werror -I/usr/include/$(shell gcc -print-multiarch) -c $< -o $@

$(BUILD)/net/port_xdp_object.o: net/port_xdp_object.S $(XDP_OBJECT)
	$(CC) -DOBJECT='"$(XDP_OBJECT)"' -c $< -o $@

$(BUILD)/doorbuster-serve: $(call obj,$(filter engine/%,$(DPDK_SRCS))) $(DPDK_LIB) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ $(DPDK_LIBS) $(LDLIBS)

# A tool is a folder with a main.c; tools/load also drives DPDK ports.
define tool_rule
$(BUILD)/$(if $(filter doorbuster,$(1)),doorbuster,doorbuster-$(1)): \
    $(call obj,$(wildcard tools/$(1)/*.c)) $(if $(filter load,$(1)),$(DPDK_LIB)) $(LIB)
	$$(CC) $$(LDFLAGS) -o $$@ $$^ $(if $(filter load,$(1)),$$(DPDK_LIBS)) $$(LDLIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

# Unit tests: every tests/**/test_*.c in one Criterion binary, without the EAL. Built with MODE=debug or asan.
TEST_SRCS := $(shell find tests -name 'test_*.c' -o -path 'tests/support/*.c')
$(BUILD)/tests/unit: $(call obj,$(TEST_SRCS)) $(LIB)
	$(CC) $(LDFLAGS) -o $@ $^ -lcriterion $(LDLIBS)

.PHONY: clean
clean:
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)

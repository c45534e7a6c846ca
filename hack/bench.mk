# SPDX-License-Identifier: Apache-2.0
# Benchmarks. Included by the Makefile.
#
#   make bench [BASE=earlier.json]    plugins, then both shims, in a test node: tables, JSON and chart in build/bench
#
# What BENCH_N and its kin do is told by hack/bench --help.

ifndef BENCH_C
BENCH_C := $(wildcard tests/bench/*.c)

.PHONY: bench
bench:
	$(Q)BASE='$(BASE)' hack/bench

$(BUILD)/bench/bench: $(call OBJ,$(BENCH_C) $(BASE_C) shim/ttrpc.c) $(PB_O)
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SHIM_LIBS)
endif

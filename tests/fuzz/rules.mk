# SPDX-License-Identifier: Apache-2.0
# Fuzzing. Included by the Makefile.
#
#   make fuzz-corpus               every kept input once, in an ordinary program under ASan and UBSan
#   make fuzz-build                the fuzzers (clang, libFuzzer, ASan, UBSan)
#   make fuzz FUZZ_SECONDS=600     each fuzzer for so long; FUZZ_ONLY=json for one
#   make fuzz-merge                add to the kept inputs what was found, is small, and reaches more

FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 600
FUZZ_ONLY    ?=
FUZZ_MAX_LEN ?= 6000
FUZZ_KEEP_BYTES ?= 300
# yajl and protobuf-c built with the same flags, as archives, let the fuzzers see into them.
FUZZ_LIBS    ?= $(SHIM_LIBS)

# Pure modules, and no more: a fuzzer needs no loop and no children.
FUZZ_LIB_C := $(BASE_C) $(CONFIG_C) cgroups/keyed.c config/azlctl/check_text.c config/azlctl/facts_text.c config/azlctl/ours.c $(addprefix cni/,address.c confs.c error.c \
	netconf.c netconf_guards.c netconf_ranges.c netconf_read.c read.c result.c \
	netns.c datapath/dhcp.c ipam/answer.c ipam/cns_map.c ipam/cns_wire.c ipam/imds_wire.c) $(addprefix shim/,apparmor.c args.c bootstrap.c message.c \
	capability.c exec_attributes.c exec_env.c exec_facts.c exec_plan.c exec_process.c \
	defaults_spec.c mount_options.c mountinfo.c options.c process_spec.c spec.c switches.c toml.c \
	ttrpc.c uri.c)
FUZZ_ALL   := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_NAMES := $(or $(FUZZ_ONLY),$(FUZZ_ALL))
FUZZ_DIR   := $(BUILD)/fuzz

FUZZ_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. -isystem $(GEN) -O1 -g -fno-omit-frame-pointer \
	-DAZL_VERSION='"$(VERSION)"' -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize-recover=all
FUZZ_O      = $(FUZZ_LIB_C:%.c=$(FUZZ_DIR)/obj/%.o) $(PB_C:$(GEN)/%.c=$(FUZZ_DIR)/obj/%.o)
FUZZ_SAN_O  = $(patsubst %.c,$(BUILD)/san/%.o,$(FUZZ_LIB_C) tests/fuzz/standalone.c) \
	$(PB_C:%.c=%.san.o)

.PHONY: fuzz-build fuzz-corpus fuzz fuzz-merge
fuzz-build: $(FUZZ_NAMES:%=$(FUZZ_DIR)/fuzz_%)

$(FUZZ_DIR)/fuzz_%: $(FUZZ_DIR)/obj/tests/fuzz/fuzz_%.o $(FUZZ_O)
	$(call say,FUZZ,$@)$(FUZZ_CC) $(FUZZ_CFLAGS) -fsanitize=fuzzer -o $@ $^ $(FUZZ_LIBS)

$(FUZZ_DIR)/obj/%.o: %.c $(PB_C)
	$(call say,FUZZ,$@)mkdir -p $(@D) && $(FUZZ_CC) $(FUZZ_CFLAGS) -MMD -MP -c -o $@ $<

$(FUZZ_DIR)/obj/%.pb-c.o: $(GEN)/%.pb-c.c
	$(call say,FUZZ,$@)mkdir -p $(@D) && $(FUZZ_CC) $(FUZZ_CFLAGS) -w -c -o $@ $<

-include $(shell find $(FUZZ_DIR)/obj -name '*.d' 2>/dev/null)

# What was found stays in $(FUZZ_DIR)/found/; an input that breaks a promise lies beside the fuzzer.
fuzz: fuzz-build
	$(Q)for name in $(FUZZ_NAMES); do \
		mkdir -p $(FUZZ_DIR)/found/$$name tests/fuzz/corpus/$$name && \
		echo "# fuzz_$$name: $(FUZZ_SECONDS) s" && \
		$(FUZZ_DIR)/fuzz_$$name -max_total_time=$(FUZZ_SECONDS) -max_len=$(FUZZ_MAX_LEN) \
			-timeout=10 -rss_limit_mb=1024 -print_final_stats=1 -verbosity=0 \
			-artifact_prefix=$(FUZZ_DIR)/$$name- \
			$(FUZZ_DIR)/found/$$name tests/fuzz/corpus/$$name || exit 1; \
	done

fuzz-merge: fuzz-build
	$(Q)for name in $(FUZZ_NAMES); do \
		rm -rf $(FUZZ_DIR)/small && mkdir -p $(FUZZ_DIR)/small && \
		find $(FUZZ_DIR)/found/$$name -type f -size -$(FUZZ_KEEP_BYTES)c \
			-exec cp -t $(FUZZ_DIR)/small {} + && \
		$(FUZZ_DIR)/fuzz_$$name -merge=1 -use_counters=0 tests/fuzz/corpus/$$name $(FUZZ_DIR)/small || exit 1; \
	done

$(BUILD)/fuzz-corpus/%: tests/fuzz/fuzz_%.c tests/fuzz/fuzz.h $(FUZZ_SAN_O)
	$(call say,FUZZ,$@)mkdir -p $(@D) && $(CC) $(SAN_CFLAGS) $(WARN) -Wno-missing-prototypes \
		-o $@ $< $(FUZZ_SAN_O) $(SHIM_LIBS)

fuzz-corpus: $(FUZZ_ALL:%=$(BUILD)/fuzz-corpus/%)
	$(Q)echo "1..$(words $(FUZZ_ALL))"; n=0; failed=0; \
	for name in $(FUZZ_ALL); do \
		n=$$((n + 1)); set -- tests/fuzz/corpus/$$name/*; \
		if $(BUILD)/fuzz-corpus/$$name "$$@" > $(BUILD)/fuzz-corpus/$$name.log 2>&1; then \
			echo "ok $$n - fuzz_$$name holds for $$# kept inputs"; \
		else \
			failed=1; sed 's/^/# /' $(BUILD)/fuzz-corpus/$$name.log; \
			echo "not ok $$n - fuzz_$$name"; \
		fi; \
	done; exit $$failed

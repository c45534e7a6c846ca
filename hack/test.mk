# SPDX-License-Identifier: Apache-2.0
# Proving. Included by the Makefile.
#
#   make test          everything, as CI does: builds, unit tests, fuzz corpora, lint, test nodes, machine
#   make check         what needs neither root nor minutes: unit tests, fuzz corpora, layers, format
#   make lint          every analyser; each finding is an error
#   make unit-run      every unit test under ASan and UBSan; UNIT_ONLY=server for one
#   make cross-arm64   compile for arm64, without linking
ifndef UNIT_ONLY
UNIT_ONLY :=
endif

UNIT_RUN   := $(if $(UNIT_ONLY),$(UNIT_ONLY:%=$(BUILD)/unit/test_%),$(UNIT))
ARM64_CC   ?= aarch64-linux-gnu-gcc
ARM64_O     = $(patsubst %.c,$(BUILD)/arm64/%.o,$(sort $(LIB_C) shim/main.c $(CNI_C) $(CNI_MAIN) $(CTL_C) \
	config/azlctl/main.c))

# Tests in which allocations fail, or cgroups are out of reach or slow, are linked that way.
COMMA      := ,
ALLOC_WRAP := malloc calloc realloc strdup asprintf
UNIT_WRAP  := $(ALLOC_WRAP) cg_root_open cg_open_of_pid
$(BUILD)/unit/test_service: private SHIM_LIBS += $(UNIT_WRAP:%=-Wl,--wrap=%)
$(BUILD)/unit/test_host: private SHIM_LIBS += $(ALLOC_WRAP:%=-Wl,--wrap=%)
$(BUILD)/unit/test_defaults $(BUILD)/unit/test_defaults_%: private SHIM_LIBS += $(patsubst %,-Wl$(COMMA)--wrap=%,$(ALLOC_WRAP) cg_root_open_unified tasks_max)
$(BUILD)/unit/test_fast_freeze: private SHIM_LIBS += -Wl,--wrap=cg_freeze
$(BUILD)/unit/test_fast: private SHIM_LIBS += -Wl,--wrap=statfs
$(BUILD)/unit/test_azlctl_rings: private CTL_LIBS += $(patsubst %,-Wl$(COMMA)--wrap=ethtool_%,open get set)
$(UNIT): $(wildcard tests/unit/*.h)

.PHONY: test check lint unit-run generated cross-arm64
test:
	@hack/test

check: unit-run fuzz-corpus
	@hack/lint layers format

lint:
	@BUILD='$(BUILD)' hack/lint

unit-run: $(UNIT_RUN)
	@hack/unit-run $(UNIT_RUN)

generated: $(PB_C)

cross-arm64: $(ARM64_O)

# Headers of libraries are the same for every architecture: the host's come last.
$(BUILD)/arm64/%.o: %.c $(PB_C)
	$(call say,ARM64,$@)mkdir -p $(@D) && $(ARM64_CC) -std=gnu17 -D_GNU_SOURCE -I. -isystem $(GEN) \
		-idirafter /usr/include -idirafter /usr/include/$(MACHINE) -O2 -fPIE -mbranch-protection=standard \
		-DAZL_VERSION='"$(VERSION)"' -DAZL_REVISION='"x"' $(WARN) -Werror -c -o $@ $<

# SPDX-License-Identifier: Apache-2.0
# The joiner: a program without a library, embedded into the shim. Included by the Makefile.
#
# Its flags are its own: what packagers give in CFLAGS (stack protector, fortify, LTO) needs a library.
# It is position-independent without relocations, since nobody would apply them; the build holds that.

JOIN_C      := $(wildcard shim/join/*.c)
JOIN_H      := $(wildcard shim/join/*.h)
JOIN_CFLAGS := -std=gnu17 -D_GNU_SOURCE -I. -Os -ffreestanding -fno-builtin -fPIE -fvisibility=hidden \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables -fno-jump-tables \
	-ffunction-sections -fdata-sections -fno-strict-aliasing -U_FORTIFY_SOURCE
JOIN_LDFLAGS := -nostdlib -nostartfiles -static-pie -Wl,--gc-sections,--build-id=none,-z,noexecstack,-z,norelro \
	-Wl,-z,noseparate-code,--hash-style=gnu,-z,text -s
ifeq ($(IS_CLANG),)
JOIN_CFLAGS += -fno-tree-switch-conversion -fno-tree-loop-distribute-patterns
endif
ifneq ($(findstring x86_64,$(MACHINE)),)
JOIN_HARD := -fcf-protection
else ifneq ($(findstring aarch64,$(MACHINE)),)
JOIN_HARD := -mbranch-protection=standard
endif

# $(call join_build,COMPILER,FLAGS)
join_build = mkdir -p $(@D) && $(1) $(JOIN_CFLAGS) $(2) $(WARN) $(DEV_CFLAGS) $(JOIN_LDFLAGS) -o $@ $(JOIN_C) && \
	if readelf -rW $@ | grep -q R_; then echo '$@ has relocations' >&2; rm -f $@; exit 1; fi

$(BUILD)/join: $(JOIN_C) $(JOIN_H) shim/join/rules.mk $(BUILD)/.flags
	$(call say,JOIN,$@)$(call join_build,$(CC),$(JOIN_HARD))

$(BUILD)/arm64/join: $(JOIN_C) $(JOIN_H) shim/join/rules.mk
	$(call say,ARM64,$@)$(call join_build,$(ARM64_CC),-mbranch-protection=standard)

$(BUILD)/obj/shim/join_image.o $(BUILD)/san/shim/join_image.o: $(BUILD)/join
$(BUILD)/arm64/shim/join_image.o: $(BUILD)/arm64/join
$(BUILD)/obj/shim/join_image.o: private override CFLAGS += -DAZL_JOIN='"$(abspath $(BUILD)/join)"'
$(BUILD)/san/shim/join_image.o: private override SAN_CFLAGS += -DAZL_JOIN='"$(abspath $(BUILD)/join)"'
$(BUILD)/arm64/shim/join_image.o: private override ARM64_CC += -DAZL_JOIN='"$(abspath $(BUILD)/arm64/join)"'

# SPDX-License-Identifier: Apache-2.0
# azl: one Makefile. `make` builds, `make run` shows, `make test` proves, `make bench` measures.
#
#   make [DEV=1] [V=1] [CC=clang] [BUILD=dir]     programs into $(BUILD)
#   make install DESTDIR= PREFIX=/usr             what packagers call; make deb, make rpm
#
# DEV=1 turns warnings into errors; packagers never get that.

BUILD   ?= $(or $(AZL_BUILD),build/host)
PREFIX  ?= /usr
BINDIR  ?= $(PREFIX)/bin
CNIDIR  ?= $(PREFIX)/lib/cni
CC      ?= cc
PKG_CONFIG ?= pkg-config
PROTOC_C ?= protoc-c
VERSION := 0.1.0
REVISION := $(or $(AZL_REVISION),$(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$(2))';)

WARN := -Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wundef -Wvla -Wformat=2 \
	-Wcast-align -Wpointer-arith -Wwrite-strings -Wswitch-enum -Wimplicit-fallthrough \
	-Wdate-time -Wnull-dereference
IS_CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))
ifeq ($(IS_CLANG),)
# clang looks into protobuf-c's own initialisers with -Wcast-qual
WARN += -Wcast-qual -Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init
HARD_CC := -ftrivial-auto-var-init=zero
endif
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null)
HARD := -fstack-protector-strong -fstack-clash-protection -fPIE $(HARD_CC)
ifneq ($(findstring x86_64,$(MACHINE)),)
HARD += -fcf-protection
else ifneq ($(findstring aarch64,$(MACHINE)),)
HARD += -mbranch-protection=standard
endif
FORTIFY ?= -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(if $(IS_CLANG),2,3)
OPT     ?= -O2 -g

GEN := $(BUILD)/gen
# What packagers give in CFLAGS and LDFLAGS comes last, so that it wins.
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. -isystem $(GEN) $(OPT) $(FORTIFY) $(HARD) \
	-DAZL_VERSION='"$(VERSION)"' -ffunction-sections -fdata-sections $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,--gc-sections,--as-needed $(LDFLAGS)
DEV_CFLAGS := $(if $(DEV),-Werror)
SHIM_LIBS := $(shell $(PKG_CONFIG) --libs libprotobuf-c yajl 2>/dev/null || echo -lprotobuf-c -lyajl)
# Of libcap one function is used: from its archive, where there is one, it costs a shim nothing.
LIBCAP := $(shell $(CC) -print-file-name=libcap.a)
SHIM_LIBS += $(if $(findstring /,$(LIBCAP)),$(LIBCAP),-lcap)
# OpenSSL's headers alone: cni/openssl.c loads its libraries when a call needs them.
CNI_LIBS := $(shell $(PKG_CONFIG) --libs libmnl yajl 2>/dev/null || echo -lmnl -lyajl)
# From their archives, where there are any, both together start 0.1 to 0.2 ms faster.
archive_of = $(filter /%,$(shell $(CC) -print-file-name=$(1)))
CNI_LINK := $(or $(call archive_of,libyajl_s.a),$(filter -L% -lyajl,$(CNI_LIBS))) \
	$(or $(call archive_of,libmnl.a),$(filter -L% -lmnl,$(CNI_LIBS)))
# Without libcgroup (Azure Linux 4 has none; CGROUP=no) azlctl makes cgroups on hosts without systemd itself.
CGROUP  ?= $(shell $(PKG_CONFIG) --exists 'libcgroup >= 2.0' 2>/dev/null && echo yes || echo no)
CTL_LIBS := $(CNI_LIBS) -lm $(if $(filter yes,$(CGROUP)),$(shell $(PKG_CONFIG) --libs libcgroup))

PROTO := $(wildcard shim/proto/*.proto)
PB_C  := $(PROTO:%.proto=$(GEN)/%.pb-c.c)
PB_O  := $(PB_C:%.c=%.o)

BASE_C    := $(wildcard config/base/*.c)
CONFIG_C  := $(wildcard config/*.c)
CGROUPS_C := $(wildcard cgroups/*.c)
SHIM_C    := $(wildcard shim/*.c)
LIB_C     := $(BASE_C) $(CONFIG_C) $(CGROUPS_C) $(filter-out shim/main.c,$(SHIM_C))
# The plugin and the shim have nothing in common above config/.
CNI_C     := $(filter-out cni/main.c,$(wildcard cni/*.c cni/*/*.c)) $(CONFIG_C) $(BASE_C)
CNI_MAIN  := $(wildcard cni/main.c)
# azlctl may know everything; libcgroup, where there is one, serves hosts without systemd.
CTL_C     := $(filter-out config/azlctl/main.c \
	config/azlctl/slices_$(if $(filter yes,$(CGROUP)),cgroups,libcgroup).c,$(wildcard config/azlctl/*.c))
OBJ        = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

PROGRAMS := $(BUILD)/containerd-shim-azl-v2 $(CNI_MAIN:cni/main.c=$(BUILD)/azl-cni) $(BUILD)/azlctl

.PHONY: all
all: $(PROGRAMS)

$(BUILD)/containerd-shim-azl-v2: $(call OBJ,shim/main.c $(LIB_C)) $(PB_O)
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SHIM_LIBS)

$(BUILD)/azl-cni: $(call OBJ,cni/main.c $(CNI_C))
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CNI_LINK)

$(BUILD)/azlctl: $(call OBJ,config/azlctl/main.c $(CTL_C)) $(BUILD)/parts.a
	$(call say,LINK,$@)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CTL_LIBS)

# For tests: as it is where there is no libcgroup.
$(BUILD)/tools/azlctl-cgroups: $(call OBJ,config/azlctl/main.c $(CTL_C:%/slices_libcgroup.c=%/slices_cgroups.c)) $(BUILD)/parts.a
	$(call say,LINK,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(CNI_LIBS) -lm

# What azlctl may take from: an archive gives the modules that are used, and their libraries alone.
$(BUILD)/parts.a: $(call OBJ,$(CNI_C) $(CGROUPS_C))
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c $(PB_C) $(BUILD)/.flags
	$(call say,CC,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(OWN_CFLAGS) $(WARN) $(DEV_CFLAGS) -MMD -MP -c -o $@ $<

# It carries files that are shipped.
$(BUILD)/obj/config/azlctl/shipped.o $(BUILD)/san/config/azlctl/shipped.o: $(wildcard config/etc/*/*)

# The revision is one object's business: a commit rebuilds that one alone.
$(BUILD)/obj/shim/main.o $(BUILD)/obj/cni/main.o $(BUILD)/obj/config/azlctl/main.o: private OWN_CFLAGS := -DAZL_REVISION='"$(REVISION)"'

$(GEN)/%.pb-c.o: $(GEN)/%.pb-c.c
	$(call say,CC,$@)$(CC) $(ALL_CFLAGS) -w -c -o $@ $<

$(GEN)/%.pb-c.c: %.proto $(PROTO)
	$(call say,PROTOC,$@)mkdir -p $(GEN) && $(PROTOC_C) --proto_path=. --c_out=$(GEN) $<

# Objects follow the flags: the file changes only when they do.
FLAGS_NOW := $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) $(WARN) $(DEV_CFLAGS)
$(BUILD)/.flags: FORCE
	@mkdir -p $(@D) && printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' | cmp -s - $@ || \
		printf '%s\n' '$(subst ','\'',$(FLAGS_NOW))' > $@
.PHONY: FORCE
FORCE:
.SECONDARY: $(PB_C)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# The program that enters a container for an exec; it is inside the shim.
include shim/join/rules.mk

# ---- tests -------------------------------------------------------------------------------------
# The same sources again under ASan and UBSan; one program per tests/unit/test_*.c.

SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_CFLAGS = -std=gnu17 -D_GNU_SOURCE -I. -isystem $(GEN) -O1 -g -DAZL_VERSION='"$(VERSION)"' $(SAN)
UNIT_C  := $(wildcard tests/unit/test_*.c)
UNIT    := $(UNIT_C:tests/unit/%.c=$(BUILD)/unit/%)
SAN_O    = $(patsubst %.c,$(BUILD)/san/%.o,$(LIB_C)) $(PB_C:%.c=%.san.o)

.PHONY: unit
unit: $(UNIT)

$(BUILD)/unit/%: tests/unit/%.c tests/unit/test.h $(SAN_O)
	$(call say,UNIT,$@)mkdir -p $(@D) && $(CC) $(SAN_CFLAGS) $(WARN) -Wno-missing-prototypes \
		-o $@ $< $(SAN_O) $(SHIM_LIBS)

# The plugin's are an archive: a test takes the modules that it needs.
$(BUILD)/unit/test_cni_%: tests/unit/test_cni_%.c tests/unit/test.h $(BUILD)/san/cni.a
	$(call say,UNIT,$@)mkdir -p $(@D) && $(CC) $(SAN_CFLAGS) $(WARN) -Wno-missing-prototypes \
		-o $@ $< $(BUILD)/san/cni.a $(CNI_LIBS) $(TEST_LIBS)

$(BUILD)/unit/test_cni_http: private TEST_LIBS := -lssl -lcrypto # its server's

# Those of azlctl: its own files and all that it may take from.
$(BUILD)/unit/test_azlctl_%: tests/unit/test_azlctl_%.c tests/unit/test.h $(BUILD)/san/azlctl.a
	$(call say,UNIT,$@)mkdir -p $(@D) && $(CC) $(SAN_CFLAGS) $(WARN) -Wno-missing-prototypes \
		-o $@ $< $(BUILD)/san/azlctl.a $(CTL_LIBS)

$(BUILD)/san/azlctl.a: $(patsubst %.c,$(BUILD)/san/%.o,$(CTL_C) $(CNI_C) $(CGROUPS_C))
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/san/cni.a: $(patsubst %.c,$(BUILD)/san/%.o,$(CNI_C))
	$(call say,AR,$@)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/san/%.o: %.c $(PB_C)
	$(call say,SAN,$@)mkdir -p $(@D) && $(CC) $(SAN_CFLAGS) -MMD -MP -c -o $@ $<

$(GEN)/%.pb-c.san.o: $(GEN)/%.pb-c.c
	$(call say,SAN,$@)$(CC) $(SAN_CFLAGS) -w -c -o $@ $<

-include $(shell find $(BUILD)/san -name '*.d' 2>/dev/null)

# Programs that tests use: the ttrpc driver of the oracle tests and its kin.
TOOLS_C := $(wildcard tests/tools/*.c)
TOOLS   := $(TOOLS_C:tests/tools/%.c=$(BUILD)/tools/%)

.PHONY: tools
tools: $(TOOLS)

$(BUILD)/tools/%: tests/tools/%.c $(call OBJ,$(BASE_C) shim/ttrpc.c) $(PB_O)
	$(call say,TOOL,$@)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) $(WARN) $(DEV_CFLAGS) -pie -o $@ $^ \
		$(SHIM_LIBS)

$(BUILD)/tools/oracle: $(wildcard tests/tools/oracle/*.c)

# What runs in test nodes and virtual machines: run, bench, test, fuzz.
-include $(wildcard hack/*.mk tests/fuzz/rules.mk)

# ---- install -----------------------------------------------------------------------------------
# One target for each package. What only some hosts want lies in $(SHAREDIR), to be copied from there:
# docs/INSTALL.md.

SYSCONFDIR ?= /etc
LIBDIR     ?= $(PREFIX)/lib
UNITDIR    ?= $(PREFIX)/lib/systemd/system
MANDIR     ?= $(PREFIX)/share/man
SHAREDIR   ?= $(PREFIX)/share/azl
ETC        := config/etc

# Where runtimes look for plugins, if that is not where ours lies.
CNIPATH    ?= $(CNIDIR)

# Shipped files name /usr/bin and /opt/cni/bin: the places of this installation take theirs.
put  = install -D -m $(1) $(2) $(DESTDIR)$(3)
tell = sed 's|/usr/bin/|$(BINDIR)/|; s|/opt/cni/bin|$(CNIPATH)|' $(2) | \
	install -D -m $(1) /dev/stdin $(DESTDIR)$(3)
# each MODE FILES DIRECTORY
each = $(foreach file,$(2),$(call tell,$(1),$(file),$(3)/$(notdir $(file))) &&) true

.PHONY: install install-shim install-cni install-ctl install-selinux
install: install-shim install-cni install-ctl

install-shim: all
	$(call put,755,$(BUILD)/containerd-shim-azl-v2,$(BINDIR)/containerd-shim-azl-v2)
	$(call put,644,shim/containerd-shim-azl-v2.8,$(MANDIR)/man8/containerd-shim-azl-v2.8)
	$(call each,644,$(wildcard $(ETC)/containerd/*.toml),$(SHAREDIR)/containerd)
	$(call each,644,$(ETC)/nerdctl/nerdctl.toml,$(SHAREDIR)/nerdctl)
	$(call each,644,$(ETC)/kubernetes/runtimeclass.yaml,$(SHAREDIR)/kubernetes)
	$(call each,644,$(ETC)/tmpfiles.d/azl.conf,$(LIBDIR)/tmpfiles.d)
	$(call each,644,$(ETC)/systemd/system/azl.slice,$(UNITDIR))
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/azl

install-cni: all
	$(call put,755,$(BUILD)/azl-cni,$(CNIDIR)/azl-cni)
	$(call each,644,$(wildcard $(ETC)/cni/*.conflist),$(SHAREDIR)/cni)
	$(call each,644,$(wildcard $(ETC)/sysctl.d/*.conf),$(LIBDIR)/sysctl.d)
	$(call put,644,$(ETC)/modules-load.d/azl.conf,$(LIBDIR)/modules-load.d/azl.conf)
	$(call put,644,$(ETC)/rt_protos.d/azl.conf,$(SYSCONFDIR)/iproute2/rt_protos.d/azl.conf)
	$(call each,644,$(wildcard $(ETC)/systemd/network/*),$(LIBDIR)/systemd/network)
	$(call put,644,$(ETC)/systemd/networkd.conf.d/azl.conf,$(LIBDIR)/systemd/networkd.conf.d/azl.conf)
	$(call each,644,$(wildcard $(ETC)/systemd/system/azl-cni-*),$(UNITDIR))
	$(call put,644,$(ETC)/systemd/system-preset/90-azl-cni.preset,$(LIBDIR)/systemd/system-preset/90-azl-cni.preset)

install-ctl: all
	$(if $(filter %/azlctl,$(PROGRAMS)),$(call put,755,$(BUILD)/azlctl,$(BINDIR)/azlctl))
	$(call put,644,docs/man/azlctl.8,$(MANDIR)/man8/azlctl.8)
	$(call put,644,docs/man/host.json.5,$(MANDIR)/man5/host.json.5)
	$(call put,644,$(ETC)/bash-completion/azlctl,$(PREFIX)/share/bash-completion/completions/azlctl)
	$(call each,644,$(wildcard $(ETC)/azl/*.json),$(SHAREDIR))
	$(call each,644,$(ETC)/systemd/system/azl-host.service $(ETC)/systemd/system/azl-nic@.service,$(UNITDIR))
	$(call put,644,$(ETC)/systemd/system-preset/90-azl.preset,$(LIBDIR)/systemd/system-preset/90-azl.preset)
	install -d -m 755 $(DESTDIR)$(SYSCONFDIR)/azl

install-selinux:
	$(call put,644,$(ETC)/selinux/azl.cil,$(PREFIX)/share/selinux/packages/azl.cil)

.PHONY: clean
clean:
	rm -rf $(BUILD)

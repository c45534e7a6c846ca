# SPDX-License-Identifier: Apache-2.0
# Proving. Included by the Makefile.
#
#   make test          everything, as CI does: builds, unit tests, fuzz corpora, lint, test nodes, machine
#   make check         what needs no root and no minute: unit tests, fuzz corpora, layers, format
#   make lint          every analyser; each finding is an error
#   make unit-run      every unit test under ASan and UBSan; UNIT_ONLY=server for one
#   make cross-arm64   compile for arm64, without linking

UNIT_ONLY ?=

# Tests in which allocations fail, or cgroups are out of reach, are linked that way.
UNIT_WRAP := malloc calloc realloc strdup asprintf cg_root_open cg_open_of_pid
$(BUILD)/unit/test_service: private SHIM_LIBS += $(UNIT_WRAP:%=-Wl,--wrap=%)
$(UNIT): $(wildcard tests/unit/*.h)

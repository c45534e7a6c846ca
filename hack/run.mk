# SPDX-License-Identifier: Apache-2.0
# make run [KEEP=1] [RUNTIME=runc|crun] [PLAIN=1] [SUITE=trixie|forky|host] [BUILD=dir]

.PHONY: run
run:
	@hack/run $(if $(KEEP),--keep) $(if $(PLAIN),--plain) \
		$(if $(RUNTIME),--runtime '$(RUNTIME)') $(if $(SUITE),--suite '$(SUITE)') \
		$(if $(filter command environment,$(origin BUILD)),--build '$(BUILD)')

# SPDX-License-Identifier: Apache-2.0
# Packages and the other forms in which azl comes to a host. Packages are built in the node "pack"
# (hack/node), for the libraries of Debian 13; in there, or with ON_HOST=1, for those of this system.
#
#   make deb            build/pack/package/*.deb
#   make rpm            build/pack/package/*.rpm, for Azure Linux (spec: hack/package/rpm/azl.spec)
#   make sysext         build/pack/package/azl.raw, for hosts whose /usr cannot be written to; SYSEXT_ID=_any:
#                       of any system with as new a C library, instead of the system that it is built on;
#                       SYSEXT_ID=ID SYSEXT_VERSION_ID=VERSION_ID: of that one, as its os-release has them
#   make image-root DESTDIR=    the files of the image of config/etc/kubernetes/Containerfile

# What packages are dated with: the same source gives the same bytes.
SOURCE_DATE_EPOCH ?= $(or $(AZL_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null || echo 0))
PACKAGES    ?= $(BUILD)/package
DEB_VERSION ?= $(VERSION)
SYSEXT_ID   ?= $(AZL_SYSEXT_ID)
SYSEXT_VERSION_ID ?= $(AZL_SYSEXT_VERSION_ID)

.PHONY: deb rpm sysext
ifeq ($(AZL_NODE)$(ON_HOST),)
deb rpm sysext:
	hack/node lay pack
	hack/node run pack --env AZL_EPOCH=$(SOURCE_DATE_EPOCH) --env AZL_SYSEXT_ID=$(SYSEXT_ID) \
		--env AZL_SYSEXT_VERSION_ID=$(SYSEXT_VERSION_ID) -- make $@
else
deb: all
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) hack/package/deb/build $(BUILD) $(DEB_VERSION) $(PACKAGES)
rpm:
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) hack/package/rpm/build $(BUILD) $(VERSION) $(PACKAGES)
sysext: export ID := $(SYSEXT_ID)
sysext: export VERSION_ID := $(SYSEXT_VERSION_ID)
sysext:
	@hack/package/sysext --check >/dev/null
	$(MAKE) BUILD=$(BUILD)/sysext LDFLAGS='-Wl,-rpath,/usr/lib/azl' all
	SOURCE_DATE_EPOCH=$(SOURCE_DATE_EPOCH) hack/package/sysext $(BUILD)/sysext $(PACKAGES)
endif

# Programs, the libraries that few nodes have, and what they are configured with.
.PHONY: image-root
image-root: all
	install -d $(DESTDIR)/azl/bin $(DESTDIR)/azl/lib $(DESTDIR)/azl/containerd $(DESTDIR)/azl/cni
	install -m 755 $(PROGRAMS) $(DESTDIR)/azl/bin
	hack/package/libs $(DESTDIR)/azl/lib $(PROGRAMS)
	install -m 755 $(ETC)/kubernetes/install.sh $(DESTDIR)/azl/install.sh
	install -m 644 $(ETC)/containerd/*.toml $(DESTDIR)/azl/containerd
	install -m 644 $(ETC)/cni/*.conflist $(DESTDIR)/azl/cni

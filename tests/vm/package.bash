# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What tests of installed packages share, in the machine and after it was booted again. To be sourced
# after vm.bash. containerd has no way to the build: it finds what is installed.

# shellcheck disable=SC2034
PACKAGES=/azl/packages
# shellcheck disable=SC2034
SHARE=/usr/share/azl

# Every value of the sysctl.d file is the kernel's; this machine has no eth0.
sysctls_are_in_force() {
	local key value
	sed '/^#/d; /^$/d; /eth0/d; s/^-//' /usr/lib/sysctl.d/90-azl.conf >/run/sysctls
	while IFS=' =' read -r key value; do
		equal "$key $(cat "/proc/sys/${key//./\/}")" "$key $value"
	done </run/sysctls
}

# What was said instead of success.
wrong() {
	echo "$1"
	return 1
}

# A NIC with a default route: the host's way out.
host_nic() {
	ip link add azl-nic type dummy
	ip link set azl-nic up
	ip address add 192.0.2.1/24 dev azl-nic
	ip route add default via 192.0.2.254 dev azl-nic
}

# The shim's program of a process, as the kernel says it.
program_of() {
	readlink "/proc/$1/exe"
}

# A container of ctr in the slice that is shipped, with systemd as the driver of its cgroup.
shipped_run() {
	timeout 60 ctr run -d "${SCOPE[@]}" --cgroup "azl.slice:azl:$1" "$IMAGE" "$@" 3>&- </dev/null
}

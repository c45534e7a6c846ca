# SPDX-License-Identifier: Apache-2.0
# The containers: config.json of one kind. Arguments: kind, cgroups, work, other (a pid), annotation (JSON),
# read (containerd's seccomp profile, if it is there).

include "specs";

def namespaces(list): .linux.namespaces = (list | map({type: .}));
def inside: ["mount", "pid", "ipc", "uts", "cgroup"];

def plain: {
	ociVersion: "1.0.2",
	process: (base | .args = ["/bin/dump", "-w"]),
	root: {path: "rootfs", readonly: false},
	hostname: "same",
	annotations: $annotation,
	mounts: [
		{destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]},
		{destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
		{destination: "/dev/pts", type: "devpts", source: "devpts", options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
		{destination: "/dev/shm", type: "tmpfs", source: "shm", options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]},
		{destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid", "strictatime", "mode=755", "size=65536k"]},
		{destination: "/share", type: "bind", source: ($work + "/share"), options: ["rbind", "rw"]}
	],
	linux: {
		cgroupsPath: $cgroups,
		resources: {devices: [{allow: false, access: "rwm"}]},
		maskedPaths: ["/proc/acpi", "/proc/kcore", "/proc/timer_list", "/sys/firmware"],
		readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
	}
} | namespaces(inside);

def mapping: [{containerID: 0, hostID: 0, size: 65536}];
def call(names; action): {names: names, action: ("SCMP_ACT_" + action)};
def seccomp(profile): .linux.seccomp = profile;

# Every call there is is let through by name, so that the filter is a long one.
def long_list: ["read", "write", "open", "close", "stat", "fstat", "lstat", "poll", "lseek", "mmap", "mprotect", "munmap",
	"brk", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "ioctl", "pread64", "pwrite64", "readv", "writev",
	"access", "pipe", "select", "sched_yield", "mremap", "dup", "dup2", "pause", "nanosleep", "getpid", "clone",
	"fork", "vfork", "execve", "exit", "wait4", "kill", "uname", "fcntl", "getdents", "getcwd", "chdir", "mkdir",
	"readlink", "umask", "getrlimit", "getuid", "getgid", "setuid", "setgid", "geteuid", "getegid", "getppid",
	"setsid", "setgroups", "getgroups", "setresuid", "setresgid", "capget", "capset", "prctl", "arch_prctl",
	"futex", "getdents64", "set_tid_address", "exit_group", "openat", "mkdirat", "newfstatat", "readlinkat",
	"unlink", "unlinkat", "set_robust_list", "pipe2", "dup3", "prlimit64", "getrandom", "statx", "rseq", "close_range",
	"openat2", "faccessat", "faccessat2", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2",
	"sigaltstack", "tgkill", "gettid", "madvise", "clock_gettime", "sched_getaffinity", "fstatfs", "statfs",
	"fchown", "fchmod", "setrlimit", "seccomp", "sched_getattr", "ioprio_get", "getpriority", "setpriority",
	"personality", "get_mempolicy", "keyctl", "getpgrp", "fchownat", "chown", "lchown", "fchdir", "setpgid",
	"getsid", "getpgid", "sysinfo", "mincore", "no_such_call_at_all", "rt_sigtimedwait", "waitid", "unshare", "bpf"];

def default_profile: $read[0] // {defaultAction: "SCMP_ACT_ALLOW"};

def kinds: {
	"plain": plain,
	"nnp": (plain | .process.noNewPrivileges = true),
	"rich": (plain
		| .process |= (user(0; 0) | .user.umask = 55 | .oomScoreAdj = 400 | .noNewPrivileges = true
			| .scheduler = {policy: "SCHED_BATCH", nice: 4} | .ioPriority = {class: "IOPRIO_CLASS_BE", priority: 5}
			| .execCPUAffinity = {initial: "0", final: "1"}
			| .capabilities.inheritable = ["CAP_CHOWN", "CAP_KILL"] | .capabilities.ambient = ["CAP_KILL"]
			| rlimit("NOFILE"; 200; 300) | rlimit("CORE"; 0; 0) | .env += ["FROM=container"])),
	"no-caps": (plain | del(.process.capabilities)),
	"oom-only": (plain | .process.oomScoreAdj = 100),
	"personality": (plain | .linux.personality = {domain: "LINUX32"}),
	"user-init": (plain | .process |= user(1000; 1000)),
	"tty": (plain | .process.terminal = true),
	"seccomp-default": (plain | seccomp(default_profile)),
	"seccomp-default-nnp": (plain | .process.noNewPrivileges = true | seccomp(default_profile)),
	"seccomp-allow": (plain | seccomp({defaultAction: "SCMP_ACT_ALLOW", syscalls: [call(["bpf", "ptrace"]; "ERRNO")]})),
	"seccomp-empty": (plain | seccomp({defaultAction: "SCMP_ACT_ALLOW"})),
	"seccomp-log": (plain | seccomp({defaultAction: "SCMP_ACT_LOG", syscalls: [call(["bpf"]; "ERRNO") + {errnoRet: 77}]})),
	"seccomp-errno": (plain | seccomp({defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 99,
		architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], syscalls: [call(long_list; "ALLOW")]})),
	"seccomp-enosys": (plain | .process.noNewPrivileges = true | seccomp({defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 38,
		architectures: ["SCMP_ARCH_X86_64"], syscalls: [call(long_list; "ALLOW")]})),
	"seccomp-args": (plain | seccomp({defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
		syscalls: [call(["socket"]; "ERRNO") + {args: [{index: 0, value: 40, op: "SCMP_CMP_EQ"}]},
			call(["personality"]; "ERRNO") + {args: [{index: 0, value: 4294967295, op: "SCMP_CMP_EQ"}]},
			call(["keyctl"]; "ERRNO") + {errnoRet: 5}]})),
	"seccomp-flags": (plain | seccomp({defaultAction: "SCMP_ACT_ALLOW", flags: ["SECCOMP_FILTER_FLAG_LOG"], syscalls: [call(["bpf"]; "ERRNO")]})),
	"seccomp-no-flags": (plain | seccomp({defaultAction: "SCMP_ACT_ALLOW", flags: [], syscalls: [call(["bpf"]; "ERRNO")]})),
	"seccomp-kill": (plain | seccomp({defaultAction: "SCMP_ACT_ALLOW", syscalls: [call(["reboot"]; "KILL_PROCESS"), call(["swapon"]; "KILL_THREAD"), call(["swapoff"]; "TRAP")]})),
	"user-namespace": (plain | namespaces(inside + ["user"]) | .linux.uidMappings = mapping | .linux.gidMappings = mapping),
	"user-namespace-high": (plain | namespaces(inside + ["user"])
		| .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
		| .linux.gidMappings = [{containerID: 0, hostID: 200000, size: 65536}]),
	"user-namespace-seccomp": (plain | namespaces(inside + ["user"]) | .linux.uidMappings = mapping | .linux.gidMappings = mapping | seccomp(default_profile)),
	"joined-user": (plain | namespaces(inside) | .linux.namespaces += [{type: "user", path: ("/proc/" + $other + "/ns/user")}]
		| .linux.uidMappings = [{containerID: 0, hostID: 0, size: 1}] | .linux.gidMappings = [{containerID: 0, hostID: 0, size: 1}]
		| .mounts[].options -= ["gid=5"]),
	"host-pid": (plain | namespaces(inside - ["pid"])),
	"host-all": (plain | namespaces(["mount"]) | del(.hostname)),
	"own-net": (plain | namespaces(inside + ["network"])),
	"no-cgroup-namespace": (plain | namespaces(inside - ["cgroup"])),
	"time": (plain | namespaces(inside + ["time"]) | .linux.timeOffsets = {monotonic: {secs: 86400, nanosecs: 5}, boottime: {secs: 1000, nanosecs: 0}}),
	"joined": (plain | .linux.namespaces = [{type: "mount"}, {type: "cgroup"}, {type: "uts"},
		{type: "pid", path: ("/proc/" + $other + "/ns/pid")}, {type: "ipc", path: ("/proc/" + $other + "/ns/ipc")}]),
	"read-only": (plain | .root.readonly = true)
};

kinds[$kind] // error("no such kind of container: " + $kind)

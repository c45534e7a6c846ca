# SPDX-License-Identifier: Apache-2.0
# The processes: an object of process JSON by name. Each is `base` with something else.

def default_caps: ["CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP",
	"SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE"] | map("CAP_" + .);

# Those of a node that is itself in a sandbox: SYS_RESOURCE is not among them.
def all_caps: ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
	"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
	"SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
	"MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE"]
	| map("CAP_" + .);

def caps(f): .capabilities = {bounding: f, effective: f, permitted: f};
def user(u; g): .user = {uid: u, gid: g};
def rlimit(name; soft; hard): .rlimits += [{type: ("RLIMIT_" + name), soft: soft, hard: hard}];
def run(words): .args = words;
def tty: .terminal = true;

def base: {
	terminal: false, user: {uid: 0, gid: 0}, cwd: "/", args: ["/bin/dump", "one", "", "t w o"],
	env: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "A=1", "EMPTY="], noNewPrivileges: false
} | caps(default_caps);

def users: {
	"waiting": (base | .args = ["/bin/dump", "-q", "-w"]),
	"waiting-nnp": (base | .args = ["/bin/dump", "-q", "-w"] | .noNewPrivileges = true),
	"root": base,
	"user-1000": (base | user(1000; 1000)),
	"user-gid-0": (base | user(1000; 0)),
	"root-gid-5": (base | user(0; 5)),
	"user-high": (base | user(2147483647; 2147483646)),
	"user-very-high": (base | user(2147483648; 1)),
	"user-gid-very-high": (base | user(1; 4000000000)),
	"user-65534": (base | user(65534; 65534)),
	"user-too-high": (base | user(4294967295; 4294967295)),
	"groups": (base | user(1000; 1000) | .user.additionalGids = [10, 20, 5]),
	"groups-empty": (base | .user.additionalGids = []),
	"groups-twice": (base | user(1; 2) | .user.additionalGids = [7, 7, 2, 7, 0]),
	"groups-many": (base | .user.additionalGids = [range(1000; 1200)]),
	"user-name": (base | .user.username = "nobody"),
	"user-umask": (base | .user.umask = 63),
	"user-umask-0": (base | user(1000; 1000) | .user.umask = 0),
	"user-unknown-key": (base | .user.other = {deep: [1, {}]}),
	"user-none": (base | del(.user))
};

def capabilities: {
	"caps-none": (base | caps([])),
	"caps-all": (base | caps(all_caps)),
	"caps-all-user": (base | user(1000; 1000) | caps(all_caps)),
	"caps-absent": (base | del(.capabilities)),
	"caps-absent-user": (base | user(1000; 1000) | del(.capabilities)),
	"caps-empty-object": (base | .capabilities = {}),
	"caps-one": (base | caps(["CAP_NET_RAW"])),
	"caps-one-user": (base | user(1000; 1000) | caps(["CAP_NET_RAW"])),
	"caps-no-setpcap": (base | caps(["CAP_KILL", "CAP_SETUID"]) | user(7; 7)),
	"caps-bounding-only": (base | .capabilities = {bounding: default_caps}),
	"caps-inheritable": (base | .capabilities.inheritable = ["CAP_CHOWN", "CAP_NET_RAW"]),
	"caps-inheritable-user": (base | user(1000; 1000) | .capabilities.inheritable = ["CAP_CHOWN", "CAP_NET_RAW"]),
	"caps-ambient": (base | user(1000; 1000) | .capabilities.inheritable = ["CAP_CHOWN", "CAP_NET_RAW"] | .capabilities.ambient = ["CAP_NET_RAW"]),
	"caps-ambient-root": (base | .capabilities.inheritable = ["CAP_KILL"] | .capabilities.ambient = ["CAP_KILL"]),
	"caps-ambient-not-inheritable": (base | user(1000; 1000) | .capabilities.ambient = ["CAP_NET_RAW"]),
	"caps-ambient-not-permitted": (base | user(1000; 1000) | .capabilities |= {bounding, effective: [], permitted: [], inheritable: ["CAP_KILL"], ambient: ["CAP_KILL"]}),
	"caps-effective-not-permitted": (base | .capabilities.permitted = ["CAP_KILL"]),
	"caps-inheritable-not-bounding": (base | .capabilities.inheritable = ["CAP_SYS_TIME"]),
	"caps-beyond-ours": (base | caps(all_caps + ["CAP_SYS_RESOURCE"])),
	"caps-unknown": (base | .capabilities.bounding += ["CAP_OF_GOOD_HOPE"] | .capabilities.effective += ["cap_kill", "KILL", ""]),
	"caps-no-kill-file": (base | run(["/bin/dump"]) | caps(["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]) | user(33; 33))
};

def limits: {
	"rlimit-nofile": (base | rlimit("NOFILE"; 1000; 2000)),
	"rlimit-nofile-low": (base | rlimit("NOFILE"; 30; 30)),
	"rlimit-many": (base | rlimit("CORE"; 0; 0) | rlimit("NPROC"; 500; 600) | rlimit("STACK"; 1048576; 2097152) | rlimit("MEMLOCK"; 4096; 8192) | rlimit("SIGPENDING"; 10; 20) | rlimit("NICE"; 0; 0) | rlimit("FSIZE"; 100000; 200000) | rlimit("CPU"; 30; 60)),
	"rlimit-all": (reduce ("AS", "DATA", "RSS") as $name (base; rlimit($name; 4294967296; 8589934592)) | rlimit("LOCKS"; 5; 6) | rlimit("MSGQUEUE"; 100; 200) | rlimit("RTPRIO"; 0; 0) | rlimit("RTTIME"; 100000; 200000)),
	"rlimit-soft-over-hard": (base | rlimit("NOFILE"; 2000; 1000)),
	"rlimit-twice": (base | rlimit("NOFILE"; 500; 600) | rlimit("NOFILE"; 300; 400)),
	"rlimit-unknown": (base | rlimit("NOSUCH"; 1; 1)),
	"rlimit-user": (base | user(1000; 1000) | rlimit("NOFILE"; 64; 64) | rlimit("NPROC"; 1000; 1000)),
	"rlimit-empty": (base | .rlimits = []),
	"oom-300": (base | .oomScoreAdj = 300),
	"oom-0": (base | .oomScoreAdj = 0),
	"nnp": (base | .noNewPrivileges = true),
	"nnp-user": (base | user(1000; 1000) | .noNewPrivileges = true),
	"nnp-absent": (base | del(.noNewPrivileges)),
	"nice": (base | .scheduler = {policy: "SCHED_OTHER", nice: 7}),
	"nice-user": (base | user(1000; 1000) | .scheduler = {policy: "SCHED_OTHER", nice: 3}),
	"batch": (base | .scheduler = {policy: "SCHED_BATCH", nice: 2}),
	"idle": (base | .scheduler = {policy: "SCHED_IDLE"}),
	"fifo": (base | .scheduler = {policy: "SCHED_FIFO", priority: 5}),
	"reset-on-fork": (base | .scheduler = {policy: "SCHED_OTHER", nice: 1, flags: ["SCHED_FLAG_RESET_ON_FORK"]}),
	"policy-unknown": (base | .scheduler = {policy: "SCHED_NONE"}),
	"io-best-effort": (base | .ioPriority = {class: "IOPRIO_CLASS_BE", priority: 6}),
	"io-idle": (base | .ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0}),
	"io-real-time": (base | .ioPriority = {class: "IOPRIO_CLASS_RT", priority: 3}),
	"io-unknown": (base | .ioPriority = {class: "IOPRIO_CLASS_NONE_SUCH", priority: 3}),
	"cpu-final": (base | .execCPUAffinity = {final: "1"}),
	"cpu-initial": (base | .execCPUAffinity = {initial: "0"}),
	"cpu-both": (base | .execCPUAffinity = {initial: "0-1", final: "0"}),
	"cpu-none-such": (base | .execCPUAffinity = {final: "99"}),
	"cpu-bad": (base | .execCPUAffinity = {final: "zero"}),
	"profile-none": (base | .apparmorProfile = "" | .selinuxLabel = ""),
	"profile-apparmor": (base | .apparmorProfile = "unconfined"),
	"profile-selinux": (base | .selinuxLabel = "system_u:system_r:container_t:s0")
};

def folders: {
	"cwd-tmp": (base | .cwd = "/tmp"),
	"cwd-absent": (base | .cwd = "/no/such/folder"),
	"cwd-made": (base | .cwd = "/share/made/by/it"),
	"cwd-file": (base | .cwd = "/etc/passwd"),
	"cwd-user-only": (base | user(1000; 1000) | .cwd = "/share/mine"),
	"cwd-user-only-no-caps": (base | user(1000; 1000) | .cwd = "/share/mine" | caps(["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"])),
	"cwd-not-for-user": (base | user(1000; 1000) | .cwd = "/share/closed" | caps(["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"])),
	"cwd-relative": (base | .cwd = "tmp"),
	"cwd-empty": (base | .cwd = ""),
	"cwd-none": (base | del(.cwd)),
	"cwd-dots": (base | .cwd = "/tmp/../etc/./"),
	"cwd-link": (base | .cwd = "/share/link"),
	"cwd-fd": (base | .cwd = "/proc/self/fd/7"),
	"cwd-fd-8": (base | .cwd = "/proc/self/fd/8"),
	"cwd-exe": (base | .cwd = "/proc/self/cwd"),
	"cwd-long": (base | .cwd = ("/" + ("x" * 300))),
	"env-absent": (base | del(.env) | run(["/bin/dump"])),
	"env-none": (base | .env = [] | run(["/bin/dump"])),
	"env-null": (base | .env = null | run(["/bin/dump"])),
	"env-twice": (base | .env += ["B=1", "A=2", "B=3", "A=1", "PATH=/bin"]),
	"env-no-equals": (base | .env += ["NOEQUALS"]),
	"env-empty-entry": (base | .env += [""]),
	"env-no-name": (base | .env += ["=value"]),
	"env-odd": (base | .env += ["SPACE= a  b ", "EQ=a=b=c", "NL=a\nb", "UTF=grün", "lower.case-x=1", "QUOTE=\"'\\"]),
	"env-home": (base | .env += ["HOME=/tmp"]),
	"env-home-empty": (base | .env += ["HOME="]),
	"env-home-twice": (base | .env += ["HOME=/a", "HOME="]),
	"env-home-of-user": (base | user(1000; 1000)),
	"env-home-of-second": (base | user(1001; 1001)),
	"env-home-of-unknown": (base | user(77; 77)),
	"env-no-path": (base | .env = ["A=1"] | run(["dump"])),
	"env-empty-path": (base | .env = ["PATH="] | run(["dump"])),
	"env-big": (base | .env += ["BIG=" + ("b" * 30000)]),
	"env-many": (base | .env += [range(0; 300) | "V\(.)=\(. * 7)"]),
	"env-listen": (base | .env += ["LISTEN_FDS=2", "LISTEN_PID=1", "NOTIFY_SOCKET=/x", "_LIBCONTAINER_X=1"])
};

def programs: {
	"args-path": (base | run(["dump", "x"])),
	"args-second-path": (base | .env = ["PATH=/nowhere:/etc:/bin"] | run(["dump"])),
	"args-relative": (base | .cwd = "/bin" | run(["./dump"])),
	"args-relative-path": (base | .cwd = "/" | .env = ["PATH=bin"] | run(["dump"])),
	"args-dot-path": (base | .cwd = "/bin" | .env = ["PATH=.:/nowhere"] | run(["dump"])),
	"args-empty-element": (base | .cwd = "/bin" | .env = ["PATH=/nowhere::/usr"] | run(["dump"])),
	"args-slash-relative": (base | .cwd = "/" | run(["bin/dump"])),
	"args-no-such": (base | run(["/bin/no-such"])),
	"args-no-such-path": (base | run(["no-such"])),
	"args-folder": (base | run(["/tmp"])),
	"args-folder-path": (base | .env = ["PATH=/"] | run(["tmp"])),
	"args-no-bit": (base | run(["/bin/not-executable"])),
	"args-no-bit-path": (base | run(["not-executable"])),
	"args-below-file": (base | run(["/etc/passwd/x"])),
	"args-empty": (base | run([])),
	"args-none": (base | del(.args)),
	"args-null": (base | .args = null),
	"args-empty-string": (base | run([""])),
	"args-bad-format": (base | run(["/share/garbage"])),
	"args-bad-interpreter": (base | run(["/share/interpreter"])),
	"args-loop": (base | run(["/share/loop"])),
	"args-empty-file": (base | run(["/share/empty"])),
	"args-script": (base | run(["/share/script", "a b"])),
	"args-not-for-user": (base | user(1000; 1000) | caps(["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]) | run(["/share/root-only"])),
	"args-in-closed": (base | user(1000; 1000) | caps(["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"]) | run(["/share/closed/dump"])),
	"args-setuid": (base | user(1000; 1000) | run(["/share/setuid"])),
	"args-setuid-nnp": (base | user(1000; 1000) | .noNewPrivileges = true | run(["/share/setuid"])),
	"args-long": (base | run(["/bin/dump", ("y" * 100000)])),
	"args-too-long": (base | run(["/bin/dump", ("y" * 140000)])),
	"args-many": (base | run(["/bin/dump"] + [range(0; 500) | tostring])),
	"args-utf": (base | run(["/bin/dump", "grün", "a\nb", "\\"])),
	"args-self-exe": (base | run(["/proc/self/exe"])),
	"args-status": (base | run(["/bin/sh", "-c", "exit 42"])),
	"args-signal": (base | run(["/bin/sh", "-c", "kill -9 $$"])),
	"args-stderr": (base | run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])),
	"json-other-keys": (base | .other = [1, {}] | .commandLine = "x"),
	"json-null": null,
	"json-empty": ({}),
	"json-list": ([]),
	"json-text": ("text"),
	"json-number": (5),
	"json-wrong-args": (base | .args = "dump"),
	"json-wrong-user": (base | .user = 5),
	"json-wrong-env": (base | .env = {A: 1}),
	"json-negative-uid": (base | .user.uid = -1)
};

def terminals: {
	"tty": (base | tty),
	"tty-user": (base | tty | user(1000; 1000) | .user.additionalGids = [5]),
	"tty-user-gid-0": (base | tty | user(1000; 0)),
	"tty-size": (base | tty | .consoleSize = {height: 12, width: 34}),
	"tty-size-half": (base | tty | .consoleSize = {height: 12, width: 0}),
	"tty-size-zero": (base | tty | .consoleSize = {height: 0, width: 0}),
	"tty-size-big": (base | tty | .consoleSize = {height: 65535, width: 70000}),
	"tty-nnp-no-caps": (base | tty | .noNewPrivileges = true | caps([])),
	"tty-term": (base | tty | .env += ["TERM=xterm"]),
	"tty-limits": (base | tty | rlimit("NOFILE"; 20; 20)),
	"size-no-tty": (base | .consoleSize = {height: 12, width: 34})
};

def all_specs: users + capabilities + limits + folders + programs + terminals;

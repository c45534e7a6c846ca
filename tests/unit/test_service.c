/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's parts together in one process, over a real socket, with a runtime that is a shell
 * script: whole lives of containers, and what happens when memory or descriptors run out on the
 * way. Linked so that allocations can be made to fail and no cgroup is ever touched.
 */
#include "shim/service.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "config/base/err.h"
#include "shim/container.h"
#include "shim/runtime_learn.h"
#include "shim/shim.h"
#include "shim/status.h"
#include "shim/proto/options.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "tests/unit/failing.h"
#include "tests/unit/folder.h"
#include "tests/unit/test.h"
#include "tests/unit/wire.h"

static const char service[] = "containerd.task.v2.Task";

/*
 * A runtime in a folder of its own: what it is asked to do beside that is in files there.
 *   slow-kill    kill takes its time and then fails
 *   slow-create  create waits until the file is gone
 */
static const char fake_runc[] =
	"#!/bin/sh\n"
	"here=${0%/*}\n"
	"for word; do\n"
	"	case $previous in --pid-file) pidfile=$word ;; esac\n"
	"	case $word in create|start|exec|kill|delete|pause|resume|update) "
	"[ -n \"$command\" ] || command=$word ;; esac\n"
	"	previous=$word\n"
	"done\n"
	"case $command in\n"
	"create)\n"
	"	while [ -e $here/slow-create ]; do sleep 0.01; done\n"
	"	sleep 1000 &\n"
	"	echo $! >$here/pid; printf %s $! >$pidfile ;;\n"
	"exec)\n" /* it ends when the runtime has: a shell would reap it itself */
	"	[ ! -e $here/orphan ] || sleep 0.5 &\n"
	"	sh -c 'while kill -0 $1; do sleep 0.005; done; exit 7' - $$ 2>/dev/null &\n"
	"	printf %s $! >$pidfile ;;\n"
	"kill)\n"
	"	kill -$previous $(cat $here/pid) || exit 1\n"
	"	[ ! -e $here/slow-kill ] || { sleep 0.3; exit 1; } ;;\n"
	"delete) rm -f $here/pid ;;\n"
	"esac\n";

static struct shim shim;
static struct folder folder;
static char path[128];
static struct wire client;
static uint32_t stream;
static int last_code; /* of the last answer; -1: none came */
static char last_text[1200];
static uint32_t last_pid;
static uint32_t last_exit_status;

int __wrap_cg_root_open(int *fd, struct err *err);
int __wrap_cg_open_of_pid(pid_t pid, int *fd, char *text, size_t room, struct err *err);

int __wrap_cg_root_open(int *fd, struct err *err)
{
	(void)fd;
	return err_set(err, -ENOENT, "no cgroups in this test");
}

int __wrap_cg_open_of_pid(pid_t pid, int *fd, char *text, size_t room, struct err *err)
{
	(void)pid;
	(void)fd;
	(void)text;
	(void)room;
	return err_set(err, -ENOENT, "no cgroups in this test");
}

static void open_shim(void)
{
	struct err err;
	int fd;

	folder = folder_new();
	(void)snprintf(path, sizeof(path), "%s/s", folder.path);
	folder_put_text(&folder, "runc", fake_runc);
	CHECK(fchmodat(folder.fd, "runc", 0755, 0) == 0);
	folder_put_text(&folder, "config.json",
			"{\"ociVersion\":\"1.0.2\",\"process\":{\"args\":[\"x\"]},"
			"\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}}");
	(void)signal(SIGPIPE, SIG_IGN);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	shim = (struct shim){ .ns = "test" };
	list_init(&shim.containers);
	loop_timer_init(&shim.ending_timer, NULL);
	shim.socket_path = path;
	CHECK(loop_init(&shim.loop, &err) == 0);
	warm_init(&shim.warm);
	CHECK(reaper_init(&shim.reaper, &shim.loop, &err) == 0);
	oom_init(&shim.oom, &shim.loop);
	publisher_init(&shim.publisher, &shim.loop, path, "test"); /* nobody answers there */
	fd = wire_listen(path);
	CHECK(server_init_take(&shim.server, &shim.loop, &fd, service_handle, &shim, &err) == 0);
	client = (struct wire){ .loop = &shim.loop, .fd = wire_connect(path) };
	(void)buf_reserve(&client.in, 1 << 20, 1 << 20); /* so that it allocates no more */
	stream = 1;
}

static void close_shim(void)
{
	CHECK(list_empty(&shim.containers));
	wire_done(&client);
	publisher_done(&shim.publisher);
	server_done(&shim.server);
	for (int i = 0; i < 2000 && !list_empty(&shim.reaper.children); i++)
		turn_for(&shim.loop, 5);
	CHECK(list_empty(&shim.reaper.children) && list_empty(&shim.reaper.holds));
	loop_remove(&shim.loop, &shim.reaper.source);
	(void)close(shim.reaper.signal_fd);
	loop_done(&shim.loop);
	(void)unlinkat(folder.fd, "rootfs", AT_REMOVEDIR);
	folder_done(&folder);
}

static bool is_answered(void *owner)
{
	bool armed = failing_armed;
	bool answered;

	failing_armed = false; /* the client has all the memory it wants */
	answered = wire_has_frame(owner);
	failing_armed = armed;
	return answered;
}

/* Send a request and do not wait. Returns its stream. */
static uint32_t send_call(const char *method, const ProtobufCMessage *request)
{
	struct buf out = { 0 };
	bool armed = failing_armed;
	uint32_t its_stream = stream;

	failing_armed = false;
	wire_request(&out, stream, service, method, request);
	stream += 2;
	wire_send(&client, out.data, out.len);
	buf_done(&out);
	failing_armed = armed;
	return its_stream;
}

/* What Create, Start, Delete and Wait say. */
static void remember_payload(const Pb__Response *response)
{
	size_t len = response->payload.len;
	Pb__DeleteResponse *answer =
		wire_unpack(&pb__delete_response__descriptor, len, response->payload.data);
	Pb__WaitResponse *wait =
		answer ? NULL
		       : wire_unpack(&pb__wait_response__descriptor, len, response->payload.data);

	last_pid = answer ? answer->pid : 0;
	last_exit_status = answer ? answer->exit_status : wait ? wait->exit_status : 0;
	wire_free(answer);
	wire_free(wait);
}

/* Take the next answer. Returns its code, -1 when none came. */
static int take_answer(void)
{
	Pb__Response *response = NULL;
	bool armed = failing_armed;

	last_code = -1;
	last_text[0] = '\0';
	if (turn_until(&shim.loop, is_answered, &client)) {
		failing_armed = false;
		response = wire_take(&client, &pb__response__descriptor);
	}
	failing_armed = armed;
	if (!response)
		return -1;
	last_code = response->status ? response->status->code : 0;
	if (response->status)
		(void)snprintf(last_text, sizeof(last_text), "%s", response->status->message);
	else
		remember_payload(response);
	wire_free(response);
	return last_code;
}

static int call(const char *method, const ProtobufCMessage *request)
{
	(void)send_call(method, request);
	return take_answer();
}

static int call_process(const char *method, const char *exec_id)
{
	Pb__ProcessRequest request = PB__PROCESS_REQUEST__INIT;
	char id[] = "c1";

	request.id = id;
	request.exec_id = (char *)(uintptr_t)exec_id;
	return call(method, &request.base);
}

static uint32_t send_process(const char *method, const char *exec_id)
{
	Pb__ProcessRequest request = PB__PROCESS_REQUEST__INIT;
	char id[] = "c1";

	request.id = id;
	request.exec_id = (char *)(uintptr_t)exec_id;
	return send_call(method, &request.base);
}

static uint32_t send_create(void)
{
	static char type_url[] = "containerd.runc.v1.Options";
	char id[] = "c1";
	char binary[160];
	char root[160];
	uint8_t bytes[512];
	Pb__RuncOptions options = PB__RUNC_OPTIONS__INIT;
	Pb__Any any = PB__ANY__INIT;
	Pb__CreateTaskRequest request = PB__CREATE_TASK_REQUEST__INIT;

	(void)snprintf(binary, sizeof(binary), "%s/runc", folder.path);
	(void)snprintf(root, sizeof(root), "%s/root", folder.path);
	options.binary_name = binary;
	options.root = root;
	any.type_url = type_url;
	any.value.data = bytes;
	any.value.len = protobuf_c_message_pack(&options.base, bytes);
	request.id = id;
	request.bundle = folder.path;
	request.options = &any;
	return send_call("Create", &request.base);
}

static int create(void)
{
	(void)send_create();
	return take_answer();
}

static int add(const char *exec_id, const char *out)
{
	static char spec[] = "{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":{\"uid\":0,\"gid\":0}}";
	char id[] = "c1";
	Pb__Any any = PB__ANY__INIT;
	Pb__ExecProcessRequest request = PB__EXEC_PROCESS_REQUEST__INIT;

	any.value.data = (uint8_t *)spec;
	any.value.len = strlen(spec);
	request.id = id;
	request.exec_id = (char *)(uintptr_t)exec_id;
	request.stdout = (char *)(uintptr_t)out;
	request.spec = &any;
	return call("Exec", &request.base);
}

static uint32_t send_kill(void)
{
	char id[] = "c1";
	Pb__KillRequest request = PB__KILL_REQUEST__INIT;

	request.id = id;
	request.signal = SIGKILL;
	return send_call("Kill", &request.base);
}

static int do_kill(void)
{
	(void)send_kill();
	return take_answer();
}

/* A whole life; goes on after failures as far as it can. Returns how many calls failed. */
static int live(void)
{
	int failed = create() != 0;

	failed += call_process("Start", "") != 0;
	failed += add("e1", "") != 0;
	failed += call_process("Start", "e1") != 0;
	if (!failed)
		failed += call_process("Wait", "e1") != 0;
	failed += call_process("State", "") != 0;
	failed += call_process("Delete", "e1") != 0;
	failed += do_kill() != 0;
	if (!failed)
		failed += call_process("Wait", "") != 0;
	failed += call_process("Delete", "") != 0;
	return failed;
}

/* Whatever is left of c1 goes, now that there is enough of everything. */
static void clear(void)
{
	if (list_empty(&shim.containers))
		return;
	for (int i = 0; i < 50 && !list_empty(&shim.containers); i++) {
		(void)call_process("Delete", "e1");
		(void)do_kill();
		turn_for(&shim.loop, 10);
		(void)call_process("Delete", "");
	}
	CHECK(list_empty(&shim.containers));
	if (!list_empty(&shim.containers))
		printf("# left behind: %s\n", last_text);
}

/* The number that the next descriptor gets: how many are open. */
static int next_descriptor(void)
{
	int fd = dup(client.fd);

	(void)close(fd);
	return fd;
}

/* A helper that was started on the way may have its pipe still: it ends by itself. */
static bool comes_back_to(int before)
{
	for (int i = 0; i < 300 && next_descriptor() != before; i++)
		turn_for(&shim.loop, 10);
	return next_descriptor() == before;
}

/* What learns of the runtime is the program again: not this one. */
static void __attribute__((constructor)) learn_nothing(int argc, char **argv)
{
	if (argc > 0 && strcmp(argv[0], RUNTIME_LEARN_NAME) == 0)
		_exit(0);
}

TEST(leads_a_container_through_its_life)
{
	open_shim();
	CHECK(create() == 0);
	CHECK(last_pid > 1);
	CHECK(call_process("Start", "") == 0);
	CHECK(add("e1", "") == 0);
	CHECK(call_process("Start", "e1") == 0);
	CHECK(last_pid > 1);
	CHECK(call_process("Wait", "e1") == 0);
	CHECK(last_exit_status == 7);
	CHECK(call_process("Delete", "e1") == 0);
	CHECK(last_exit_status == 7);
	CHECK(call_process("Delete", "") == STATUS_UNKNOWN);
	CHECK_TEXT(last_text, "cannot delete a running process");
	CHECK(do_kill() == 0);
	CHECK(call_process("Wait", "") == 0);
	CHECK(last_exit_status == 137);
	CHECK(call_process("Delete", "") == 0);
	CHECK(last_exit_status == 137);
	CHECK(call_process("State", "") == STATUS_NOT_FOUND);
	CHECK_TEXT(last_text, "container not created: not found");
	close_shim();
}

TEST(keeps_no_descriptor_of_containers_that_are_gone)
{
	int before = 0;

	open_shim();
	for (int i = 0; i < 4; i++) {
		CHECK(live() == 0);
		if (i == 0)
			before = next_descriptor();
	}
	CHECK(comes_back_to(before));
	close_shim();
}

TEST(refuses_calls_that_make_no_sense)
{
	Pb__KeyValue garbage = PB__KEY_VALUE__INIT;
	struct buf out = { 0 };

	open_shim();
	CHECK(call("Nonsense", NULL) == STATUS_UNIMPLEMENTED);
	CHECK(call_process("Start", "") == STATUS_NOT_FOUND);
	CHECK(call_process("Delete", "x") == STATUS_NOT_FOUND);
	CHECK(do_kill() == STATUS_NOT_FOUND);
	wire_frame(&out, stream, TTRPC_REQUEST,
		   "\x0a\x05"
		   "abc",
		   5);
	stream += 2;
	wire_send(&client, out.data, out.len);
	CHECK(take_answer() == STATUS_INVALID_ARGUMENT);
	buf_done(&out);
	garbage.key = (char[]){ (char)0xff, (char)0xfe, 0 }; /* an id that is no UTF-8 */
	CHECK(call("State", &garbage.base) == STATUS_INTERNAL);
	CHECK(call_process("Connect", "") == 0);
	close_shim();
}

/* Every allocation on the way fails once: the client gets an error, the container stays in the
 * shim's hands and can be removed afterwards, and nothing leaks. */
TEST(survives_the_failure_of_each_single_allocation)
{
	int n = 0;
	int failed = 0;

	open_shim();
	for (;; n++) {
		failing_left = n;
		failing_hits = 0;
		failing_armed = true;
		failed += live() != 0;
		failing_armed = false;
		if (client.ended) { /* not even an error could be sent: the connection is closed */
			wire_done(&client);
			client = (struct wire){ .loop = &shim.loop, .fd = wire_connect(path) };
			(void)buf_reserve(&client.in, 1 << 20, 1 << 20);
			stream = 1;
		}
		clear();
		if (failing_hits == 0 || test_failures)
			break;
	}
	printf("# %d allocations, %d of them seen by the client\n", n, failed);
	CHECK(n > 50 && failed > 20);
	CHECK(live() == 0);
	close_shim();
}

/* As many descriptors as there are, and one more each time. */
TEST(survives_running_out_of_descriptors_at_each_point)
{
	struct rlimit old;
	struct rlimit tight;
	int failed = 1;
	int before;
	int n = 0;

	open_shim();
	CHECK(live() == 0);
	before = next_descriptor();
	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	for (; failed && n < 60 && !test_failures; n++) {
		tight = old;
		tight.rlim_cur = (rlim_t)(before + n);
		CHECK(setrlimit(RLIMIT_NOFILE, &tight) == 0);
		failed = live();
		CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
		clear();
		CHECK(comes_back_to(before));
	}
	CHECK(failed == 0 && n > 3);
	close_shim();
}

TEST(undoes_a_create_whose_client_went_away)
{
	open_shim();
	folder_put_text(&folder, "slow-create", "");
	(void)send_create();
	turn_for(&shim.loop, 50);
	CHECK(!list_empty(&shim.containers));
	wire_done(&client);
	for (int i = 0; i < 400 && !list_empty(&shim.containers); i++)
		turn_for(&shim.loop, 5);
	CHECK(list_empty(&shim.containers));
	client = (struct wire){ .loop = &shim.loop, .fd = wire_connect(path) };
	close_shim();
}

/* The runtime's kill may return long after the container died and was deleted. */
TEST(outlives_a_kill_that_returns_after_the_container_is_gone)
{
	open_shim();
	folder_put_text(&folder, "slow-kill", "");
	CHECK(create() == 0 && call_process("Start", "") == 0);
	(void)send_kill();
	CHECK(call_process("Wait", "") == 0);
	CHECK(call_process("Delete", "") == 0);
	(void)take_answer(); /* of Kill, whatever it says */
	CHECK(last_code >= 0);
	close_shim();
}

/* Delete of an added process waits for its output while the container itself is deleted. */
TEST(answers_the_delete_of_a_process_whose_container_goes_first)
{
	char out[160];
	int reader;
	int answers = 0;

	open_shim();
	(void)snprintf(out, sizeof(out), "%s/out", folder.path);
	CHECK(mkfifo(out, 0700) == 0);
	reader = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	folder_put_text(&folder, "orphan", "");
	CHECK(create() == 0 && call_process("Start", "") == 0);
	CHECK(add("e1", out) == 0 && call_process("Start", "e1") == 0);
	CHECK(call_process("Wait", "e1") == 0);
	CHECK(do_kill() == 0 && call_process("Wait", "") == 0);
	(void)send_process("Delete", "e1");
	(void)send_process("Delete", "");
	answers += take_answer() >= 0;
	answers += take_answer() >= 0;
	CHECK(answers == 2);
	(void)close(reader);
	close_shim();
}

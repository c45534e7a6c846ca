/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bench driver: plays containerd to two shims in turn and prints what each step took. A step
 * that fails ends the driver: numbers of a broken run are worth nothing.
 *
 * What is printed, one sample a line: STEP ENGINE PROFILE SIDE VALUE, separated by tabs.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "shim/proto/options.pb-c.h"
#include "shim/proto/task.pb-c.h"
#include "shim/proto/ttrpc.pb-c.h"
#include "shim/ttrpc.h"

enum {
	BENCH_EXECS = 3,     /* execs in each life */
	BENCH_LIMIT_S = 120, /* one life, or one exec of many; more is a hang */
	PENDING_MAX = 8,
};

struct side {
	const char *name; /* in the output */
	const char *shim; /* path of the program */
};

struct bench {
	const char *work;   /* directory for all that is made; short, not on overlayfs */
	const char *rootfs; /* lower layer of all containers */
	const char *specs;  /* directory with plain.json, seccomp.json and process.json */
	struct side sides[2];
	int rounds;
	int containers; /* of `memory` and `density` */
	bool verbose;
	unsigned int serial; /* of the next container */
};

__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *fmt, ...);

/* Milliseconds of a clock that nobody sets. */
double now_ms(void);

/* ---- client.c: calls to a shim ---- */

struct pending {
	uint32_t stream; /* 0: free */
	bool answered;
	double at_ms; /* when the answer was read */
};

struct client {
	int fd;
	uint32_t next_stream;
	struct ttrpc_reader reader;
	struct pending pending[PENDING_MAX];
	uint32_t shim_pid; /* once Connect was answered */
};

/* Connect to what `start` printed, and ask Connect. */
void client_open(struct client *client, const char *address, const char *id);
void client_close(struct client *client);

/* Send a request. Returns its stream. */
uint32_t client_send(struct client *client, const char *method, const ProtobufCMessage *request);

/* Wait for the answer, which must not be an error. Returns the moment at which it was read. */
double client_wait(struct client *client, uint32_t stream);

/* Send and wait. */
void client_call(struct client *client, const char *method, const ProtobufCMessage *request);

/* A call that names a container, or an exec in it (exec_id "": none). */
void client_ask(struct client *client, const char *method, const char *id, const char *exec_id);

/* Shutdown is answered, or the connection ends. */
void client_shutdown(struct client *client, const char *id);

/* ---- publisher.c: containerd's events service ---- */

/* Start a process that takes the events of all shims. It ends with the driver. */
void publisher_start(const char *path);

/* ---- host.c: processes, files, figures ---- */

/*
 * Start a program, as containerd does, in a working directory.
 *
 * in, out   descriptors for its standard input and output; -1: /dev/null
 */
pid_t host_spawn(char *const argv[], const char *dir, int in, int out);

/* Wait for a child while reaping every other. Returns its status, 0 when it was reaped before. */
int host_reap(pid_t pid);

void host_write(const char *path, const void *bytes, size_t len);

/* Read a text file into memory that the caller owns. */
char *host_read(const char *path, size_t *len);

/* Make the cgroup of all that is measured, and enter it. */
void host_enter_cgroup(void);

/* CPU time used below the cgroup, without the driver's own, in milliseconds. */
double host_cpu_ms(void);

struct memory {
	long pss_kb;
	long dirty_kb; /* private */
	long data_kb;  /* VmData: heap and the like */
	long fds;
	long children; /* zombies too */
};

struct memory host_memory(pid_t pid);

/* Print to standard error which mappings the memory of a process lies in. */
void host_print_mappings(pid_t pid);

/* MemAvailable once it stands still, in kB. */
long host_available_kb(void);

/* ---- life.c: one container ---- */

struct life {
	struct bench *bench;
	const struct side *side;
	const char *engine; /* runc, crun */
	bool seccomp;
	char id[32];
	char ns[32];
	char bundle[256];
	char scratch[256]; /* upper and work directory, FIFOs */
	int log_fd;
	int out_fd[2];
	unsigned int execs;
	double began_ms; /* when the shim's program was started */
	bool silent;	 /* records nothing */
	struct client client;
};

void life_sample(const struct life *life, const char *step, double value);

/* The bundle, and the FIFOs of the client. */
void life_prepare(struct life *life, struct bench *bench, const struct side *side,
		  const char *engine, bool seccomp);
void life_shim(struct life *life);   /* shim start */
void life_create(struct life *life); /* Create */
void life_start(struct life *life);  /* Start, and the time since life_shim() */
void life_exec(struct life *life);   /* Exec, Start, Wait, Delete of `true` */
void life_kill(struct life *life);   /* Kill until Wait is answered, and Delete */
void life_shutdown(struct life *life);
/* The `delete` command, recorded as `step`. */
void life_delete_command(struct life *life, const char *step);
/* Remove what was prepared. */
void life_clean(struct life *life);

/* The engine's own create, without a shim. */
void life_bare(struct bench *bench, const char *engine, bool seccomp);

/* ---- many.c: more than one container at a time ---- */

void many_memory(struct bench *bench);
void many_density(struct bench *bench);
/* Execs in one container of the second side; its memory before and after. */
void many_soak(struct bench *bench, int execs);

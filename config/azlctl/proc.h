/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc says of a process. `root` is the directory descriptor that holds "proc". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_memory {
	uint64_t pss;	  /* bytes */
	uint64_t private; /* dirty pages that no other process has, bytes */
};

/* Returns 0 or a negative errno value; -EACCES: only root may look. */
int proc_memory(int root, pid_t pid, struct proc_memory *memory);

/* The parent's pid; 0 when there is no such process. */
pid_t proc_parent(int root, pid_t pid);

/* The number behind a key of status, "Threads:"; 0 when there is none. */
uint64_t proc_status(int root, pid_t pid, const char *key);

/* Count the open descriptors, and those that are sockets. Returns 0 or negative. */
int proc_files(int root, pid_t pid, uint64_t *files, uint64_t *sockets);

/* The path of its cgroup v2, with a leading '/'. Returns 0 or negative. */
int proc_cgroup(int root, pid_t pid, char *path, size_t room);

/* The name of the program that runs, without folders, also when its file has been replaced; "" when
 * it cannot be told. */
void proc_program(int root, pid_t pid, char *name, size_t room);

/* True when it is in the mount namespace of process 1, as no container is. Only root can tell. */
bool proc_has_hosts_files(int root, pid_t pid);

/*
 * Is it the host's own daemon: this program, of user 0, in the namespaces (user, mount, pid) of
 * process 1? The name of a process (comm) says nothing: any process gives itself one. Only root can
 * tell.
 *
 * program   name of its file, without folders
 */
bool proc_is_daemon(int root, pid_t pid, const char *program);

/* The first such process whose parent is none; 0: none, or the caller is not root. */
pid_t proc_find_daemon(int root, const char *program);

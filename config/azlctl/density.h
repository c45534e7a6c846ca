/* SPDX-License-Identifier: Apache-2.0 */
/* What pods cost beside their containers. Sizes are bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct azlctl;
struct err;

enum { DENSITY_NAME_ROOM = 128 };

/* Pressure: the part of the last ten seconds, in percent, in which somebody waited. */
struct density_pressure {
	double cpu;
	double memory;
	double io;
};

/* One that runs; a container that has ended costs nothing but its shim. */
struct density_container {
	char ns[DENSITY_NAME_ROOM]; /* of containerd: "k8s.io", "default" */
	char id[DENSITY_NAME_ROOM];
	char pod[DENSITY_NAME_ROOM]; /* "namespace/name" of Kubernetes; "" for others */
	bool is_pause;		     /* the sandbox's own container */
	bool has_netns;		     /* a namespace kept by a mount */
	pid_t pid;
	pid_t shim;	    /* 0: it is gone, and the container goes on without */
	uint64_t memory;    /* memory.current */
	uint64_t kernel;    /* "kernel" of memory.stat: stacks, page tables, sockets, slabs */
	uint64_t kept;	    /* of it, what `kernel` of the whole host is the sum of */
	uint64_t processes; /* pids.current: threads, in truth */
	uint64_t mounts;    /* of the host's mount namespace */
	struct density_pressure pressure;
};

/* All that one shim serves, or one container that has none. */
struct density_pod {
	const char *name; /* borrowed from a container */
	pid_t shim;	  /* 0: none */
	pid_t pid;	  /* of one of its containers */
	bool is_azl;
	uint64_t pss;	  /* of the shim: its share of all its pages */
	uint64_t private; /* its own dirty pages: what its end would free */
	uint64_t threads;
	uint64_t sockets;
	uint64_t files;	       /* open descriptors */
	size_t containers;     /* the pause container included */
	uint64_t pause;	       /* memory of the pause container */
	uint64_t pause_kernel; /* of it, the kernel's */
	uint64_t kernel;       /* of all its containers */
	uint64_t kept;	       /* of all its containers, as there */
	uint64_t memory;       /* of all its containers */
	uint64_t processes;
	uint64_t mounts;
	struct density_pressure pressure; /* of the container that waits most */
};

/* A process of the host that every pod needs. */
struct density_daemon {
	const char *name;
	uint64_t pss; /* 0: it does not run */
};

enum { DENSITY_DAEMONS = 2 };

struct density {
	struct density_container *containers; /* owned */
	size_t n_containers;
	struct density_pod *pods; /* owned; the dearest first */
	size_t n_pods;
	struct density_daemon daemons[DENSITY_DAEMONS]; /* containerd, kubelet */
	uint64_t total;					/* MemTotal */
	uint64_t available;				/* MemAvailable */
	uint64_t kernel; /* SUnreclaim, KernelStack, PageTables, Percpu: of the whole host */
	struct density_pressure pressure;
	uint64_t max_pods;
	bool is_told; /* max_pods is what kubelet or the caller says, not a default */
};

/* Sums over all pods. */
struct density_sum {
	uint64_t pss;
	uint64_t private;
	uint64_t pause;
	uint64_t kernel;
	uint64_t memory;
	uint64_t tasks; /* threads of containers and of shims */
	uint64_t files;
	uint64_t sockets;
	uint64_t mounts;
};

/* Pure. */
struct density_sum density_sum(const struct density *density);

void density_done(struct density *density);

/* What a pod costs beside what its containers do: shim, pause container, and the kernel's memory of
 * the other containers. Pure. */
uint64_t density_cost(const struct density_pod *pod);

enum { DENSITY_SHORT_ROOM = 40 };

/* A name that fits `width` (at most DENSITY_SHORT_ROOM - 1): of a longer one both ends, since the
 * last letters of a pod's name are what tells it from others. Returns text. */
const char *density_short(const char *name, size_t width, char text[DENSITY_SHORT_ROOM]);

/*
 * Look at every container that runs below root's /run/containerd.
 *
 * density   zeroed by the caller; density_done() it, also after a failure
 *
 * Returns 0 or negative, err filled: no containerd, not root.
 */
int density_gather(const struct azlctl *ctl, struct density *density, struct err *err);

/* Its parts: the node, unless the caller has said how many pods it is for; and pressure, "some", of
 * three files below a directory descriptor, 0 for one that is not there. */
void density_node(const struct azlctl *ctl, struct density *density);
struct density_pressure density_pressure_of(int dir, const char *cpu, const char *memory,
					    const char *io);

/* What the node must keep for itself. */
struct density_reserve {
	uint64_t fixed;	  /* daemons, and the kernel's memory that no container has */
	uint64_t per_pod; /* shim and pause container, the mean of pods that have a shim */
	uint64_t needed;  /* fixed + per_pod * max_pods */
	uint64_t advised; /* a quarter more, and 64 MiB */
	uint64_t aks;	  /* what AKS takes: min(20 MB * max_pods + 50 MB, 25 % of the memory) */
};

/* Pure. Source of AKS's formula: learn.microsoft.com, "Resource reservations in AKS", from 1.29. */
struct density_reserve density_reserve(const struct density *density);

/* The picture. Returns 0, or negative when the stream failed. */
int density_svg(const struct density *density, FILE *out);

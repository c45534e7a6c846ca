/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows when a process ends. The exits of added processes are published at once; that of
 * init last of all: after what it left behind was killed and every added process has ended.
 */
#pragma once

struct child;
struct child_exit;
struct container;
struct loop_timer;
struct oom_watch;
struct process;

/* A container's process was reaped. */
void exit_on_child(struct child *child, const struct child_exit *ended);

/* The kernel killed for want of memory. */
void exit_on_oom(struct oom_watch *watch);
void exit_on_oom_timer(struct loop_timer *timer);

/*
 * Begin watching a process that runc has just made, and remember its pid.
 * An exit that came before anybody knew the pid is held until exit_release().
 */
void exit_watch(struct process *process, int pid);

/* Hold back the exit of a process while runc is at work on its start. */
void exit_hold(struct process *process);

/* The start is over and announced: an exit that was held back is handled now. May free nothing. */
void exit_release(struct process *process);

/* An added process counts from the begin of its start until its exit, or until its start failed. */
void exit_count(struct process *process);
void exit_uncount(struct process *process);

/* SPDX-License-Identifier: Apache-2.0 */
/* Processes added to a running container: Exec, their Start, Kill and Delete. */
#pragma once

struct call;
struct container;
struct err;
struct process;
typedef struct Pb__ExecProcessRequest Pb__ExecProcessRequest;
typedef struct Pb__KillRequest Pb__KillRequest;

/* May processes be started in it? 0, or STATUS_E_PRECONDITION: its init has ended. */
int added_may(const struct container *container, struct err *err);

/* Each handles one call and consumes it; requests are borrowed. */
void added_exec(struct container *container, struct call *call,
		const Pb__ExecProcessRequest *request);
void added_start(struct process *process, struct call *call);
void added_kill(struct process *process, struct call *call, const Pb__KillRequest *request);
void added_delete(struct process *process, struct call *call);

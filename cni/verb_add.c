/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cni/error.h"
#include "cni/job.h"
#include "cni/netconf_guards.h"
#include "cni/netns.h"
#include "cni/verbs.h"
#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"

/* May it stand in a JSON document as it is? */
static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text < ' ' || *text > '~')
			return false;
	}
	return true;
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "no memory");
}

/* The lease of this attachment: what DEL, GC and a person must know of it. */
static int lease_begin(const struct job *job, struct lease *lease, struct err *err)
{
	const struct cni_args *args = job->args;
	bool plugin = job->netconf.ipam == IPAM_DELEGATE;

	memcpy(lease->key, job->key, sizeof(lease->key));
	memcpy(lease->host_if, job->host_name, sizeof(lease->host_if));
	memcpy(lease->ifname, args->ifname, strlen(args->ifname) + 1);
	if (is_plain(args->pod_uid))
		memcpy(lease->pod_uid, args->pod_uid, sizeof(lease->pod_uid));
	if (is_plain(args->pod) && is_plain(args->pod_namespace)) {
		memcpy(lease->pod, args->pod, sizeof(lease->pod));
		memcpy(lease->pod_namespace, args->pod_namespace, sizeof(lease->pod_namespace));
	}
	lease->netns_dev = job->netns_dev;
	lease->netns_ino = job->netns_ino;
	lease->netns_cookie = netns_cookie(job->netns);
	lease->state = LEASE_PENDING;
	lease->since_ms = job_boot_ms();
	lease->container = strdup(args->container);
	lease->netns = strdup(args->netns);
	lease->ipam = strdup(plugin ? job->netconf.ipam_type : job->ipam->name);
	lease->datapath = strdup(job->datapath->name);
	if (!lease->container || !lease->netns || !lease->ipam || !lease->datapath)
		return no_memory(err);
	if (is_plain(args->path) && !(lease->path = strdup(args->path)))
		return no_memory(err);
	lease->config = strndup(job->config, job->config_len);
	if (!lease->config)
		return no_memory(err);
	return lease_boot(lease->boot, err);
}

static int check_wishes(const struct job *job, struct err *err)
{
	char mac[MAC_TEXT_ROOM];

	if (job->netconf.has_prev)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "prevResult: {...}: this plugin must be the first of its list");
	if (!is_plain(job->args->netns))
		return cni_err(err, CNI_ENVIRONMENT_INVALID, "CNI_NETNS: is not plain text");
	if (netconf_guards_check(&job->netconf, err) < 0)
		return err->code;
	if (job->netconf.datapath == DATAPATH_ROUTED ||
	    (!job->netconf.has_mac && !job->args->has_mac))
		return 0;
	mac_format(job->netconf.has_mac ? &job->netconf.mac : &job->args->mac, mac);
	return cni_err(err, CNI_FIELD_UNSUPPORTED,
		       "mac: \"%s\": with datapath \"%s\" it cannot be chosen", mac,
		       job->datapath->name);
}

/* Clean away what an ADD that died has left. Returns 0, 1 (something went, and its lock), or
 * negative. */
static int clear_place(struct job *job, struct err *err)
{
	struct lease old = { 0 };
	int code = lease_read(job->dir, job->key, &old, err);

	if (code == -ENOENT)
		return 0;
	if (code == -EBADMSG)
		code = job_undo(job, NULL, err);
	else if (code == 0 && old.state == LEASE_BOUND && lease_is_alive(job->dir, &old))
		code = cni_err(err, CNI_INTERFACE_EXISTS, "%s of %s is there already",
			       job->args->ifname, job->args->container);
	else if (code == 0)
		code = job_undo_lease(job->parts, job->netconf.name, &old, job->lock, err);
	lease_done(&old);
	return code < 0 ? code : 1;
}

/* Wait for the lock of the attachment, and find nothing there. */
static int take_place(struct job *job, int *lock, struct err *err)
{
	int code;

	/* after the old lock went, another may have been faster */
	do {
		lease_unlock(lock);
		code = lease_lock(job->dir, job->key, LEASE_LOCK_MS, lock, err);
		job->lock = *lock;
		if (code > 0)
			return cni_err(err, CNI_TRY_AGAIN, "another command works on %s of %s",
				       job->args->ifname, job->args->container);
		if (code == 0)
			code = clear_place(job, err);
	} while (code > 0);
	return code;
}

/* Ask for addresses; when there are none, free those of the dead and ask again. */
static int get_addresses(struct job *job, struct ipam_answer *answer, struct err *err)
{
	struct ipam_request request = job_request(job);
	struct err said = { 0 };
	int code = job->ipam->add(&request, answer, err);

	if (code < 0 && cni_code_of(err) == CNI_ADDRESS_EXHAUSTED &&
	    job_undo_dead(job->parts, job->netconf.name, job->dir, &said) > 0)
		code = job->ipam->add(&request, answer, err);
	if (code < 0 && cni_code_of(err) == CNI_ADDRESS_EXHAUSTED && job->ipam->refills)
		code = err->code = -(CNI_ERR_BASE + CNI_TRY_AGAIN);
	return code;
}

/* None of them may be somebody's who lives, whatever the source believes. */
static int check_addresses(const struct job *job, const struct ipam_answer *answer, struct err *err)
{
	bool is_nic = job->netconf.datapath == DATAPATH_NIC;
	char text[ADDRESS_TEXT_ROOM];

	if (answer->n_ips == 0 && answer->n_nics == 0)
		return cni_err(err, CNI_ADDRESS_EXHAUSTED, "%s gave no address", job->ipam->name);
	if (answer->n_ips > LEASE_IPS_MAX)
		return cni_err(err, CNI_INTERNAL, "%s gave %zu addresses, more than %d",
			       job->ipam->name, answer->n_ips, LEASE_IPS_MAX);
	if (answer->n_nics > LEASE_NICS_MAX)
		return cni_err(err, CNI_INTERNAL, "%s gave %zu NICs, more than %d", job->ipam->name,
			       answer->n_nics, LEASE_NICS_MAX);
	if (is_nic && answer->n_ips > 0)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "datapath: \"nic\": %s gave addresses of no NIC: use \"routed\"",
			       job->ipam->name);
	if (!is_nic && answer->n_ips == 0)
		return cni_err(err, CNI_CONFIG_INVALID,
			       "datapath: \"%s\": %s gave nothing but NICs: use \"nic\"",
			       job->datapath->name, job->ipam->name);
	for (size_t i = 0; i < answer->n_ips; i++) {
		if (job->parts->may_use(&answer->ips[i].address, job->host_name))
			continue;
		address_format(&answer->ips[i].address, false, text);
		return cni_err(err, CNI_ADDRESS_IN_USE,
			       "%s: is in use on this node, but %s gave it", text, job->ipam->name);
	}
	return 0;
}

/* Unset is main. */
static int64_t table_of(const struct cni_route *route)
{
	return route->table > 0 ? route->table : RT_TABLE_MAIN;
}

static bool has_route(const struct cni_route *routes, size_t n, const struct cni_route *route)
{
	for (size_t i = 0; i < n; i++) {
		if (address_equal(&routes[i].dst, &route->dst) &&
		    routes[i].dst.prefix == route->dst.prefix &&
		    table_of(&routes[i]) == table_of(route))
			return true;
	}
	return false;
}

/* Routes of the configuration first; one destination once. */
static size_t join_routes(const struct netconf *netconf, const struct cni_route *given,
			  size_t n_given, struct cni_route routes[CNI_ROUTES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < netconf->n_routes && n < CNI_ROUTES_MAX; i++) {
		if (!has_route(routes, n, &netconf->routes[i]))
			routes[n++] = netconf->routes[i];
	}
	for (size_t i = 0; i < n_given && n < CNI_ROUTES_MAX; i++) {
		if (!has_route(routes, n, &given[i]))
			routes[n++] = given[i];
	}
	return n;
}

/* The link that the configured way makes: nothing where that is a NIC. */
static int connect_first(struct job *job, const struct ipam_answer *answer,
			 struct cni_result *result, struct err *err)
{
	struct datapath_plan plan = job_plan(job);
	const char *refused = netconf_guards_refused(&job->netconf);
	struct cni_route routes[CNI_ROUTES_MAX];

	if (job->netconf.datapath == DATAPATH_NIC)
		return 0;
	if (refused)
		(void)fprintf(
			stderr,
			"azl-cni: %s: %s is not granted: \"guards\" does not say \"opt-in\"\n",
			job->args->container, refused);
	plan.host_ip = answer->host_ip;
	plan.ips = answer->ips;
	plan.n_ips = answer->n_ips;
	plan.n_routes = join_routes(&job->netconf, answer->routes, answer->n_routes, routes);
	plan.routes = routes;
	plan.skip_default_route = answer->skip_default_route;
	return job->datapath->add(&plan, result, err);
}

/* A NIC of the pod's own, under the name that is in the lease. */
static int connect_nic(struct job *job, const struct ipam_nic *nic, const char *ifname,
		       struct cni_result *result, struct err *err)
{
	const struct datapath *datapath = job_datapath(job->parts, "nic");
	struct datapath_plan plan = job_plan(job);
	struct cni_route routes[CNI_ROUTES_MAX];

	if (!datapath)
		return cni_err(err, CNI_FIELD_UNSUPPORTED,
			       "datapath: \"nic\": is not in this program");
	plan.ifname = ifname;
	plan.nic_mac = nic->mac;
	plan.nic_pci = nic->pci_id;
	plan.nic_is_backend = nic->is_backend;
	plan.nic_discover = !nic->is_backend;
	plan.ips = nic->ips;
	plan.n_ips = nic->n_ips;
	plan.routes = nic->routes;
	plan.n_routes = nic->n_routes;
	plan.skip_default_route = true;
	if (strcmp(ifname, job->args->ifname) == 0) {
		plan.n_routes = join_routes(&job->netconf, nic->routes, nic->n_routes, routes);
		plan.routes = routes;
	}
	return datapath->add(&plan, result, err);
}

/* All links of the pod: first the one that leads through the host. */
static int connect_pod(struct job *job, const struct lease *lease, const struct ipam_answer *answer,
		       struct cni_result *result, struct err *err)
{
	int code = connect_first(job, answer, result, err);

	for (size_t i = 0; code == 0 && i < answer->n_nics; i++)
		code = connect_nic(job, &answer->nics[i], lease->nics[i].ifname, result, err);
	return code;
}

/* Each field from the configuration, or else from the source of the addresses. */
static void join_dns(struct job *job, struct ipam_answer *answer, struct cni_dns *dns)
{
	struct cni_dns *first = &job->netconf.dns;
	struct cni_dns *then = &answer->dns;

	dns->nameservers = mem_take(first->nameservers ? &first->nameservers : &then->nameservers);
	dns->domain = mem_take(first->domain ? &first->domain : &then->domain);
	dns->search = mem_take(first->search ? &first->search : &then->search);
	dns->options = mem_take(first->options ? &first->options : &then->options);
}

/*
 * Names of the pod's own NICs: "eth1" and on, "ib0" and on for RDMA. Where no other link is made,
 * the first NIC has the attachment's name.
 */
static void note_nics(const struct job *job, const struct ipam_answer *answer, struct lease *lease)
{
	const char *first = job->args->ifname;
	bool is_taken = answer->n_ips > 0;
	unsigned int eth = 1;
	unsigned int ib = 0;

	for (size_t i = 0; i < answer->n_nics; i++) {
		struct lease_nic *nic = &lease->nics[i];

		nic->mac = answer->nics[i].mac;
		if (answer->nics[i].is_backend) {
			(void)snprintf(nic->ifname, sizeof(nic->ifname), "ib%u", ib++);
		} else if (!is_taken) {
			is_taken = true;
			(void)snprintf(nic->ifname, sizeof(nic->ifname), "%s", first);
		} else {
			do
				(void)snprintf(nic->ifname, sizeof(nic->ifname), "eth%u", eth++);
			while (strcmp(nic->ifname, first) == 0);
		}
		lease->n_nics = i + 1;
	}
}

static void note_ips(const struct cni_ip *ips, size_t n, struct lease *lease)
{
	for (size_t i = 0; i < n; i++)
		lease->ips[lease->n_ips++] = ips[i].address;
}

/* What is given, before any of it is made. */
static void note(const struct job *job, const struct ipam_answer *answer, struct lease *lease)
{
	note_nics(job, answer, lease);
	note_ips(answer->ips, answer->n_ips, lease);
	for (size_t i = 0; i < answer->n_nics && answer->n_ips == 0; i++) {
		if (strcmp(lease->nics[i].ifname, job->args->ifname) == 0)
			note_ips(answer->nics[i].ips, answer->nics[i].n_ips, lease);
	}
}

/*
 * From the pending lease on; what fails here is undone by the caller.
 *
 * held   set when the source of addresses gave some: there is something to undo
 */
static int make(struct job *job, struct lease *lease, bool *held, struct buf *out, struct err *err)
{
	struct ipam_answer answer = { 0 };
	struct cni_result result = { 0 };
	int code = get_addresses(job, &answer, err);

	*held = code == 0;
	if (code == 0)
		code = check_addresses(job, &answer, err);
	if (code == 0)
		note(job, &answer, lease);
	if (code == 0)
		code = lease_write(job->dir, lease, err);
	if (code == 0)
		code = connect_pod(job, lease, &answer, &result, err);
	if (code == 0) {
		lease->state = LEASE_BOUND;
		code = lease_write(job->dir, lease, err);
	}
	if (code == 0) {
		join_dns(job, &answer, &result.dns);
		if (cni_result_write(&result, job->netconf.version, out) < 0)
			code = no_memory(err);
	}
	ipam_answer_done(&answer);
	cni_result_done(&result);
	return code;
}

static int add_locked(struct job *job, struct buf *out, struct err *err)
{
	struct lease lease = { 0 };
	struct err said = { 0 };
	bool held = false;
	int code = lease_begin(job, &lease, err);

	if (code == 0)
		code = lease_write(job->dir, &lease, err);
	if (code == 0)
		code = job_undo_elsewhere(job, err);
	if (code == 0)
		job_undo_former(job);
	if (code == 0)
		code = make(job, &lease, &held, out, err);
	/* when undoing fails, the lease stays, and whoever comes next tries again; nobody waits for
	 * the end of a namespace in which no pod will live */
	job->netconf.removal = REMOVAL_NOW;
	if (code < 0 && held)
		(void)job_undo(job, &lease, &said);
	else if (code < 0)
		(void)lease_remove(job->dir, job->key, &said);
	lease_done(&lease);
	return code;
}

int verb_add(struct job *job, struct buf *out, struct err *err)
{
	own_lock int lock = -1;
	int code = job_check_parts(job, err);

	if (code == 0)
		code = check_wishes(job, err);
	if (code == 0)
		code = job_enter(job, job->args->netns, err);
	if (code > 0)
		code = cni_err(err, CNI_NETNS_INVALID,
			       "CNI_NETNS: \"%s\": there is no such namespace", job->args->netns);
	if (code == 0)
		code = job_open(job, err);
	if (code == 0)
		code = take_place(job, &lock, err);
	return code < 0 ? code : add_locked(job, out, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Runtime options in every shape in which clients send them, and as the bundle keeps them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
typedef struct Pb__Any Pb__Any;

enum {
	OPTIONS_FILE_MAX_BYTES = 64 << 10, /* config_path, options.json, runtime */
};

/* All zero is the default. Strings are owned; NULL stands for absent and empty. */
struct options {
	bool no_pivot_root;
	bool no_new_keyring;
	bool systemd_cgroup;
	bool open_tcp; /* these five only from the legacy CreateOptions */
	bool external_unix_sockets;
	bool checkpoint_terminal;
	bool file_locks;
	uint32_t io_uid;
	uint32_t io_gid;
	char *shim_cgroup; /* cgroup path for the shim itself */
	char *binary_name; /* runc, name or path; NULL: "runc" */
	char *root;	   /* runc's root without the namespace; NULL: the default */
	char *criu_path;
	char *criu_image_path;
	char *criu_work_path;
	char *cgroups_mode;	 /* legacy CreateOptions */
	char **empty_namespaces; /* legacy CreateOptions; owned, ends with NULL, or NULL */
};

/* What a checkpoint is asked for. Strings are owned; NULL stands for absent and empty. */
struct checkpoint_options {
	bool exit;
	bool open_tcp;
	bool external_unix_sockets;
	bool terminal;
	bool file_locks;
	char *cgroups_mode;
	char *image_path;
	char *work_path;
	char *parent_path;
	char **empty_namespaces; /* owned, ends with NULL, or NULL */
};

/* Free what the struct owns; it is all default afterwards. */
void options_done(struct options *options);
void checkpoint_options_done(struct checkpoint_options *options);

/* True for a type_url that options_parse understands; only the part behind the last '/' counts. */
bool options_known(const char *type_url);

/*
 * Decode runtime options: containerd.runc.v1.Options, runtimeoptions.v1.Options (TOML in its body
 * or in the file that it names), containerd.linux.runc.CreateOptions and RuncOptions.
 *
 * any       borrowed; NULL or without a value: defaults
 * options   written with 0 and 1; the caller calls options_done
 *
 * Returns 0, 1 for a type that nobody here knows (defaults), or
 *   -EBADMSG   the value is no such message, or a line of the TOML is wrong; the text names it
 *   -EFBIG     config_path is larger than OPTIONS_FILE_MAX_BYTES
 *   -ENOMEM, and what opening and reading config_path say
 *
 * Source: containerd api/types/runc/options/oci.proto, pkg/runtimeoptions/v1/api.proto,
 * runtime/linux/runctypes/runc.proto.
 */
int options_parse(const Pb__Any *any, struct options *options, struct err *err);

/*
 * Read the options that the configuration of containerd hands over as TOML: `key = value` lines
 * with the keys of containerd.runc.v1.Options, tables ignored as such, unknown keys ignored.
 *
 * text      borrowed
 * options   values are put on top of what it holds; on failure some of them may be
 *
 * Returns 0, -EBADMSG (the text names line and key), -ENOMEM.
 */
int options_parse_toml(const char *text, size_t len, struct options *options, struct err *err);

/*
 * Keep the options in a bundle as the reference shim does: options.json and runtime, mode 0600.
 *
 * Returns 0 or negative, err filled.
 *
 * Source: containerd runtime/v2/runc/container.go, WriteOptions and WriteRuntime.
 */
int options_write(int bundle_dir, const struct options *options, struct err *err);

/*
 * Read what options_write or the reference shim kept.
 *
 * options   written with 0 and 1; the caller calls options_done
 *
 * Returns 0, 1 when the bundle has neither file (defaults), or negative, err filled.
 */
int options_read(int bundle_dir, struct options *options, struct err *err);

/*
 * Decode containerd.runc.v1.CheckpointOptions or containerd.linux.runc.CheckpointOptions.
 *
 * Arguments and returns as options_parse.
 */
int checkpoint_options_parse(const Pb__Any *any, struct checkpoint_options *options,
			     struct err *err);

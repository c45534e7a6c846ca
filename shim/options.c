/* SPDX-License-Identifier: Apache-2.0 */
#include "shim/options.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "config/base/buf.h"
#include "config/base/clean.h"
#include "config/base/err.h"
#include "config/base/fd.h"
#include "config/base/num.h"
#include "config/json.h"
#include "shim/message.h"
#include "shim/proto/options.pb-c.h"
#include "shim/toml.h"

static const char options_name[] = "options.json";
static const char runtime_name[] = "runtime";

/* ---- fields that a configuration file and options.json both know ---- */

enum kind { KIND_BOOL, KIND_NUMBER, KIND_TEXT };

/* Arrays, not pointers: a table of pointers would be relocated in every shim. */
struct field {
	char toml[14];
	char json[16]; /* struct tags of api/types/runc/options/oci.pb.go, in their order */
	uint8_t kind;  /* enum kind */
	uint8_t at;    /* in struct options */
};

_Static_assert(sizeof(struct options) <= UINT8_MAX, "an offset fits");

static const struct field fields[] = {
	{ "NoPivotRoot", "no_pivot_root", KIND_BOOL, offsetof(struct options, no_pivot_root) },
	{ "NoNewKeyring", "no_new_keyring", KIND_BOOL, offsetof(struct options, no_new_keyring) },
	{ "ShimCgroup", "shim_cgroup", KIND_TEXT, offsetof(struct options, shim_cgroup) },
	{ "IoUid", "io_uid", KIND_NUMBER, offsetof(struct options, io_uid) },
	{ "IoGid", "io_gid", KIND_NUMBER, offsetof(struct options, io_gid) },
	{ "BinaryName", "binary_name", KIND_TEXT, offsetof(struct options, binary_name) },
	{ "Root", "root", KIND_TEXT, offsetof(struct options, root) },
	{ "CriuPath", "criu_path", KIND_TEXT, offsetof(struct options, criu_path) },
	{ "SystemdCgroup", "systemd_cgroup", KIND_BOOL, offsetof(struct options, systemd_cgroup) },
	{ "CriuImagePath", "criu_image_path", KIND_TEXT,
	  offsetof(struct options, criu_image_path) },
	{ "CriuWorkPath", "criu_work_path", KIND_TEXT, offsetof(struct options, criu_work_path) },
};

enum { FIELD_MAX = sizeof(fields) / sizeof(fields[0]) };

static int set_text(char **slot, const char *text, size_t len)
{
	char *copy = NULL;

	if (len > 0) {
		copy = strndup(text, len);
		if (!copy)
			return -ENOMEM;
	}
	free(*slot);
	*slot = copy;
	return 0;
}

static int set_bool(struct options *options, const struct field *field, const char *text)
{
	*(bool *)((char *)options + field->at) = text[0] == 't';
	return 0;
}

static int set_number(struct options *options, const struct field *field, const char *text,
		      size_t len)
{
	uint64_t value;

	if (num_u64_parse(text, len, &value) < 0 || value > UINT32_MAX)
		return -ERANGE;
	*(uint32_t *)(void *)((char *)options + field->at) = (uint32_t)value;
	return 0;
}

/* Set a field from text of the right kind. */
static int set_field(struct options *options, const struct field *field, const char *text,
		     size_t len)
{
	if (field->kind == KIND_BOOL)
		return set_bool(options, field, text);
	if (field->kind == KIND_NUMBER)
		return set_number(options, field, text, len);
	return set_text((char **)(void *)((char *)options + field->at), text, len);
}

static void free_list(char **list)
{
	for (char **at = list; at && *at; at++)
		free(*at);
	free(list);
}

void options_done(struct options *options)
{
	free(options->shim_cgroup);
	free(options->binary_name);
	free(options->root);
	free(options->criu_path);
	free(options->criu_image_path);
	free(options->criu_work_path);
	free(options->cgroups_mode);
	free_list(options->empty_namespaces);
	*options = (struct options){ 0 };
}

void checkpoint_options_done(struct checkpoint_options *options)
{
	free(options->cgroups_mode);
	free(options->image_path);
	free(options->work_path);
	free(options->parent_path);
	free_list(options->empty_namespaces);
	*options = (struct checkpoint_options){ 0 };
}

/* ---- TOML ---- */

struct toml_owner {
	struct options *options;
	struct err *err;
};

static int toml_value(void *owner, const char *table, const char *key, enum toml_type type,
		      const char *text)
{
	static const enum toml_type wanted[] = {
		[KIND_BOOL] = TOML_BOOL,
		[KIND_NUMBER] = TOML_INTEGER,
		[KIND_TEXT] = TOML_STRING,
	};
	static const char wants[][36] = {
		[KIND_BOOL] = "wants true or false",
		[KIND_NUMBER] = "wants a number from 0 to 4294967295",
		[KIND_TEXT] = "wants a text in quotes",
	};
	struct toml_owner *to = owner;

	if (table[0] && strcmp(table, "options") != 0)
		return 0;
	for (int i = 0; i < FIELD_MAX; i++) {
		const struct field *field = &fields[i];
		int code = -EBADMSG;

		if (strcasecmp(field->toml, key) != 0)
			continue;
		if (type == wanted[field->kind])
			code = set_field(to->options, field, text, strlen(text));
		if (code == 0 || code == -ENOMEM)
			return code;
		return err_set(to->err, -EBADMSG, "%s", wants[field->kind]);
	}
	return 0;
}

int options_parse_toml(const char *text, size_t len, struct options *options, struct err *err)
{
	struct toml_owner owner = { options, err };

	return toml_scan(text, len, toml_value, &owner, err);
}

static int read_toml(const char *path, struct options *options, struct err *err)
{
	struct buf text = { 0 };
	struct stat info;
	int code;

	if (path[0] != '/')
		return err_set(err, -EINVAL, "config_path %s is not absolute", path);
	if (stat(path, &info) < 0)
		return err_errno(err, "config_path %s", path);
	if (!S_ISREG(info.st_mode)) /* a FIFO would hold up the shim */
		return err_set(err, -EINVAL, "config_path %s is no file", path);
	code = fd_read_file(AT_FDCWD, path, OPTIONS_FILE_MAX_BYTES, &text);
	if (code < 0)
		(void)err_set(err, code, "%s", err_reason(-code));
	else
		code = options_parse_toml((const char *)text.data, text.len, options, err);
	buf_done(&text);
	return code < 0 ? err_wrap(err, "config_path %s", path) : 0;
}

/* ---- messages ---- */

/* Move a text of a message into a field. protobuf-c shares one empty text among all. */
static void move_text(char **slot, char **text)
{
	if ((*text)[0] == '\0')
		return;
	*slot = *text;
	*text = NULL;
}

/* As move_text with a list; its end is marked by NULL. */
static int move_list(char ***slot, char **list, size_t n)
{
	char **copy = n ? calloc(n + 1, sizeof(*copy)) : NULL;

	if (n && !copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(list[i]);
		if (!copy[i]) {
			free_list(copy);
			return -ENOMEM;
		}
	}
	*slot = copy;
	return 0;
}

static int take_runc(void *message, struct options *to, struct err *err)
{
	Pb__RuncOptions *from = message;

	(void)err;
	to->no_pivot_root = from->no_pivot_root;
	to->no_new_keyring = from->no_new_keyring;
	to->systemd_cgroup = from->systemd_cgroup;
	to->io_uid = from->io_uid;
	to->io_gid = from->io_gid;
	move_text(&to->shim_cgroup, &from->shim_cgroup);
	move_text(&to->binary_name, &from->binary_name);
	move_text(&to->root, &from->root);
	move_text(&to->criu_path, &from->criu_path);
	move_text(&to->criu_image_path, &from->criu_image_path);
	move_text(&to->criu_work_path, &from->criu_work_path);
	return 0;
}

static int take_runtime(void *message, struct options *to, struct err *err)
{
	Pb__RuntimeOptions *from = message;

	if (from->config_path[0] && read_toml(from->config_path, to, err) < 0)
		return err->code;
	if (options_parse_toml((const char *)from->config_body.data, from->config_body.len, to,
			       err) < 0)
		return err_wrap(err, "config_body");
	return 0;
}

static int take_legacy_create(void *message, struct options *to, struct err *err)
{
	Pb__LegacyCreateOptions *from = message;

	to->no_pivot_root = from->no_pivot_root;
	to->no_new_keyring = from->no_new_keyring;
	to->open_tcp = from->open_tcp;
	to->external_unix_sockets = from->external_unix_sockets;
	to->checkpoint_terminal = from->terminal;
	to->file_locks = from->file_locks;
	to->io_uid = from->io_uid;
	to->io_gid = from->io_gid;
	move_text(&to->shim_cgroup, &from->shim_cgroup);
	move_text(&to->cgroups_mode, &from->cgroups_mode);
	move_text(&to->criu_image_path, &from->criu_image_path);
	move_text(&to->criu_work_path, &from->criu_work_path);
	if (move_list(&to->empty_namespaces, from->empty_namespaces, from->n_empty_namespaces) < 0)
		return err_set(err, -ENOMEM, "no memory");
	return 0;
}

static int take_legacy_runc(void *message, struct options *to, struct err *err)
{
	Pb__LegacyRuncOptions *from = message;

	(void)err;
	to->systemd_cgroup = from->systemd_cgroup;
	move_text(&to->binary_name, &from->runtime);
	move_text(&to->root, &from->runtime_root);
	move_text(&to->criu_path, &from->criu_path);
	return 0;
}

struct shape {
	const char *name;
	const ProtobufCMessageDescriptor *descriptor;
	int (*take)(void *message, struct options *to, struct err *err);
};

static const struct shape shapes[] = {
	{ "containerd.runc.v1.Options", &pb__runc_options__descriptor, take_runc },
	{ "runtimeoptions.v1.Options", &pb__runtime_options__descriptor, take_runtime },
	{ "containerd.linux.runc.CreateOptions", &pb__legacy_create_options__descriptor,
	  take_legacy_create },
	{ "containerd.linux.runc.RuncOptions", &pb__legacy_runc_options__descriptor,
	  take_legacy_runc },
};

/* What a type_url names: the part behind the last '/'. */
static const char *type_name(const char *type_url)
{
	const char *slash = strrchr(type_url, '/');

	return slash ? slash + 1 : type_url;
}

static const struct shape *shape_find(const char *type_url)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		if (strcmp(shapes[i].name, type_name(type_url)) == 0)
			return &shapes[i];
	}
	return NULL;
}

bool options_known(const char *type_url)
{
	return shape_find(type_url) != NULL;
}

int options_parse(const Pb__Any *any, struct options *options, struct err *err)
{
	const struct shape *shape;
	struct options found = { 0 };
	void *message;
	int code;

	*options = found;
	if (!any || any->value.len == 0)
		return 0;
	shape = shape_find(any->type_url);
	if (!shape)
		return 1;
	message = message_unpack(shape->descriptor, any->value.data, any->value.len, err);
	code = message ? shape->take(message, &found, err) : err->code;
	message_free(message);
	if (code < 0) {
		options_done(&found);
		return err_wrap(err, "options %s", shape->name);
	}
	*options = found;
	return 0;
}

/* ---- checkpoint ---- */

static int take_checkpoint(Pb__CheckpointOptions *from, struct checkpoint_options *to)
{
	to->exit = from->exit;
	to->open_tcp = from->open_tcp;
	to->external_unix_sockets = from->external_unix_sockets;
	to->terminal = from->terminal;
	to->file_locks = from->file_locks;
	move_text(&to->cgroups_mode, &from->cgroups_mode);
	move_text(&to->image_path, &from->image_path);
	move_text(&to->work_path, &from->work_path);
	move_text(&to->parent_path, &from->parent_path);
	return move_list(&to->empty_namespaces, from->empty_namespaces, from->n_empty_namespaces);
}

int checkpoint_options_parse(const Pb__Any *any, struct checkpoint_options *options,
			     struct err *err)
{
	static const char name[] = "containerd.runc.v1.CheckpointOptions";
	static const char legacy_name[] = "containerd.linux.runc.CheckpointOptions";
	struct checkpoint_options found = { 0 };
	Pb__CheckpointOptions *message;
	bool legacy;
	int code;

	*options = found;
	if (!any || any->value.len == 0)
		return 0;
	legacy = strcmp(type_name(any->type_url), legacy_name) == 0;
	if (!legacy && strcmp(type_name(any->type_url), name) != 0)
		return 1;
	/* The legacy message differs in its two paths alone: they change places. */
	message = message_unpack(&pb__checkpoint_options__descriptor, any->value.data,
				 any->value.len, err);
	if (!message)
		return err_wrap(err, "checkpoint options");
	code = take_checkpoint(message, &found);
	message_free(message);
	if (code < 0) {
		checkpoint_options_done(&found);
		return err_set(err, code, "checkpoint options: %s", err_reason(-code));
	}
	if (legacy) {
		char *image_path = found.work_path;

		found.work_path = found.image_path;
		found.image_path = image_path;
	}
	*options = found;
	return 0;
}

/* ---- the bundle's files ---- */

/* Append one field unless it is empty. */
static int put_field(struct buf *out, const struct options *options, const struct field *field)
{
	const void *slot = (const char *)options + field->at;
	const char *text = field->kind == KIND_TEXT ? *(char *const *)slot : NULL;
	char number[16] = "true";
	int code;

	if (field->kind == KIND_TEXT   ? !text
	    : field->kind == KIND_BOOL ? !*(const bool *)slot
				       : *(const uint32_t *)slot == 0)
		return 0;
	if (field->kind == KIND_NUMBER)
		(void)snprintf(number, sizeof(number), "%u", *(const uint32_t *)slot);
	code = out->len > 1 ? buf_add_text(out, ",", SIZE_MAX) : 0;
	if (code == 0)
		code = json_put_string(out, field->json, SIZE_MAX);
	if (code == 0)
		code = buf_add_text(out, ":", SIZE_MAX);
	if (code < 0)
		return code;
	return text ? json_put_string(out, text, SIZE_MAX) : buf_add_text(out, number, SIZE_MAX);
}

int options_write(int bundle_dir, const struct options *options, struct err *err)
{
	const char *runtime = options->binary_name ? options->binary_name : "";
	struct buf out = { 0 };
	int code = buf_add_text(&out, "{", SIZE_MAX);

	for (int i = 0; i < FIELD_MAX && code == 0; i++)
		code = put_field(&out, options, &fields[i]);
	if (code == 0)
		code = buf_add_text(&out, "}", SIZE_MAX);
	if (code < 0)
		code = err_set(err, code, "write %s: %s", options_name, err_reason(-code));
	else
		code = fd_replace_file(bundle_dir, options_name, out.data, out.len, 0600, err);
	buf_done(&out);
	if (code < 0)
		return code;
	return fd_replace_file(bundle_dir, runtime_name, runtime, strlen(runtime), 0600, err);
}

static int json_value(void *owner, const struct json_path *path, enum json_type type,
		      const char *text, size_t len)
{
	static const enum json_type wanted[] = {
		[KIND_BOOL] = JSON_BOOL,
		[KIND_NUMBER] = JSON_NUMBER,
		[KIND_TEXT] = JSON_STRING,
	};
	const char *key = json_path_key(path, 0, NULL);

	if (!key)
		return type == JSON_OBJECT || type == JSON_NULL ? 0 : -EINVAL;
	if (json_path_depth(path) != 1 || type == JSON_NULL)
		return 0;
	for (int i = 0; i < FIELD_MAX; i++) {
		if (strcmp(key, fields[i].json) != 0)
			continue;
		if (type != wanted[fields[i].kind] || memchr(text, '\0', len))
			return -EINVAL;
		return set_field(owner, &fields[i], text, len);
	}
	return 0;
}

int options_read(int bundle_dir, struct options *options, struct err *err)
{
	struct options found = { 0 };
	char runtime[PATH_MAX];
	ssize_t n;
	int code = json_scan_file(bundle_dir, options_name, OPTIONS_FILE_MAX_BYTES, json_value,
				  &found, err);
	bool none = code == -ENOENT;

	*options = (struct options){ 0 };
	if (none)
		code = 0;
	n = fd_read_text(bundle_dir, runtime_name, runtime, sizeof(runtime));
	if (code == 0 && n < 0 && n != -ENOENT)
		code = err_set(err, (int)n, "read %s: %s", runtime_name, err_reason((int)-n));
	else if (code == 0 && n > 0 && set_text(&found.binary_name, runtime, strlen(runtime)) < 0)
		code = err_set(err, -ENOMEM, "no memory");
	if (code < 0) {
		options_done(&found);
		return code;
	}
	*options = found;
	return none && n < 0;
}

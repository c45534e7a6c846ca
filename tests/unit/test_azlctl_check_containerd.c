/* SPDX-License-Identifier: Apache-2.0 */
/* What check reads in containerd's configuration: the handler, folders of CNI plugins. */
#include "tests/unit/check_world.h"

TEST(a_handler_in_conf_d_counts_when_containerd_reads_it)
{
	static const char handler[] = "[plugins.x.runtimes.azl]\nruntime_type = "
				      "\"io.containerd.azl.v2\"\n[plugins.x.runtimes.azl.options]\n"
				      "SystemdCgroup = true\n";
	struct host_tree tree = good();

	host_tree_put(&tree, "etc/containerd/conf.d/azl.toml", handler);
	host_tree_put(&tree, "etc/containerd/config.toml", "version = 3\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("/etc/containerd/conf.d/azl.toml names azl, but containerd does not read"));
	CHECK(says("imports = "));
	host_tree_put(&tree, "etc/containerd/config.toml",
		      "version = 3\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n");
	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("/etc/containerd/conf.d/azl.toml names azl\n"));
	host_tree_done(&tree);
}

/* The file of a drop-in that nobody imports, beside a handler in config.toml. */
TEST(a_file_that_containerd_does_not_read_says_nothing_of_the_handler)
{
	struct host_tree tree = good();

	host_tree_put(&tree, "etc/containerd/conf.d/azl.toml",
		      "[plugins.y.runtimes.azl]\nruntime_type = \"io.containerd.azl.v2\"\n");
	CHECK(check(&tree, false) == AZLCTL_OK);
	CHECK(says("/etc/containerd/config.toml names azl\n"));
	host_tree_put(&tree, "etc/containerd/config.toml",
		      "version = 3\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n"
		      "[plugins.x.runtimes.azl]\nruntime_type = \"io.containerd.azl.v2\"\n"
		      "[plugins.x.runtimes.azl.options]\nSystemdCgroup = true\n");
	/* what a later file says counts */
	host_tree_put(&tree, "etc/containerd/conf.d/azl.toml",
		      "[plugins.x.runtimes.azl.options]\nSystemdCgroup = false\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("SystemdCgroup is not true for azl"));
	host_tree_done(&tree);
}

TEST(an_import_that_would_replace_what_is_said_of_cri_is_not_advised)
{
	struct host_tree tree = good();

	host_tree_put(&tree, "etc/containerd/conf.d/azl.toml",
		      "[plugins.x.runtimes.azl]\nruntime_type = \"io.containerd.azl.v2\"\n");
	host_tree_put(&tree, "etc/containerd/config.toml",
		      "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\"]\nsandbox_image = "
		      "\"x\"\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	CHECK(says("names azl, but containerd does not read"));
	CHECK(says("-> azlctl apply shows the lines to append to /etc/containerd/config.toml: "
		   "imported, the file would take the place of what it says of CRI, or say "
		   "nothing\n"));
	CHECK(!strstr(answer, "imports = "));
	host_tree_done(&tree);
}

TEST(plugins_are_looked_for_where_containerd_looks)
{
	static const char elsewhere[] =
		"plugin \"azl-cni\" is in /usr/lib/cni, but containerd looks";
	static const struct {
		const char *config, *conf_d, *said;
		int status;
	} cases[] = {
		/* its default */
		{ "", NULL, "is in /usr/lib/cni, but containerd looks in /opt/cni/bin\n",
		  AZLCTL_WARNED },
		{ "", NULL,
		  "-> ln -s /usr/lib/cni/azl-cni /opt/cni/bin/, or bin_dir below cni in "
		  "/etc/containerd/config.toml\n",
		  AZLCTL_WARNED },
		{ "[plugins.\"io.containerd.grpc.v1.cri\".cni]\n  bin_dir = \"/usr/lib/cni\"\n",
		  NULL, "", AZLCTL_OK },
		{ "[plugins.'io.containerd.cri.v1.runtime'.cni]\nbin_dir = ''\nbin_dirs = ['/a/b', "
		  "# "
		  "\"/usr/lib/cni\"]\n '/c']\n",
		  NULL, "but containerd looks in /a/b, /c\n", AZLCTL_WARNED },
		{ "[plugins.x.cni]\nbin_dirs=[\n  \"/a/b\",\n  \"/usr/lib/cni\",\n]\n", NULL, "",
		  AZLCTL_OK },
		/* another's key, and a comment */
		{ "[plugins.x.image]\nbin_dir = \"/usr/lib/cni\"\n[plugins.x.cni]\n"
		  "#bin_dir = \"/usr/lib/cni\"\n",
		  NULL, elsewhere, AZLCTL_WARNED },
		/* conf.d counts when it is read */
		{ "[plugins.x.cni]\nbin_dirs = [\"/usr/lib/cni\"]\n",
		  "[plugins.x.cni]\nbin_dirs = [\"/other\"]\n", "", AZLCTL_OK },
		{ "imports = [\"/etc/containerd/conf.d/*.toml\"]\n[plugins.x.cni]\nbin_dirs = "
		  "[\"/usr/lib/cni\"]\n",
		  "[plugins.x.cni]\nbin_dirs = [\"/other\"]\n",
		  "or bin_dir below cni in /etc/containerd/conf.d/50-other.toml\n", AZLCTL_WARNED },
		{ "imports = [\"/etc/containerd/conf.d/*.toml\"]\n",
		  "[plugins.x.cni]\nbin_dirs = [\"/usr/lib/cni\"]\n", "", AZLCTL_OK },
		/* not whole */
		{ "[plugins.x.cni]\nbin_dirs = [\"/usr/lib\n", NULL, elsewhere, AZLCTL_WARNED },
		{ "[plugins.x.cni]\nbin_dir =\n", NULL, elsewhere, AZLCTL_WARNED },
	};
	static const char handler[] = "[plugins.x.runtimes.azl]\nruntime_path = "
				      "\"/usr/bin/containerd-shim-azl-v2\"\n[plugins.x.runtimes."
				      "azl.options]\n  SystemdCgroup=true\n";

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host_tree tree = good();
		char config[1024];

		host_tree_remove(&tree, "opt/cni/bin/azl-cni");
		host_tree_put(&tree, "usr/lib/cni/azl-cni", "");
		(void)snprintf(config, sizeof(config), "%s%s", cases[i].config, handler);
		host_tree_put(&tree, "etc/containerd/config.toml", config);
		if (cases[i].conf_d)
			host_tree_put(&tree, "etc/containerd/conf.d/50-other.toml",
				      cases[i].conf_d);
		CHECK(check(&tree, false) == cases[i].status);
		CHECK(says(cases[i].said));
		CHECK(cases[i].status != AZLCTL_OK || !strstr(answer, "cni.plugin"));
		host_tree_done(&tree);
	}
}

TEST(debian_builds_containerd_with_another_default)
{
	struct host_tree tree = good();

	host_tree_remove(&tree, "opt/cni/bin/azl-cni");
	host_tree_put(&tree, "usr/lib/cni/azl-cni", "");
	host_tree_put(&tree, "etc/os-release", "NAME=\"Debian\"\nID=debian\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED); /* containerd is another's */
	host_tree_put(&tree, "var/lib/dpkg/info/containerd.list", "");
	CHECK(check(&tree, false) == AZLCTL_OK);
	host_tree_put(&tree, "etc/os-release", "ID=ubuntu\nID_LIKE=debian\n");
	CHECK(check(&tree, false) == AZLCTL_WARNED);
	host_tree_done(&tree);
}

/* Files of two versions are not merged: with containerd 2.1 config.toml's runc lost SystemdCgroup.
 */
TEST(a_file_of_another_version_than_config_toml_is_told)
{
	static const char *const versions[][3] = {
		{ "2", "3",
		  "-> version = 2 in /etc/containerd/conf.d/azl.toml, with the handler of "
		  "/usr/share/azl/containerd/azl-v2.toml, then restart containerd\n" },
		{ "3", "2",
		  "-> version = 3 in /etc/containerd/conf.d/azl.toml, with the handler of "
		  "/usr/share/azl/containerd/azl-v3.toml, " },
		{ "3", "3", "/etc/containerd/conf.d/azl.toml names azl\n" },
	};

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		bool fit = strcmp(versions[i][0], versions[i][1]) == 0;
		struct host_tree tree = good();
		char text[256];

		(void)snprintf(text, sizeof(text),
			       "version = %s\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n",
			       versions[i][0]);
		host_tree_put(&tree, "etc/containerd/config.toml", text);
		(void)snprintf(text, sizeof(text),
			       "version = %s\n[plugins.x.runtimes.azl]\nruntime_type = "
			       "\"io.containerd.azl.v2\"\n[plugins.x.runtimes.azl.options]\n"
			       "SystemdCgroup = true\n",
			       versions[i][1]);
		host_tree_put(&tree, "etc/containerd/conf.d/azl.toml", text);
		CHECK(check(&tree, false) == (fit ? AZLCTL_OK : AZLCTL_WARNED));
		CHECK(says(versions[i][2]));
		CHECK(fit || says("containerd reads only one of them whole"));
		/* nobody is sent to import it either */
		(void)snprintf(text, sizeof(text), "version = %s\n", versions[i][0]);
		host_tree_put(&tree, "etc/containerd/config.toml", text);
		CHECK(check(&tree, false) == AZLCTL_WARNED);
		CHECK(says(fit ? "-> imports = " : "-> azlctl apply shows the lines to append"));
		host_tree_done(&tree);
	}
}

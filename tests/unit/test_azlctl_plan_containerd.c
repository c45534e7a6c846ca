/* SPDX-License-Identifier: Apache-2.0 */
/* The handler of containerd's CRI plugin, and what is read of containerd for it. */
#include "tests/unit/plan_world.h"

#define CONF_D "etc/containerd/conf.d/azl.toml"

TEST(containerd_gets_a_file_only_where_it_merges)
{
	struct host_facts facts = azure_node();
	struct plan plan = plan_of(&facts, "{}");

	CHECK(says(value(&plan, STEP_FILE, CONF_D), "version = 3\n"));
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "io.containerd.cri.v1.runtime"));
	CHECK(!says(value(&plan, STEP_FILE, CONF_D), "snapshotter"));
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "SystemdCgroup = true\n"));
	plan_done(&plan);

	facts.has_systemd = false;
	plan = plan_of(&facts, "{}");
	CHECK(says(value(&plan, STEP_FILE, CONF_D), ".options]\n  SystemdCgroup = false\n"));
	CHECK(!says(value(&plan, STEP_FILE, CONF_D), "true") &&
	      says(value(&plan, STEP_FILE, CONF_D), "containerd-shim-azl-v2"));
	plan_done(&plan);
	facts.has_systemd = true;

	facts.imports_conf_d = false;
	plan = plan_of(&facts, "{}");
	CHECK(!find(&plan, STEP_FILE, CONF_D) && advises(&plan, "let it have imports = "));
	plan_done(&plan);

	facts.imports_conf_d = true;
	facts.containerd_config = 2;
	facts.containerd_major = 1;
	plan = plan_of(&facts, "{}");
	CHECK(!find(&plan, STEP_FILE, CONF_D) && advises(&plan, "would take the place of all"));
	plan_done(&plan);

	/* files of two versions are not merged */
	facts.containerd_major = 2;
	plan = plan_of(&facts, "{}");
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "version = 2\n"));
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "io.containerd.grpc.v1.cri"));
	plan_done(&plan);
	facts.containerd_config = 4;
	plan = plan_of(&facts, "{}");
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "version = 4\n"));
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "io.containerd.cri.v1.runtime"));
	plan_done(&plan);

	/* containerd 2.2 without any configuration */
	facts.has_containerd_config = false;
	facts.containerd_config = 0;
	facts.containerd_major = 2;
	facts.containerd_minor = 2;
	plan = plan_of(&facts, "{}");
	CHECK(says(value(&plan, STEP_FILE, CONF_D), "version = 3\n"));
	plan_done(&plan);

	facts.has_azl_handler = true;
	plan = plan_of(&facts, "{}");
	CHECK(!find(&plan, STEP_FILE, CONF_D) && count(&plan, STEP_ADVICE) == 0);
	plan_done(&plan);
}

/* ---- facts ---- */

TEST(versions_of_containerd_are_read_as_distributions_print_them)
{
	static const struct {
		const char *text;
		unsigned int major, minor;
	} cases[] = {
		{ "containerd github.com/containerd/containerd 1.7.24~ds1 1.7.24~ds1-6+b5\n", 1,
		  7 },
		{ "containerd github.com/containerd/containerd/v2 2.1.6 fb6f6bd\n", 2, 1 },
		{ "containerd github.com/containerd/containerd/v2 v2.0.0-rc.3 27de5fe\n", 2, 0 },
		{ "containerd github.com/containerd/containerd  \n", 0, 0 },
		{ "", 0, 0 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host_facts facts = { 0 };

		facts_containerd_version(&facts, cases[i].text);
		CHECK(facts.containerd_major == cases[i].major &&
		      facts.containerd_minor == cases[i].minor);
	}
}

TEST(a_configuration_of_containerd_is_read_as_far_as_needed)
{
	struct host_facts facts = { 0 };

	facts_containerd_config(&facts, "# version = 3\nversion = 2\nimports = [ # a list\n"
					"  \"/a/b.toml\",\n  '/etc/containerd/conf.d/*.toml']\n");
	CHECK(facts.has_containerd_config && facts.containerd_config == 2);
	CHECK(facts.imports_conf_d && !facts.has_azl_handler);
	facts = (struct host_facts){ 0 };
	facts_containerd_config(
		&facts, "#imports = [\"/etc/containerd/conf.d/*.toml\"]\nimports = []\n"
			"[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.azl]\n");
	CHECK(facts.containerd_config == 1 && !facts.imports_conf_d && facts.has_azl_handler);
	facts = (struct host_facts){ 0 };
	facts_containerd_config(&facts, "version=3\nimports = [ # \"/etc/containerd/conf.d/\"");
	CHECK(facts.containerd_config == 3 && !facts.imports_conf_d);
	/* another's version */
	facts_containerd_config(&facts, "version = 2\n[proxy_plugins.x]\n  version = \"7\"\n");
	CHECK(facts.containerd_config == 2);
}

TEST(a_table_of_the_handler_counts_a_comment_does_not)
{
	CHECK(facts_names_handler("version = 3\n\t[plugins.\"x\".containerd.runtimes.azl]"));
	CHECK(!facts_names_handler("# [plugins.\"x\".containerd.runtimes.azl]\n[a]\n"));
	CHECK(!facts_names_handler("[plugins.\"x\".containerd.runtimes.azl2]\n"));
	CHECK(!facts_names_handler(""));
}

TEST(conf_d_is_read_where_containerd_is_told_or_by_itself_without_a_configuration)
{
	struct host_facts facts = { .containerd_major = 2, .containerd_minor = 2 };

	CHECK(facts_reads_conf_d(&facts));
	facts.has_containerd_config = true;
	CHECK(!facts_reads_conf_d(&facts));
	facts.imports_conf_d = true;
	CHECK(facts_reads_conf_d(&facts));
	facts = (struct host_facts){ .containerd_major = 1, .containerd_minor = 7 };
	CHECK(!facts_reads_conf_d(&facts));
}

TEST(a_file_is_imported_by_its_path_or_a_pattern)
{
	static const struct {
		const char *text;
		bool azl, site;
	} cases[] = {
		{ "imports = [\"/etc/containerd/conf.d/*.toml\"]\n", true, true },
		{ "imports = ['conf.d/*.toml']\n", true, true },
		{ "imports = [\"/etc/containerd/conf.d/site.toml\"]\n", false, true },
		{ "imports = [\"/a.toml\", # ]\n  \"/etc/containerd/conf.d/az*\" ]\n", true,
		  false },
		{ "imports = [\"/etc/containerd/*/s?te.toml\"]\n", false, true },
		{ "imports = [\"/etc/containerd/*\", \"/etc/containerd/conf.d/\"]\n", false,
		  false },
		{ "imports = []\n\"/etc/containerd/conf.d/*.toml\"]\n", false, false },
		{ "imports = [\"/etc/containerd/conf.d/*.toml\n", true, true },
		{ "[a]\nimports = [\"/etc/containerd/conf.d/*.toml\"]\n", false, false },
		{ "imports = [\"", false, false },
		{ "", false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct host_facts facts = { 0 };

		facts_containerd_config(&facts, cases[i].text);
		CHECK(facts.imports_conf_d == cases[i].azl);
		CHECK(facts_imports(cases[i].text, "/etc/containerd/conf.d/site.toml") ==
		      cases[i].site);
	}
}

TEST(versions_of_two_files_fit_when_both_say_the_same)
{
	CHECK(facts_config_version("# version = 3\n  version=2\nversion = 4\n") == 2);
	CHECK(facts_config_version("versions = 3\n[x]\nversion = 2\n") == 0);
	CHECK(facts_config_version("version") == 0 && facts_config_version("") == 0);
	CHECK(facts_versions_fit("version = 2\n", "version = 2\n"));
	CHECK(!facts_versions_fit("version = 2\n", "version = 3\n"));
	CHECK(facts_versions_fit("version = 2\n", "[plugins]\n"));
}

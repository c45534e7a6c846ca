/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/file.h>

#include "config/azlctl/journal.h"
#include "config/azlctl/lock.h"
#include "config/azlctl/ours.h"
#include "config/azlctl/tree.h"
#include "config/base/buf.h"
#include "config/base/err.h"
#include "tests/unit/azlctl_world.h"

static struct host_tree tree_new(void)
{
	struct host_tree tree = host_tree_new();

	host_tree_folders(&tree, "var/lib/");
	return tree;
}

TEST(what_is_written_is_read_again)
{
	struct host_tree tree = tree_new();
	struct azlctl ctl = ctl_of(&tree);
	struct journal journal = { 0 }, again = { 0 };
	struct err err;

	CHECK(journal_read(&ctl, &again, &err) == 0);
	CHECK(journal_note(&journal, CHANGE_FOLDER, "etc/x.d", NULL, NULL) == 0);
	CHECK(journal_note(&journal, CHANGE_FILE, "etc/x.d/a \"b\"\n\x01.conf", NULL, NULL) == 0);
	CHECK(journal_note(&journal, CHANGE_SYSCTL, "kernel.x", "4\t5", "6") == 0);
	CHECK(journal_write(&ctl, &journal, &err) == 0);
	CHECK(journal_read(&ctl, &again, &err) == 1);
	CHECK(again.count == 3 && again.made_folder);
	CHECK(journal_find(&again, CHANGE_FILE, "etc/x.d/a \"b\"\n\x01.conf") != NULL);
	CHECK(journal_find(&again, CHANGE_SYSCTL, "etc/x.d") == NULL);
	CHECK_TEXT(again.changes[2].before, "4\t5");
	CHECK_TEXT(again.changes[2].ours, "6");
	CHECK(again.changes[2].earlier == NULL && again.changes[0].before == NULL);

	/* Without changes nothing stays, the folder included. */
	while (again.count > 0)
		journal_drop(&again, &again.changes[0]);
	CHECK(journal_write(&ctl, &again, &err) == 0);
	CHECK(!tree_has(tree.fd, "var/lib/azl") && !tree_has(tree.fd, "var/lib/.azl.azl-new"));
	journal_done(&journal);
	journal_done(&again);
	host_tree_done(&tree);
}

TEST(a_folder_that_was_there_or_holds_more_stays)
{
	struct host_tree tree = tree_new();
	struct azlctl ctl = ctl_of(&tree);
	struct journal journal = { 0 };
	struct err err;

	CHECK(mkdirat(tree.fd, "var/lib/azl", 0755) == 0);
	CHECK(journal_note(&journal, CHANGE_FILE, "x", NULL, NULL) == 0);
	CHECK(journal_write(&ctl, &journal, &err) == 0 && !journal.made_folder);
	journal_drop(&journal, journal.changes);
	CHECK(journal_write(&ctl, &journal, &err) == 0);
	CHECK(tree_has_folder(tree.fd, "var/lib/azl"));
	CHECK(!tree_has(tree.fd, JOURNAL_FILE));
	journal_done(&journal);

	journal.made_folder = true;
	CHECK(journal_note(&journal, CHANGE_FILE, "x", NULL, NULL) == 0);
	CHECK(journal_write(&ctl, &journal, &err) == 0);
	host_tree_put(&tree, "var/lib/azl/other", "x");
	journal_drop(&journal, journal.changes);
	CHECK(journal_write(&ctl, &journal, &err) == 0);
	CHECK(tree_has(tree.fd, "var/lib/azl/other") && !tree_has(tree.fd, JOURNAL_FILE));
	journal_done(&journal);
	host_tree_done(&tree);
}

TEST(the_first_value_found_is_what_revert_restores)
{
	struct journal journal = { 0 };
	const struct change *change;

	CHECK(journal_note(&journal, CHANGE_SYSCTL, "k", "1", "10") == 0);
	change = &journal.changes[0];
	/* 10 is in force, 20 is to come: killed between, either may be there */
	CHECK(journal_note(&journal, CHANGE_SYSCTL, "k", "10", "20") == 0);
	CHECK_TEXT(change->before, "1");
	CHECK_TEXT(change->ours, "20");
	CHECK_TEXT(change->earlier, "10");
	/* it was killed: 10 is there still */
	CHECK(journal_note(&journal, CHANGE_SYSCTL, "k", "10", "30") == 0);
	CHECK_TEXT(change->earlier, "10");
	CHECK_TEXT(change->ours, "30");
	CHECK(journal.count == 1);
	/* somebody else's value is none of ours */
	CHECK(journal_note(&journal, CHANGE_SYSCTL, "k", "99", "30") == 0);
	CHECK_TEXT(change->earlier, "10");
	journal_done(&journal);
}

TEST(a_broken_journal_is_told_and_not_used)
{
	static const char *const texts[] = {
		"",
		"{",
		"{ \"changes\": [ { \"kind\": \"fil\", \"name\": \"x\" } ] }",
		"{ \"changes\": [ { \"kind\": \"file\" } ] }",
		"{ \"changes\": [ { \"kind\": \"file\", \"name\": \"/etc/passwd\" } ] }",
		"{ \"changes\": [ { \"kind\": \"file\", \"name\": \"\" } ] }",
		"{ \"changes\": [ 4 ] }",
	};
	struct host_tree tree = tree_new();
	struct azlctl ctl = ctl_of(&tree);

	CHECK(mkdirat(tree.fd, "var/lib/azl", 0755) == 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct journal journal = { 0 };
		struct err err;

		host_tree_put(&tree, JOURNAL_FILE, texts[i]);
		CHECK(journal_read(&ctl, &journal, &err) == -EBADMSG);
		CHECK(strstr(err.msg, "/" JOURNAL_FILE) != NULL);
		journal_done(&journal);
	}
	host_tree_done(&tree);
}

TEST(one_at_a_time_and_nobody_but_root_can_keep_others_out)
{
	struct host_tree tree = tree_new();
	struct azlctl ctl = ctl_of(&tree);
	struct lock one = LOCK_NONE, other = LOCK_NONE;
	struct stat found;
	struct err err;
	int folder = openat(tree.fd, "var/lib", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	CHECK(flock(folder, LOCK_EX) == 0); /* as any user of the host may */
	CHECK(lock_take(&ctl, &one, &err) == 0);
	CHECK(fstatat(folder, ".azlctl.lock", &found, AT_SYMLINK_NOFOLLOW) == 0);
	CHECK((found.st_mode & 07777) == 0600);
	CHECK(lock_take(&ctl, &other, &err) == -EBUSY);
	lock_leave(&other);
	CHECK(faccessat(folder, ".azlctl.lock", F_OK, 0) == 0);
	lock_leave(&one);
	CHECK(faccessat(folder, ".azlctl.lock", F_OK, 0) < 0);
	/* One that was killed leaves the file. */
	host_tree_put(&tree, "var/lib/.azlctl.lock", "");
	CHECK(lock_take(&ctl, &other, &err) == 0);
	/* The file that was removed is nobody's lock. */
	CHECK(unlinkat(folder, ".azlctl.lock", 0) == 0);
	CHECK(lock_take(&ctl, &one, &err) == 0);
	lock_leave(&other);
	lock_leave(&one);
	(void)close(folder);
	host_tree_done(&tree);
}

/* ---- whose a file is ---- */

TEST(the_first_line_tells_whose_a_file_is)
{
	char *text = ours_mark("a = 1\n");
	size_t len = strlen(text);

	CHECK(ours_judge(text, len) == OURS_INTACT);
	CHECK(ours_judge(text, len - 1) == OURS_CHANGED);
	text[len - 2] = '2';
	CHECK(ours_judge(text, len) == OURS_CHANGED);
	text[len - 2] = '1';
	text[2] = 'W';
	CHECK(ours_judge(text, len) == OURS_FOREIGN);
	text[2] = 'w';
	for (size_t cut = 0; cut < len; cut++)
		CHECK(ours_judge(text, cut) != OURS_INTACT);
	CHECK(ours_judge("", 0) == OURS_FOREIGN);
	CHECK(ours_judge("a = 1\n", 6) == OURS_FOREIGN);
	CHECK(ours_judge("# written by azlctl, digest \n", 29) == OURS_CHANGED);
	free(text);
	text = ours_mark("");
	CHECK(ours_judge(text, strlen(text)) == OURS_INTACT);
	free(text);
}

TEST(in_json_it_is_the_first_key)
{
	char *text = ours_mark("{\n  \"name\": \"azl\"\n}\n");
	size_t len = strlen(text);

	CHECK(strncmp(text, "{ \"//\": \"written by azlctl, digest ", 35) == 0);
	CHECK(strstr(text, "\",\n  \"name\": \"azl\"\n}\n") != NULL);
	CHECK(ours_judge(text, len) == OURS_INTACT);
	for (size_t cut = 0; cut < len; cut++)
		CHECK(ours_judge(text, cut) != OURS_INTACT);
	text[len - 2] = ' ';
	CHECK(ours_judge(text, len) == OURS_CHANGED);
	CHECK(ours_judge("{\n  \"name\": \"azl\"\n}\n", 21) == OURS_FOREIGN);
	free(text);
}

/* ---- files below a root ---- */

TEST(links_stay_inside_of_the_tree)
{
	char line[16] = "";
	struct host_tree tree = tree_new();
	struct buf text = { 0 };
	struct err err;

	/* Absolute: in the tree it means the tree's. */
	CHECK(symlinkat("/var/lib", tree.fd, "etc") == 0);
	CHECK(tree_write(tree.fd, "etc/x.conf", "hello", 5, 0640, &err) == 0);
	CHECK(tree_has(tree.fd, "var/lib/x.conf"));
	CHECK(tree_read(tree.fd, "etc/x.conf", &text, &err) == 1);
	CHECK(text.len == 5 && memcmp(text.data, "hello", 6) == 0);
	CHECK(symlinkat("../../../../../../../../etc", tree.fd, "out") == 0);
	CHECK(tree_has(tree.fd, "out/x.conf"));
	CHECK(!tree_has(tree.fd, "out/passwd"));
	/* A file that is a link is somebody's. */
	CHECK(symlinkat("x.conf", tree.fd, "var/lib/link.conf") == 0);
	CHECK(tree_read(tree.fd, "etc/link.conf", &text, &err) == -ENOTSUP);
	CHECK(tree_read(tree.fd, "var", &text, &err) == -ENOTSUP);
	/* what only looks follows it */
	CHECK(symlinkat("/etc/x.conf", tree.fd, "far.conf") == 0);
	CHECK(tree_read_text(tree.fd, "far.conf", line, sizeof(line)) == 5);
	CHECK_TEXT(line, "hello");
	CHECK(tree_read_file(tree.fd, "far.conf", 5, &text) == 0 && text.len == 10);
	CHECK(tree_read_file(tree.fd, "far.conf", 4, &text) == -EFBIG);
	CHECK(tree_leads(tree.fd, "far.conf"));
	CHECK(symlinkat("/etc/passwd", tree.fd, "host.conf") == 0);
	CHECK(tree_read_text(tree.fd, "host.conf", line, sizeof(line)) == -ENOENT);
	CHECK(tree_read_file(tree.fd, "host.conf", 1 << 20, &text) == -ENOENT);
	CHECK(!tree_leads(tree.fd, "host.conf") && tree_has(tree.fd, "host.conf"));
	CHECK(tree_read_link(tree.fd, "etc/link.conf", line, sizeof(line)) == 6);
	CHECK_TEXT(line, "x.conf");
	CHECK(tree_read_link(tree.fd, "etc/x.conf", line, sizeof(line)) == -EINVAL);
	CHECK(tree_read(tree.fd, "etc/none/x", &text, &err) == 0);
	CHECK(tree_read(tree.fd, "var/lib/x.conf/y", &text, &err) == 0);
	buf_done(&text);
	host_tree_done(&tree);
}

TEST(failures_name_the_file_and_the_way_out)
{
	struct host_tree tree = tree_new();
	struct err err;

	CHECK(tree_write(tree.fd, "etc/x.conf", "x", 1, 0644, &err) == -ENOENT);
	CHECK(strstr(err.msg, "/etc/x.conf") != NULL);
	CHECK(tree_make_folder(tree.fd, "var/lib", &err) == 0);
	host_tree_put(&tree, "file", "x");
	CHECK(tree_make_folder(tree.fd, "file", &err) == -EEXIST);
	CHECK(tree_remove_folder(tree.fd, "var", &err) == 1);
	CHECK(tree_remove_folder(tree.fd, "none", &err) == 0);
	CHECK(tree_remove(tree.fd, "none/x", &err) == 0);
	CHECK(tree_remove(tree.fd, "var", &err) == -EISDIR);
	host_tree_done(&tree);
}

TEST(what_a_killed_writer_left_goes_with_the_file)
{
	struct host_tree tree = tree_new();
	struct err err;

	host_tree_put(&tree, "var/.x.conf.azl-new", "half");
	CHECK(tree_has_aside(tree.fd, "var/x.conf"));
	CHECK(tree_remove(tree.fd, "var/x.conf", &err) == 0);
	CHECK(!tree_has_aside(tree.fd, "var/x.conf"));
	CHECK(!tree_has(tree.fd, "var/.x.conf.azl-new"));
	host_tree_put(&tree, "var/.x.conf.azl-new", "half");
	CHECK(tree_write(tree.fd, "var/x.conf", "whole", 5, 0644, &err) == 0);
	CHECK(!tree_has_aside(tree.fd, "var/x.conf"));
	host_tree_done(&tree);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Remove a folder with everything in it. */
#pragma once

struct err;

/*
 * Remove a folder and what is below it; links are removed, never followed; other file systems are
 * not entered.
 *
 * Returns 0, also when there is none, or negative, err filled.
 */
int remove_tree(const char *path, struct err *err);

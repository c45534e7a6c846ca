/* SPDX-License-Identifier: Apache-2.0 */
/* What `azlctl help COMMAND` teaches. */
#pragma once

#include <stdio.h>

/* The text for a command, with its last newline, or NULL: there is none of this name. */
const char *help_text(const char *command);

/* Every key of host.json, with its default, what is allowed and the reason. */
void help_keys(FILE *out);

/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of cgroup v2 files: single value, flat keyed, nested keyed, pressure. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of somebody else, not NUL-terminated; never read past at + len. */
struct cg_text {
	const char *at; /* borrowed */
	size_t len;
};

/* One line of a pressure file; the averages are percentages. */
struct cg_psi_line {
	bool present;
	double avg10;
	double avg60;
	double avg300;
	uint64_t total_usec;
};

/* The text of a NUL-terminated string. */
struct cg_text cg_keyed_text(const char *text);

/* True when the text is exactly `want`. */
bool cg_keyed_equal(struct cg_text text, const char *want);

/*
 * Cut the next word, separated by blanks or line ends, from the front of a text.
 *
 * rest   moved behind the word
 * word   written only when there is one; points into rest
 *
 * Returns 1, or 0 when nothing but blanks is left.
 */
int cg_keyed_word(struct cg_text *rest, struct cg_text *word);

/* Cut the next line, without its newline, from the front of a text. Returns 1, or 0 at the end. */
int cg_keyed_line(struct cg_text *rest, struct cg_text *line);

/*
 * Parse the content of a single-value file: a number, or "max" for UINT64_MAX.
 *
 * text    blanks around the value are ignored; a negative number counts as 0
 * value   written only on success
 *
 * Returns 0, -EINVAL (empty, more than one word, no number), -ERANGE (does not fit).
 *
 * Source: kernel cgroup-v2.rst, "Conventions"; containerd cgroups utils.go, parseUint.
 */
int cg_keyed_value(struct cg_text text, uint64_t *value);

/* Parse a flat keyed line, "KEY VALUE". key points into the line. Returns as cg_keyed_value. */
int cg_keyed_flat(struct cg_text line, struct cg_text *key, uint64_t *value);

/*
 * Find a whole key in a flat keyed text; lines that cannot be parsed are passed over.
 *
 * Returns 1 with value written, or 0.
 */
int cg_keyed_find(struct cg_text text, const char *key, uint64_t *value);

/* Find a whole word in a text of words, as in cgroup.controllers. Returns 1 or 0. */
int cg_keyed_lists(struct cg_text text, struct cg_text word);

/* Split "KEY=VALUE" of a nested keyed line. Both point into the word. Returns 0 or -EINVAL. */
int cg_keyed_pair(struct cg_text word, struct cg_text *key, struct cg_text *value);

/* Parse "MAJOR:MINOR". Written only on success. Returns 0, -EINVAL or -ERANGE. */
int cg_keyed_device(struct cg_text word, uint64_t *major, uint64_t *minor);

/*
 * Parse the figures of a pressure line: "avg10=0.00 avg60=0.00 avg300=0.00 total=0".
 *
 * rest   what follows "some" or "full"; unknown keys are passed over
 * line   written only on success, present set
 *
 * Returns 0 or -EINVAL.
 *
 * Source: kernel Documentation/accounting/psi.rst, "Pressure interface".
 */
int cg_keyed_psi(struct cg_text rest, struct cg_psi_line *line);

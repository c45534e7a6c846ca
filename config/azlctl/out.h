/* SPDX-License-Identifier: Apache-2.0 */
/* What commands print: JSON as a stream, and colours where a person looks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* JSON to a stream, indented by two blanks, commas by itself. Depth is checked by assertion:
 * callers close what they open. Errors of the stream show at fflush(), which main does. */
struct out_json {
	FILE *out;
	unsigned int depth;
	bool first[16];
};

void out_json_begin(struct out_json *json, FILE *out);
/* `key` is NULL inside an array and for the document. */
void out_json_object(struct out_json *json, const char *key);
void out_json_array(struct out_json *json, const char *key);
void out_json_end_object(struct out_json *json);
void out_json_end_array(struct out_json *json);
void out_json_string(struct out_json *json, const char *key, const char *text); /* NULL: null */
void out_json_number(struct out_json *json, const char *key, uint64_t number);
void out_json_real(struct out_json *json, const char *key, double number); /* three digits */
void out_json_bool(struct out_json *json, const char *key, bool value);
void out_json_null(struct out_json *json, const char *key);
void out_json_finish(struct out_json *json); /* newline */

/* Foreign text for a terminal: control characters become '?'. */
void out_plain(char *text);

enum out_colour { OUT_PLAIN, OUT_BOLD, OUT_DIM, OUT_GREEN, OUT_YELLOW, OUT_RED };

/* Escape sequences, or "" without colour. */
const char *out_colour(bool colour, enum out_colour which);

enum { OUT_BYTES_ROOM = 16 };

/* "12.3 MiB", "4.0 KiB", "max". Returns text. */
const char *out_bytes(uint64_t bytes, char text[OUT_BYTES_ROOM]);

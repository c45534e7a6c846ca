/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "config/azlctl/density.h"
#include "config/azlctl/out.h"

/* Pixels. */
enum {
	SVG_WIDTH = 960,
	SVG_LEFT = 260,	 /* where bars begin: names are in front of them */
	SVG_RIGHT = 100, /* for the number behind a bar */
	SVG_ROW = 18,
	SVG_BAR = 12,
	SVG_HEAD = 64,
	SVG_RESERVE = 96, /* height of the lower part */
	SVG_PODS_MAX = 250,
};

struct svg_part {
	uint64_t bytes;
	const char *colour;
};

static const char svg_shim[] = "#2563eb", svg_other[] = "#7c3aed", svg_pause[] = "#f59e0b",
		  svg_kernel[] = "#94a3b8", svg_host[] = "#475569", svg_need[] = "#16a34a",
		  svg_aks[] = "#dc2626";

/* Text as XML wants it. */
static void put_text(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			(void)fputs("&lt;", out);
			break;
		case '&':
			(void)fputs("&amp;", out);
			break;
		default:
			(void)fputc((unsigned char)*text < ' ' ? '?' : *text, out);
		}
	}
}

static void put_bar(FILE *out, int y, const char *name, const struct svg_part *parts, size_t n,
		    uint64_t full)
{
	const double room = SVG_WIDTH - SVG_LEFT - SVG_RIGHT;
	double x = SVG_LEFT;
	uint64_t sum = 0;
	char text[OUT_BYTES_ROOM];

	(void)fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">", SVG_LEFT - 8,
		      y + SVG_BAR - 2);
	put_text(out, name);
	(void)fputs("</text>\n", out);
	for (size_t i = 0; i < n; i++) {
		double width = full ? room * (double)parts[i].bytes / (double)full : 0;

		(void)fprintf(
			out,
			"<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n", x,
			y, width, SVG_BAR, parts[i].colour);
		x += width;
		sum += parts[i].bytes;
	}
	(void)fprintf(out, "<text x=\"%.1f\" y=\"%d\" class=\"n\">%s</text>\n", x + 6,
		      y + SVG_BAR - 2, out_bytes(sum, text));
}

static void put_legend(FILE *out)
{
	static const struct {
		const char *name;
		const char *colour;
	} entries[] = {
		{ "shim of azl", svg_shim },
		{ "another shim", svg_other },
		{ "pause container", svg_pause },
		{ "kernel memory of the other containers", svg_kernel },
	};
	int x = SVG_LEFT;

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++, x += 120)
		(void)fprintf(out,
			      "<rect x=\"%d\" y=\"36\" width=\"10\" height=\"10\" fill=\"%s\"/>"
			      "<text x=\"%d\" y=\"45\">%s</text>\n",
			      x, entries[i].colour, x + 14, entries[i].name);
}

static void put_reserve(const struct density *density, FILE *out, int y)
{
	struct density_reserve reserve = density_reserve(density);
	uint64_t full = reserve.advised > reserve.aks ? reserve.advised : reserve.aks;
	const struct svg_part needed[] = {
		{ reserve.fixed, svg_host },
		{ reserve.needed - reserve.fixed, svg_shim },
	};
	const struct svg_part advised = { reserve.advised, svg_need };
	const struct svg_part aks = { reserve.aks, svg_aks };

	(void)fprintf(
		out, "<text x=\"16\" y=\"%d\" class=\"h\">To reserve for %" PRIu64 " pods</text>\n",
		y + 12, density->max_pods);
	put_bar(out, y + 24, "measured: host, pods", needed, 2, full);
	put_bar(out, y + 24 + SVG_ROW, "advised", &advised, 1, full);
	put_bar(out, y + 24 + 2 * SVG_ROW, "AKS takes", &aks, 1, full);
}

int density_svg(const struct density *density, FILE *out)
{
	size_t rows = density->n_pods < SVG_PODS_MAX ? density->n_pods : SVG_PODS_MAX;
	int bottom = SVG_HEAD + (int)rows * SVG_ROW + 16;
	uint64_t full = 0;

	for (size_t i = 0; i < rows; i++)
		if (density_cost(&density->pods[i]) > full)
			full = density_cost(&density->pods[i]);
	(void)fprintf(
		out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
		"font-family=\"sans-serif\" font-size=\"11\" fill=\"#0f172a\">\n"
		"<style>.h{font-size:15px;font-weight:bold}.n{fill:#475569}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n"
		"<text x=\"16\" y=\"24\" class=\"h\">What each pod costs beside its containers: "
		"%zu pods, %zu containers</text>\n",
		SVG_WIDTH, bottom + SVG_RESERVE, density->n_pods, density->n_containers);
	put_legend(out);
	for (size_t i = 0; i < rows; i++) {
		const struct density_pod *pod = &density->pods[i];
		const struct svg_part parts[] = {
			{ pod->pss, pod->is_azl ? svg_shim : svg_other },
			{ pod->pause, svg_pause },
			{ pod->kernel - pod->pause_kernel, svg_kernel },
		};
		char name[DENSITY_SHORT_ROOM];

		put_bar(out, SVG_HEAD + (int)i * SVG_ROW, density_short(pod->name, 36, name), parts,
			3, full);
	}
	if (rows < density->n_pods)
		(void)fprintf(out, "<text x=\"%d\" y=\"%d\">and %zu more, each costs less</text>\n",
			      SVG_LEFT, bottom - 4, density->n_pods - rows);
	put_reserve(density, out, bottom);
	(void)fputs("</svg>\n", out);
	return ferror(out) ? -1 : 0;
}

# SPDX-License-Identifier: Apache-2.0
# The chart: each step has a scale of its own, on which the reference is a full bar.
include "lib";

def row_height: 34;
def bar_left: 250;
def bar_width: 420;
def width: 880;

def escape: gsub("&"; "&amp;") | gsub("<"; "&lt;");
def text(x; y; class; anchor): "<text x=\"\(x)\" y=\"\(y)\" class=\"\(class)\" text-anchor=\"\(anchor)\">\(escape)</text>";
def bar(y; length; class): "<rect x=\"\(bar_left)\" y=\"\(y)\" width=\"\([length, 1] | max | fixed(1))\" height=\"12\" class=\"\(class)\"/>";

# The amount stands behind its bar.
def amount_at(length; y; unit): amount(unit) | text((bar_left + length + 6 | fixed(1)); y; "amount"; "start");

def draw_row($y):
  # What is worse than the reference fills the width; then the reference is the short one.
  ([1, .ratio // 0] | max) as $scale
  | (bar_width / $scale) as $ref
  | (bar_width * ([.ratio // 0, 0] | max) / $scale) as $azl
  | .unit as $unit
  | (title | text(bar_left - 12; $y + 17; "step"; "end")),
    bar($y; $ref; "ref"), bar($y + 13; $azl; if .ok == false then "azl missed" else "azl" end),
    ( if .target then
        ((.target.ratio // (.target.max / .reference.median)) * $ref + bar_left | fixed(1)) as $x
        | "<line x1=\"\($x)\" y1=\"\($y - 3)\" x2=\"\($x)\" y2=\"\($y + 28)\" class=\"target\"/>"
      else empty end ),
    (.reference.median | amount_at($ref; $y + 10; $unit)),
    (.azl.median | amount_at($azl; $y + 23; $unit)),
    (.ratio | fraction | text(width - 20; $y + 17; "ratio"; "end"));

def style: "<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 18px; font-weight: 600 }
.note, .amount { font-size: 11px; fill: #59636e }
.amount { stroke: #ffffff; stroke-width: 3; paint-order: stroke }
.head { font-weight: 600 }
.ratio { font-weight: 600; font-size: 14px }
.ref { fill: #b6bec8 } .azl { fill: #0969da } .missed { fill: #d1690a }
.target { stroke: #1a7f37; stroke-width: 2; stroke-dasharray: 3 2 }
</style>";

def legend($y):
  "<rect x=\"20\" y=\"\($y - 10)\" width=\"12\" height=\"12\" class=\"ref\"/>", ("containerd-shim-runc-v2" | text(38; $y; "note"; "start")),
  "<rect x=\"190\" y=\"\($y - 10)\" width=\"12\" height=\"12\" class=\"azl\"/>", ("azl" | text(208; $y; "note"; "start")),
  "<rect x=\"245\" y=\"\($y - 10)\" width=\"12\" height=\"12\" class=\"missed\"/>", ("azl, target missed" | text(263; $y; "note"; "start")),
  "<line x1=\"385\" y1=\"\($y - 12)\" x2=\"385\" y2=\"\($y + 3)\" class=\"target\"/>", ("target" | text(393; $y; "note"; "start"));

. as $all
| [ ("runc", "crun") as $engine
    | [ $all.rows[] | select(.engine == $engine) ] | select(length > 0)
    | { head: "with \($engine) \($all.host[$engine])" }, .[] ] as $items
| (100 + ($items | length) * row_height + 20) as $height
| "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) \($height)\" width=\"\(width)\" height=\"\($height)\">",
  style,
  "<rect width=\"\(width)\" height=\"\($height)\" fill=\"#ffffff\"/>",
  ("azl against containerd-shim-runc-v2: less is better" | text(20; 32; "title"; "start")),
  ("medians; containerd \(.host.containerd), Linux \(.host.kernel), \(.host.cpus) x \(.host.cpu); azl \(.commit), \(.date)" | text(20; 52; "note"; "start")),
  legend(74),
  ( $items | to_entries[] | (.key * row_height + 100) as $y | .value
    | if .head then
        (.head | text(20; $y + 18; "head"; "start")),
        ("ratio" | text(width - 20; $y + 18; "note"; "end"))
      else draw_row($y) end ),
  "</svg>"

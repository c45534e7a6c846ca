# SPDX-License-Identifier: Apache-2.0
# The table that people read.
include "lib";

def line(step; reference; azl; ratio; reference_p90; azl_p90; target; ok):
  "\(step | left(36)) \(reference | right(10)) \(azl | right(10)) \(ratio | right(8)) \(reference_p90 | right(10)) \(azl_p90 | right(10))  \(target | left(10)) \(ok)";

. as $all
| "azl \(.commit) against containerd-shim-runc-v2 \(.host.containerd); runc \(.host.runc), crun \(.host.crun)",
  "Linux \(.host.kernel) \(.host.machine), \(.host.cpus) x \(.host.cpu), load \(.host.load) at the start; medians"
    + (if .fastpaths then "; io.azl.fastpaths=\(.fastpaths)" else "" end),
  ( ("runc", "crun") as $engine
    | [ $all.rows[] | select(.engine == $engine) ]
    | select(length > 0)
    | "", line("with " + $engine; "reference"; "azl"; "ratio"; "p90"; "azl p90"; "target"; "ok?"),
      ( .[] | .unit as $unit
        | line(title; .reference.median | amount($unit); .azl.median | amount($unit);
               .ratio | fraction; .reference.p90 | amount($unit); .azl.p90 | amount($unit);
               goal; verdict) ) ),
  ( select(.soak) | "", "one shim after many execs (before, after; kB where it is memory)",
    ( .soak[] | "\(.name | left(36)) \(.before | fixed(0) | right(10)) \(.after | fixed(0) | right(10))  \(if .ok then "yes" else "NO" end)" ) )

# SPDX-License-Identifier: Apache-2.0
# The table that people read.
include "lib";

def line(step; reference; azl; ratio; target; ok):
  "\(step | left(36)) \(reference | right(10)) \(azl | right(10)) \(ratio | right(8))  \(target | left(10)) \(ok)";

. as $all
| "azl \(.commit) against containerd-shim-runc-v2 \(.host.containerd); runc \(.host.runc), crun \(.host.crun)",
  "Linux \(.host.kernel) \(.host.machine), \(.host.cpus) x \(.host.cpu), load \(.host.load) at the start; medians",
  ( ("runc", "crun") as $engine
    | [ $all.rows[] | select(.engine == $engine) ]
    | select(length > 0)
    | "", line("with " + $engine; "reference"; "azl"; "ratio"; "target"; "ok?"),
      ( .[] | .unit as $unit
        | line(title; .reference.median | amount($unit); .azl.median | amount($unit);
               .ratio | fraction; goal; verdict) ) ),
  ( select(.soak) | "", "one shim after many execs (before, after; kB where it is memory)",
    ( .soak[] | "\(.name | left(36)) \(.before | fixed(0) | right(10)) \(.after | fixed(0) | right(10))  \(if .ok then "yes" else "NO" end)" ) )

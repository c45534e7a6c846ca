# SPDX-License-Identifier: Apache-2.0
# The driver's samples (lines on standard input, with -Rn) as one JSON document.
include "lib";

# What is asked of each step (with runc): `ratio` to the reference, or `max` in the row's unit. The
# rest is told without judgement.
def steps: [
  { step: "shim_start", name: "shim start", unit: "ms", target: { ratio: 0.25 } },
  { step: "create", name: "Create", unit: "ms", target: { ratio: 0.7 } },
  { step: "create_bare", name: "Create / runtime alone", unit: "ms", target: { ratio: 1 } },
  { step: "start", name: "Start", unit: "ms", target: { ratio: 0.05 } },
  { step: "running", name: "shim start to running", unit: "ms", target: { ratio: 0.45 } },
  { step: "state", name: "State", unit: "ms" },
  { step: "exec", name: "Exec Start Wait Delete", unit: "ms", target: { ratio: 0.1 } },
  { step: "kill", name: "Kill to Wait answered", unit: "ms", target: { ratio: (1 / 6) } },
  { step: "delete", name: "Delete", unit: "ms", target: { ratio: 0.125 } },
  { step: "delete_command", name: "delete command", unit: "ms", target: { ratio: 0.125 } },
  { step: "delete_command_left", name: "delete command, shim killed", unit: "ms" },
  { step: "cpu_exec", name: "CPU time of an exec", unit: "ms", target: { max: 2.5 } },
  { step: "cpu_life", name: "CPU time of a life", unit: "ms" },
  { step: "pss", name: "shim: PSS", unit: "kB", target: { max: 400 } },
  { step: "dirty", name: "shim: private dirty", unit: "kB", target: { max: 250 } },
  { step: "density_time", name: "density: time", unit: "ms" },
  { step: "density_pss", name: "density: PSS of shim", unit: "kB" },
  { step: "density_memory", name: "density: MemAvailable", unit: "kB" }
];

def judge:
  if .target == null or .azl == null then null
  elif .target.max then .azl.median <= .target.max
  elif .ratio == null then null
  else .ratio <= .target.ratio end;

# The profile matters to what installs it.
def wanted: .profile == "plain" or (.step | IN("create", "create_bare", "running", "exec", "cpu_exec"));

def rows($samples):
  ($samples | group_by([.step, .engine, .profile, .side])
    | map({ key: (.[0] | "\(.step) \(.engine) \(.profile) \(.side)"),
            value: (map(.value) | figures) }) | from_entries) as $of
  | [ ("runc", "crun") as $engine | steps[] as $step | ("plain", "seccomp") as $profile
      | $step + { engine: $engine, profile: $profile }
      | select(wanted)
      | if .step == "create_bare" then
          .reference = $of["create \($engine) \($profile) bare"]
          | .azl = $of["create \($engine) \($profile) azl"]
        else
          .reference = $of["\(.step) \($engine) \($profile) reference"]
          | .azl = $of["\(.step) \($engine) \($profile) azl"]
        end
      | select(.reference and .azl)
      | if $engine == "crun" then del(.target) else . end
      | .ratio = (if .reference.median > 0 then .azl.median / .reference.median else null end)
      | .ok = judge ];

# Memory of one shim before and after many execs. Nothing may grow; a page or two move by themselves.
def soak($samples):
  [ $samples[] | select(.step | startswith("soak_"))
    | { key: (.step | ltrimstr("soak_")), value } ] | from_entries
  | if length == 0 then null else
      . as $v
      | [ ("pss", "dirty", "data", "descriptors", "children") as $what
          | { name: $what, before: $v["\($what)_before"], after: $v["\($what)_after"] }
          | .slack = (if $what == "descriptors" or $what == "children" then 0 else 8 end)
          | .ok = (.after - .before <= .slack) ]
    end;

[ inputs | split("\t") ] as $lines
| [ $lines[] | select(.[0] != "host" and length == 5)
    | { step: .[0], engine: .[1], profile: .[2], side: .[3], value: (.[4] | tonumber) } ] as $samples
| { version: 1, date: $date, commit: $commit,
    fastpaths: (if $fastpaths == "" then null else $fastpaths end),
    host: ([ $lines[] | select(.[0] == "host") | { key: .[1], value: .[2] } ] | from_entries),
    rows: rows($samples), soak: soak($samples) }

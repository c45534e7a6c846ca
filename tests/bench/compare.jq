# SPDX-License-Identifier: Apache-2.0
# Two runs ($old, $new: slurped documents). Ratios to the reference are compared, so that a machine
# that was slower as a whole on one day changes nothing. A row is a regression when its ratio rose by
# more than 20 % and twice the standard error of all four medians.
include "lib";

def key: "\(.step) \(.engine) \(.profile)";

def errors($old; $new):
  [ $old, $new | .reference.error, .azl.error | . * . ] | add | sqrt * 2;

($old[0].rows | map({ key: key, value: . }) | from_entries) as $before
| "against \($old[0].date) (\($old[0].commit)):",
  "\("step" | left(44)) \("then" | right(8)) \("now" | right(8)) \("change" | right(9)) \("noise" | right(8))",
  ( $new[0].rows[]
    | . as $row | $before[key] as $earlier
    | select($earlier.ratio and .ratio and $earlier.ratio > 0)
    | ($row.ratio / $earlier.ratio - 1) as $change
    | errors($earlier; $row) as $noise
    | "\($row.engine + ": " + ($row | title) | left(44)) \($earlier.ratio | fixed(3) | right(8)) \($row.ratio | fixed(3) | right(8)) \($change * 100 | fixed(0) + " %" | right(9)) \($noise * 100 | fixed(0) + " %" | right(8))",
      if $change > 0.2 + $noise then "REGRESSION: \($row.engine): \($row | title)" else empty end ),
  ( $new[0].soak // [] | .[] | select(.ok | not)
    | "REGRESSION: \(.name) grew from \(.before) to \(.after) with execs" )

# SPDX-License-Identifier: Apache-2.0
# What the programs of this folder share.

# A quantile of a sorted array, between neighbours by their distance.
def quantile(q):
  (q * (length - 1)) as $at
  | ($at | floor) as $i
  | .[$i] + ((.[[$i + 1, length - 1] | min] - .[$i]) * ($at - $i));

# The median of numbers with its spread. `error` is the standard error of the median relative to it,
# taken from the quartiles (0.93 IQR / sqrt n holds for a normal distribution), wider where samples
# are few.
def figures:
  sort
  | { median: quantile(0.5), p25: quantile(0.25), p75: quantile(0.75), p90: quantile(0.9),
      n: length }
  | .error = (if .median > 0 then
      0.93 * (.p75 - .p25) / .median / (.n | sqrt) * (1 + 3 / ([.n - 1, 1] | max))
    else 0 end);

def spaces(n): [range(n)] | map(" ") | join("");
def left(n): tostring | . + spaces(n - length);
def right(n): tostring | spaces(n - length) + .;

def fixed(digits):
  pow(10; digits) as $p
  | (. * $p | round) as $n
  | (if $n < 0 then "-" else "" end) as $sign
  | ($n | fabs) as $n
  | $sign + ($n / $p | floor | tostring)
    + if digits == 0 then "" else
        "." + (($n % $p | tostring) | [range(digits - length)] as $zeros
               | ($zeros | map("0") | join("")) + .)
      end;

# Three digits or so.
def short:
  if . == null then "-"
  else (fabs | if . < 10 then 2 elif . < 100 then 1 else 0 end) as $digits | fixed($digits) end;

def amount(unit): if . == null then "-" else "\(if unit == "kB" then fixed(0) else short end) \(unit)" end;

# 0.125 as 1/8.0
def fraction:
  if . == null then "-"
  elif . > 0 and . <= 0.5 then "1/\(1 / . | fixed(1))"
  else fixed(2) end;

def goal: # 0.125 as 1/8, 0.45 as it is
  if .target == null then "-"
  elif .target.ratio then "<= \(.target.ratio | (1 / .) as $n | if . <= 0.5 and ($n - ($n | round) | fabs) < 0.01 then "1/\($n | round)" else fixed(2) end)"
  else "<= \(.target.max) \(.unit)" end;

def verdict: if .ok == null then "-" elif .ok then "yes" else "NO" end;

def title: .name + (if .profile == "seccomp" then ", seccomp" else "" end);

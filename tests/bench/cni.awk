# SPDX-License-Identifier: Apache-2.0
# Tables of what hack/cni-bench measured: lines of SIDE KIND VALUE. Of times the median, of rates (which a
# busy machine only lessens) the 90th percentile; ratios are to azl.

function note(key, value) {
	if (!(key in n))
		n[key] = 0
	v[key, ++n[key]] = value
}

# The quantile Q of what was noted under a key.
function quantile(key, q, i, j, x, m) {
	m = n[key]
	for (i = 2; i <= m; i++) {
		x = v[key, i]
		for (j = i - 1; j >= 1 && v[key, j] > x; j--)
			v[key, j + 1] = v[key, j]
		v[key, j + 1] = x
	}
	i = int(q * m + 0.999999)
	return m ? v[key, i < 1 ? 1 : i] : 0
}

function typical(side, kind) {
	return quantile(side " " kind, kind ~ /:/ ? 0.9 : 0.5)
}

function largest(side, kind) {
	return quantile(side " " kind, 1)
}

function has(side, kind) {
	return (side " " kind) in n
}

# The column of a kind, and how many times azl's it is.
function cell(side, kind, digits) {
	if (!has(side, kind))
		return sprintf(" %16s", "-")
	if (!has("azl", kind) || side == "azl" || typical("azl", kind) == 0)
		return sprintf(" %9.*f %6s", digits, typical(side, kind), "")
	return sprintf(" %9.*f %5.1fx", digits, typical(side, kind), typical(side, kind) / typical("azl", kind))
}

function verdict(what, is_met) {
	printf "  %-6s %s\n", is_met ? "met" : "MISSED", what
}

# azl's is at most a part of a side's
function at_most(part, kind, side, what, r) {
	if (!has(side, kind) || !has("azl", kind))
		return
	r = typical("azl", kind) / typical(side, kind)
	verdict(sprintf("%s: %.3f of %s's (CPU time: %.3f), at most %.3f", what, r, side, \
		typical("azl", kind "_cpu") / typical(side, kind "_cpu"), part), r <= part)
}

function calls(i, side, over) {
	printf "%-15s %16s %16s %16s %16s %16s %16s %9s %9s\n", "", "ADD ms", "its CPU ms", "DEL ms", "its CPU ms", \
		"ADD x" once " ms", "DEL x" once " ms", "end ms", "RSS kB"
	for (i = 1; i <= n_sides; i++) {
		side = sides[i]
		if (!has(side, "add"))
			continue
		printf "%-15s%s%s%s%s%s%s %9d %9d\n", side, cell(side, "add", 2), cell(side, "add_cpu", 2), cell(side, "del", 2), \
			cell(side, "del_cpu", 2), cell(side, "adds", 0), cell(side, "dels", 0), typical(side, "end"), largest(side, "rss")
	}
	print "\nTargets:"
	at_most(1 / 4, "add", "bridge", "ADD")
	at_most(1 / 8, "add", "bridge-masq", "ADD")
	if (has("floor", "del")) {
		over = typical("azl", "del") - typical("floor", "del")
		verdict(sprintf("DEL: %.2f ms above the floor's %.2f, at most 1", over, typical("floor", "del")), over <= 1)
	}
	at_most(1 / 5, "adds", "bridge", once " ADDs at once")
	at_most(1 / 5, "adds", "bridge-masq", once " ADDs at once")
	print ""
}

function paths(i, j, k, kind, side, where, mode, unit) {
	split("to-pod to-host to-node2 loopback", where, " ")
	split("stream rr crr", mode, " ")
	split("azl bridge ptp host", pathside, " ")
	unit["stream"] = "Mbit/s"
	unit["rr"] = unit["crr"] = "1/s"
	printf "%-22s %-7s %16s %16s %16s %16s\n", "", "", "azl", "bridge", "ptp", "host"
	for (i = 1; i <= 4; i++)
		for (j = 1; j <= 3; j++) {
			kind = where[i] ":" mode[j]
			printf "%-22s %-7s", kind, unit[mode[j]]
			for (k = 1; k <= 4; k++)
				printf "%s", cell(pathside[k], kind, 0)
			print ""
		}
	print "\nTargets:"
	for (i = 1; i <= 3; i++)
		for (j = 2; j <= 3; j++) {
			kind = where[i] ":" mode[j]
			verdict(sprintf("%s: %.2f of ptp's, at least 0.95", kind, typical("azl", kind) / typical("ptp", kind)), \
				typical("azl", kind) >= 0.95 * typical("ptp", kind))
		}
	print ""
}

function pairs_of(what, part) {
	printf "%-16s %9.2f %9.2f %9.2f %9.2f %9.2f %9d\n", what, typical(part, "pair_add"), typical(part, "pair_floor_add"), \
		typical(part, "pair_del"), typical(part, "pair_floor_del"), typical(part, "pair_cpu"), typical(part, "pair_rss")
}

function pairs() {
	printf "%-16s %9s %9s %9s %9s %9s %9s\n", "500 pairs", "ADD ms", "floor", "DEL ms", "floor", "CPU ms", "RSS kB"
	pairs_of("the first", "0")
	pairs_of("the last", last_part)
	print ""
}

{
	note($1 " " $2, $3)
	if (!($1 in seen) && $2 !~ /^pair_/) {
		seen[$1] = 1
		sides[++n_sides] = $1
	}
	if ($2 ~ /^pair_/)
		last_part = $1
	kinds[$2] = 1
}

END {
	if ("add" in kinds)
		calls()
	if ("to-pod:rr" in kinds)
		paths()
	if ("pair_add" in kinds)
		pairs()
}

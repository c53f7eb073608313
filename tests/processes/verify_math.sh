#!/usr/bin/env bash
# thespis verify-math: one line out for each line in, in order; a bad one has its error there.
set -euo pipefail
given='{"gold":"$\\frac12$","prediction":"It is \\boxed{0.5}."}
{"gold":"$(1,2)$","prediction":"$[1,2]$"}
{"gold":"4","prediction":"$2^{2^{2^{100}}}$"}
not JSON
{"gold":"4"}
{"gold":"4","prediction":"4","options":{"precission":2}}
{"gold":"$\\frac13$","prediction":"$0.33$","options":{"precision":2,"match_types":["latex"]}}'
printf '%s' "$given" | "$THESPIS" verify-math >"${TMPDIR:-/tmp}/verify_math.$$"
trap 'rm -f "${TMPDIR:-/tmp}/verify_math.$$"' EXIT
mapfile -t lines <"${TMPDIR:-/tmp}/verify_math.$$"
((${#lines[@]} == 7)) || { echo "7 lines expected, ${#lines[@]} came"; exit 1; }
expect() {
  [[ ${lines[$1]} == *"$2"* ]] || { echo "line $1: ${lines[$1]}; expected $2"; exit 1; }
}
expect 0 '"outcome":"equal"'
expect 1 '"outcome":"different"'
expect 2 '"outcome":"unjudged"'
expect 3 '{"error":"line is not valid JSON'
expect 4 '{"error":"\"prediction\" is missing'
expect 5 'option \"precission\" is unknown'
expect 6 '"outcome":"equal"'

# What the multi-process tests share: a small training, waiting for a condition, results by name.
# Sourced, in the source tree, with the program in $THESPIS. A test that cannot run here ends with
# 77.
set -euo pipefail
program=$THESPIS
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
export NO_COLOR=1

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}

# small NAME ARGUMENTS...: trains a few steps of small groups into $work/NAME. With exec=exec, in
# the background, the program takes the subshell's place, so that $! is the program.
small() {
  local name=$1
  shift
  ${exec:-} "$program" train recipes/zero-tiny.toml --out "$work/$name" --set train.steps=6 \
    --set train.groups_per_step=8 --set rollout.group_size=8 --set rollout.max_response_length=80 \
    --set eval.prompts=0 --set checkpoint.every=2 "$@"
}

# await WHAT COMMAND...: until the command succeeds; the deadline is far beyond any honest wait.
await() {
  local what=$1 end=$((SECONDS + 240))
  shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || fail "waited in vain for: $what"
    sleep 0.05
  done
}

steps_done() { [[ -f $work/$1/metrics.jsonl ]] && (($(wc -l <"$work/$1/metrics.jsonl") >= $2)); }

# result NAME KEY: a value of the run's summary.
result() { sed -nE "s/^  \"$2\": \"?([^\",]*)\"?,?\$/\1/p" "$work/$1/summary.json"; }

# proves NAME CONSUMED: the journal holds no prompt that was lost or counted twice.
proves() {
  local report
  report=$("$program" ledger "$work/$1") || fail "$1: $report"
  grep -q "\"prompts_consumed\": $2," <<<"$report" || fail "$1: not $2 consumed: $report"
}

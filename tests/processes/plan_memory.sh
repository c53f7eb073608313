#!/usr/bin/env bash
# thespis plan-memory: what is shown of each card adds up; what does not fit is refused with what
# would help; nonsense is one clear line.
set -euo pipefail
recipe=recipes/zero-qwen2.5-0.5b.toml
out=${TMPDIR:-/tmp}/plan_memory.$$
trap 'rm -f "$out"' EXIT
plan() { "$THESPIS" plan-memory "$recipe" "$@" >"$out" 2>&1; }
fail() { echo "$1"; cat "$out"; exit 1; }
# Parts of a card, then their sum, in hundredths.
adds_up() {
  awk '/^card/ { sum = 0; cards++ }
       $2 == "GiB" && $3 " " $4 == "in all," {
         if (int($1 * 100 + 0.5) == sum) sums++
         next
       }
       $2 == "GiB" { sum += int($1 * 100 + 0.5) }
       END { if (cards == 0 || sums != cards) exit 1 }' "$out" || fail "does not add up"
}
refused() {
  local expected=$1 rc=0
  shift
  plan "$@" || rc=$?
  ((rc == 2)) || fail "exit code $rc, not 2"
  grep -qF -- "$expected" "$out" || fail "expected: $expected"
}
# The model is not there: its name says which it is.
plan --gpus 8 --gpu-memory 141GiB || fail "must fit"
adds_up
grep -q '^cards 1 to 7: 7 of 8 ranks, ZeRO-1' "$out" || fail "eight ranks expected"
plan --like qwen2.5-32b --gpus 8 --zero 3 --roles learner --set train.micro_batch_tokens=4096 ||
  fail "must fit"
adds_up
plan --like qwen2.5-7b --gpus 2 --zero 3 --roles learner --set train.micro_batch_tokens=32768 ||
  fail "must fit"
grep -q 'again in the backward; with train.micro_batch_tokens = 16384: 0$' "$out" ||
  fail "no word of the micro-batch that needs no layer computed again"
plan --like qwen2.5-0.5b --json || fail "must fit"
grep -q '"fits": true' "$out" || fail "JSON expected"
refused 'card 0: llama-3.1-70b does not fit: it takes' --like llama-3.1-70b --gpus 8 --zero 3
adds_up
refused 'what helps: more train.ranks' --like qwen2.5-7b
refused 'must be a size like 141GiB or 80GB' --gpu-memory 141
refused 'must be a size like 141GiB or 80GB' --gpu-memory nanGiB
refused 'known: qwen2.5-0.5b' --like qwen2.5-9b
refused 'not in range' --gpus 0
refused 'is no role' --roles nobody=1
refused 'nothing that needs a card' --roles reward=2
refused 'there are none with --roles sampler=1' --gpus 4 --roles sampler=1

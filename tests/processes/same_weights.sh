#!/usr/bin/env bash
# Goal (SEED, ONCE): with max_age = 0 the final weights are bit for bit the same in one process, in
# five, and after kill -9 of the whole training at any moment and --resume.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

small one --set train.max_age=0 >"$work/one.log"
small five --set train.max_age=0 --processes 5 >"$work/five.log"
want=$(result one weights_sha256)
[[ -n $want ]] || fail "no weights_sha256 in the summary"
[[ $(result five weights_sha256) == "$want" ]] || fail "five processes gave other weights than one"
[[ $(result five logprob_mismatches) == 0 ]] || fail "log-probs differ between processes"

# The same with everything that makes the conductor's choices depend on results.
choosy=(--set train.max_age=0 --set train.dynamic_sampling=true --set train.reference_reset_steps=2
  --set rollout.max_response_length=60 --set train.overlong_buffer=20)
small choosy_one "${choosy[@]}" >"$work/one.log"
small choosy_five --processes 5 "${choosy[@]}" >"$work/five.log"
[[ $(result choosy_one weights_sha256) == "$(result choosy_five weights_sha256)" ]] ||
  fail "dynamic sampling and a replaced reference: five processes gave other weights than one"
(($(result choosy_one prompts_filtered) > 0)) || fail "dynamic sampling filtered nothing"

# Killed at three different steps, each time resumed from the newest checkpoint.
for steps in 1 3 5; do
  exec=exec small "killed$steps" --set train.max_age=0 >"$work/killed.log" &
  pid=$!
  await "step $steps" steps_done "killed$steps" "$steps"
  kill -9 "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  if [[ -f $work/killed$steps/summary.json ]]; then continue; fi # It was faster than the kill.
  small "killed$steps" --set train.max_age=0 --resume >"$work/killed.log"
  [[ $(result "killed$steps" weights_sha256) == "$want" ]] ||
    fail "killed at step $steps and resumed: other weights"
  proves "killed$steps" 48
done
printf 'weights %s in one process, in five, and after three kills\n' "$want"

#!/usr/bin/env bash
# Goal (ONCE): kill -9 of any sampler, reward or reference process at any time: the run goes on,
# and every prompt is consumed exactly once.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

exec=exec small run --processes 5 --set train.steps=10 >"$work/run.log" &
training=$!
node_of() { pgrep -P "$training" -f -- "--roles $1" | head -n 1; }
killed=0
for step in 1 3 5; do
  await "step $step" steps_done run "$step"
  for role in sampler reward reference; do
    victim=$(node_of "$role") || true
    [[ -n $victim ]] || continue
    kill -9 "$victim" && killed=$((killed + 1))
  done
done
wait "$training" || fail "the run ended with code $?: $(tail -n 5 "$work/run.log")"
((killed >= 6)) || fail "only $killed processes were killed"
proves run 80
[[ $(result run prompts_consumed) == 80 ]] || fail "the summary does not say 80 consumed"
[[ $(result run logprob_mismatches) == 0 ]] || fail "log-prob mismatches"
(($(result run age_max) <= 1)) || fail "a token older than max_age was learned from"
printf '%s processes killed, 80 of 80 prompts consumed once\n' "$killed"

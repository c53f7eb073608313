#!/usr/bin/env bash
# Goal (ONCE, VERDICT): a run whose rewards come from programs that are run, over several processes:
# kill -9 of the process with the code-reward workers, in mid-run and twice, loses no rollout; a
# worker that joins as code_reward takes part.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

printf '{"entry":"add","tests":[{"args":[1,2],"expected":3}]}' >"$work/task.json"
printf 'def add(a, b): return a + b' >"$work/answer.txt"
if ! said=$("$program" judge --task "$work/task.json" --answer "$work/answer.txt" 2>&1); then
  grep -q sandbox <<<"$said" || fail "judge: $said"
  printf 'skipped, programs cannot be walled in here: %s\n' "$said"
  exit 77
fi
grep -q '^passed: 1 of 1' <<<"$said" || fail "judge: $said"
printf 'def add(a, b): return a - b' >"$work/answer.txt"
! said=$("$program" judge --task "$work/task.json" --answer "$work/answer.txt") ||
  fail "a wrong answer ends with code 0"
grep -q 'add(1, 2) gives -1, not 3' <<<"$said" || fail "judge does not explain: $said"

"$program" train recipes/zero-code-tiny.toml --out "$work/run" --processes 3 --set train.steps=8 \
  --set train.groups_per_step=4 --set rollout.group_size=4 --set eval.prompts=0 \
  --set rewards.code.workers=1 --set checkpoint.every=100 >"$work/run.log" 2>&1 &
training=$!
code_rewards() { pgrep -P "$training" -f -- "code_reward="; }
for step in 1 3; do
  await "step $step" steps_done run "$step"
  # Rollouts that are judged already can take the run here before the one killed is started anew.
  await "a code-reward process" code_rewards
  kill -9 "$(code_rewards | head -n 1)"
done
wait "$training" || fail "the run ended with code $?: $(tail -n 5 "$work/run.log")"
proves run 32
[[ $(result run prompts_consumed) == 32 ]] || fail "the summary does not say 32 consumed"
[[ $(result run prompts_dropped) == 0 ]] || fail "prompts were dropped"
[[ $(result run alarms) == 0 ]] || fail "an alarm: $(grep ALARM "$work/run.log")"
printf '2 code-reward processes killed, 32 of 32 prompts consumed once\n'

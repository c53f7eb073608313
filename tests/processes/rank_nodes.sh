#!/usr/bin/env bash
# Goal (SEED, ONCE): a training whose ranks are processes gives the weights of one rank, bit for
# bit; also where a learner is killed -9 in the middle: the run begins again from its checkpoint
# with another in its place, and every prompt is consumed exactly once. A rank that never comes is
# named.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

common=(--set train.max_age=0 --set train.grad_lanes=8 --set train.micro_batch_tokens=2048
  --set engine.threads=1 --set train.steps=8)
four=("${common[@]}" --processes 2 --set train.ranks=4 --set train.local_ranks=1)
small one "${common[@]}" >"$work/one.log"
want=$(result one weights_sha256)
[[ -n $want ]] || fail "no weights_sha256 in the summary"
small four "${four[@]}" >"$work/four.log"
[[ $(result four weights_sha256) == "$want" ]] || fail "four processes gave other weights than one"
for key in logprobs_compared logprob_mismatches tokens; do
  [[ $(result four "$key") == "$(result one "$key")" ]] || fail "$key is not that of one rank"
done

# Two ranks here, one there; weights shared. (One round of micro-batches: the sums are the same.)
small shared "${common[@]}" --processes 2 --set train.ranks=3 --set train.local_ranks=2 \
  --set train.zero=3 >"$work/shared.log"
[[ $(result shared weights_sha256) == "$want" ]] || fail "shared weights gave other weights"

exec=exec small killed "${four[@]}" >"$work/killed.log" &
training=$!
for step in 1 3; do
  await "step $step" steps_done killed "$step"
  victim=$(pgrep -P "$training" -f -- "--roles learner" | sed -n "${step}p") || true
  [[ -n $victim ]] || fail "no learner process to kill"
  kill -9 "$victim"
  await "a new beginning" grep -q "beginning again" "$work/killed.log"
done
wait "$training" || fail "the run ended with code $?: $(tail -n 5 "$work/killed.log")"
[[ $(result killed weights_sha256) == "$want" ]] ||
  fail "killed learners: other weights than an undisturbed run"
proves killed 64
(($(grep -c "of 4 is gone.*beginning again" "$work/killed.log") == 2)) ||
  fail "not two lines that say which rank was gone: $(cat "$work/killed.log")"

umask 077
printf 'a-secret-of-the-test' >"$work/secret"
if small alone "${common[@]}" --secret-file "$work/secret" --set train.ranks=3 \
  --set train.local_ranks=1 --set cluster.join_deadline_s=1 >"$work/alone.log" 2>&1; then
  fail "a run without its ranks went well"
fi
grep -q "of 3 ranks, these have not joined within 1 s: 1, 2" "$work/alone.log" ||
  fail "the missing ranks were not named: $(tail -n 3 "$work/alone.log")"
printf 'weights %s from one process, from four, and after two kills\n' "$want"

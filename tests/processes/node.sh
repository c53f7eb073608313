#!/usr/bin/env bash
# Goal: a node joins a running training with the secret alone, works, and leaves on Ctrl-C; without
# the secret it is refused. The training needs its node: it has no reward worker of its own kind
# fast enough. Completions end at a text: the node's sampler has the tokenizer from the run.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

umask 077
printf 'a-secret-of-the-test' >"$work/secret"
printf 'another-secret' >"$work/wrong"
exec=exec small run --secret-file "$work/secret" --set train.steps=8 \
  --set 'rollout.stop=["</think>"]' --set rollout.top_p=0.95 --set rollout.min_p=0.01 \
  --set rewards.delay_mean_s=0.2 --set rewards.workers=1 --set rewards.capacity=4 >"$work/run.log" &
training=$!
await "the address" grep -q 'nodes join at' "$work/run.log"
address=$(sed -n 's/^.*nodes join at \([^ ]*\) .*$/\1/p' "$work/run.log")

if "$program" node --join "$address" --roles reward=1 --secret-file "$work/wrong" \
  >"$work/wrong.log" 2>&1; then fail "a node with another secret was let in"; fi
(($(wc -l <"$work/wrong.log") == 1)) || fail "not one clear line: $(cat "$work/wrong.log")"

"$program" node --join "$address" --roles reward=4,sampler=1 --secret-file "$work/secret" \
  >"$work/node.log" 2>&1 &
node=$!
await "the node to join" grep -q '^joined' "$work/node.log"
await "two more steps" steps_done run 3
kill -TERM "$node"
wait "$node" || fail "the node ended with code $?: $(cat "$work/node.log")"
grep -q '^left' "$work/node.log" || fail "the node did not say that it left"
wait "$training" || fail "the run ended with code $?: $(tail -n 5 "$work/run.log")"
proves run 64
printf 'a node joined, worked and left; a wrong secret was refused\n'

#!/usr/bin/env bash
# Goal: the whole program on cards, emulated ones: sampler, reference and learner on one, ranks on
# several, samplers on one of their own, with the same weights bit for bit and no log-prob that
# differs; what a card says when it is not there.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

# The program looks for its cards beside itself.
mkdir "$work/bin"
cp "$program" "$work/bin/thespis"
cp "$EMULATED_CARDS" "$work/bin/"
program=$work/bin/thespis

on_cards() {
  small "$@" --set engine.device=cuda >"$work/$1.log" 2>&1 ||
    fail "$1: $(tail -n 3 "$work/$1.log")"
  [[ $(result "$1" logprob_mismatches) == 0 ]] || fail "$1: log-prob mismatches"
  (($(result "$1" logprobs_compared) > 0)) || fail "$1: no log-prob was compared"
}
same_weights() {
  [[ $(result "$1" weights_sha256) == "$(result "$2" weights_sha256)" ]] ||
    fail "$1 gave other weights than $2"
}
# Several micro-batches a rank; the number of ranks is part of the result on cards.
synchronous=(--set train.max_age=0 --set train.micro_batch_tokens=512)
on_cards one "${synchronous[@]}"
on_cards again "${synchronous[@]}"
same_weights again one
for zero in 1 3; do
  two=("${synchronous[@]}" --set train.ranks=2 --set "train.zero=$zero")
  on_cards "two$zero" "${two[@]}"
  on_cards "own$zero" "${two[@]}" --set engine.sampler_device=cuda:2
  same_weights "own$zero" "two$zero"
done
# One round of micro-batches: the sums are the same.
whole=(--set train.max_age=0 --set train.micro_batch_tokens=3000 --set train.ranks=2)
on_cards whole1 "${whole[@]}"
on_cards whole3 "${whole[@]}" --set train.zero=3
same_weights whole3 whole1
on_cards asynchronous --set train.max_age=2 --set train.ranks=2 --set engine.sampler_device=cuda:2

if small absent --set engine.device=cuda:7 >"$work/absent.log" 2>&1; then
  fail "a card that is not there was used"
fi
grep -q "there is no card 7; there are 3" "$work/absent.log" ||
  fail "the absent card was not named: $(tail -n 3 "$work/absent.log")"
printf 'weights %s from one emulated card, %s from two\n' "$(result one weights_sha256)" \
  "$(result two1 weights_sha256)"

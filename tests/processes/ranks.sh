#!/usr/bin/env bash
# Goal: a training whose steps are shared by ranks gives, bit for bit, the weights of one that is
# not, with checkpoints that any number of ranks goes on from.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

common=(--set train.max_age=0 --set train.warmup_steps=2 --set train.grad_lanes=8
  --set train.micro_batch_tokens=512)
small one "${common[@]}" >"$work/one.log"
want=$(result one weights_sha256)
[[ -n $want ]] || fail "no weights_sha256 in the summary"
small four "${common[@]}" --set train.ranks=4 >"$work/four.log"
[[ $(result four weights_sha256) == "$want" ]] || fail "four ranks gave other weights than one"
[[ $(result four logprob_mismatches) == 0 ]] || fail "log-prob mismatches with four ranks"

# Weights shared as well (its sums have another order where a step has many micro-batches).
small shared_one "${common[@]}" --set train.zero=3 >"$work/shared_one.log"
small shared "${common[@]}" --set train.zero=3 --set train.ranks=4 >"$work/shared.log"
[[ $(result shared weights_sha256) == "$(result shared_one weights_sha256)" ]] ||
  fail "four ranks that share the weights gave other weights than one"
[[ $(result shared logprob_mismatches) == 0 ]] || fail "log-prob mismatches with shared weights"

# Three ranks take the first steps, two the others.
small changed "${common[@]}" --set train.steps=2 --set train.ranks=3 >"$work/changed.log"
small changed "${common[@]}" --set train.ranks=2 --resume >"$work/changed.log"
[[ $(result changed weights_sha256) == "$want" ]] ||
  fail "two ranks that went on from three gave other weights than one"
printf 'weights %s from one rank, from four, and from two after three\n' "$want"

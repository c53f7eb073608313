#!/usr/bin/env bash
# Goal: a torn or altered checkpoint is recognised, named, and the one before it is used; a full
# disk stops the run with a clear message and leaves a checkpoint that can be resumed from.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

small run --set train.max_age=0 >"$work/run.log"
want=$(result run weights_sha256)
newest=$(find "$work/run/checkpoints" -maxdepth 1 -name 'step-*' | sort | tail -n 1)
[[ $newest == *step-000006 ]] || fail "the newest checkpoint is $newest"
# One bit of the weights is turned over.
byte=$(od -An -tu1 -j 5000 -N 1 "$newest/weights" | tr -d ' ')
printf "$(printf '\\x%02x' $((byte ^ 1)))" |
  dd of="$newest/weights" bs=1 seek=5000 conv=notrunc status=none
rm "$work/run/summary.json"
small run --set train.max_age=0 --resume >"$work/resumed.log"
grep -q 'step-000006.*weights' "$work/resumed.log" || fail "the altered checkpoint was not named"
grep -q 'resuming at step 4' "$work/resumed.log" || fail "not resumed from the one before"
[[ $(result run weights_sha256) == "$want" ]] || fail "other weights after the detour"

# No room for what people read ends the run too, by name and at once.
mkdir "$work/mute"
ln -s /dev/full "$work/mute/samples.txt"
status=0
small mute >"$work/mute.log" 2>&1 || status=$?
((status == 1)) || fail "a full samples.txt ended the run with code $status"
tail -n 1 "$work/mute.log" | grep -q 'recorder ended.*No space' ||
  fail "unclear: $(tail -n 1 "$work/mute.log")"

mkdir "$work/disk"
if ! mount -t tmpfs -o size=26m tmpfs "$work/disk" 2>/dev/null; then
  printf 'altered checkpoint: passed; full disk: skipped, no right to mount a small one\n'
  exit 77
fi
trap 'umount "$work/disk"; rm -rf "$work"' EXIT
mkdir "$work/disk/full"
ln -s "$work/disk/full" "$work/full"
status=0
small full --set train.max_age=0 --set checkpoint.keep=4 >"$work/full.log" 2>&1 || status=$?
((status == 1)) || fail "a full disk ended the run with code $status: $(tail -n 3 "$work/full.log")"
tail -n 1 "$work/full.log" | grep -qi 'no space' || fail "unclear: $(tail -n 1 "$work/full.log")"
# With room again the run goes on from what was kept.
mount -o remount,size=200m "$work/disk"
small full --set train.max_age=0 --set checkpoint.keep=4 --resume >"$work/full.log"
[[ $(result full weights_sha256) == "$want" ]] || fail "other weights after the full disk"
printf 'altered checkpoint and full disk: recognised, and the weights are the same\n'

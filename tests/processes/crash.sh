#!/usr/bin/env bash
# Goal: a process that crashes says where, and ends by its signal.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

exec=exec small run --listen 127.0.0.1:0 --set train.steps=1000 >"$work/run.log" 2>&1 &
training=$!
await "a step" steps_done run 1
kill -SEGV "$training"
code=0
wait "$training" || code=$?
((code == 139)) || [[ ${ASAN_OPTIONS-}${TSAN_OPTIONS-} ]] || fail "it ended with code $code"
grep -qE 'backtrace|DEADLYSIGNAL' "$work/run.log" ||
  fail "it said nothing but: $(tail -n 3 "$work/run.log")"
printf 'a crash said where\n'

#!/bin/sh
# Starts a training in the directory OUT, or goes on from the newest checkpoint there: what a
# supervisor calls again whenever the training died. A run that died before its first checkpoint
# begins anew.
#   train.sh OUT RECIPE [options of thespis train]
set -eu
out=$1 recipe=$2
shift 2
if ls -d "$out"/checkpoints/step-* >/dev/null 2>&1; then
  set -- "$@" --resume
else
  rm -rf "$out"
fi
exec "${THESPIS:-thespis}" train "$recipe" --out "$out" "$@"

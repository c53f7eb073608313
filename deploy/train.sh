#!/bin/sh
# Starts a training in the directory OUT, or goes on from the newest checkpoint there: what a
# supervisor calls again whenever the training died.
#   train.sh OUT RECIPE [options of thespis train]
set -eu
out=$1 recipe=$2
shift 2
if [ -f "$out/metrics.jsonl" ]; then set -- "$@" --resume; fi
exec "${THESPIS:-thespis}" train "$recipe" --out "$out" "$@"

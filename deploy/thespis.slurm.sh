#!/usr/bin/env bash
# A training over the machines of one Slurm job: conductor and learner on the first, workers on all.
#   ./thespis build && sbatch --nodes 4 deploy/thespis.slurm.sh recipes/zero-tiny.toml
# Start it from the checkout, on a file system that all machines see. Requeued, it resumes.
#SBATCH --job-name=thespis
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=runs/slurm-%j.log
set -euo pipefail

recipe=${1:?usage: sbatch deploy/thespis.slurm.sh RECIPE [train options]}
shift
roles=${THESPIS_ROLES:-sampler=1,reward=4,reference=1}
port=${THESPIS_PORT:-7711}
export THESPIS=$PWD/build/release/thespis
out=$PWD/runs/slurm-$SLURM_JOB_ID
secret=$out.secret
[[ -x $THESPIS ]] || { echo "build it first: ./thespis build" >&2; exit 1; }

# A secret of this job alone, readable by its owner; kept beside the run so that a requeue finds it.
mkdir -p runs
if [[ ! -s $secret ]]; then
  (umask 077 && head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' >"$secret")
fi

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)

srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
  deploy/train.sh "$out" "$recipe" --processes 1 --listen "0.0.0.0:$port" \
  --secret-file "$secret" "$@" &
conductor=$!

# Workers start before the conductor listens, or lose it: they try until the job ends.
# shellcheck disable=SC2016  # Expanded by the shell on the worker's machine.
srun --overlap --kill-on-bad-exit=0 bash -c 'trap exit TERM
  while :; do "$0" node --join "$1" --roles "$2" --secret-file "$3" || true; sleep 5; done' \
  "$THESPIS" "$head:$port" "$roles" "$secret" &
workers=$!

# The training decides how the job ends; workers go with it.
status=0
wait "$conductor" || status=$?
kill -TERM "$workers" 2>/dev/null || true
wait "$workers" || true
exit "$status"

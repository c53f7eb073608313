#!/usr/bin/env bash
# A thousand seeds of mixed faults hold every promise; a seed's event hash is the same in another
# process, with and without address randomisation.
set -euo pipefail

scenario=sim/scenarios/mixed-faults.toml
result=$("$THESPIS" simulate "$scenario" --seeds 1000 --json) || { echo "$result"; exit 1; }
grep -q '"seeds": 1000' <<<"$result"
grep -q '"violations": \[\]' <<<"$result"

hash_of() { grep -o '"event_hash": "[0-9a-f]*"' <<<"$1"; }
one=$("$THESPIS" simulate "$scenario" --from 7 --seeds 20 --json)
two=$("$THESPIS" simulate "$scenario" --from 7 --seeds 20 --jobs 1 --json)
[[ $(hash_of "$one") == "$(hash_of "$two")" ]]
if setarch -R true 2>/dev/null; then
  three=$(setarch -R "$THESPIS" simulate "$scenario" --from 7 --seeds 20 --json)
  [[ $(hash_of "$one") == "$(hash_of "$three")" ]]
fi
# Another build of the same commit (debug, with sanitizers), where there is one.
commit_of() { grep -o '"commit": "[^"]*"' <<<"$1"; }
for other in build/*/thespis; do
  [[ -x $other && ! $other -ef $THESPIS ]] || continue
  four=$("$other" simulate "$scenario" --from 7 --seeds 20 --json) || continue
  [[ $(commit_of "$one") == "$(commit_of "$four")" ]] || continue
  [[ $(hash_of "$one") == "$(hash_of "$four")" ]] || { echo "$other: another hash"; exit 1; }
  echo "$other gives the same hash"
done

# What is wrong with a scenario is one line, before anything runs.
if message=$("$THESPIS" simulate /nonexistent.toml 2>&1); then exit 1; fi
[[ $(wc -l <<<"$message") == 1 && $message == *nonexistent* ]]

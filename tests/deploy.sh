#!/usr/bin/env bash
# Goal: what deploy/ starts can be started. Method: every option that its files give to
# `thespis train` and `thespis node` stands in that verb's own --help, and every script parses.
set -euo pipefail
: "${THESPIS:?names the program}"
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# options VERB FILE: the long options after "VERB" in FILE, its continued lines joined.
options() {
  sed -e ':join' -e '/\\$/{N;s/\\\n//;bjoin' -e '}' "$2" |
    sed -n -e "s/.*\(thespis\|THESPIS:-thespis}\"\|\\\$0\"\) $1 //p" \
      -e "s/.*\/$1\.sh //p" |
      grep -oE -- '--[a-z][a-z-]*' | sort -u
}

failed=0 seen=0
check() {
  local verb=$1 help option
  help=$("$THESPIS" "$verb" --help)
  while read -r file; do
    for option in $(options "$verb" "$file" || true); do
      seen=$((seen + 1))
      grep -qE -- "(^|[ ,])$option([ ,]|\$)" <<<"$help" && continue
      echo "$file: thespis $verb has no $option"
      failed=1
    done
  done < <(find deploy -type f)
}
check train
check node
((seen >= 15)) || { echo "only $seen options found in deploy/: this test is blind"; failed=1; }
for script in thespis .ci/run deploy/*.sh; do bash -n "$script" || failed=1; done
exit "$failed"

#!/usr/bin/env bash
# Every C++ file is as clang-format 14 writes it. Exit code 77 is a skip (only Debian 12 has 14).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-format-14 >/dev/null || { echo "clang-format-14 is not here"; exit 77; }
mapfile -d '' files < <(find actors app bench gpu model runtime tasks tests -type f \
  \( -name '*.hpp' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0)
((${#files[@]} > 20)) || { echo "the source tree was not found"; exit 1; }
if ! printf '%s\0' "${files[@]}" | xargs -0 -n 64 clang-format-14 --dry-run -Werror 2>&1 |
  sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: error.*/clang-format-14 -i \1/p' | sort -u | (! grep .); then
  exit 1
fi

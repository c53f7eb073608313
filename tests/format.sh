#!/usr/bin/env bash
# Every C++ file is as clang-format 14 writes it. Exit code 77 is a skip (only Debian 12 has 14).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v clang-format-14 >/dev/null || { echo "clang-format-14 is not here"; exit 77; }
find actors app bench gpu model runtime tasks tests -type f \
  \( -name '*.hpp' -o -name '*.cpp' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 -n 16 -P 2 clang-format-14 --dry-run -Werror

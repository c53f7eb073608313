#!/usr/bin/env bash
# Goal (DEADLINE): a training none of whose groups comes through ends and says why, rather than use
# up its prompts; so does one whose only sampler has failed, at once.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

refused() {
  local name=$1 expected=$2
  shift 2
  if small "$name" "$@" >"$work/$name.log" 2>&1; then fail "$name: went well"; fi
  grep -qE "$expected" "$work/$name.log" || fail "$name: $(tail -n 3 "$work/$name.log")"
}

# No reference is as quick. Two steps' groups under way at once, dropped four times over: 64.
refused slow "the last 64 groups were dropped, every one; this one: role reference gave up after" \
  --set reference.deadline_s=0.0001
(($(grep -c "dropped:" "$work/slow.log") == 64)) || fail "not 64 dropped groups"

# Weights so large that logits overflow.
mkdir "$work/model"
cp recipes/zero-tiny/model/* "$work/model/"
python3 - "$work/model/model.safetensors" <<'END'
import json, struct, sys
data = bytearray(open(sys.argv[1], "rb").read())
(size,) = struct.unpack("<Q", data[:8])
header = json.loads(data[8 : 8 + size])
name = next(k for k in header if "up_proj" in k)
at = 8 + size + header[name]["data_offsets"][0]
for i in range(20000):
    data[at + 4 * i : at + 4 * i + 4] = struct.pack("<f", 3e38 if i % 3 else -2e38)
open(sys.argv[1], "wb").write(data)
END
refused broken "no worker of role sampler is left; the last one ended: .*logits are not finite" \
  --set model.path="$work/model"
(($(grep -c "dropped:" "$work/broken.log") == 0)) || fail "groups were dropped"
printf 'a run without groups and one without a sampler ended by name\n'

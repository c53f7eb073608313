#!/usr/bin/env bash
# All that minutes on a machine with a card are for, in one run.
#   bench/card.sh pack DIR          where it was built: programs and the libraries they need, to DIR
#   bench/card.sh run DIR [PART...] in the source tree on the machine with the card; parts:
#     tests gpu peer zero-tiny countdown sanitizer, which are all without a name; cards (two); and
#     qwen, two steps of zero-qwen2.5-0.5b with random weights, where ../shared/data was packed
# Each has a limit of time. Logs go to $OUT, or DIR/logs.
set -euo pipefail

cd "$(dirname "$0")/.."
build=${BUILD:-build/dev}
programs=(thespis tests/tests_gpu tests/tests_model bench/bench_{gpu,attention,cards})

pack() {
  local program
  cmake --build "$build" --target thespis_cuda "${programs[@]##*/}"
  mkdir -p "$1/lib"
  for program in "${programs[@]}" libthespis_cuda.so; do
    cp "$build/$program" "$1/"
    strip "$1/${program##*/}"
  done
  # Not the C and C++ libraries: those of the machine fit its driver.
  ldd "$1/thespis" "$1/tests_gpu" "$1/tests_model" | awk '$3 ~ /^\// { print $3 }' | sort -u |
    grep -vE '/(libc|libm|libstdc\+\+|libgcc_s|libpthread|libdl|librt)\.so' |
    xargs -I{} cp -L {} "$1/lib/"
  local data=../shared/data
  if [[ -d $data ]]; then
    mkdir -p "$1/gsm8k"
    zstd -dcq $data/gsm8k/train.jsonl.zst | sed -n '1,500p' >"$1/gsm8k/train.jsonl"
    zstd -dcq $data/gsm8k/test.first660.jsonl.zst | sed -n '1,64p' >"$1/gsm8k/test.jsonl"
    zstd -dcq $data/tokenizers/qwen2.5.tokenizer.json.zst | gzip >"$1/gsm8k/tokenizer.json.gz"
  fi
  du -sh "$1"
}

# part LIMIT_S NAME COMMAND...: goes on with the next part where one fails.
part() {
  local limit=$1 name=$2 code=0 began=$SECONDS
  shift 2
  printf '== %s: %s\n' "$name" "$*"
  timeout "$limit" "$@" 2>&1 | tee -a "$logs/$name.log" || code=$?
  printf '== %s: ended with %d after %d s\n' "$name" "$code" $((SECONDS - began))
  ((code == 0)) || failed+=("$name")
}

sanitizer() {
  local check=(compute-sanitizer --error-exitcode 1 --tool)
  part 240 sanitizer "${check[@]}" memcheck "$at/tests_gpu" "device*"
  # It does not follow the copies of cuBLAS's kernels.
  part 240 sanitizer "${check[@]}" racecheck "$at/tests_gpu" "device*" "~*product*"
}

# train RECIPE LIMIT_S ARGUMENTS...
train() {
  local name=$1 limit=$2
  shift 2
  rm -rf "/tmp/$name"
  part "$limit" "$name" "$at/thespis" train "recipes/$name.toml" --out "/tmp/$name" \
    --set engine.device=cuda "$@"
}

qwen() {
  local model=/tmp/qwen2.5-0.5b
  gunzip -c "$at/gsm8k/tokenizer.json.gz" >/tmp/tokenizer.json
  part 60 qwen "$at/thespis" init-model --like qwen2.5-0.5b --tokenizer /tmp/tokenizer.json \
    --out "$model"
  train zero-qwen2.5-0.5b 120 --set model.path="$model" --set train.steps=2 \
    --set train.warmup_steps=0 --set eval.prompts=32 --set eval.samples=1 \
    --set "data.train_files=[\"$at/gsm8k/train.jsonl\"]" \
    --set "data.test_files=[\"$at/gsm8k/test.jsonl\"]"
}

run() {
  at=$(realpath "$1") failed=()
  logs=${OUT:-$at/logs}
  mkdir -p "$logs"
  export LD_LIBRARY_PATH=$at/lib:/usr/local/cuda/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  shift
  (($#)) || set -- tests gpu peer zero-tiny countdown sanitizer
  for name in "$@"; do
    case $name in
      tests)
        part 120 tests "$at/tests_gpu" "device*"
        part 240 tests "$at/tests_model" "device*,cards*"
        ;;
      gpu)
        part 30 gpu "$at/bench_attention"
        part 300 gpu "$at/bench_gpu"
        ;;
      peer) PYTHONUNBUFFERED=1 part 300 peer python3 bench/peers/gpu_peer.py ;;
      cards) part 120 cards "$at/bench_cards" ;;
      zero-tiny) train zero-tiny 120 ;;
      qwen) qwen ;;
      countdown)
        part 300 countdown "$at/thespis" pretrain recipes/pretrain-100m.toml
        train zero-100m 400
        ;;
      sanitizer) sanitizer ;;
      *)
        echo "bench/card.sh: no part is named '$name'" >&2
        return 2
        ;;
    esac
  done
  ((${#failed[@]} == 0)) || { printf 'failed: %s\n' "${failed[*]}"; return 1; }
}

if [[ ${1:-} =~ ^(pack|run)$ && $# -gt 1 ]]; then
  "$@"
else
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

#!/usr/bin/env bash
# Goal: ./thespis tokenize turns JSON lines of text into ids and back, in order; a bad line gives an
# error in its place and the rest goes on; a bad tokenizer is one clear line and code 2.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"
model=recipes/zero-tiny/model

# lines TEXT...: what the filter's output must be, line by line ("error" stands for any error).
lines() {
  printf '%s\n' "$@" >"$work/expected"
  sed -E 's/^\{"error":".+"\}$/error/' "$work/out" | diff "$work/expected" - >&2 ||
    fail "not what was expected"
}

{
  printf '{"text": "12 + 34 ="}\n{"text": ""}\nnot JSON\n\n[1]\n{"words": 1}\n{"text": 7}\n'
  printf '{"text": "\\ud800"}\n{"text": "\xff"}\n{"text": "1\xc3\xa9"}\n{"text": 1e999}\n'
  printf '{"text": "<think>1<|endoftext|>"}'
} >"$work/in"
"$program" tokenize --tokenizer $model --parse-special <"$work/in" >"$work/out"
special='{"ids":[113,13,112]}'
plus=$(head -n 1 "$work/out")
[[ $plus == '{"ids":['*']}' ]] || fail "no ids: $plus"
lines "$plus" '{"ids":[]}' error error error error error error error error error "$special"
tenth=$(sed -n 10p "$work/out")
[[ $tenth == *é*U+00E9* ]] || fail "the character is not named: $tenth"

{
  printf '%s\n' "$plus" "$special" '{"ids": []}' '{"ids": [-1]}' '{"ids": [1000000]}'
  printf '%s\n' '{"ids": ["1"]}' '{"ids": 1}' '{}' '{"ids": [1.5]}'
} >"$work/in"
"$program" tokenize --tokenizer $model/tokenizer.json --decode <"$work/in" >"$work/out"
lines '{"text":"12 + 34 ="}' '{"text":"<think>1<|endoftext|>"}' '{"text":""}' \
  error error error error error error
"$program" tokenize --tokenizer $model --decode --skip-special-tokens <<<"$special" >"$work/out"
lines '{"text":"<think>1"}'

# refuses TEXT FILE: code 2 and exactly one line, which holds TEXT.
refuses() {
  local status=0
  "$program" tokenize --tokenizer "$2" </dev/null >"$work/out" 2>&1 || status=$?
  ((status == 2)) || fail "code $status, not 2: $2: $(cat "$work/out")"
  (($(wc -l <"$work/out") == 1)) || fail "not one line: $2: $(cat "$work/out")"
  grep -qF -- "$1" "$work/out" || fail "no '$1' in: $(cat "$work/out")"
}

refuses 'nothing.json' "$work/nothing.json"
change() {
  sed "s/\"$1\": *null/\"$1\": $2/" $model/tokenizer.json >"$work/tokenizer.json"
  cmp -s $model/tokenizer.json "$work/tokenizer.json" && fail "$1 was not changed"
  return 0
}
change normalizer '{"type": "Lowercase"}'
refuses 'tokenizer.json: normalizer of type "Lowercase" is not supported; supported: null, NFC' \
  "$work/tokenizer.json"
change pre_tokenizer '{"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}'
refuses 'tokenizer.json: pre_tokenizer.pattern.Regex has ( at byte 0' "$work/tokenizer.json"
change post_processor '{"type": "BertProcessing"}'
refuses 'post_processor of type "BertProcessing"' "$work/tokenizer.json"
head -c 1000 $model/tokenizer.json >"$work/tokenizer.json"
refuses 'is not valid JSON, at byte' "$work/tokenizer.json"
printf '\x28\xb5\x2f\xfdnonsense' >"$work/tokenizer.json"
refuses 'tokenizer.json: cannot be unpacked' "$work/tokenizer.json"

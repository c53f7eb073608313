#!/usr/bin/env bash
# Goal: whatever the user gets wrong is one clear line that names the place, code 2, before any
# work.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"
recipe=recipes/zero-tiny.toml

# refuses TEXT ARGUMENTS...: code 2 and exactly one line, which holds TEXT.
refuses() {
  local text=$1 status=0
  shift
  "$program" "$@" >"$work/out" 2>&1 || status=$?
  ((status == 2)) || fail "code $status, not 2: $*: $(cat "$work/out")"
  (($(wc -l <"$work/out") == 1)) || fail "not one line: $*: $(cat "$work/out")"
  grep -qF -- "$text" "$work/out" || fail "no '$text' in: $(cat "$work/out")"
}

refuses 'train.max_age' train $recipe --set train.max_aeg=0
refuses 'train.steps' train $recipe --set train.steps=many
refuses 'train.max_age' train $recipe --set train.max_age=-1
refuses 'nothing.toml' train "$work/nothing.toml"
refuses 'no-such-model' train $recipe --set model.path="$work/no-such-model"
refuses 'context' train $recipe --set rollout.max_response_length=4000
printf '[train]\nsteps = \n' >"$work/broken.toml"
refuses 'broken.toml:2' train "$work/broken.toml"

cp -r recipes/zero-tiny/model "$work/model"
truncate -s 1000000 "$work/model/model.safetensors"
refuses 'model.safetensors' train $recipe --set model.path="$work/model"
cp recipes/zero-tiny/model/* "$work/model"
sed -i 's/"hidden_size": 128/"hidden_size": 64/' "$work/model/config.json"
refuses 'model.embed_tokens.weight' train $recipe --set model.path="$work/model"

printf '{"numbers": [1, 2, %s], "target": 6}\n' 3 '"x"' >"$work/rows.jsonl"
refuses 'rows.jsonl:2' train $recipe --set data.source=jsonl \
  --set "data.train_files=[\"$work/rows.jsonl\"]" \
  --set "data.test_files=[\"$work/rows.jsonl\"]"
mkdir "$work/used" && touch "$work/used/metrics.jsonl"
printf 'a-secret-of-the-test' >"$work/secret" && chmod 600 "$work/secret"
# Not what the user wrote but what the machine cannot do: code 1, and the program ends.
status=0
"$program" train $recipe --out "$work/elsewhere" --listen 203.0.113.1:7711 \
  --secret-file "$work/secret" >"$work/out" 2>&1 || status=$?
((status == 1)) && grep -q 'cannot listen on 203.0.113.1:7711' "$work/out" ||
  fail "an address that is not ours: code $status: $(cat "$work/out")"
rm "$work/secret"
refuses '--resume' train $recipe --out "$work/used"
refuses 'no run to resume' train $recipe --out "$work/none" --resume
refuses 'sampler' node --join 127.0.0.1:1 --roles smapler=1 --secret-file "$work/secret"
refuses 'secret' node --join 127.0.0.1:1 --roles sampler=1 --secret-file "$work/secret"
printf 'every refusal was one clear line\n'

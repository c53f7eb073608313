#!/usr/bin/env bash
# Goal: a user makes, runs and exports a model directory from the command line.
# Method: small models with the tiny recipe's tokenizer; texts of a model and of its copies
# compared.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"
tiny=recipes/zero-tiny/model

says() { # says MODEL: a greedy text.
  "$program" generate --model "$1" --prompt '12 + 7 = ' --temperature 0 --max-tokens 20
}
refused() { # refused TEXT ARGUMENTS...
  local text=$1 status=0
  shift
  "$program" "$@" >"$work/out" 2>&1 || status=$?
  ((status == 2)) || fail "code $status, not 2: $*: $(cat "$work/out")"
  grep -qF -- "$text" "$work/out" || fail "no '$text' in: $(cat "$work/out")"
}

for like in qwen2.5-0.5b qwen3-0.6b llama-3.2-3b; do
  "$program" init-model --like $like --out "$work/$like" --tokenizer $tiny --layers 2 --hidden 64 \
    --heads 4 --kv-heads 2 --head-dim 16 --ffn 96 --vocab 130 --context 512 --dtype f32 \
    --max-shard-bytes 50000 >/dev/null
  [[ -e $work/$like/model.safetensors.index.json ]] || fail "$like: not in shards"
  want=$(says "$work/$like")
  [[ -n $want ]] || fail "$like says nothing"
  "$program" export "$work/$like" --to hf --out "$work/copy"
  [[ -e $work/copy/model.safetensors && $(says "$work/copy") == "$want" ]] ||
    fail "$like: its copy says something else"
  first=$("$program" generate --model "$work/$like" --prompt 1 --seed 1 --top-p 0.9 --max-tokens 30)
  again=$("$program" generate --model "$work/$like" --prompt 1 --seed 1 --top-p 0.9 --max-tokens 30)
  other=$("$program" generate --model "$work/$like" --prompt 1 --seed 2 --top-p 0.9 --max-tokens 30)
  [[ $first == "$again" && $first != "$other" ]] || fail "$like: the seed does not decide"
done
text=$(says $tiny)
[[ ${#text} -gt 12 ]] || fail "the shipped model says nothing"
stop=${text:7:3} # Ends with the token that completes it.
stopped=$("$program" generate --model $tiny --prompt '12 + 7 = ' --temperature 0 --max-tokens 20 \
  --stop 'not there' --stop "$stop")
[[ $text == "$stopped"* && $stopped == *"$stop"* && $stopped != "$text" ]] ||
  fail "'$stop' did not end '$text': '$stopped'"
refused 'stop: an empty text' generate --model $tiny --prompt 1 --stop ''

cp -r "$work/qwen3-0.6b" "$work/chat"
printf '{%% for m in messages %%}{{ m.content }}{%% endfor %%} = ' >"$work/chat/chat_template.jinja"
[[ $("$program" generate --model "$work/chat" --chat --prompt '12 + 7' --temperature 0 \
  --max-tokens 20) == "$(says "$work/qwen3-0.6b")" ]] || fail "the chat template is not used"
refused 'no chat template' generate --model $tiny --chat --prompt 1

refused 'not byte-level' export $tiny --to gguf --out "$work/x.gguf"
[[ ! -e $work/x.gguf ]] || fail "a file was left of an export that failed"
refused 'q8_0 is for --to gguf' export $tiny --to hf --out "$work/x" --dtype q8_0
refused 'is the model itself' export $tiny --to hf --out $tiny
refused 'is not known; known: qwen2.5-0.5b' init-model --like gpt-5 --out "$work/x"
refused 'is not a multiple of num_key_value_heads' init-model --like qwen2.5-0.5b --kv-heads 3 \
  --out "$work/x"
refused 'no token' generate --model $tiny --prompt $'\u2603'
printf 'models were made, run and exported\n'

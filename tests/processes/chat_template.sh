#!/usr/bin/env bash
# Goal: a training takes its prompts from the model's own chat template, and from packed math rows.
# Method: a small model whose chat template says what R1-Zero's does: the weights come out the same,
# bit for bit; then gzip rows of questions with GSM8K's answers; then what is wrong is one line.
# shellcheck source=tests/processes/lib.bash
source "$(dirname "$0")/lib.bash"

cp -r recipes/zero-tiny/model "$work/model"
# The paper's words, and those of its chats.
printf '%s' 'A conversation between User and Assistant. The user asks a question, and the ' \
  'Assistant solves it. The assistant first thinks about the reasoning process in the mind and ' \
  'then provides the user with the answer. The reasoning process and answer are enclosed within ' \
  '<think> </think> and <answer> </answer> tags, respectively, i.e., <think> reasoning process ' \
  'here </think> <answer> answer here </answer>. ' >"$work/words"
{
  printf '{%% for m in messages if m.role == "user" %%}'
  cat "$work/words"
  printf 'User: {{ m.content }}{%% endfor %%}{%% if add_generation_prompt %%}. Assistant:'
  printf '{%% endif %%}\n'
} >"$work/model/chat_template.jinja"
small plain --set model.path="$work/model" --set train.steps=3 --set train.max_age=0 >/dev/null
small chat --set model.path="$work/model" --set train.steps=3 --set train.max_age=0 \
  --set data.template=chat >/dev/null
[[ -n $(result plain weights_sha256) ]] || fail "no weights_sha256"
[[ $(result plain weights_sha256) == $(result chat weights_sha256) ]] ||
  fail "the same prompts, but other weights"
cmp "$work/model/chat_template.jinja" "$work/chat/model/chat_template.jinja" ||
  fail "the trained model has another chat template"

words=', create an equation that equals %d. You can use basic arithmetic operations '
words+='(+, -, *, /) and each number can only be used once'
for i in 1 2 3 4 5 6 7 8; do
  # shellcheck disable=SC2059  # The words are the format.
  printf '{"q": {"text": "Using the numbers [%d, 2, 3]'"$words"'"}, "answer": "so\\n#### %d"}\n' \
    "$i" $((i + 5)) $((i + 5))
done | gzip >"$work/rows.jsonl.gz"
rows=(--set data.source=jsonl --set data.kind=math --set data.prompt_key=q.text
  --set "data.train_files=[\"$work/rows.jsonl.gz\"]"
  --set "data.test_files=[\"$work/rows.jsonl.gz\"]")
small math --set train.steps=3 "${rows[@]}" >/dev/null
[[ $(result math prompts_consumed) == 24 ]] || fail "math: $(cat "$work/math/summary.json")"

# refused TEXT ARGUMENTS...: one line that holds TEXT, code 2.
refused() {
  local text=$1 status=0
  shift
  "$program" train recipes/zero-tiny.toml --out "$work/refused" "$@" >"$work/out" 2>&1 || status=$?
  ((status == 2 && $(wc -l <"$work/out") == 1)) && grep -qF -- "$text" "$work/out" ||
    fail "code $status, no line with '$text': $(cat "$work/out")"
}
refused 'has no chat template' --set data.template=chat
printf '{{ raise_exception("no users here") }}' >"$work/model/chat_template.jinja"
refused 'no users here' --set model.path="$work/model" --set data.template=chat
printf '{{ 1 | xmlattr }}' >"$work/model/chat_template.jinja"
refused 'chat_template.jinja line 1: the filter `xmlattr` is not supported' \
  --set model.path="$work/model" --set data.template=chat
head -c 40 "$work/rows.jsonl.gz" >"$work/short.jsonl.gz"
refused 'short.jsonl.gz:1: gzip data are cut short at byte 40' "${rows[@]}" \
  --set "data.train_files=[\"$work/short.jsonl.gz\"]"
refused "rows.jsonl.gz:1: \"q.text\": its prompt has" "${rows[@]}" \
  --set rollout.max_prompt_length=3
printf 'chats and math rows trained; what was wrong was one clear line\n'

#!/usr/bin/env python3
"""Opens a model directory that Thespis saved with the Hugging Face libraries and compares.

Needs the Python packages torch, transformers and safetensors. Exits with 1 if anything is missing,
unexpected, or different. Usage: check_with_transformers.py DIR
"""

import random
import sys

import tokenizers
import torch
import transformers
from safetensors.torch import load_file


def main():
    folder = sys.argv[1]
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        folder, output_loading_info=True, dtype="auto"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    problems = [
        f"{key}: {info[key]}"
        for key in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if info.get(key)
    ]
    if model.dtype != torch.float32:
        problems.append(f"dtype {model.dtype}")
    state = model.state_dict()
    for name, tensor in load_file(f"{folder}/model.safetensors").items():
        if not torch.equal(state[name], tensor):
            problems.append(f"{name} differs")
    if tokenizer.eos_token_id != model.config.eos_token_id:
        problems.append(f"eos {tokenizer.eos_token_id} and {model.config.eos_token_id}")
    raw = tokenizers.Tokenizer.from_file(f"{folder}/tokenizer.json")
    chance = random.Random(1)
    vocabulary = sorted(raw.get_vocab())
    for _ in range(200):
        text = "".join(chance.choice(vocabulary) for _ in range(20))
        if (
            tokenizer.encode(text) != raw.encode(text).ids
            or raw.decode(raw.encode(text, add_special_tokens=False).ids, False) != text
        ):
            # Seen with model_type qwen2 under transformers 5, which puts its own byte-level
            # pre-tokenizer there whatever tokenizer.json says.
            problems.append(
                f"{type(tokenizer).__name__} encodes {text!r} unlike tokenizer.json"
            )
            break
    ids = torch.arange(min(8, model.config.vocab_size))[None]
    with torch.no_grad():
        logits = model(ids).logits
    print(
        f"{type(model).__name__}, {model.num_parameters()} parameters, {len(tokenizer)} tokens, "
        f"rope {model.config.rope_parameters}, mean logit {logits.mean():.6f}"
    )
    for problem in problems:
        print("PROBLEM", problem)
    return 1 if problems else 0


sys.exit(main())

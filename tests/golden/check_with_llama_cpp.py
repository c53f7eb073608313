#!/usr/bin/env python3
"""Opens a GGUF file that Thespis exported with llama.cpp and compares it with the model directory.

Needs the Python packages llama-cpp-python, torch and transformers. Checks that both cut texts into
the same tokens, and that llama.cpp, transformers and (with --thespis PROGRAM) `thespis generate`
write the same greedy text. A quantised file is held to its first token. Exits with 1 for a
difference. Usage: check_with_llama_cpp.py DIR FILE.gguf [--thespis PROGRAM] [--tokens N]
"""

import argparse
import subprocess
import sys

import llama_cpp
import tokenizers
import torch
import transformers

TEXTS = [
    "Hello, world! It's 1234567 o'clock.",
    "def f(x):\n    return x ** 2  # größer\n\n",
    "数学を学ぶ 여러분 Привет नमस्ते",
    "  two  spaces\t\ttabs\r\n\r\n!!! ...",
    "I've we'll THEY'RE don'T",
    "🚀 (normal) 😶‍🌫️ ✅",
]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("dir")
    arguments.add_argument("gguf")
    arguments.add_argument("--thespis")
    arguments.add_argument("--tokens", type=int, default=24)
    a = arguments.parse_args()
    problems = []
    llama = llama_cpp.Llama(a.gguf, n_ctx=512, n_threads=2, verbose=False, logits_all=True)
    raw = tokenizers.Tokenizer.from_file(f"{a.dir}/tokenizer.json")
    model = transformers.AutoModelForCausalLM.from_pretrained(a.dir, dtype=torch.float32)
    for text in TEXTS:
        ours = raw.encode(text).ids
        theirs = llama.tokenize(text.encode(), add_bos=True, special=True)
        if ours != theirs:
            problems.append(f"{text!r}: tokenizer.json {ours}, llama.cpp {theirs}")
    quantised = "q8" in a.gguf
    agreed, worst = 0, 0.0
    for text in TEXTS[:3]:
        ids = raw.encode(text).ids
        with torch.no_grad():
            wanted = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=a.tokens)
            logits = model(wanted).logits[0]
        wanted = wanted[0].tolist()
        llama.reset()
        llama.eval(wanted)
        ours = torch.tensor(llama.scores[: len(wanted)].copy())
        worst = max(worst, (ours - logits).abs().max().item())
        chosen = ours.argmax(-1).tolist()
        same = chosen[len(ids) - 1:-1] == wanted[len(ids):]
        agreed += same
        if not same and not quantised:
            problems.append(f"{text!r}: llama.cpp chooses {chosen[len(ids) - 1:-1]}, "
                            f"transformers {wanted[len(ids):]}")
        if a.thespis:
            written = subprocess.run(
                [a.thespis, "generate", "--model", a.dir, "--prompt", text, "--temperature", "0",
                 "--max-tokens", str(a.tokens)], check=True, capture_output=True).stdout.decode()
            expected = raw.decode(wanted[len(ids):], skip_special_tokens=True)
            if written.rstrip("\n") != expected.rstrip("\n"):
                problems.append(f"thespis writes {written!r}, transformers {expected!r}")
    print(f"{a.gguf}: {llama.metadata['general.architecture']}, pre-tokenizer "
          f"{llama.metadata['tokenizer.ggml.pre']}, {len(TEXTS)} texts tokenized, "
          f"{agreed} of 3 greedy texts, largest logit difference {worst:.2e}")
    for problem in problems:
        print("PROBLEM", problem)
    return 1 if problems else 0


sys.exit(main())

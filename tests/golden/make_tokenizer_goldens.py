#!/usr/bin/env python3
"""Writes tokenizer_goldens.json: small tokenizers, and what the Hugging Face library makes of text.

Needs the Python package tokenizers. Usage: make_tokenizer_goldens.py > tokenizer_goldens.json
"""

import json
import random

from tokenizers import Tokenizer

CHARACTERS = list("0123456789+-*/=()<>|! \nabcdefghinorstuw_.éß日本")
# Ambiguous on purpose: overlapping pairs, equal results of different pairs, ranks against position.
MERGES = [
    ("1", "0"),
    ("1", "2"),
    ("10", "0"),
    ("1", "00"),
    ("0", "0"),
    ("a", "b"),
    ("b", "c"),
    ("ab", "c"),
    ("a", "bc"),
    ("c", "a"),
    ("e", "r"),
    ("a", "n"),
    ("an", "s"),
    ("w", "er"),
    ("ans", "wer"),
    (" ", "="),
    (" =", " "),
    ("日", "本"),
    ("é", "é"),
    ("n", "n"),
    ("nn", "nn"),
    ("o", "r"),
    ("d", "o"),
    ("d", "or"),
]  # In "dor" the waiting pair (d, o) turns into (d, or).
ADDED = [  # (content, special, normalized)
    ("<|end|>", True, False),
    ("<think>", False, True),
    ("</think>", False, True),
    ("<answer>", False, False),
    ("<an", False, True),  # A prefix of <answer>, in the second round.
    ("</", False, False),  # Cuts </think> in the first round, so it never matches whole.
    ("step by", False, True),
    ("step by step", False, True),  # Longest match.
    ("100", False, True),  # Also a token of the vocabulary.
    ("日本日", False, False),
]


def build(ignore_merges):
    assert len(set(CHARACTERS)) == len(CHARACTERS)
    vocab = {c: i for i, c in enumerate(CHARACTERS + list("pky"))}
    for a, b in MERGES:
        vocab.setdefault(a + b, len(vocab))
    added, free = [], len(vocab)
    for content, special, normalized in ADDED:
        token_id = vocab.get(content)
        if token_id is None:
            token_id, free = free, free + 1
        added.append(
            {
                "id": token_id,
                "content": content,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": normalized,
                "special": special,
            }
        )
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {"type": "Fuse"},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": ignore_merges,
            "vocab": vocab,
            "merges": [list(pair) for pair in MERGES],
        },
    }


def texts(chance):
    yield from [
        "",
        "100",
        "1000",
        "10012",
        "abcabc",
        "bcabca",
        "nnnnnnnn",
        "nnnnn",
        "<think>",
        "</think>",
        "<answer>10</answer>",
        "<|end|><|end|>",
        "step by step",
        "step by ste",
        "<<think>>",
        "日本日本",
        "日日本",
        "ééé",
        "<|end|",
        " = = ",
        "answeranswer",
        "abc",
        "answer",
        "dordo",
    ]
    pieces = CHARACTERS + [a + b for a, b in MERGES] + [content for content, _, _ in ADDED]
    for _ in range(160):
        yield "".join(chance.choice(pieces) for _ in range(chance.randint(1, 24)))


def main():
    chance = random.Random(20)
    out = []
    for ignore_merges in (False, True):
        document = build(ignore_merges)
        tokenizer = Tokenizer.from_str(json.dumps(document))
        cases = []
        for text in texts(chance):
            ids = tokenizer.encode(text).ids
            cases.append(
                {
                    "text": text,
                    "ids": ids,
                    "decoded": tokenizer.decode(ids, skip_special_tokens=False),
                    "skipped": tokenizer.decode(ids, skip_special_tokens=True),
                }
            )
        out.append({"tokenizer": document, "cases": cases})
    lines = ",\n".join(
        '{"tokenizer": '
        + json.dumps(entry["tokenizer"], ensure_ascii=False)
        + ', "cases": [\n'
        + ",\n".join(json.dumps(case, ensure_ascii=False) for case in entry["cases"])
        + "\n]}"
        for entry in out
    )
    print("[\n" + lines + "\n]")


main()

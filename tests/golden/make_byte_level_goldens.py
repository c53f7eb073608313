#!/usr/bin/env python3
"""Writes byte_level_goldens.json: what the Hugging Face library makes of text, part by part.

"pieces": pre-tokenizers, and the pieces that each cuts texts into. "whole": small byte-level
tokenizers with added tokens of every kind, and the ids and text they give.

Needs the Python package tokenizers. Usage: make_byte_level_goldens.py > byte_level_goldens.json
"""

import json

from tokenizers import Tokenizer

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
KIMI = (
    r"[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+"
DEEPSEEK3 = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(pattern, behavior="Isolated", invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


PRE_TOKENIZERS = [
    *[sequence(split(p), BYTES) for p in (LLAMA3, GPT4O, CL100K, KIMI, BLOOM, DEEPSEEK3)],
    sequence(split(GPT2, "Removed", True), BYTES),
    *[
        split(p, b, i)
        for p in (r"\s+", "l*", r"\p{N}")
        for b in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
        for i in (False, True)
    ],
    *[split(s, "MergedWithNext", False, "String") for s in (" ", "a.b", "é")],
    *[
        split(p)
        for p in (
            r"\s?\p{L}+$",  # Ends of lines, too.
            r"^.",
            r"\w+|\W",
            r"[\w]+",
            r"[^\w]+",
            r"\W+",
            r"\d+|\D+?",
            r"\S+\s*",
            r"\b",
            r"\Bl",
            r"[\w&&[^a-m]]+",
            r"[^\s[a-f]]+",
            r"[\S&&\D]+",
            r"[\h]+",
            r"\h+\v?",
            r"[]a-c\-]+",
            r"(?<=l)o|(?<!l)o\b",
            r"(?>l+)l|x{,2}y?",
            r"(?i)strASe|K|ſ",
            r"(a|b)+?c{2}",
            r"\x{65E5}|\u672c|\t",
            r"\p{^L}{2,3}",
            r"\p{Greek}+|\P{Latin}",
            r"a{,b{2,1x|\.",
            r"\Aa|e\z|\n\Z",
        )
    ],
    {"type": "Digits", "individual_digits": True},
    {"type": "Digits", "individual_digits": False},
    {"type": "Punctuation", "behavior": "Contiguous"},
    {"type": "Punctuation", "behavior": "Isolated"},
    {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True},
    sequence(  # As Falcon has it: steps after ByteLevel see its alphabet.
        {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True},
        {"type": "Digits", "individual_digits": False},
        split("[0-9][0-9][0-9]"),
    ),
    sequence(  # As StarCoder has it.
        {"type": "Digits", "individual_digits": True},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
    ),
    sequence(split(r"\s"), {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}),
]

TEXTS = [
    "Hello, world! I'll say it'S don't; WE'RE 'RE'ſ 12345 3.14 x2y",
    "x½y a²b ①c Ⓐd ⅷe xa\u0301y 〇f a\u200db กั x·y ª µ",
    "  two  spaces\n\n\tand\r\n\r\n   lines   \n",
    "   ",
    "\n",
    "a",
    "hello llo  o\nhello",
    "aabcc abcc a{,b{2,1x a.b ]-[ beef\x0b0xff",
    "Straße STRASSE \u212a \u017f ﬁ ŉ",
    "日本語の文章、テスト。한국어 ไทย हिन्दी क़ λόγος Ǆ ǅ ʰ",
    "e\u0301 é \u0301a \u200d\u200c x\u0300\u0301y",
    "😶\u200d🌫️ 🦙🦙 ½ ² ٣ ⅷ ① 〇 \ue000",
    "\u00a0nb\u0085nel\u180emvs\u2028ls\u3000ideo\u200bzw\ufeff ",
    "a\x00b\x01 ~`|<>^$+= (x) [y] {z}: !?…。，",
    "https://example.org/a_b-c?d=%20&e=1,000.50\\n _under_ __init__",
]

ADDED = [  # (content, special, normalized, single_word, lstrip, rstrip)
    ("<|end|>", True, False, False, False, False),
    ("<|endoftext|>", True, True, False, False, False),
    ("<mask>", True, False, False, True, False),
    ("<r>", False, False, False, False, True),
    ("<both>", False, True, False, True, True),
    ("term", False, False, True, False, False),
    ("ạ", False, True, True, False, False),
    ("  ", False, True, False, False, False),
    ("<|end", False, False, False, False, False),
    ("ü", False, False, False, False, False),  # As DeepSeek has it: no UTF-8 has its byte.
]
ADDED_TEXTS = [
    "a  <mask>  b<mask><mask>",
    " x <r>  \n y <r><r> z",
    "a <both> <both>  b<both>",
    "term terms a_term term. (term) termterm term",
    "stermạ ạ a\u0323 xạ ạ1 ạ",
    "a<|end|>b<|end|<|end|> <|endoftext|>  c   d    e",
    "  <r>  <mask>  ",
    "<r> term <r>term\u3000<mask>Füße",
    "termⒶ term\u0301 term\u200d",
    "",
    " ",
]


def alphabet():
    codes = [*range(33, 127), *range(161, 173), *range(174, 256)]
    return [chr(c) for c in codes] + [chr(256 + n) for n in range(256 - len(codes))]


def small_tokenizer(normalizer):
    vocab = {c: i for i, c in enumerate(c for c in alphabet() if c != "ü")}
    merges = ["w o", "r d", "wo rd", "Ġ word", "Ã ©", "Ġ Ġ", "ĠĠ ĠĠ"]
    for merge in merges:
        vocab[merge.replace(" ", "")] = len(vocab)
    names = ("content", "special", "normalized", "single_word", "lstrip", "rstrip")
    added = [{"id": len(vocab) + i, **dict(zip(names, a))} for i, a in enumerate(ADDED)]
    bos, eos = added[1]["content"], added[0]["content"]
    tokens = {t["content"]: {"id": t["content"], "ids": [t["id"]], "tokens": [t["content"]]}
              for t in added[:2]}
    single = [{"SpecialToken": {"id": bos, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
              {"SpecialToken": {"id": eos, "type_id": 0}}]
    template = {"type": "TemplateProcessing", "single": single, "special_tokens": tokens,
                "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                         {"Sequence": {"id": "B", "type_id": 1}}]}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": normalizer, "pre_tokenizer": byte_level,
        "post_processor": {"type": "Sequence", "processors": [byte_level, template]},
        "decoder": {"type": "Sequence", "decoders": [byte_level, {"type": "Fuse"}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None,
                  "fuse_unk": False, "byte_fallback": False, "vocab": vocab, "merges": merges},
    }


def with_pre_tokenizer(pre_tokenizer):
    document = small_tokenizer(None)
    document["pre_tokenizer"] = pre_tokenizer
    return Tokenizer.from_str(json.dumps(document))


def main():
    pieces = []
    for pre in PRE_TOKENIZERS:
        pre_tokenizer = with_pre_tokenizer(pre).pre_tokenizer
        cut = [[p for p, _ in pre_tokenizer.pre_tokenize_str(t)] for t in TEXTS]
        pieces.append({"pre_tokenizer": pre, "pieces": cut})
    whole = []
    for normalizer in (None, {"type": "NFC"},
                       {"type": "Sequence", "normalizers": [{"type": "NFC"}]}):
        document = small_tokenizer(normalizer)
        tokenizer = Tokenizer.from_str(json.dumps(document))
        cases = []
        for text in ADDED_TEXTS:
            case = {"text": text, "with_special": tokenizer.encode(text).ids}
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            tokenizer.encode_special_tokens = True
            case["special_as_text"] = tokenizer.encode(text, add_special_tokens=False).ids
            tokenizer.encode_special_tokens = False
            case["ids"] = ids
            case["skipped"] = tokenizer.decode(ids, skip_special_tokens=True)
            cases.append(case)
        whole.append({"tokenizer": document, "cases": cases})
    json.dump({"texts": TEXTS, "pieces": pieces, "whole": whole}, __import__("sys").stdout,
              ensure_ascii=True, separators=(",", ":"))


if __name__ == "__main__":
    main()

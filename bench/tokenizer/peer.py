#!/usr/bin/env python3
"""The Hugging Face library on one thread, for bench_tokenizer: peer.py TOKENIZER TEXTS.

TEXTS has JSON lines {"group", "text"}; prints "GROUP MB/s CHECKSUM" for each group, the best of
several passes and of the library's two ways in.
"""

import json
import sys
import time
import zlib

from tokenizers import Tokenizer

PASSES = 5


def main():
    started = time.process_time()
    tokenizer = Tokenizer.from_file(sys.argv[1])
    print("load_s", time.process_time() - started, 0)
    tokenizer.encode_special_tokens = True
    groups = {}
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            groups.setdefault(row["group"], []).append(row["text"])
    fast = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)
    ways = (
        lambda texts: [tokenizer.encode(t, add_special_tokens=False) for t in texts],
        lambda texts: fast(texts, add_special_tokens=False),
    )
    for group, texts in groups.items():
        size = sum(len(t.encode()) for t in texts)
        best = float("inf")
        for way in ways:
            for _ in range(PASSES):
                started = time.process_time()
                encodings = way(texts)
                best = min(best, time.process_time() - started)
        check = 0
        for encoding in encodings:
            for token in encoding.ids:
                check = zlib.crc32(token.to_bytes(4, "little"), check)
        print(group, size / best / 1e6, check)


if __name__ == "__main__":
    main()

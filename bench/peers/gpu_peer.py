"""PyTorch and transformers on the shapes of bench_gpu, with random weights: tokens a second.

    python3 bench/peers/gpu_peer.py [train] [decode]
"""
import sys
import time

import torch
import transformers
from transformers import Qwen2Config, Qwen2ForCausalLM

SHAPES = {
    "qwen2.5-0.5b": dict(hidden_size=896, intermediate_size=4864, num_hidden_layers=24,
                         num_attention_heads=14, num_key_value_heads=2, tie_word_embeddings=True),
    "qwen2.5-1.5b": dict(hidden_size=1536, intermediate_size=8960, num_hidden_layers=28,
                         num_attention_heads=12, num_key_value_heads=2, tie_word_embeddings=True),
}


def make(name):
    config = Qwen2Config(vocab_size=151936, max_position_embeddings=8192, **SHAPES[name])
    with torch.device("cuda"):
        model = Qwen2ForCausalLM(config).to(torch.bfloat16)
    return model


def best(work, rounds):
    least = 1e9
    for _ in range(rounds):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        work()
        torch.cuda.synchronize()
        least = min(least, time.perf_counter() - begin)
    return least


def train(name, sequences, length):
    model = make(name)
    compiled = torch.compile(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, fused=True)
    ids = torch.randint(0, 151936, (sequences, length), device="cuda")

    def step():
        compiled(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    step()
    step()
    seconds = best(step, 5)
    print(f"PyTorch train {name} {sequences} x {length}, torch.compile: "
          f"{sequences * length / seconds:.0f} tok/s, {seconds * 1e3:.1f} ms", flush=True)


def decode(name, sequences, prompt, completion):
    model = make(name).eval()
    ids = torch.randint(0, 151936, (sequences, prompt), device="cuda")

    def run():
        with torch.inference_mode():
            model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0,
                           max_new_tokens=completion, min_new_tokens=completion, pad_token_id=0,
                           cache_implementation="static")

    run()
    seconds = best(run, 1)
    print(f"transformers decode {name} {sequences} x ({prompt} + {completion}), static cache: "
          f"{sequences * completion / seconds:.0f} tok/s, {seconds:.2f} s", flush=True)


if __name__ == "__main__":
    print("torch", torch.__version__, "transformers", transformers.__version__,
          torch.cuda.get_device_name(), flush=True)
    wanted = sys.argv[1:] or ["train", "decode"]
    if "train" in wanted:
        train("qwen2.5-0.5b", 16, 1024)
        train("qwen2.5-1.5b", 8, 1024)
    if "decode" in wanted:
        decode("qwen2.5-0.5b", 64, 128, 256)

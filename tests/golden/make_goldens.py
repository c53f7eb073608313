#!/usr/bin/env python3
"""Writes tests/golden/engine.json: tiny Qwen2 and Qwen3 models of Hugging Face transformers on
PyTorch, float32 on the CPU, for tests/model/engine/golden_test.cpp. Needs torch and transformers;
run it from anywhere. Weights follow a formula that the test repeats, so that the file holds results
only."""

import json
import math
import pathlib

import torch
import transformers

COMMON = dict(vocab_size=41, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, head_dim=16,
              max_position_embeddings=64, rms_norm_eps=1e-6, rope_theta=10000.0,
              attention_dropout=0.0, use_cache=False)
# head_dim is hidden / heads in Qwen2: two heads of 16.
MODELS = {
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM,
              {**COMMON, "num_attention_heads": 2, "num_key_value_heads": 1,
               "tie_word_embeddings": True}),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM,
              {**COMMON, "attention_bias": False, "tie_word_embeddings": False}),
}
PROMPT, LENGTHS, STEPS = 5, (24, 40), 3
ADAMW = dict(lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
CLIP, LOSS_SCALE = 1.0, -0.05  # dL/dlogp of every completion token.


def element(tensor, index, is_norm):
    base = 1.0 if is_norm else 0.0
    return base + 0.25 * math.sin(12.9898 * (index + 1) + 78.233 * (tensor + 1))


def tensor_order(config, tied, bias, norms):
    """The order of model::WeightLayout::of: it numbers the tensors for the formula."""
    names = ["model.embed_tokens.weight"]
    for layer in range(config.num_hidden_layers):
        p = f"model.layers.{layer}."
        names += [p + "input_layernorm.weight"]
        names += [p + f"self_attn.{x}_proj.weight" for x in "qkv"]
        names += [p + f"self_attn.{x}_proj.bias" for x in "qkv"] if bias else []
        names += [p + "self_attn.q_norm.weight", p + "self_attn.k_norm.weight"] if norms else []
        names += [p + "self_attn.o_proj.weight", p + "post_attention_layernorm.weight"]
        names += [p + f"mlp.{x}_proj.weight" for x in ("gate", "up", "down")]
    return names + ["model.norm.weight"] + ([] if tied else ["lm_head.weight"])


def sequence(which, length, vocab):
    return [(7 * which + 5 * i * i + 3 * i + 1) % vocab for i in range(length)]


def summary(values):
    """Sum, norm and a few elements: enough to see any tensor that differs."""
    v = values.detach().double().flatten()
    at = [i * (v.numel() - 1) // 7 for i in range(8)]
    return {"sum": v.sum().item(), "norm": v.norm().item(), "at": at,
            "values": [v[i].item() for i in at]}


def run(kind):
    config_type, model_type, fields = MODELS[kind]
    config = config_type(**fields)
    config._attn_implementation = "eager"
    model = model_type(config).float().eval()
    tied = fields["tie_word_embeddings"]
    order = tensor_order(config, tied, kind == "qwen2", kind == "qwen3")
    parameters = dict(model.named_parameters())
    assert sorted(order) == sorted(parameters), sorted(set(order) ^ set(parameters))
    with torch.no_grad():
        for t, name in enumerate(order):
            p = parameters[name]
            flat = [element(t, i, "norm.weight" in name) for i in range(p.numel())]
            p.copy_(torch.tensor(flat, dtype=torch.float64).view_as(p).float())
    matrices = [p for n, p in parameters.items() if p.dim() == 2]
    vectors = [p for n, p in parameters.items() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices},
                                   {"params": vectors, "weight_decay": 0.0}], **ADAMW)
    out = {"config": {k: v for k, v in fields.items()}, "prompt": PROMPT, "steps": []}
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss, logprobs, entropies = 0.0, [], []
        for which, length in enumerate(LENGTHS):
            tokens = torch.tensor([sequence(which, length, config.vocab_size)])
            log_p = torch.log_softmax(model(input_ids=tokens).logits[0].float(), dim=-1)
            chosen = log_p[PROMPT - 1:-1].gather(1, tokens[0, PROMPT:, None])[:, 0]
            loss = loss + LOSS_SCALE * chosen.sum()
            logprobs.append(chosen.tolist())
            part = log_p[PROMPT - 1:-1]
            entropies.append((-(part.exp() * part).sum(-1)).tolist())
        loss.backward()
        gradients = {n: summary(parameters[n].grad) for n in order}
        norm = torch.nn.utils.clip_grad_norm_(list(parameters.values()), CLIP)
        optimizer.step()
        out["steps"].append({"logprobs": logprobs, "entropies": entropies,
                             "grad_norm": norm.item(), "gradients": gradients,
                             "weights": {n: summary(parameters[n]) for n in order}})
    return out


def main():
    torch.manual_seed(0)
    torch.set_num_threads(1)
    result = {"torch": torch.__version__, "transformers": transformers.__version__,
              "lengths": LENGTHS, "models": {kind: run(kind) for kind in MODELS}}
    path = pathlib.Path(__file__).parent / "engine.json"
    path.write_text(json.dumps(result, indent=None, separators=(",", ":")) + "\n")
    print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()

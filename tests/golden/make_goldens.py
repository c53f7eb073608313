#!/usr/bin/env python3
"""Writes tests/golden/engine.json (log-probs, gradients, AdamW steps) and families.json (logits,
greedy texts): tiny Qwen2, Qwen3 and Llama models of Hugging Face transformers on PyTorch, float32
on the CPU, for golden_test.cpp and families_test.cpp in tests/model/engine. Needs torch and
transformers; run it from anywhere. Weights follow formulas that the tests repeat, so that the files
hold results only."""

import json
import math
import pathlib
import tempfile

import torch
import transformers

COMMON = dict(vocab_size=41, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, head_dim=16,
              max_position_embeddings=64, rms_norm_eps=1e-6, rope_theta=10000.0,
              attention_dropout=0.0, use_cache=False)
# head_dim is hidden / heads in Qwen2: two heads of 16.
QWEN2 = {**COMMON, "num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": True}
# Scalings with small contexts, so that pairs of every kind occur: kept, blended, slowed.
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1000.0, "factor": 4.0, "low_freq_factor": 1.0,
          "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
YARN = {"rope_type": "yarn", "rope_theta": 1000.0, "factor": 4.0,
        "original_max_position_embeddings": 64}
MODELS = {
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM, QWEN2),
    "qwen2 yarn": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM,
                   {**QWEN2, "rope_parameters": YARN, "max_position_embeddings": 256}),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM,
              {**COMMON, "attention_bias": False, "tie_word_embeddings": False}),
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM,
              {**COMMON, "rope_parameters": LLAMA3, "max_position_embeddings": 256,
               "tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": [3, 7]}),
}
PROMPT, LENGTHS, STEPS = 5, (24, 40), 5
ADAMW = dict(lr=1e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
# Logits: the rows of one sequence that are kept. (The head's first row is zero there, so that token
# 0's logit is 0 and log-probs tell logits.) Greedy: a prompt, and how many tokens follow.
LOGIT_ROWS, LOGIT_LENGTH, GREEDY_PROMPT, GREEDY_TOKENS = (0, 1, 31, 40, 63, 150, 199), 200, 7, 48
CLIP, LOSS_SCALE = 1.0, -0.05  # dL/dlogp of every completion token.


def element(tensor, index, is_norm):
    base = 1.0 if is_norm else 0.0
    return base + 0.25 * math.sin(12.9898 * (index + 1) + 78.233 * (tensor + 1))


def hashed(tensor, index, is_norm):
    """Noise instead (SplitMix64), whose logits are far apart: for families.json."""
    mask = (1 << 64) - 1
    z = ((tensor << 32 | index) + 1) * 0x9E3779B97F4A7C15 & mask
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
    uniform = ((z ^ z >> 31) >> 11) * 2.0**-53
    return (1.0 if is_norm else 0.0) + 1.0 * (uniform - 0.5)


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


def config_text(config):
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        return pathlib.Path(folder, "config.json").read_text()


def make_model(kind, formula):
    config_type, model_type, fields = MODELS[kind]
    config = config_type(**fields)
    config._attn_implementation = "eager"
    model = model_type(config).float().eval()
    tied = fields["tie_word_embeddings"]
    order = tensor_order(config, tied, kind.startswith("qwen2"), kind == "qwen3")
    parameters = dict(model.named_parameters())
    assert sorted(order) == sorted(parameters), sorted(set(order) ^ set(parameters))
    with torch.no_grad():
        for t, name in enumerate(order):
            p = parameters[name]
            flat = [formula(t, i, "norm.weight" in name) for i in range(p.numel())]
            p.copy_(torch.tensor(flat, dtype=torch.float64).view_as(p).float())
    return model, config, order, parameters


def logits_and_greedy(kind):
    model, config, _, parameters = make_model(kind, hashed)
    length = min(LOGIT_LENGTH, config.max_position_embeddings)
    tokens = sequence(0, length, config.vocab_size)
    with torch.no_grad():
        for which in range(100):
            prompt = sequence(which, GREEDY_PROMPT, config.vocab_size)
            greedy, gap = list(prompt), 1.0
            for _ in range(GREEDY_TOKENS):
                top = model(input_ids=torch.tensor([greedy])).logits[0, -1].topk(2)
                gap = min(gap, (top.values[0] - top.values[1]).item())
                greedy.append(top.indices[0].item())
            # A near tie would make the text a matter of rounding.
            if gap > 5e-3 and len(set(greedy)) > 16:
                break
        else:
            raise RuntimeError(f"no varied greedy text of {kind} without near ties")
        head = "model.embed_tokens.weight" if config.tie_word_embeddings else "lm_head.weight"
        parameters[head][0] = 0
        logits = model(input_ids=torch.tensor([tokens])).logits[0]
    rows = [r for r in LOGIT_ROWS if r < length]
    return {"config": config_text(config), "length": length, "rows": rows,
            "logits": [[round(x, 7) for x in logits[r].tolist()] for r in rows],
            "greedy_prompt": prompt, "greedy": greedy[GREEDY_PROMPT:]}


def run(kind):
    model, config, order, parameters = make_model(kind, element)
    matrices = [p for n, p in parameters.items() if p.dim() == 2]
    vectors = [p for n, p in parameters.items() if p.dim() == 1]
    optimizer = torch.optim.AdamW([{"params": matrices},
                                   {"params": vectors, "weight_decay": 0.0}], **ADAMW)
    out = {"config": config_text(config), "prompt": PROMPT, "steps": []}
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
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    for name, result in [
        ("engine.json", {**versions, "lengths": LENGTHS,
                         "models": {kind: run(kind) for kind in MODELS}}),
        ("families.json", {**versions,
                           "models": {kind: logits_and_greedy(kind) for kind in MODELS}}),
    ]:
        path = pathlib.Path(__file__).parent / name
        path.write_text(json.dumps(result, indent=None, separators=(",", ":")) + "\n")
        print(path, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes loss_goldens.json: losses and gradients by PyTorch autograd in float64, and advantages.

The formulation is the padded-matrix one of verl and TRL (torch.max over two products, clamp, masked
means), on purpose another than the per-token one in actors/learner/policy_loss.cpp.
Needs torch (any version since 2.0). Usage: make_loss_goldens.py > loss_goldens.json
"""

import itertools
import json

import torch

LENGTHS, WIDTH, LENGTH_MAX = [5, 7, 4, 3], 7, 10
ADVANTAGES = [1.25, -0.75, 0.0, -1.5]


def rounded(tensor):
    """Values that float32 holds exactly, so that both sides read the same numbers."""
    return tensor.to(torch.float32).to(torch.float64)


def make_inputs():
    generator = torch.Generator().manual_seed(20)
    draw = lambda scale: scale * torch.randn(
        len(LENGTHS), WIDTH, generator=generator, dtype=torch.float64
    )
    logprobs = rounded(-draw(1.0).abs() - 0.05)
    mask = torch.tensor(
        [[float(t < n) for t in range(WIDTH)] for n in LENGTHS], dtype=torch.float64
    )
    mask[0, 1] = mask[1, 4] = 0.0  # Tokens over the age bound.
    mask[3, :] = 0.0  # A sequence with nothing to learn from.
    return {
        "logprobs": logprobs,
        "proximal": rounded(logprobs + draw(0.3)),
        "behaviour": rounded(logprobs + draw(0.5)),
        "reference": rounded(logprobs + draw(0.4)),
        "entropies": rounded(draw(1.0).abs()),
        "mask": mask,
    }


def aggregate(matrix, mask, mode):
    sequences = (mask.sum(-1) > 0).sum()
    if mode == "token-mean":
        return (matrix * mask).sum() / mask.sum()
    if mode == "seq-mean-token-mean":
        return ((matrix * mask).sum(-1) / mask.sum(-1).clamp(min=1)).sum() / sequences
    if mode == "seq-mean-token-sum-norm":
        return (matrix * mask).sum(-1).sum() / (sequences * LENGTH_MAX)
    raise ValueError(mode)


def divergence(logprobs, reference, kind):
    if kind == "k1":
        return logprobs - reference
    if kind == "k2":
        return 0.5 * (logprobs - reference).square()
    return torch.exp(reference - logprobs) - (reference - logprobs) - 1


def run_case(inputs, options):
    logprobs = inputs["logprobs"].clone().requires_grad_(True)
    entropies = inputs["entropies"].clone().requires_grad_(True)
    advantage = torch.tensor(ADVANTAGES, dtype=torch.float64)[:, None].expand_as(logprobs)
    old, importance = inputs["behaviour"], 1.0
    if options["tis_cap"] > 0:
        old = inputs["proximal"] if options["with_proximal"] else logprobs.detach()
        importance = torch.exp(old - inputs["behaviour"]).clamp(max=options["tis_cap"])
    ratio = torch.exp(logprobs - old)
    clipped = torch.clamp(ratio, 1 - options["clip_ratio_low"], 1 + options["clip_ratio_high"])
    matrix = importance * torch.max(-advantage * ratio, -advantage * clipped)
    matrix = matrix + options["kl_coef"] * divergence(
        logprobs, inputs["reference"], options["kl_type"]
    )
    matrix = matrix - options["entropy_coef"] * entropies
    loss = aggregate(matrix, inputs["mask"], options["loss_agg_mode"])
    loss.backward()
    flat = lambda t: [[float(f"{v:.12g}") for v in row[:n]] for row, n in zip(t.tolist(), LENGTHS)]
    entropy_slopes = entropies.grad if entropies.grad is not None else torch.zeros_like(entropies)
    return {
        "options": options,
        "loss": loss.item(),
        "dlogprobs": flat(logprobs.grad),
        "dentropy": entropy_slopes[0, 0].item(),
    }


def advantages():
    cases = []
    for rewards in ([1.0, 0.0, 0.0, 1.1], [0.1, 1.1, 0.1, 0.1, 0.1, 0.0], [-0.5, 1.0], [0.1] * 4):
        r = torch.tensor(rewards, dtype=torch.float32).to(torch.float64)
        g = len(rewards)
        cases.append(
            {
                "rewards": rewards,
                "grpo": ((r - r.mean()) / (r.std() + 1e-6)).tolist(),
                "dr_grpo": (r - r.mean()).tolist(),
                "rloo": [(r[i] - (r.sum() - r[i]) / (g - 1)).item() for i in range(g)],
            }
        )
    return cases


def main():
    inputs = make_inputs()
    cases = []
    for mode, kind, clip, tis in itertools.product(
        ["token-mean", "seq-mean-token-mean", "seq-mean-token-sum-norm"],
        ["k1", "k2", "k3"],
        [(0.2, 0.2), (0.2, 0.28), (10.0, 10.0)],
        [(0.0, False), (1.5, True), (1.5, False)],
    ):
        cases.append(
            run_case(
                inputs,
                {
                    "loss_agg_mode": mode,
                    "kl_type": kind,
                    "clip_ratio_low": clip[0],
                    "clip_ratio_high": clip[1],
                    "tis_cap": tis[0],
                    "with_proximal": tis[1],
                    "kl_coef": 0.05,
                    "entropy_coef": 0.01 if kind == "k3" else 0.0,
                },
            )
        )
    document = {
        "length_max": LENGTH_MAX,
        "advantages": ADVANTAGES,
        "inputs": {k: [row[:n] for row, n in zip(v.tolist(), LENGTHS)] for k, v in inputs.items()},
        "cases": cases,
        "groups": advantages(),
    }
    head = {k: v for k, v in document.items() if k != "cases"}
    lines = ",\n".join(json.dumps(case) for case in cases)
    print(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}")


main()

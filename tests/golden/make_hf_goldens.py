#!/usr/bin/env python3
"""Writes hf_goldens.json: config.json and safetensors files as Hugging Face libraries write them.

Needs the Python packages torch, transformers and safetensors. Binary files are in hexadecimal.
Usage: make_hf_goldens.py > hf_goldens.json
"""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import save

SIZES = dict(
    vocab_size=64,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    bos_token_id=3,
    eos_token_id=[5, 7],
)


def configs():
    for name, config_class, more in [
        ("qwen2 tied", transformers.Qwen2Config, dict(tie_word_embeddings=True)),
        ("qwen3 head_dim", transformers.Qwen3Config, dict(head_dim=6)),
        ("llama", transformers.LlamaConfig, {}),
        (
            "llama scaled",
            transformers.LlamaConfig,
            dict(rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}),
        ),
        (
            "qwen2 sliding",
            transformers.Qwen2Config,
            dict(use_sliding_window=True, sliding_window=32, max_window_layers=1),
        ),
    ]:
        config = config_class(**SIZES, **more)
        model = transformers.AutoModelForCausalLM.from_config(config)
        with tempfile.TemporaryDirectory() as folder:
            config.save_pretrained(folder)
            text = Path(folder, "config.json").read_text()
        tensors = {
            k: list(v.shape)
            for k, v in model.state_dict().items()
            if not (config.tie_word_embeddings and k == "lm_head.weight")
        }
        yield {"name": name, "text": text, "tensors": tensors}


def files():
    half = torch.tensor(
        [0.0, -0.0, 1.0, -2.5, 6e-8, -6.1e-5, 65504.0, 0.333251953125], dtype=torch.float16
    )
    brain = torch.tensor([0.0, -0.0, 1.0, -2.5, 1e-40, 3.3895e38, 0.333], dtype=torch.bfloat16)
    tensors = {
        "half": half.reshape(2, 4),
        "brain": brain,
        "single": torch.tensor([[1.5, -3.25e-30], [float(2**-149), 0.1]], dtype=torch.float32),
        "scalar": torch.tensor(7.0),
        "empty": torch.zeros(0, 3),
        "ints": torch.arange(3, dtype=torch.int64),
    }
    yield {
        "hex": save(tensors, metadata={"note": "golden"}).hex(),
        "tensors": {
            k: {
                "shape": list(v.shape),
                "dtype": str(v.dtype),
                "values": [float(x) for x in v.flatten().to(torch.float64)],
            }
            for k, v in tensors.items()
        },
    }


print(json.dumps({"configs": list(configs()), "files": list(files())}, indent=1))

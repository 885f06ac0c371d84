# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes `extension.npz` beside it: context extension as transformers computes it.

  python tests/goldens/make_extension.py

Frequencies of Hunyuan's static alpha; of Llama 3.1's rule at YaRN's (1, 32), which is YaRN's ramp
over turns; and scores of four remaps of positions, each as the published code does it: a whole
pass for each kind of pair, rotated by transformers at that pass's positions, then merged.
"""

import pathlib
from importlib.metadata import version

import numpy as np
import torch
import transformers
from transformers.models.hunyuan_v1_dense import modeling_hunyuan_v1_dense as hunyuan
from transformers.models.llama import modeling_llama

SEED = 20240102


def frequencies():
  rope = {"rope_type": "dynamic", "alpha": 1000.0, "rope_theta": 10_000.0, "factor": 1.0}
  config = transformers.HunYuanDenseV1Config(hidden_size=128, num_attention_heads=2, head_dim=64,
                                             num_key_value_heads=1, rope_parameters=rope)
  out = {"hunyuan_alpha": hunyuan.HunYuanDenseV1RotaryEmbedding(config).inv_freq}
  rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 32.0,
          "original_max_position_embeddings": 2048, "rope_theta": 10_000.0}
  config = transformers.LlamaConfig(hidden_size=128, num_attention_heads=2, head_dim=64,
                                    max_position_embeddings=16384, rope_parameters=rope)
  out["turns_ramp"] = modeling_llama.LlamaRotaryEmbedding(config).inv_freq
  return out


def remaps():
  config = transformers.LlamaConfig(hidden_size=32, num_attention_heads=2, head_dim=16)
  rotary = modeling_llama.LlamaRotaryEmbedding(config)
  q, k = torch.randn(2, 1, 2, 40, 16)
  at = torch.arange(40)

  def one_pass(q_at, k_at):
    """q k^T with queries at some positions and keys at others."""
    turn = lambda x, p: modeling_llama.apply_rotary_pos_emb(x, x, *rotary(x, p[None]))[0]
    return (turn(q, q_at) @ turn(k, k_at).transpose(2, 3))[0]

  d = at[:, None] - at[None, :]
  near = one_pass(at, at)
  merge = lambda far, other: torch.where(far, other, near).tril()
  out = {"q": q[0].transpose(0, 1), "k": k[0].transpose(0, 1)}
  window, group = 8, 4
  grouped = one_pass(at // group + window - window // group, at // group)
  out["self_extend"] = merge(d >= window, grouped)
  out["rerope"] = merge(d >= window, one_pass(0 * at + window, 0 * at))
  out["leaky_rerope"] = merge(d >= window, one_pass(at / 4 + window - window / 4, at / 4))
  out["shifted"] = merge(d >= 16, one_pass(at - 16 + 5, at))
  chunk, local = 12, 3  # as in the decoding branch of ChunkLlama
  size = chunk - local
  behind = at[:, None] // size - at[None, :] // size
  later = (torch.arange(size) + size).clamp(max=chunk)
  chunks = torch.where(behind == 0, one_pass(at % size, at % size), torch.where(
      behind == 1, one_pass(later[at % size], at % size),
      one_pass(later[size - 1].expand(40), at % size)))
  out["dual_chunk"] = chunks.tril()
  return out


def main():
  torch.manual_seed(SEED)
  out = {name: x.numpy().astype(np.float32) for name, x in (frequencies() | remaps()).items()}
  versions = [f"{p} {version(p)}" for p in ("torch", "transformers", "numpy")]
  np.savez_compressed(pathlib.Path(__file__).parent / "extension.npz", versions=versions, seed=SEED,
                      **out)


if __name__ == "__main__":
  main()

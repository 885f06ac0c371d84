# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What two other packages do with far positions, bfloat16 and bad settings: the README's table.

    pip install torch==2.14.1 transformers==5.23.0 x-transformers==2.31.10
    python tests/goldens/measure_peers.py
"""

import importlib.metadata
import math
import warnings
from collections.abc import Callable

import numpy as np
import torch
import transformers
from transformers import LlamaConfig, LlamaModel
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from x_transformers.x_transformers import RotaryEmbedding

DIM = 64
SMALL = dict(num_hidden_layers=1, intermediate_size=64, vocab_size=11)


def angles(position: int) -> np.ndarray:
  """The true angles of a position, float64."""
  return position * 10000.0 ** (-np.arange(0, DIM, 2, dtype=np.float64) / DIM)


def angle_error(cos: np.ndarray, sin: np.ndarray, position: int) -> float:
  """The largest distance between angles on the circle."""
  apart = np.arctan2(sin, cos) - angles(position)
  return float(np.abs((apart + math.pi) % (2 * math.pi) - math.pi).max())


def x_angles(dtype: torch.dtype, position: int) -> np.ndarray:
  """What x-transformers turns by: each pair's angle stands twice."""
  turned, _ = RotaryEmbedding(DIM).to(dtype)(torch.tensor([position]))
  found = turned.detach().float().numpy().reshape(-1)
  return found[::2] if found[0] == found[1] else found[:DIM // 2]


def llama_cos_sin(dtype: torch.dtype, position: int) -> tuple[np.ndarray, np.ndarray]:
  """What transformers' Llama multiplies by."""
  config = LlamaConfig(hidden_size=8 * DIM, num_attention_heads=8)
  found = LlamaRotaryEmbedding(config).to(dtype)(torch.zeros(1, 1, 8), torch.tensor([[position]]))
  cos, sin = (x[0, 0, :DIM // 2].float().numpy() for x in found)
  return cos, sin


def said(run: Callable[[], object]) -> str:
  """A result, or the first line of an error."""
  try:
    return str(run())
  except Exception as error:  # whatever it raises is what is asked for
    return f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"


def llama_with(base: float) -> str:
  """Frequencies and whether the output is finite."""
  config = LlamaConfig(hidden_size=64, num_attention_heads=8, rope_theta=base, **SMALL)
  model = LlamaModel(config).eval()
  out = model(torch.tensor([[1, 2, 3]])).last_hidden_state
  return f"{model.rotary_emb.inv_freq.tolist()[:3]}, output finite: {bool(out.isfinite().all())}"


def main() -> None:
  warnings.simplefilter("ignore")
  x = x_angles(torch.float32, 1_000_000)
  print("x-transformers", importlib.metadata.version("x-transformers"), "transformers",
        transformers.__version__, "torch", torch.__version__)
  print("x-transformers, float32, position 1e6:",
        angle_error(np.cos(x), np.sin(x), 1_000_000))
  print("x-transformers, bfloat16, position 2047, radians:",
        float(np.abs(x_angles(torch.bfloat16, 2047) - angles(2047)).max()))
  print("transformers, float32, position 1e6:",
        angle_error(*llama_cos_sin(torch.float32, 1_000_000), 1_000_000))
  print("transformers, bfloat16, position 2047, cosines:",
        float(np.abs(llama_cos_sin(torch.bfloat16, 2047)[0] - np.cos(angles(2047))).max()))
  print("x-transformers, dim 33:", said(lambda: RotaryEmbedding(33)(torch.arange(3))[0].shape))
  print("transformers, head dim 15:", said(lambda: LlamaModel(LlamaConfig(
    hidden_size=60, num_attention_heads=4, **SMALL))))
  for base in (0.0, -1.0):
    print(f"x-transformers, base {base}:",
          said(lambda b=base: RotaryEmbedding(DIM, base=b)(torch.arange(3))[0][..., :6].tolist()))
    print(f"transformers, rope_theta {base}:", said(lambda b=base: llama_with(b)))


if __name__ == "__main__":
  main()

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes packages.npz: rotations by rotary-embedding-torch, scaled and unscaled.

  python tests/goldens/make_packages.py

Run by hand, in an environment with torch and rotary-embedding-torch; the tests read the file only.
"""

import pathlib
from importlib.metadata import version

import numpy as np
import torch
from rotary_embedding_torch import RotaryEmbedding

SEED, DIM, LENGTH = 20261126, 8, 9
SETTINGS = {"plain": {}, "base": dict(theta=500.0), "interpolated": dict(interpolate_factor=4.0),
            "ntk": dict(theta_rescale_factor=4.0)}


def main():
  torch.manual_seed(SEED)
  x = torch.randn((1, 2, LENGTH, DIM), dtype=torch.float64)
  found = {"x": x.numpy(), "versions": np.array([f"rotary-embedding-torch "
                                                 f"{version('rotary-embedding-torch')}",
                                                 f"torch {version('torch')}"])}
  for name, settings in SETTINGS.items():
    rotary = RotaryEmbedding(DIM, cache_if_possible=False, **settings).double()
    found[name] = rotary.rotate_queries_or_keys(x).detach().numpy()
  np.savez_compressed(pathlib.Path(__file__).parent / "packages.npz", **found)


if __name__ == "__main__":
  main()

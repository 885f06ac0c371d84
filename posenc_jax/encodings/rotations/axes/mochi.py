# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Mochi: learned directions for time, height and width, and its area-normalised positions.

Genmo 2024, the Mochi 1 video model (hook ``qk``).
"""

import jax.numpy as jnp
import numpy as np

from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes.mixed import MixedRotary


def mochi_positions(frames: int, height: int, width: int, *, area: float = 192.0**2) -> np.ndarray:
  """Frame index, and centres of rows and columns scaled so that the picture has a given area.

  Args:
    frames, height, width: of the grid.
    area: of the picture in positions.

  Returns:
    float32 NumPy ``[T, 3]``, row-major; height and width have mean 0.

  Example:
    >>> mochi_positions(1, 1, 2, area=2.0).tolist()
    [[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]
  """
  sizes = [_checks.size("sizes", n, "frames, height, width") for n in (frames, height, width)]
  scale = (area / (height * width)) ** 0.5
  index = np.indices(sizes).reshape(3, -1).T
  middle = (index[:, 1:] + 0.5 - np.asarray(sizes[1:]) / 2) * scale
  return np.concatenate([index[:, :1], middle], axis=1).astype(np.float32)


def mochi_rotary(num_heads: int, head_dim: int) -> MixedRotary:
  """Directions ``[3, K, H // 2]``, learned, zeros at first; interleaved pairs.

  Args:
    num_heads: K, the key heads.
    head_dim: H, even.

  Returns:
    The encoding.

  Example:
    >>> mochi_rotary(2, 8)
    MixedRotary(directions=f32[3,2,4], pairing='interleaved', learned: directions)
  """
  num_heads = _checks.size("num_heads", num_heads, "Pass the key heads K")
  head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
  return MixedRotary(jnp.zeros((3, num_heads, head_dim // 2), jnp.float32), pairing="interleaved")

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Golden-gate rotary: fixed, evenly spread directions in a space of any dimension (hook ``qk``).

Xiong 2025, "On N-dimensional Rotary Positional Embeddings", jerryxio.ng/posts/nd-rope.
"""

import statistics
from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes.mixed import MixedRotary


def golden_directions(count: int, axes: int) -> np.ndarray:
  """Unit vectors from the sequence frac(i / g^j), g the root of g^(P + 1) = g + 1.

  The sequence covers the cube evenly; the normal quantile of each coordinate makes it point in
  all directions alike.

  Args:
    count: how many.
    axes: P.

  Returns:
    float64 ``[count, P]``.

  Example:
    >>> np.round(golden_directions(1, 2), 3).tolist()
    [[0.969, 0.247]]
  """
  g = 2.0
  for _ in range(60):
    g = (1 + g) ** (1 / (axes + 1))
  z = np.mod(np.arange(1, count + 1)[:, None] / g ** np.arange(1, axes + 1), 1.0)
  quantile = statistics.NormalDist().inv_cdf
  out = np.array([[quantile(x) for x in row] for row in z.tolist()])
  return out / np.linalg.norm(out, axis=1, keepdims=True)


def golden_rotary(num_heads: int, head_dim: int, axes: int = 2, *, min_frequency: float = 0.2,
                  max_frequency: float = 20.0, zeros: float = 0.0, pairing: str = "half"
                  ) -> MixedRotary:
  """Log-spaced frequencies along golden directions; every head has directions of its own.

  Args:
    num_heads: K, the key heads.
    head_dim: H, even.
    axes: P.
    min_frequency, max_frequency: radians per unit, positive; for coordinates in [-1, 1].
    zeros: the share of pairs, first in a head, that do not turn.
    pairing: as in ``Rotary``.

  Returns:
    The encoding; nothing is learned.

  Raises:
    ValueError: a share outside [0, 1], frequencies that are not positive.

  Example:
    >>> golden_rotary(2, 8, axes=3).directions.shape
    (3, 2, 4)
  """
  shape = [_checks.size(n, v, "Pass key heads, H and P") for n, v in (
      ("num_heads", num_heads), ("head_dim", head_dim), ("axes", axes))]
  if head_dim % 2 or not 0 <= zeros <= 1:
    raise _errors.value_error("head_dim, zeros", f"{head_dim} and {zeros}",
                              "an even head dim and a share in [0, 1]", "Pass 64 and 0.0")
  for name, value in (("min_frequency", min_frequency), ("max_frequency", max_frequency)):
    _errors.check_positive(name, value, "The author's values are 0.2 and 20.0")
  still = round(zeros * (head_dim // 2))
  ladder = np.linspace(0, 1, head_dim // 2 - still)
  sizes: Any = np.concatenate([np.zeros(still),
                               min_frequency * (max_frequency / min_frequency) ** ladder])
  units = golden_directions(num_heads * (head_dim // 2), axes)
  return MixedRotary(np.moveaxis(units.reshape(shape[0], -1, axes) * sizes[:, None], -1, 0),
                     pairing=pairing)

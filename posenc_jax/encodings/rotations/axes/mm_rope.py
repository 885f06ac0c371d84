# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""MM-RoPE: time, height and width spread over all frequencies, ids scaled to pixels (hook ``qk``).

Yuan et al. 2025, "Lumos-1", arXiv 2507.08801.
"""

from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes import _sequences

_PATTERN = (0, 0, 1, 2, 1, 2, 1, 2)


def mm_rope_axes(pairs: int) -> tuple[int, ...]:
  """Time, time, then height and width three times, repeated over the pairs.

  Args:
    pairs: H / 2.

  Returns:
    That many axes.

  Example:
    >>> mm_rope_axes(9)
    (0, 0, 1, 2, 1, 2, 1, 2, 0)
  """
  pairs = _checks.size("pairs", pairs, "Pass H / 2")
  return tuple(_PATTERN[i % 8] for i in range(pairs))


def mm_rope_positions(*parts: int | tuple[int, ...], scales: Any = (4.0, 8.0, 8.0)) -> np.ndarray:
  """Ids start + (scale_t t, scale_h h, scale_w w); what follows starts after the largest id.

  Args:
    *parts: a number of text tokens, or (time, height, width) of a grid.
    scales: of latents to pixels.

  Returns:
    float32 NumPy ``[T, 3]``.

  Raises:
    ValueError: a grid without three sizes, another number of scales.

  Example:
    >>> mm_rope_positions(1, (1, 1, 2), 1).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 9.0], [10.0, 10.0, 10.0]]
  """
  if np.shape(scales) != (3,):
    raise _errors.value_error("scales", _errors.describe(scales), "three numbers",
                              "Lumos-1 has (4, 8, 8): time, height, width")

  def grid(sizes, start):
    ids = start + _sequences.index(sizes) * np.asarray(scales)
    return ids, ids.max() + 1
  return _sequences.number(parts, grid)

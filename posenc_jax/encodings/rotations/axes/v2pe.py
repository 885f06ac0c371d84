# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""V2PE: visual tokens advance by a fraction of a position (positions only, for plain rotary).

Ge et al. 2024, "V2PE: Improving Multimodal Long-Context Capability of Vision-Language Models with
Variable Visual Position Encoding", arXiv 2412.09616; InternVL3.
"""

import math

import numpy as np

from posenc_jax.encodings.rotations.axes import _sequences


def v2pe_positions(*parts: int | tuple[int, ...], stride: float = 16.0) -> np.ndarray:
  """Real ids: a visual token is stride / n after the one before, n the tokens of its block.

  Text goes on at ceil(last) + 1.

  Args:
    *parts: a number of text tokens, or the sizes of a grid.
    stride: what a whole block advances by.

  Returns:
    float32 NumPy ``[T]``.

  Raises:
    ValueError: a grid without three sizes.

  Example:
    >>> v2pe_positions(2, (1, 2, 2), 1, stride=1.0).tolist()
    [0.0, 1.0, 1.25, 1.5, 1.75, 2.0, 3.0]
  """
  def grid(sizes, start):
    n = math.prod(sizes)
    ids = start - 1 + stride / n * np.arange(1, n + 1)
    return ids[:, None], math.ceil(ids[-1]) + 1
  return _sequences.number(parts, grid, axes=1)[:, 0]

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Ids of multimodal text whose height and width start at 0 in every grid (positions only).

OmniRoPE (Wu et al. 2025, "OmniGen2", arXiv 2506.18871), IL-RoPE (Mogao, arXiv 2505.05472), and the
spatial reset of "Revisiting Multimodal Positional Encoding in Vision-Language Models", arXiv
2510.23095. ``MRotary`` reads them, in sections or interleaved.
"""

import numpy as np

from posenc_jax.encodings.rotations.axes import _sequences


def omni_positions(*parts: int | tuple[int, ...], stride: float = 1.0) -> np.ndarray:
  """Ids (start + stride * t, h, w); what follows starts max(T, H, W) later.

  Args:
    *parts: a number of text tokens, or (time, height, width) of a grid.
    stride: of frames; with another than 1, what follows starts max((T - 1) stride + 1, H, W) later.

  Returns:
    float32 NumPy ``[T, 3]``.

  Raises:
    ValueError: a grid without three sizes.

  Example:
    >>> omni_positions(2, (1, 1, 3), 1).tolist()[2:]
    [[2.0, 0.0, 0.0], [2.0, 0.0, 1.0], [2.0, 0.0, 2.0], [5.0, 5.0, 5.0]]
  """
  def grid(sizes, start):
    ids = _sequences.index(sizes) * np.array([stride, 1, 1])
    return ids + np.array([start, 0, 0]), start + max((sizes[0] - 1) * stride + 1, *sizes[1:])
  return _sequences.number(parts, grid)


def reset_positions(*parts: int | tuple[int, ...], stride: float = 1.0) -> np.ndarray:
  """Ids (start + stride * t, h, w); the end token is one above start + the largest index.

  Args:
    *parts: a number of text tokens, the end token of a grid among them, or the sizes of a grid.
    stride: of frames.

  Returns:
    float32 NumPy ``[T, 3]``.

  Raises:
    ValueError: a grid without three sizes.

  Example:
    >>> reset_positions(2, (1, 1, 3), 1).tolist()[2:]
    [[2.0, 0.0, 0.0], [2.0, 0.0, 1.0], [2.0, 0.0, 2.0], [5.0, 5.0, 5.0]]
  """
  def grid(sizes, start):
    ids = _sequences.index(sizes) * np.array([stride, 1, 1])
    return ids + np.array([start, 0, 0]), start + ids.max() + 1
  return _sequences.number(parts, grid)

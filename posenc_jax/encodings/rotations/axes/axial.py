# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Axial rotary of images and videos: every axis turns a block of pairs (hook ``qk``).

Heo et al. 2024, "Rotary Position Embedding for Vision Transformer", arXiv 2403.13298 (base 100, the
column first, pairs interleaved). Vision parts of Qwen2-VL use base 10 000 and pairs half a head
apart; Pixtral deals one ladder out to the axes in turn. A class token at (0, 0) is not turned.
"""

from typing import Any

import jax
import numpy as np

from posenc_jax import _errors, phases
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes.axes_rotary import AxesRotary
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def axial_rotary(head_dim: int, axes: int = 2, *, base: Any = 100.0, order: Any = None,
                 pairing: str = "interleaved") -> AxesRotary:
  """One ladder for each axis, over 2 floor(H / 2P) dims; dims that are left over pass unchanged.

  Args:
    head_dim: H.
    axes: P: 2 for images, 3 for videos.
    base: 100 in the paper.
    order: the axis that each block reads; (1, 0) for rows and columns as in the paper, whose first
      block reads the column. None for 0, 1, ..
    pairing: as in ``AxesRotary``.

  Returns:
    The encoding.

  Raises:
    ValueError: fewer than two dims an axis.

  Example:
    >>> axial_rotary(8).axes, axial_rotary(8).frequencies.tolist()
    ((0, 0, 1, 1), [1.0, 0.1, 1.0, 0.1])
  """
  axes = _checks.size("axes", axes, "2 for images, 3 for videos")
  dim = _checks.size("head_dim", head_dim, "Pass the head dim H") // axes // 2 * 2
  if not dim:
    raise _errors.value_error("head_dim", head_dim, f"two dims for each of {axes} axes",
                              f"Pass {2 * axes} or more")
  return AxesRotary.per_axis((dim,) * axes, base=base, order=order, pairing=pairing)


def pixtral_rotary(head_dim: int, *, base: Any = 10_000.0, pairing: str = "half") -> AxesRotary:
  """One ladder of H / 2 frequencies, of which axis 0 gets 0, 2, .. and axis 1 gets 1, 3, ..

  Args:
    head_dim: H, a multiple of 4.
    base, pairing: as in ``AxesRotary``.

  Returns:
    The encoding, of positions (row, column).

  Raises:
    ValueError: another head_dim.

  Example:
    >>> pixtral_rotary(8).frequencies.tolist()
    [1.0, 0.01, 0.1, 0.001]
  """
  head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
  if head_dim % 4:
    raise _errors.value_error("head_dim", head_dim, "a multiple of 4", "Each axis turns pairs")
  frequencies = rotary_frequencies(head_dim, base=base)
  dealt = np.concatenate([np.arange(0, head_dim // 2, 2), np.arange(1, head_dim // 2, 2)])
  if isinstance(frequencies, phases.Frequencies):
    frequencies = jax.tree.map(lambda words: words[..., dealt], frequencies)
  else:
    frequencies = frequencies[..., dealt]
  return AxesRotary((0,) * (head_dim // 4) + (1,) * (head_dim // 4), frequencies, pairing=pairing)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Circle-RoPE: patches on a circle around the line of text, all as far from it (positions only).

Wang et al. 2025, "Circle-RoPE", arXiv 2505.16416. ``MRotary`` reads the ids in sections.
Differs from the paper: nothing. The authors' repository sets no mix with the plain grid, as here; a
package of many such methods sets 1, which leaves the tilted grid alone. A video is a ring for each
frame. A radius that follows the grid ("auto" in the released code) is the caller's: the largest
centred coordinate.
"""

import math

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes import _sequences


def circle_grid(height: int, width: int, *, radius: float = 10.0, alpha: float = 0.5,
                mix: float = 0.0) -> np.ndarray:
  """(time, height, width) of the patches of one picture, in the plane through 0 across (1, 1, 1).

  The angle of a patch is alpha * its direction from the middle, stretched over a full turn, plus
  (1 - alpha) * its share of the reading order.

  Args:
    height, width: in patches.
    radius: of the circle.
    alpha: in [0, 1].
    mix: in [0, 1], the share of the plain grid.

  Returns:
    float64 ``[height * width, 3]``.

  Raises:
    ValueError: a radius that is not positive, alpha or mix outside [0, 1].

  Example:
    >>> np.round(circle_grid(2, 2, radius=1.0).sum(1), 6).tolist()  # across (1, 1, 1)
    [0.0, 0.0, 0.0, 0.0]

  References:
    Wang et al. 2025, arXiv 2505.16416, section 3.
  """
  sizes = [_checks.size("sizes", n, "height and width in patches") for n in (height, width)]
  _errors.check_positive("radius", radius, "The paper has 10")
  for name, share in (("alpha", alpha), ("mix", mix)):
    if not 0 <= share <= 1:
      raise _errors.value_error(name, share, "a number in [0, 1]", "The paper has alpha 0.5")
  y, x = np.indices(sizes).reshape(2, -1) - (np.array(sizes)[:, None] - 1) / 2
  angle = np.arctan2(y, x)
  span = np.ptp(angle)
  angle = (angle - angle.min()) / span * 2 * math.pi if span > 0 else angle
  turn = alpha * angle + (1 - alpha) * 2 * math.pi * np.arange(len(x)) / len(x)
  flat = (1 - mix) * radius * np.stack([np.cos(turn), np.sin(turn)]) + mix * np.stack([x, y])
  across = np.array([[-1, 1, 0], [-1, -1, 2]]) / np.sqrt([[2], [6]])  # (width, height, time)
  return (flat.T @ across)[:, ::-1]


def circle_positions(*parts: int | tuple[int, ...], radius: float = 10.0, alpha: float = 0.5,
                     mix: float = 0.0, stride: float = 1.0) -> np.ndarray:
  """Ids of texts and grids: a grid is start + ``circle_grid`` + stride * frame on all axes.

  What follows starts one above the largest id of the grid.

  Args:
    *parts: a number of text tokens, or (time, height, width) of a grid.
    radius, alpha, mix: as in ``circle_grid``.
    stride: of frames.

  Returns:
    float32 NumPy ``[T, 3]``.

  Raises:
    ValueError: a grid without three sizes; what ``circle_grid`` refuses.

  Example:
    >>> circle_positions(2, (1, 2, 2), 1).shape
    (7, 3)
  """
  def grid(sizes, start):
    ring = circle_grid(sizes[1], sizes[2], radius=radius, alpha=alpha, mix=mix)
    frames = [start + stride * t + ring for t in range(sizes[0])]
    return np.concatenate(frames), frames[-1].max() + 1
  return _sequences.number(parts, grid)

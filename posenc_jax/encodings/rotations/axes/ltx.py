# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""LTX-2: increasing frequencies of coordinates in [-1, 1], dealt out over all heads (hook ``qk``).

Lightricks, the LTX-2 video and audio model. Frequencies pi/2 base^(j / (J - 1)), j < J, are laid
out frequency by frequency, axis by axis, over the width of the model, so heads differ; pairs that
are left over stand still, in front. Time is in seconds, so that audio and video share it.
"""

import math
from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes.mixed import MixedRotary


def ltx_positions(frames: int, height: int, width: int, *, fps: float = 24.0,
                  scales: Any = (8, 32, 32), most: Any = (20.0, 2048.0, 2048.0), offset: int = 1
                  ) -> np.ndarray:
  """Middles of patches in seconds and pixels, as fractions of ``most``, mapped to [-1, 1].

  Args:
    frames, height, width: of the latent grid.
    fps: frames a second.
    scales: frames and pixels of a latent cell.
    most: seconds and pixels that map to 1.
    offset: of the first frame, which a causal autoencoder keeps alone.

  Returns:
    float32 NumPy ``[T, 3]``, row-major.

  Example:
    >>> ltx_positions(1, 1, 1, most=(1.0, 32.0, 32.0))[0].round(3).tolist()
    [-0.958, 0.0, 0.0]
  """
  sizes = [_checks.size("sizes", n, "frames, height, width") for n in (frames, height, width)]
  index = np.indices(sizes).reshape(3, -1).T
  ends = np.stack([index, index + 1]) * np.asarray(scales, np.float64)
  ends[..., 0] = np.maximum(ends[..., 0] + offset - scales[0], 0) / fps
  return (2 * ends.mean(0) / np.asarray(most) - 1).astype(np.float32)


def ltx_rotary(num_heads: int, head_dim: int, axes: int = 3, *, base: float = 10_000.0,
               pairing: str = "interleaved") -> MixedRotary:
  """Directions along the axes, of frequencies that grow over the heads.

  Args:
    num_heads: N; keys have as many heads.
    head_dim: H, even.
    axes: 3 for video; 1 for audio and for attention between them.
    base: the ratio of the largest to the smallest frequency.
    pairing: "interleaved", or "half" for the released "split".

  Returns:
    The encoding; nothing is learned.

  Raises:
    ValueError: fewer than two frequencies an axis.

  Example:
    >>> ltx_rotary(2, 8).directions.shape
    (3, 2, 4)
  """
  num_heads = _checks.size("num_heads", num_heads, "Pass the heads N")
  pairs = num_heads * _checks.size("head_dim", head_dim, "Pass the head dim H") // 2
  count = pairs // _checks.size("axes", axes, "3 for video, 1 for audio")
  if head_dim % 2 or count < 2:
    raise _errors.value_error("head_dim", head_dim, "even, with two pairs an axis over all heads",
                              "Pass a larger head dim")
  _errors.check_positive("base", base, "The released value is 10000.0")
  ladder = math.pi / 2 * float(base) ** np.linspace(0, 1, count)
  dealt = np.zeros((axes, pairs))
  for a in range(axes):
    dealt[a, pairs - count * axes + a::axes] = ladder
  return MixedRotary(dealt.reshape(axes, num_heads, head_dim // 2), pairing=pairing)

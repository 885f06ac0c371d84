# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rotary of diffusion transformers: one ladder an axis, and their image ids (hook ``qk``).

Dims and bases as in the released models; ids are (frame or layer, row, column).
"""

from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.axes.axes_rotary import AxesRotary
from posenc_jax.encodings.rotations.scaling.ntk import ntk_base

_MODELS: dict[str, tuple[tuple[int, ...], float, str]] = {
  "flux": ((16, 56, 56), 10_000.0, "interleaved"),
  "flux2": ((32, 32, 32, 32), 2000.0, "interleaved"),
  "z-image": ((32, 48, 48), 256.0, "interleaved"),
  "krea2": ((32, 48, 48), 1000.0, "interleaved"),
  "hunyuan-video": ((16, 56, 56), 256.0, "interleaved"),
  "hunyuan-image": ((64, 64), 256.0, "interleaved"),
  "qwen-image": ((16, 56, 56), 10_000.0, "interleaved"),
  "kandinsky5": ((16, 24, 24), 10_000.0, "interleaved"),
  "wan": ((44, 42, 42), 10_000.0, "interleaved"),
  "minimax-h3": ((32, 32, 32), 10_000.0, "half"),
}


def diffusion_rotary(model: str, *, scales: Any = None) -> AxesRotary:
  """The rotary of a released model; dims beyond the turned ones pass unchanged.

  Args:
    model: "flux", "flux2", "z-image", "krea2", "hunyuan-video", "hunyuan-image", "qwen-image",
      "kandinsky5", "wan" (head dim 128) or "minimax-h3".
    scales: None, or what each axis' frequencies are divided by (Kandinsky 5 at other sizes).

  Returns:
    The encoding.

  Raises:
    ValueError: another name.

  Example:
    >>> diffusion_rotary("flux").position_axes, len(diffusion_rotary("flux").axes)
    (3, 64)
  """
  _errors.check_choice("model", model, tuple(_MODELS))
  dims, base, pairing = _MODELS[model]
  return AxesRotary.per_axis(dims, base=base, scales=scales, pairing=pairing)


def cosmos_rotary(head_dim: int, scales: Any = (2.0, 1.0, 1.0), *, base: float = 10_000.0
                  ) -> AxesRotary:
  """Time, height and width with an NTK base for each: base * scale^(r / (r - 2)).

  Height and width get 2 floor(H / 6) dims each, time the rest. Time is in frames at 24 a second:
  pass index / fps * 24.

  Args:
    head_dim: H, even.
    scales: of time, height and width.
    base: before the scales.

  Returns:
    The encoding, of pairs half a head apart.

  Example:
    >>> len(cosmos_rotary(128).axes)
    64
  """
  side = _checks.size("head_dim", head_dim, "Pass the head dim H", least=12) // 6 * 2
  dims = (head_dim - 2 * side, side, side)
  bases = [ntk_base(base, s, d) for s, d in zip(scales, dims, strict=True)]
  return AxesRotary.per_axis(dims, base=bases, pairing="half")


def centred_positions(*sizes: int) -> np.ndarray:
  """Ids of a grid from -ceil(N / 2) to floor(N / 2) - 1 on each axis (Qwen-Image).

  Args:
    *sizes: P sizes, such as (height, width).

  Returns:
    int32 NumPy ``[T, P]``. Text after it starts at the largest floor(N / 2).

  Example:
    >>> centred_positions(1, 3).tolist()
    [[-1, -2], [-1, -1], [-1, 0]]
  """
  sizes = tuple(_checks.size("sizes", n, "centred_positions(height, width)") for n in sizes)
  index = np.indices(sizes).reshape(len(sizes), -1).T
  return (index - [n - n // 2 for n in sizes]).astype(np.int32)

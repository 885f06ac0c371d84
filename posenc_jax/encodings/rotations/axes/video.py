# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""VideoRoPE and video HoPE: space on the fast pairs, time on the slow ones (hook ``qk``).

Wei et al. 2025, "VideoRoPE", arXiv 2502.05173; "HoPE: Hybrid of Position Embedding for Long Context
Vision-Language Models", arXiv 2505.20444, whose time pairs stand still.
"""

from typing import Any

import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.axes import _sequences
from posenc_jax.encodings.rotations.axes.axes_rotary import AxesRotary
from posenc_jax.encodings.rotations.rotary import rotary_frequencies


def videorope_axes(sections: Any = (16, 24, 24)) -> tuple[int, ...]:
  """Height and width in turn on the first pairs, time on the last.

  Args:
    sections: pairs of time, height and width, the last two alike.

  Returns:
    ``sum(sections)`` axes.

  Raises:
    ValueError: sections of another form.

  Example:
    >>> videorope_axes((2, 1, 1))
    (1, 2, 0, 0)
  """
  sections = tuple(_checks.size("sections", n, "VideoRoPE uses (16, 24, 24)") for n in sections)
  if len(sections) != 3 or sections[1] != sections[2]:
    raise _errors.value_error("sections", sections, "pairs of time, height and width, the last "
                              "two alike", "VideoRoPE uses (16, 24, 24)")
  return (1, 2) * sections[1] + (0,) * sections[0]


def videorope_positions(*parts: int | tuple[int, ...], stride: float = 2.0) -> np.ndarray:
  """Ids (t, t + h, t + w) with t = start + stride * frame, height and width centred.

  What follows a grid starts after its largest t.

  Args:
    *parts: a number of text tokens, or (time, height, width) of a grid.
    stride: of frames: 2 in VideoRoPE; video HoPE draws it in training from 0.5 to 1.5.

  Returns:
    float32 NumPy ``[T, 3]``.

  Raises:
    ValueError: a grid without three sizes.

  Example:
    >>> videorope_positions(1, (2, 1, 2), 1).tolist()[1:]
    [[1.0, 1.0, 1.0], [1.0, 1.0, 2.0], [3.0, 3.0, 3.0], [3.0, 3.0, 4.0], [4.0, 4.0, 4.0]]
  """
  def grid(sizes, start):
    t, h, w = _sequences.index(sizes).T
    t = start + stride * t
    middle = lambda x, n: x - (n - 1) // 2
    return np.stack([t, t + middle(h, sizes[1]), t + middle(w, sizes[2])], -1), t.max() + 1
  return _sequences.number(parts, grid)


def hope_video_rotary(sections: Any = (16, 24, 24), *, base: Any = 10_000.0, pairing: str = "half"
                      ) -> AxesRotary:
  """VideoRoPE's allocation with frequency 0 on the pairs of time.

  Args:
    sections: as in ``videorope_axes``.
    base, pairing: as in ``AxesRotary``.

  Returns:
    The encoding.

  Example:
    >>> hope_video_rotary((2, 1, 1)).frequencies.tolist()
    [1.0, 0.1, 0.0, 0.0]
  """
  axes = videorope_axes(sections)
  frequencies = rotary_frequencies(2 * len(axes), base=base)
  return AxesRotary(axes, _ladders.kept(frequencies, np.asarray(axes) > 0), pairing=pairing)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A sliding window as an encoding, so that layers of one model may differ in it (hook ``visible``).

Beltagy et al. 2020, "Longformer", arXiv 2004.05150. For one window in all layers use the ``window``
of attention, which also lets work on hidden keys be left out.
"""

from typing import Any

import jax

from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks


def local_window_visible(distance: Any, window: int) -> jax.Array:
  """|m - n| < W: the token itself counts.

  Args:
    distance: ``[...]``, m - n.
    window: W, at least 1.

  Returns:
    bool ``[...]``.

  Example:
    >>> import jax.numpy as jnp
    >>> local_window_visible(jnp.arange(4), 2).tolist()
    [True, True, False, False]
  """
  window = _checks.size("window", window, "Gemma 3 has 1024")
  return abs(_checks.positions(distance, "distance", real=True)) < window


@encoding
class LocalWindow(Encoding):
  """Tokens see those less than ``window`` positions away.

  Args:
    window: static, W.

  Raises:
    TypeError, ValueError: a window that is no int, or below 1.

  Example:
    >>> LocalWindow(1024)
    LocalWindow(window=1024)
  """

  window: int = static()

  relative = True

  def __post_init__(self):
    _checks.size("window", self.window, "Gemma 3 has 1024")

  def visible(self, tile):
    return local_window_visible(tile.distance(), self.window)[..., None, :, :]

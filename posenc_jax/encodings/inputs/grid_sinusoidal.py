# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sinusoids of two, three or more axes, added to the embeddings of a grid (hook ``inputs``).

Each axis has a table of its own columns, as in Vaswani et al. 2017, arXiv 1706.03762, section 3.5.
There is no one paper: big_vision, timm, transformers' ViT-MAE and the package positional-encodings
differ in the order of axes, in the layout and in the divisor, which are arguments here.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add
from posenc_jax.encodings.inputs.sinusoidal import sinusoidal_frequencies

LAYOUTS = ("interleaved", "halves", "sines")


def grid_sinusoidal(positions: Any, d_model: int, *, base: Any = 10_000.0,
                    layout: str = "halves", divisor: str = "dim", order: Any = None) -> jax.Array:
  """A sinusoid of 2 ceil(D / 2P) columns for each of P axes, cut to D columns.

  Args:
    positions: ``[..., P]`` int32, or float32 for real coordinates; P >= 2.
    d_model: D.
    base: positive.
    layout: "halves" puts each axis's sines before its cosines: [sin a, cos a, sin b, cos b];
      "interleaved" puts sine and cosine side by side inside each axis's block; "sines" puts the
      sines of all axes first: [sin a, sin b, cos a, cos b].
    divisor: "dim" has frequencies base^(-2i/c) for a block of c columns; "last" has
      base^(-i/(c/2 - 1)), so that the slowest is 1/base.
    order: which axis has the first block, then the next; None for 0, 1, ... Tables that take (x, y)
      of a grid whose positions are (row, column) have (1, 0).

  Returns:
    float32 ``[..., D]``. big_vision is layout "halves", divisor "last", order (1, 0); ViT-MAE
    in transformers "halves", "dim"; timm "sines" or "halves", "dim"; positional-encodings
    "interleaved", "dim".

  Raises:
    ValueError: fewer than two axes, an order that is none, an unknown layout or divisor; "sines"
      with a width that 2P does not divide.
    TypeError: a d_model that is no int.

  Example:
    >>> [f"{x:.4f}" for x in grid_sinusoidal(jnp.array([0, 1]), 4).tolist()]
    ['0.0000', '1.0000', '0.8415', '0.5403']

  References:
    Vaswani et al. 2017, arXiv 1706.03762, section 3.5, once an axis.
  """
  positions = jnp.asarray(_checks.positions(positions, real=True))
  axes = positions.shape[-1] if positions.ndim else 0
  order = _check(d_model, axes, layout, order)
  frequencies = sinusoidal_frequencies(_columns(d_model, axes), base=base, divisor=divisor)
  return _table(positions, frequencies, d_model, layout, order, jnp.float32)


def _columns(d_model, axes):
  """Of each axis's block: even, and enough for all."""
  return 2 * math.ceil(d_model / (2 * axes))


def _check(d_model, axes, layout, order):
  d_model = _checks.size("d_model", d_model, "Pass the model width D")
  _errors.check_choice("layout", layout, LAYOUTS)
  if axes < 2:
    raise _errors.value_error("positions", f"{axes} axes", "[..., P] with P of at least 2",
                              "For one axis use sinusoidal()")
  if layout == "sines" and d_model % (2 * axes):
    raise _errors.value_error("d_model", d_model, f"a multiple of {2 * axes} for layout 'sines'",
                              "Other layouts cut the last columns off")
  order = tuple(range(axes)) if order is None else tuple(order)
  if sorted(order) != list(range(axes)):
    raise _errors.value_error("order", order, f"the axes 0 to {axes - 1}, each once",
                              "(1, 0) gives the first block to the last of two axes")
  return order


def _table(positions, frequencies, d_model, layout, order, dtype):
  frequencies = phases.as_frequencies(frequencies, single=True)
  cos, sin = phases.cos_sin(positions[..., np.asarray(order)], frequencies, dtype=dtype)
  table = jnp.stack([sin, cos], axis={"interleaved": -1, "halves": -2, "sines": -3}[layout])
  return table.reshape(*positions.shape[:-1], -1)[..., :d_model]


@encoding
class GridSinusoidal(Encoding):
  """Adds ``grid_sinusoidal(positions, D)`` to the embeddings of positions ``[..., T, P]``.

  Args:
    d_model: D, the width of the embeddings.
    axes: P, at least 2.
    base: positive; a known base (or array of bases, to be swept by vmap) is exact.
    layout, divisor, order: as in ``grid_sinusoidal``.

  Raises:
    TypeError: sizes that are not ints.
    ValueError: as ``grid_sinusoidal``; in a call, another width or number of axes.

  Example:
    >>> from posenc_jax.positions import grid
    >>> GridSinusoidal(8).inputs(jnp.zeros((6, 8)), grid(2, 3)).shape
    (6, 8)
  """

  frequencies: phases.Frequencies | jax.Array
  d_model: int = static()
  order: tuple[int, ...] = static()
  layout: str = static(default="halves")

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return len(self.order)

  def __init__(self, d_model: int, *, axes: int = 2, base: Any = 10_000.0,
               layout: str = "halves", divisor: str = "dim", order: Any = None):
    axes = _checks.size("axes", axes, "For one axis use Sinusoidal", least=2)
    order = _check(d_model, axes, layout, order)
    frequencies = sinusoidal_frequencies(_columns(d_model, axes), base=base, divisor=divisor)
    self.set_fields(frequencies=frequencies, d_model=int(d_model), order=order, layout=layout)

  def inputs(self, x, positions):
    _add.check_width(x, self.d_model, "GridSinusoidal")
    positions = _add.aligned(x, positions, len(self.order))
    table = _table(positions, self.frequencies, self.d_model, self.layout, self.order,
                   _numerics.wide(x))
    return x + table.astype(x.dtype)

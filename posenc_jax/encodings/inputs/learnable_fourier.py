# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Learnable Fourier features: a learned matrix and a small network (hook ``inputs``).

Li et al. 2021, "Learnable Fourier Features for Multi-Dimensional Spatial Positional Encoding",
arXiv 2106.02795, algorithm 1.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add, _waves

_MEND = "Build it with LearnableFourier.init(key, d_model)"
_SHAPES = {"matrix": "[F / 2, M]", "w1": "[F, hidden]", "b1": "[hidden]",
           "w2": "[hidden, D / G]", "b2": "[D / G]"}


def learnable_fourier(positions: Any, matrix: jax.Array, w1: jax.Array, b1: jax.Array,
                      w2: jax.Array, b2: jax.Array) -> jax.Array:
  """GELU(F w1 + b1) w2 + b2 of F = [cos(W x), sin(W x)] / sqrt(F), for each group of coordinates.

  Args:
    positions: x, ``[..., G M]``: G groups of M coordinates.
    matrix: W, ``[F / 2, M]``, in radians per unit of a coordinate.
    w1: ``[F, hidden]``, b1: ``[hidden]``, w2: ``[hidden, D / G]``, b2: ``[D / G]``: the network
      that all groups share.

  Returns:
    float32 (float64 of float64 weights) ``[..., D]``, group after group. Angles are float32, so
    coordinates of the order of 1 are meant.

  Raises:
    ValueError: coordinates that are no groups of M.

  Example:
    >>> one = jnp.ones((2, 2))
    >>> learnable_fourier(jnp.zeros((3, 1)), jnp.ones((1, 1)), one, one[0], one, one[0]).shape
    (3, 2)

  References:
    Li et al. 2021, arXiv 2106.02795, algorithm 1, equations 2 and 3.
  """
  positions = jnp.asarray(_checks.positions(positions, real=True))
  matrix = jnp.asarray(_checks.floats("matrix", matrix, "[F / 2, M]", _MEND))
  size = matrix.shape[-1]
  if not positions.ndim or positions.shape[-1] % size:
    raise _errors.value_error("positions", f"shape {tuple(positions.shape)}",
                              f"[..., G M] with M = {size}", "M is the last axis of the matrix")
  dtype = _numerics.wide(matrix, w1)
  w1, b1, w2, b2 = (jnp.asarray(a).astype(dtype) for a in (w1, b1, w2, b2))
  groups = positions.reshape(*positions.shape[:-1], -1, size)
  angle = _waves.products(groups, matrix, dtype)
  f = jnp.concatenate([jnp.cos(angle), jnp.sin(angle)], axis=-1)
  f = f * np.array(f.shape[-1] ** -0.5, dtype)
  row = lambda b: b.reshape((1,) * (f.ndim - 1) + b.shape)
  hidden = jax.nn.gelu(f @ w1 + row(b1), approximate=False)
  out = hidden @ w2 + row(b2)
  return out.reshape(*positions.shape[:-1], -1)


@encoding
class LearnableFourier(Encoding):
  """Adds ``learnable_fourier(x, ..)`` to the embeddings; matrix and network are learned.

  Args:
    matrix, w1, b1, w2, b2: parameters; see ``learnable_fourier``. The width of w2 says how many
      groups there are, and how many coordinates: P = G M, where 1 means positions ``[..., T]``.
    groups: static; G.

  Raises:
    TypeError: weights that are no float arrays.
    ValueError: shapes that do not fit; in a call, another width or number of axes.

  Example:
    >>> e = LearnableFourier.init(jax.random.key(0), d_model=8, axes=2)
    >>> e.inputs(jnp.zeros((3, 8)), jnp.ones((3, 2))).shape
    (3, 8)
  """

  matrix: jax.Array = parameter()
  w1: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  b1: jax.Array = parameter(None)
  w2: jax.Array = parameter(None)
  b2: jax.Array = parameter(None)
  groups: int = static(default=1)

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return _waves.axes_of(self.groups * self.matrix.shape[-1])

  def __post_init__(self):
    for name, shape in _SHAPES.items():
      _checks.floats(name, getattr(self, name), shape, _MEND, stacked=True)
    matrix, w1, b1, w2, b2 = (getattr(self, name).shape for name in _SHAPES)
    if w1[-2] != 2 * matrix[-2] or b1[-1] != w1[-1] or w2[-2] != w1[-1] or b2[-1] != w2[-1]:
      raise _errors.value_error(", ".join(_SHAPES), f"shapes {matrix}, {w1}, {b1}, {w2}, {b2}",
                                ", ".join(_SHAPES.values()), _MEND)

  @classmethod
  def init(cls, key, d_model: int, *, axes: int = 1, groups: int = 1, features: int | None = None,
           hidden: int | None = None, stddev: float = 1.0) -> "LearnableFourier":
    """Draws W from N(0, stddev^2) and the network from U(-1/sqrt(n), 1/sqrt(n)), n its inputs.

    The paper's gamma makes the variance gamma^-2, a stddev of 1 / gamma; a package in use takes
    gamma^-2 as the stddev. ``features`` is F, D unless given, and so is ``hidden``.
    """
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    axes, groups = (_checks.size(n, v, "P coordinates in G groups")
                    for n, v in (("axes", axes), ("groups", groups)))
    if axes % groups or d_model % groups:
      raise _errors.value_error("groups", groups, f"a divisor of {axes} axes and of {d_model}",
                                "One group holds all coordinates")
    f = 2 * (-(-d_model // 2)) if features is None else _checks.size("features", features, "F")
    if f % 2:
      raise _errors.value_error("features", f, "an even number", "Half of them are cosines")
    h = d_model if hidden is None else _checks.size("hidden", hidden, "Hidden values")
    a, b, c, d, e = jax.random.split(_checks.key(key), 5)
    draw = lambda k, n, *shape: jax.random.uniform(k, shape, jnp.float32, -(n**-0.5), n**-0.5)
    matrix = jax.random.normal(a, (f // 2, axes // groups), jnp.float32) * stddev
    return cls(matrix, draw(b, f, f, h), draw(c, f, h), draw(d, h, h, d_model // groups),
               draw(e, h, d_model // groups), groups)

  def inputs(self, x, positions):
    _add.check_width(x, self.groups * self.w2.shape[-1], "LearnableFourier")
    positions = _waves.coordinates(x, positions, self.groups * self.matrix.shape[-1])
    weights = [jnp.asarray(getattr(self, n)).astype(_numerics.wide(x, self.w1)) for n in _SHAPES]
    return x + learnable_fourier(positions, *weights).astype(x.dtype)

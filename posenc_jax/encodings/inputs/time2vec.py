# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Time2Vec: one linear feature of time and k sines, learned (hook ``inputs``).

Kazemi et al. 2019, "Time2Vec: Learning a Vector Representation of Time", arXiv 1907.05321,
equation 1.
Differs from the paper: the k + 1 features are added to the embeddings through a learned matrix,
where the paper concatenates them, since this hook keeps the width.
"""

from typing import Any

import jax
import jax.numpy as jnp

from posenc_jax import _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add

_MEND = "Build it with Time2Vec.init(key, d_model)"
LINEAR = ("first", "last")


def time2vec(positions: Any, frequency: jax.Array, phase: jax.Array, *,
             linear: str = "first") -> jax.Array:
  """w_0 t + p_0 and sin(w_i t + p_i), i = 1 .. k.

  Args:
    positions: t, ``[...]`` int32 or float32.
    frequency: w, ``[k + 1]``, radians per unit of time.
    phase: p, ``[k + 1]``.
    linear: "first" as in the paper, or "last" as in a package in use, which of the k + 1 it is.

  Returns:
    float32 (float64 of float64 frequencies) ``[..., k + 1]``. The linear feature has no bound.

  Raises:
    ValueError: frequencies and phases of two sizes, another ``linear``.

  Example:
    >>> time2vec(jnp.array([2.0]), jnp.array([0.5, 0.0]), jnp.array([1.0, 0.0])).tolist()
    [[2.0, 0.0]]

  References:
    Kazemi et al. 2019, arXiv 1907.05321, equation 1.
  """
  positions = jnp.asarray(_checks.positions(positions, real=True))
  frequency = jnp.asarray(_checks.floats("frequency", frequency, "[k + 1]", _MEND))
  phase = jnp.asarray(_checks.floats("phase", phase, "[k + 1]", _MEND))
  _errors.check_choice("linear", linear, LINEAR)
  if frequency.shape != phase.shape:
    raise _errors.value_error("frequency, phase", f"shapes {frequency.shape} and {phase.shape}",
                              "[k + 1] both", _MEND)
  dtype = _numerics.wide(frequency, phase)
  first = linear == "first"
  (w0, w), (p0, p) = ((a[:1], a[1:]) if first else (a[-1:], a[:-1])
                      for a in (frequency.astype(dtype), phase.astype(dtype)))
  row = lambda a: a.reshape((1,) * positions.ndim + a.shape)
  straight = positions.astype(dtype)[..., None] * row(w0) + row(p0)
  cos, sin = phases.cos_sin(positions, w, dtype=dtype)
  waves = sin * row(jnp.cos(p)) + cos * row(jnp.sin(p))
  return jnp.concatenate([straight, waves] if first else [waves, straight], axis=-1)


@encoding
class Time2Vec(Encoding):
  """Adds ``time2vec(t) @ projection`` to the embeddings.

  Args:
    frequency, phase: ``[k + 1]``, parameters; the linear feature comes first.
    projection: ``[k + 1, D]``, a parameter.

  Raises:
    TypeError: what should be float arrays is not.
    ValueError: shapes that do not fit; in a call, another width.

  Example:
    >>> e = Time2Vec.init(jax.random.key(0), d_model=8, waves=3)
    >>> e.inputs(jnp.zeros((2, 8)), jnp.array([0.0, 1.5])).shape
    (2, 8)
  """

  frequency: jax.Array = parameter()
  phase: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  projection: jax.Array = parameter(None)

  def __post_init__(self):
    for name, shape in (("frequency", "[k + 1]"), ("phase", "[k + 1]"),
                        ("projection", "[k + 1, D]")):
      _checks.floats(name, getattr(self, name), shape, _MEND, stacked=True)
    w, p, m = self.frequency.shape, self.phase.shape, self.projection.shape
    if w[-1] != p[-1] or m[-2] != w[-1]:
      raise _errors.value_error("frequency, phase, projection", f"shapes {w}, {p}, {m}",
                                "[k + 1], [k + 1], [k + 1, D]", _MEND)

  @classmethod
  def init(cls, key, d_model: int, *, waves: int | None = None, stddev: float = 1.0) -> "Time2Vec":
    """Draws w and p from N(0, stddev^2) and the projection from N(0, 1 / (k + 1)); k is D - 1."""
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    k = d_model - 1 if waves is None else _checks.size("waves", waves, "Pass k", least=0)
    a, b, c = jax.random.split(_checks.key(key), 3)
    normal = lambda key, *shape: jax.random.normal(key, shape, jnp.float32)
    return cls(stddev * normal(a, k + 1), stddev * normal(b, k + 1),
               (k + 1) ** -0.5 * normal(c, k + 1, d_model))

  def inputs(self, x, positions):
    _add.check_width(x, self.projection.shape[-1], "Time2Vec")
    dtype = _numerics.wide(x, self.frequency)
    w, p, m = (jnp.asarray(a).astype(dtype) for a in (self.frequency, self.phase, self.projection))
    return x + (time2vec(_add.aligned(x, positions), w, p) @ m).astype(x.dtype)

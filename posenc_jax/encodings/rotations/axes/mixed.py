# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Mixed rotary: a pair turns by a weighted sum of all position axes (hook ``qk``).

Heo et al. 2024, "Rotary Position Embedding for Vision Transformer", arXiv 2403.13298: two axes,
weights learned for each head and layer, without weight decay. Mochi learns them for three axes.
Groups of query heads that share a key head share its weights.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _kinds, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotate_by


def mixed_rotate(x: jax.Array, positions: Any, directions: Any, *, pairing: str = "half"
                 ) -> jax.Array:
  """Turns pair i of head h by sum_a positions[..., a] * directions[a, h, i].

  Args:
    x: ``[..., T, N, H]``.
    positions: ``[..., T, P]`` int32 or float32.
    directions: ``[P, K, r // 2]`` radians per position, or ``Frequencies``; K is N, a divisor of
      it, or 1.
    pairing: as in ``rotate``.

  Returns:
    Like x.

  Raises:
    ValueError: positions or directions that do not fit x.

  Example:
    >>> at = jnp.array([[1, 2]])
    >>> mixed_rotate(jnp.ones((1, 1, 2)), at, [[[jnp.pi]], [[jnp.pi]]]).round(3).tolist()
    [[[-1.0, -1.0]]]
  """
  x = _checks.floats("x", x, "[..., T, N, H]", "Pass queries or keys, heads before dims")
  directions = phases.as_frequencies(directions)
  if len(directions.shape) != 3 or x.shape[-2] % directions.shape[1]:
    raise _errors.value_error("directions", f"shape {tuple(directions.shape)}",
                              f"[P, K, pairs] with K a divisor of the {x.shape[-2]} heads",
                              "MixedRotary.init(key, num_heads, head_dim) makes them")
  positions = jnp.asarray(_align.align_array(positions, x.ndim - 3, x.shape[-3], 1, "positions",
                                             sizes=directions.shape[:1]))
  cos: Any = 1.0
  sin: Any = 0.0
  for a in range(directions.shape[0]):
    of_axis = jax.tree.map(lambda f, a=a: f[a].reshape((1,) * (x.ndim - 2) + f[a].shape),
                           directions)
    c, s = phases.cos_sin(positions[..., a][..., None], of_axis, dtype=_numerics.wide(x))
    # cos and sin of a sum of angles: each axis keeps its exact phase.
    cos, sin = (c, s) if a == 0 else (cos * c - sin * s, sin * c + cos * s)
  each = x.shape[-2] // directions.shape[1]
  cos, sin = (jnp.repeat(w, each, axis=-2) for w in (cos, sin))
  return rotate_by(x, cos, sin, pairing=pairing)


@encoding
class MixedRotary(Encoding):
  """Rotary whose pairs turn along directions of the space of positions.

  Args:
    directions: ``[P, K, r // 2]`` radians per position; a ``jax.Array`` is learned, known values
      (NumPy, lists, ``Frequencies``) are kept exactly. K key heads, or 1 for all.
    pairing: "half" or "interleaved".

  Raises:
    ValueError: directions of another shape; in a call, another number of key heads.

  Example:
    >>> MixedRotary.init(jax.random.key(0), num_heads=2, head_dim=8)
    MixedRotary(directions=f32[2,2,4], pairing='interleaved', learned: directions)
  """

  directions: phases.Frequencies | jax.Array
  pairing: str = static(default="half")

  relative = True

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return self.directions.shape[-3]

  def __init__(self, directions: Any, *, pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    directions = phases.as_frequencies(directions)
    if len(directions.shape) < 3:
      raise _errors.value_error("directions", f"shape {tuple(directions.shape)}", "[P, K, pairs]",
                                "MixedRotary.init(key, num_heads, head_dim) makes them")
    self.set_fields(directions=directions, pairing=pairing)
    if isinstance(directions, jax.Array):
      self.set_fields(_kinds=_kinds.learn(self, "directions")._kinds)

  @classmethod
  def init(cls, key, num_heads: int, head_dim: int, *, base: float = 10.0,
           pairing: str = "interleaved") -> "MixedRotary":
    """The paper's start for two axes: magnitudes base^(-4i/H), two orthogonal directions a head.

    The first H / 4 pairs of a head point along an angle that is drawn for it, the other H / 4 at
    a right angle to that. Positions are (column, row) in the released code; any order will do.

    Args:
      key: of the angles.
      num_heads: K, the key heads.
      head_dim: H, a multiple of 4.
      base: 10 in the paper.
      pairing: as in ``MixedRotary``.

    Returns:
      The encoding; its directions are learned.
    """
    num_heads = _checks.size("num_heads", num_heads, "Pass the key heads K")
    head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
    if head_dim % 4:
      raise _errors.value_error("head_dim", head_dim, "a multiple of 4", "Two directions of pairs")
    _errors.check_positive("base", base, "The paper's value is 10.0")
    angle = jax.random.uniform(_checks.key(key), (num_heads, 1), jnp.float32, 0.0, 2 * math.pi)
    size = np.asarray(float(base) ** (-np.arange(0, head_dim, 4) / head_dim), np.float32)[None]
    both = lambda f: jnp.concatenate([size * f(angle), size * f(angle + math.pi / 2)], -1)
    return cls(jnp.stack([both(jnp.cos), both(jnp.sin)]), pairing=pairing)

  def qk(self, q, k, q_positions, k_positions):
    heads, pairs = self.directions.shape[-2:]
    _checks.fits(q, pairs, "directions")
    if heads not in (1, k.shape[-2]):
      raise _errors.value_error("directions", f"{heads} heads", f"1 or the {k.shape[-2]} key heads",
                                "Build them for the key heads K")
    turn = lambda x, at: mixed_rotate(x, at, self.directions, pairing=self.pairing)
    return turn(q, q_positions), turn(k, k_positions)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""DINOv3's rotary: coordinates in [-1, 1], stretched at random in training (hook ``qk``).

Simeoni et al. 2025, "DINOv3", arXiv 2508.10104. Positions are (row, column, patch): coordinates of
patches and 1, and zeros for class and register tokens, which neither turn nor move. The hook
``positions`` draws a shift, a jitter and a rescale for the call from its key; without a key it
changes nothing.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.m_rotary import mrotate
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies

_NORMALIZE = ("separate", "max", "min")


def dinov3_positions(height: int, width: int, *, prefix: int = 0, normalize: str = "separate"
                     ) -> np.ndarray:
  """Centres of patches, 2 (i + 1/2) / N - 1, and 1; zeros for the tokens in front.

  Args:
    height, width: in patches.
    prefix: class and register tokens in front of the patches.
    normalize: N is the axis' own size ("separate"), or the larger ("max") or smaller ("min").

  Returns:
    float32 NumPy ``[prefix + height * width, 3]``.

  Raises:
    ValueError: an unknown normalize.

  Example:
    >>> dinov3_positions(1, 2, prefix=1).tolist()
    [[0.0, 0.0, 0.0], [0.0, -0.5, 1.0], [0.0, 0.5, 1.0]]
  """
  _errors.check_choice("normalize", normalize, _NORMALIZE)
  sizes = [_checks.size("sizes", n, "height and width in patches") for n in (height, width)]
  pick = {"separate": lambda: sizes, "max": lambda: max(sizes), "min": lambda: min(sizes)}
  index = np.indices(sizes).reshape(2, -1).T
  at = 2 * (index + 0.5) / np.asarray(pick[normalize]()) - 1
  patches = np.concatenate([at, np.ones((len(at), 1))], axis=1)
  prefix = _checks.size("prefix", prefix, "Class and register tokens", least=0)
  return np.concatenate([np.zeros((prefix, 3)), patches]).astype(np.float32)


def stretch_coordinates(key: jax.Array, positions: jax.Array, *, shift: float | None = None,
                        jitter: float | None = None, rescale: float | None = None) -> jax.Array:
  """(x + U(-shift, shift)) * a factor of each axis * a factor of both; one draw for all.

  Args:
    key: of the draw.
    positions: ``[..., T, 3]`` as ``dinov3_positions`` gives; those without a patch stay zeros.
    shift: None or a distance. jitter, rescale: None or factors f >= 1, drawn log-uniformly from
      1/f to f, jitter for each axis.

  Returns:
    float ``[..., T, 3]``.

  Example:
    >>> at = jnp.asarray(dinov3_positions(1, 1))
    >>> stretch_coordinates(jax.random.key(0), at, rescale=2.0).tolist()
    [[0.0, 0.0, 1.0]]
  """
  positions = jnp.asarray(positions)
  dtype = positions.dtype if jnp.issubdtype(positions.dtype, jnp.floating) else jnp.float32
  positions = positions.astype(dtype)
  keys = jax.random.split(_checks.key(key), 3)
  draw = lambda k, n, most: jax.random.uniform(k, (n,), dtype, -most, most)
  at, patch = positions[..., :2], positions[..., 2:]
  like = lambda x: x.reshape((1,) * (at.ndim - 1) + x.shape)
  if shift is not None:
    at = at + like(draw(keys[0], 2, shift))
  if jitter is not None:
    at = at * like(jnp.exp(draw(keys[1], 2, math.log(jitter))))
  if rescale is not None:
    at = at * like(jnp.exp(draw(keys[2], 1, math.log(rescale))))
  return jnp.concatenate([jnp.where(patch == 0, positions[..., :2], at), patch], axis=-1)


@encoding
class DinoRotary(Encoding):
  """Rotary of rows on the first H / 4 pairs and of columns on the others, half-split.

  Periods are base^(4j / H) for a coordinate in [-1, 1].

  Args:
    head_dim: H, a multiple of 4.
    base: positive; a known base is exact.
    shift, jitter, rescale: static; see ``stretch_coordinates``; None for none.
    pairing: "half" or "interleaved".

  Raises:
    ValueError: another head_dim, a shift that is not positive, factors below 1.

  Example:
    >>> DinoRotary(8, rescale=2.0)
    DinoRotary(frequencies=Frequencies([6.28319, 0.628319]), rescale=2.0)
  """

  frequencies: phases.Frequencies | jax.Array
  shift: float | None = static(default=None)
  jitter: float | None = static(default=None)
  rescale: float | None = static(default=None)
  pairing: str = static(default="half")

  position_axes = 3

  def __init__(self, head_dim: int, *, base: Any = 100.0, shift: float | None = None,
               jitter: float | None = None, rescale: float | None = None, pairing: str = "half"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    head_dim = _checks.size("head_dim", head_dim, "Pass the head dim H")
    if head_dim % 4:
      raise _errors.value_error("head_dim", head_dim, "a multiple of 4", "Each axis turns pairs")
    for name, value in (("shift", shift), ("jitter", jitter), ("rescale", rescale)):
      if value is not None:
        _errors.check_positive(name, value, "None leaves it out")
        if name != "shift" and value < 1:
          raise _errors.value_error(name, value, "a factor, at least 1", "None leaves it out")
    ladder = rotary_frequencies(head_dim // 2, base=base)
    self.set_fields(frequencies=_ladders.scaled(ladder, 2 * math.pi), shift=shift, jitter=jitter,
                    rescale=rescale, pairing=pairing)

  def positions(self, positions, *, key=None):
    if key is None or (self.shift, self.jitter, self.rescale) == (None, None, None):
      return positions
    return stretch_coordinates(key, positions, shift=self.shift, jitter=self.jitter,
                               rescale=self.rescale)

  def qk(self, q, k, q_positions, k_positions):
    pairs = self.frequencies.shape[-1]
    _checks.fits(q, 2 * pairs, "head_dim")
    both = jax.tree.map(lambda f: jnp.tile(jnp.asarray(f), 2), self.frequencies)
    axes = (0,) * pairs + (1,) * pairs
    turn = lambda x, at: mrotate(x, at[..., :2], both, axes, pairing=self.pairing)
    return turn(q, q_positions), turn(k, k_positions)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""FoPE: cosines and sines of a pair are mixtures of several frequencies (hook ``qk``).

Hua et al. 2024, "Fourier Position Embedding", arXiv 2412.17739. Frequencies that complete no turn
in training are left out; the others are mixed by frozen matrices of each head, and the pairs beyond
them are not turned.
``compat="released-code"`` gives pairs beyond the mixed ones cosine 1 and sine 1 (a turn by 45
degrees with gain sqrt 2), divides each column of the matrices by its sum, and draws their noise
with the fans of all heads together.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.rotations import _ladders
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies, rotate_by

_MEND = "Build it with Fope.init(key, num_heads, head_dim, train_length)"


def fope_cos_sin(positions: Any, frequencies: Any, cos_mix: jax.Array, sin_mix: jax.Array,
                 dtype: Any = jnp.float32) -> tuple[jax.Array, jax.Array]:
  """cos(p theta) C and sin(p theta) S: for each head and mixed pair a sum over frequencies.

  Args:
    positions: ``[..., T]``.
    frequencies: theta, ``[F]``: those that turn in training.
    cos_mix, sin_mix: C and S, ``[K, F, R]``: for each key head, R mixed pairs.
    dtype: float32 or float64.

  Returns:
    (cos, sin), each ``[..., T, K, R]``.

  Raises:
    ValueError: matrices that do not fit.

  Example:
    >>> eye = jnp.eye(2)[None]
    >>> fope_cos_sin(jnp.array([1]), [jnp.pi, 0.0], eye, eye)[0].round(3).tolist()
    [[[-1.0, 1.0]]]
  """
  frequencies = phases.as_frequencies(frequencies, single=True)
  sizes = {"F": frequencies.shape[0]}
  mixes = [jnp.asarray(_checks.floats(n, m, "[K, F, R]", _MEND, sizes=sizes)).astype(dtype)
           for n, m in (("cos_mix", cos_mix), ("sin_mix", sin_mix))]
  waves = phases.cos_sin(positions, frequencies, dtype=dtype)
  cos, sin = (jnp.einsum("...f,kfr->...kr", w, m, precision=jax.lax.Precision.HIGHEST)
              for w, m in zip(waves, mixes, strict=True))
  return cos, sin


def _stepped_identity(count, width):
  """``[count, width]``: a one in row s j of column j, s = ceil(count / width), where it fits."""
  eye = np.zeros((count, width), np.float32)
  steps = np.arange(width) * -(-count // width)
  eye[steps[steps < count], np.arange(width)[steps < count]] = 1
  return eye


@encoding
class Fope(Encoding):
  """Rotary with mixed cosines and sines.

  Args:
    head_dim: H, even.
    frequencies: ``[F]``, those that turn in training.
    cos_mix, sin_mix: ``[K, F, R]``, one matrix for each key head, or one for all.
    pairing: "half" or "interleaved".
    compat: static, "paper" or "released-code"; see the module's text.

  Raises:
    ValueError: matrices that do not fit; in a call, another number of key heads.

  Example:
    >>> Fope.init(jax.random.key(0), 2, 8, train_length=512)
    Fope(frequencies=Frequencies([1.0, 0.1]), cos_mix=f32[2,2,2], sin_mix=f32[2,2,2], head_dim=8)
  """

  frequencies: phases.Frequencies | jax.Array
  cos_mix: jax.Array
  sin_mix: jax.Array
  head_dim: int = static(default=0)
  pairing: str = static(default="half")
  compat: str = static(default="paper")

  def __init__(self, head_dim: int, frequencies: Any, cos_mix: Any, sin_mix: Any, *,
               pairing: str = "half", compat: str = "paper"):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    _checks.compat(compat)
    rotary_frequencies(head_dim)  # checks head_dim
    frequencies = phases.as_frequencies(frequencies)
    mixes = [_checks.floats(n, m, "[K, F, R]", _MEND, sizes={"F": frequencies.shape[-1]},
                            stacked=True) for n, m in (("cos_mix", cos_mix), ("sin_mix", sin_mix))]
    if mixes[0].shape != mixes[1].shape or 2 * mixes[0].shape[-1] > head_dim:
      raise _errors.value_error("cos_mix, sin_mix", f"{mixes[0].shape} and {mixes[1].shape}",
                                f"one shape [K, F, R] with R at most {head_dim // 2}", _MEND)
    self.set_fields(frequencies=frequencies, cos_mix=mixes[0], sin_mix=mixes[1],
                    head_dim=head_dim, pairing=pairing, compat=compat)

  @classmethod
  def init(cls, key, num_heads: int, head_dim: int, train_length: int, *, base: float = 10_000.0,
           gain: float = 0.3, pairing: str = "half", compat: str = "paper") -> "Fope":
    """R = min(F, H / 4) pairs; matrices of a stepped identity and normal noise of Xavier's size.

    Args:
      key: of the noise.
      num_heads: K, the key heads.
      head_dim: H.
      train_length: L; pairs with theta_i <= 2 pi / L are left out. The base must be known.
      base: of theta.
      gain: of the noise: 0.3 at 60 million parameters, 0.4 at 180 million, 0.6 at 1.2 billion.
      pairing, compat: as in ``Fope``.

    Returns:
      The encoding; the matrices are hyperparameters, which nothing trains.
    """
    num_heads = _checks.size("num_heads", num_heads, "Pass the key heads K")
    theta = rotary_frequencies(head_dim, base=base)
    if not isinstance(theta, phases.Frequencies):
      raise _errors.type_error("base", "a traced base", "one known on the host",
                               "How many frequencies are kept shapes the program")
    count = int(_ladders.turns_within(theta, train_length).sum())
    if not count:
      raise _errors.value_error("train_length", train_length, "a length in which a pair turns",
                                "The fastest pair turns once in 6.3 positions")
    theta = jax.tree.map(lambda words: words[:count], theta)
    width = min(count, max(head_dim // 4, 1))
    eye = _stepped_identity(count, width)
    fans = width * (count + num_heads) if compat == "released-code" else count + width
    draw = lambda k: eye[None] + gain * (2 / fans) ** 0.5 * jax.random.normal(
        k, (num_heads, count, width), jnp.float32)
    cos_mix, sin_mix = map(draw, jax.random.split(_checks.key(key)))
    return cls(head_dim, theta, cos_mix, sin_mix, pairing=pairing, compat=compat)

  def _turn(self, x, positions):
    positions = _align.align_array(positions, x.ndim - 3, x.shape[-3], 0, "positions")
    mixes, released = (self.cos_mix, self.sin_mix), self.compat == "released-code"
    if released:
      mixes = tuple(m / m.sum(-2, keepdims=True) for m in mixes)
    waves = fope_cos_sin(positions, self.frequencies, mixes[0], mixes[1], _numerics.wide(x))
    rest = [(0, 0)] * (waves[0].ndim - 1) + [(0, self.head_dim // 2 - waves[0].shape[-1])]
    cos, sin = (jnp.pad(w, rest, constant_values=fill)
                for w, fill in zip(waves, (1.0, 1.0 if released else 0.0), strict=True))
    each = x.shape[-2] // cos.shape[-2]
    cos, sin = (jnp.repeat(w, each, axis=-2) for w in (cos, sin))
    return rotate_by(x, cos, sin, pairing=self.pairing)

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, self.head_dim // 2, "head_dim")
    if self.cos_mix.shape[0] not in (1, k.shape[-2]):
      raise _errors.value_error("cos_mix", f"{self.cos_mix.shape[0]} heads",
                                f"1 or the {k.shape[-2]} key heads", _MEND)
    return self._turn(q, q_positions), self._turn(k, k_positions)

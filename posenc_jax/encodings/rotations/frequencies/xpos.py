# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""xPos: rotary whose pairs also decay with the distance (hooks ``qk`` and ``expand``).

Sun et al. 2022, "A Length-Extrapolatable Transformer", arXiv 2212.10554.
Differs from the paper: powers of one constant centre leave float32 36 000 tokens away from it. Here
a cache holds turned keys, and powers are taken on read, against a centre near the queries, which
changes no score. It is meant for causal attention: scores of later keys grow. Hooks that read q
itself (CoPE, Shaw, Transformer-XL) see it scaled.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, static
from posenc_jax.encodings import _bases, _checks
from posenc_jax.encodings.rotations.rotary import PAIRINGS, rotary_frequencies, rotate


def xpos_scales(dim: int, gamma: Any = 0.4) -> jax.Array:
  """zeta_i = (2i/dim + gamma) / (1 + gamma), the decay of pair i over one unit of scale_base.

  Args:
    dim: r, even.
    gamma: positive.

  Returns:
    float32 ``[dim // 2]``.

  Raises:
    ValueError: an odd dim, gamma that is not positive.

  Example:
    >>> xpos_scales(4, 1.0).tolist()
    [0.5, 0.75]

  References:
    Sun et al. 2022, arXiv 2212.10554, section 3.
  """
  rotary_frequencies(dim)
  _errors.check_positive("gamma", gamma, "The paper's value is 0.4")
  gamma = jnp.asarray(gamma)
  gamma = gamma.astype(_numerics.wide(gamma))
  return (jnp.asarray(np.arange(0, dim, 2) / dim, gamma.dtype) + gamma) / (1 + gamma)


def xpos_expand(q: jax.Array, k: jax.Array, q_positions: Any, k_positions: Any, scales: jax.Array,
                *, scale_base: Any = 512.0, pairing: str = "half", block: int = 16_384
                ) -> tuple[jax.Array, jax.Array]:
  """q zeta^((m - c) / scale_base) and k zeta^((c - n) / scale_base) with a centre c near m.

  c is the middle of the positions [i block, (i + 1) block) in which the first of the queries lies.
  Each further ``block`` rows of queries get a centre and columns of their own: both results are
  then ceil(T / block) times as wide, with zeros for the queries of other rows.

  Args:
    q: ``[..., T, N, H]``, k: ``[..., S, K, H]``, turned already.
    q_positions: ``[..., T]``, k_positions: ``[..., S]``.
    scales: zeta ``[r // 2]``, as ``xpos_scales`` gives.
    scale_base: positions over which pair i decays by zeta_i.
    pairing: as in ``rotate``.
    block: how many rows share a centre; an eighth of it in float16. Their positions may lie
      80 scale_base / |ln zeta_0| (32 000 in the paper) from it; powers stop growing beyond.

  Returns:
    (q, k), of their dtypes.

  Raises:
    ValueError: positions that do not fit q and k, a block below 1.

  Example:
    >>> x = jnp.ones((2, 1, 2)); at = jnp.array([0, 512])
    >>> q, k = xpos_expand(x, x, at, at, xpos_scales(2, 1.0))
    >>> (q[1, 0] @ k[0, 0]).tolist(), (q[1, 0] @ k[1, 0]).tolist()  # 2 zeta, 2
    (1.0, 2.0)
  """
  block = _checks.size("block", block, "16 384 rows suit the paper's gamma")
  positions = [_align.align_array(p, x.ndim - 3, x.shape[-3], 0, name) for p, x, name in (
      (q_positions, q, "q_positions"), (k_positions, k, "k_positions"))]
  half = q.dtype == jnp.float16
  block, limit = (max(block // 8, 1), 8.0) if half else (block, 80.0)
  rate = jnp.log(scales.astype(_numerics.wide(q, scales))) / jnp.asarray(scale_base, scales.dtype)
  parts = []
  for start in range(0, q.shape[-3], block):
    at = jnp.asarray(positions[0])[..., start:start + block]
    low = at.min(-1, keepdims=True)
    centre = low // block * block + block // 2
    power = lambda p, sign, c=centre: (
        sign * (p - c).astype(rate.dtype)[..., None] * rate.reshape((1,) * p.ndim + (-1,)))
    rows = _times(q[..., start:start + block, :, :],
                  jnp.clip(power(at, 1), -limit, limit), pairing)
    after = q.shape[-3] - start - at.shape[-1]
    pads = [(0, 0)] * (q.ndim - 3) + [(start, after), (0, 0), (0, 0)]
    keys = jnp.minimum(power(jnp.asarray(positions[1]), -1), limit)
    parts.append((jnp.pad(rows, pads, constant_values=0.0), _times(k, keys, pairing)))
  return tuple(x[0] if len(x) == 1 else jnp.concatenate(x, -1)
               for x in zip(*parts, strict=True))  # type: ignore[return-value]


def _times(x, power, pairing):
  """The pairs of x times exp(power), each power for both dims of its pair."""
  both = jnp.concatenate([power] * 2, -1) if pairing == "half" else jnp.repeat(power, 2, axis=-1)
  factor = jnp.exp(both)[..., None, :]
  turned, rest = x[..., :both.shape[-1]], x[..., both.shape[-1]:]
  turned = (turned.astype(factor.dtype) * factor).astype(x.dtype)
  return jnp.concatenate([turned, rest], -1) if rest.shape[-1] else turned


def _rows(gamma, scale_base):
  """The rows whose powers float32 holds, for the fastest decay; None where it is not known."""
  known = [_numerics.known(x) for x in (gamma, scale_base)]
  if any(x is None for x in known):
    return None
  rate = np.log1p(1 / np.asarray(known[0], np.float64)) / known[1]
  return int(80 / 1.5 / np.max(rate))


@encoding
class XPos(Encoding):
  """Rotary, and pair i of the score times zeta_i^((m - n) / scale_base).

  Args:
    dim: r, even.
    base: positive; a known base is exact.
    gamma, scale_base: of the decay; positive.
    pairing: "half" or "interleaved".
    block: static; see ``xpos_expand``. None for 16 384, or less if powers would leave float32.

  Raises:
    ValueError: an odd dim, numbers that are not positive, a block that powers cannot hold.

  Example:
    >>> XPos(4)
    XPos(dim=4, base=10000.0, gamma=0.4, scale_base=512)
  """

  frequencies: phases.Frequencies | jax.Array
  gamma: jax.Array
  scale_base: jax.Array
  pairing: str = static(default="half")
  block: int = static(default=16_384)

  relative = True

  def __init__(self, dim: int, *, base: Any = 10_000.0, gamma: Any = 0.4, scale_base: Any = 512.0,
               pairing: str = "half", block: int | None = None):
    _errors.check_choice("pairing", pairing, PAIRINGS)
    for name, value in (("gamma", gamma), ("scale_base", scale_base)):
      _errors.check_positive(name, value, "The paper's values are 0.4 and 512")
    most = _rows(gamma, scale_base)
    if block is None:
      block = 16_384 if most is None else min(16_384, 1 << max(most, 1).bit_length() - 1)
    block = _checks.size("block", block, "16 384 rows suit the paper's gamma")
    if most is not None and block > max(most, 1):
      raise _errors.value_error("block", block, f"at most {most} rows", "None chooses")
    self.set_fields(frequencies=rotary_frequencies(dim, base=base), gamma=gamma,
                    scale_base=scale_base, pairing=pairing, block=block)

  def _repr_fields(self):
    return _bases.shown(self.frequencies) | {
        n: v for n, v in super()._repr_fields().items() if n != "frequencies"}

  def qk(self, q, k, q_positions, k_positions):
    _checks.fits(q, self.frequencies.shape[-1], "dim")
    turn = lambda x, at: rotate(x, at, self.frequencies, pairing=self.pairing)
    return turn(q, q_positions), turn(k, k_positions)

  def expand(self, q, k, q_positions, k_positions):
    scales = xpos_scales(2 * self.frequencies.shape[-1], self.gamma)
    return xpos_expand(q, k, q_positions, k_positions, scales, scale_base=self.scale_base,
                       pairing=self.pairing, block=self.block)

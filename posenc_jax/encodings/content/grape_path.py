# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-AP: ALiBi whose steps are gates between the query and each token passed (hook ``scores``).

Zhang et al. 2025, "Group Representational Position Encoding", arXiv 2512.07805: with p_t = x_t W of
P dims a head, the bias is the sum over n < t <= m of s_h log sigmoid(p_m . R(t) p^_t / P), where
p^ has unit mean square, R turns all pairs by t radians, and s_h are ALiBi's slopes.
Differs from the released code: hidden keys add nothing, so packing and padding are right; the turn
is exact at any position. It is absolute: p_m meets R(t), not R(m - t).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics, phases
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases.alibi import alibi_slopes
from posenc_jax.encodings.rotations.rotary import rotate_by

_MEND = "Build it with GrapePath.init(key, d_model, num_heads)"


def grape_path_positions(x: jax.Array, positions: Any, weight: jax.Array, *,
                         eps: float = 1.2e-7) -> jax.Array:
  """p = x W, and R(t) p / sqrt(mean(p^2) + eps), side by side.

  Args:
    x: ``[..., T, D]``, a layer's input.
    positions: ``[..., T]``, t; missing leading axes broadcast.
    weight: W, ``[D, N, P]``, P even.
    eps: of the norm; float32's, as in the released code.

  Returns:
    ``[..., T, 2, N, P]``, float32, or float64 for float64 x. R is GRAPE's, opposite to RoPE's.

  Raises:
    TypeError: x or weight without floats.
    ValueError: the width of x is not D, an odd P.

  Example:
    >>> grape_path_positions(jnp.ones((1, 1)), jnp.array([0]), jnp.ones((1, 1, 2))).shape
    (1, 2, 1, 2)
  """
  x = jnp.asarray(_checks.floats("x", x, "[..., T, D]", "Pass a layer's input"))
  weight = jnp.asarray(_checks.floats("weight", weight, "[D, N, P]", _MEND,
                                      sizes={"D": x.shape[-1]}))
  if weight.shape[-1] % 2:
    raise _errors.value_error("weight", f"P = {weight.shape[-1]}", "an even P", _MEND)
  dtype = _numerics.wide(x)
  p = jnp.einsum("...td,dnp->...tnp", x.astype(dtype), weight.astype(dtype))
  normal = p * jax.lax.rsqrt(jnp.mean(p * p, axis=-1, keepdims=True) + eps)
  at = _align.align_array(positions, x.ndim - 2, x.shape[-2], 0, "positions")
  cos, sin = phases.cos_sin(at, np.ones(weight.shape[-1] // 2), dtype=dtype)
  return jnp.stack([p, rotate_by(normal, cos[..., None, :], -sin[..., None, :])], axis=-3)


def grape_path_bias(q_positions: jax.Array, k_positions: jax.Array, slopes: jax.Array,
                    mask: jax.Array | None) -> jax.Array:
  """The sum over visible keys t after n of slopes_h log sigmoid(p_m . R(t) p^_t / P).

  Under a causal mask the sum ends with the query's own token, which counts.

  Args:
    q_positions: ``[..., T, 2, N, P]`` and k_positions: ``[..., S, 2, N, P]``, of
      ``grape_path_positions``; keys in order along S.
    slopes: ``[N]``.
    mask: None or bool ``[..., 1 or N, T, S]``, True where visible.

  Returns:
    ``[..., N, T, S]``.

  Raises:
    TypeError: a mask that is not bool.

  Example:
    >>> at = jnp.zeros((3, 2, 1, 2))
    >>> grape_path_bias(at[:1], at, jnp.ones(1), None).round(3).tolist()
    [[[-1.386, -0.693, -0.0]]]
  """
  p, turned = q_positions[..., 0, :, :], k_positions[..., 1, :, :]
  z = jnp.einsum("...tnp,...snp->...nts", p, turned) * (1 / p.shape[-1])
  slopes = jnp.asarray(slopes).astype(z.dtype).reshape((1,) * (z.ndim - 3) + (-1, 1, 1))
  gates = slopes * jax.nn.log_sigmoid(z)
  mask = _checks.mask(mask)
  if mask is not None:
    gates = jnp.where(mask, gates, 0)
  return jax.lax.cumsum(gates, axis=gates.ndim - 1, reverse=True) - gates


@encoding
class GrapePath(Encoding):
  """Adds summed log gates between the query and the tokens after each key; causal attention only.

  A layer calls ``layer`` on its input, uses the positions that it returns as this layer's, and
  caches them beside the keys.

  Args:
    weight: W, ``[D, N, P]``, a parameter.
    slopes: s, ``[N]``, a plain field; None is ALiBi's.

  Raises:
    TypeError: fields without floats.
    ValueError: shapes that do not fit.

  Example:
    >>> GrapePath.init(jax.random.key(0), d_model=6, num_heads=2).weight.shape
    (6, 2, 8)
  """

  weight: jax.Array = parameter()
  slopes: Any = None

  layer_axes = 3
  keys_in_order = True

  def __post_init__(self):
    _checks.floats("weight", self.weight, "[D, N, P]", _MEND, stacked=True)
    heads = np.shape(self.weight)[-2]
    if self.slopes is None:
      self.set_fields(slopes=alibi_slopes(heads))
    _checks.floats("slopes", self.slopes, "[N]", _MEND, stacked=True, sizes={"N": heads})

  @classmethod
  def init(cls, key, d_model: int, num_heads: int, *, dim: int = 8, stddev: float | None = None
           ) -> "GrapePath":
    """Draws W from N(0, stddev^2), 0.5 / sqrt(D) in the released code; ``dim`` is P."""
    shape = (_checks.size("d_model", d_model, "Pass the model width D"),
             _checks.size("num_heads", num_heads, "Pass the query heads N"),
             _checks.size("dim", dim, "The released code has 8"))
    std = 0.5 * shape[0] ** -0.5 if stddev is None else stddev
    return cls(jax.random.normal(_checks.key(key), shape, jnp.float32) * std)

  def align(self, positions, batch, length, argument="positions"):
    wanted, shape = (2, *np.shape(self.weight)[-2:]), np.shape(positions)
    if len(shape) < 4 or shape[-3:] != wanted:
      raise _errors.value_error(argument, f"shape {shape}",
                                f"driven positions [..., T, {wanted[0]}, {wanted[1]}, {wanted[2]}]",
                                "Pass what layer(x, positions) returned for these tokens")
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del segments
    return x, grape_path_positions(x, positions, self.weight), carry

  def scores(self, scores, tile):
    if scores.shape[-3] != np.shape(self.slopes)[-1]:
      raise _errors.value_error("slopes", f"{np.shape(self.slopes)[-1]} heads",
                                f"the {scores.shape[-3]} heads of the scores", _MEND)
    bias = grape_path_bias(tile.q_positions, tile.k_positions, self.slopes, tile.mask)
    return scores + bias.astype(scores.dtype)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""GRAPE-A: ALiBi whose slopes keys and queries gate (hook ``bias``).

Zhang et al. 2025, "Group Representational Position Encoding", arXiv 2512.07805: the bias is
-(m - n) softplus(w_h) s_h (softplus(u_h . k_n / sqrt(H)) + softplus(v_h . q_m / sqrt(H))), with
unit vectors u and v, and either gate alone; s_h are ALiBi's slopes.
Differs from the released code: nothing in the numbers; that u and v are of length one is done here,
the norm of q and k before is the model's. Keys after the query get no bias.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.biases.alibi import alibi_slopes
from posenc_jax.encodings.content import _tables
from posenc_jax.positions import distance

_MEND = "Build it with GrapeA.init(key, num_heads, head_dim)"


def grape_additive_gates(x: jax.Array, direction: jax.Array, *, eps: float = 1e-6) -> jax.Array:
  """softplus(u_h . x / sqrt(H)) with u_h of length one.

  Args:
    x: ``[..., T, N, H]``, queries or keys.
    direction: ``[N, H]``.
    eps: the least length of u that is divided by.

  Returns:
    ``[..., T, N]``, float32, or float64 for float64 x.

  Raises:
    TypeError: arguments without floats.
    ValueError: directions for other heads or another head dim than x.

  Example:
    >>> grape_additive_gates(jnp.zeros((1, 1, 4)), jnp.ones((1, 4))).round(3).tolist()
    [[0.693]]
  """
  direction = jnp.asarray(_checks.floats("direction", direction, "[N, H]", _MEND,
                                         sizes={"N": x.shape[-2], "H": x.shape[-1]}))
  dtype = _numerics.wide(x)
  u = direction.astype(dtype)
  squares = jnp.sum(u * u, axis=-1, keepdims=True)
  u = u * jax.lax.rsqrt(jnp.maximum(squares, eps * eps))
  return jax.nn.softplus(jnp.einsum("...tnh,nh->...tn", x.astype(dtype), u)
                         * (1 / math.sqrt(x.shape[-1])))


def grape_bias(behind: Any, slopes: jax.Array, key_gates: jax.Array | None,
               query_gates: jax.Array | None) -> jax.Array:
  """-max(m - n, 0) slopes_h (key gate + query gate).

  Args:
    behind: ``[..., T, S]``, m - n.
    slopes: ``[N]``, softplus(w_h) s_h.
    key_gates: ``[..., S, N]`` or None. query_gates: ``[..., T, N]`` or None.

  Returns:
    ``[..., N, T, S]`` of the slopes' dtype.

  Example:
    >>> grape_bias(jnp.array([[0, 3]]), jnp.ones(1), jnp.array([[2.0], [0.5]]), None).tolist()
    [[[0.0, -1.5]]]
  """
  slopes = jnp.asarray(_checks.floats("slopes", slopes, "[N]", _MEND))
  to_row = lambda x: jnp.swapaxes(x, -1, -2).astype(slopes.dtype)  # [..., N, T]
  gates = [] if key_gates is None else [to_row(key_gates)[..., None, :]]
  gates += [] if query_gates is None else [to_row(query_gates)[..., :, None]]
  far = jnp.maximum(jnp.asarray(behind), 0).astype(slopes.dtype)[..., None, :, :]
  return -far * slopes.reshape((1,) * (far.ndim - 3) + (-1, 1, 1)) * sum(gates[1:], gates[0])


@encoding
class GrapeA(Encoding):
  """Adds -(m - n) softplus(omega_h) s_h times a gate of the key, of the query, or of both.

  Args:
    key_direction: u, ``[N, H]``, a parameter, or None without the key's gate.
    query_direction: v, ``[N, H]``, a parameter, or None without the query's gate.
    omega: w, ``[N]``, a parameter.
    slopes: s, ``[N]``, a plain field; None is ALiBi's.

  Raises:
    TypeError: fields without floats.
    ValueError: no direction, shapes that do not fit.

  Example:
    >>> GrapeA.init(jax.random.key(0), num_heads=2, head_dim=4).slopes.tolist()
    [0.0625, 0.00390625]
  """

  key_direction: jax.Array | None = parameter(default=None)
  query_direction: jax.Array | None = parameter(default=None)
  omega: jax.Array = parameter(default=None)  # None, so that a missing one gets the message below
  slopes: Any = None

  relative = True

  def __post_init__(self):
    _checks.floats("omega", self.omega, "[N]", _MEND, stacked=True)
    heads = np.shape(self.omega)[-1]
    given = [n for n in ("key_direction", "query_direction") if getattr(self, n) is not None]
    if not given:
      raise _errors.value_error("key_direction, query_direction", None, "one of them at least",
                                _MEND)
    for name in given:
      _checks.floats(name, getattr(self, name), "[N, H]", _MEND, stacked=True, sizes={"N": heads})
    if self.slopes is None:
      self.set_fields(slopes=alibi_slopes(heads))
    _checks.floats("slopes", self.slopes, "[N]", _MEND, stacked=True, sizes={"N": heads})

  @classmethod
  def init(cls, key, num_heads: int, head_dim: int, *, keys: bool = True, queries: bool = False,
           omega: float = 1.0) -> "GrapeA":
    """Draws directions from N(0, 1 / H); ``omega`` is softplus(w) at the start."""
    shape = (_checks.size("num_heads", num_heads, "Pass the query heads N"),
             _checks.size("head_dim", head_dim, "Pass the head dim H"))
    _errors.check_positive("omega", omega, "The released code starts at 1.0")
    u, v = (jax.random.normal(k, shape, jnp.float32) * shape[1] ** -0.5 if wanted else None
            for k, wanted in zip(jax.random.split(_checks.key(key)), (keys, queries), strict=True))
    return cls(u, v, jnp.full(shape[:1], math.log(math.expm1(omega)), jnp.float32))

  def bias(self, tile):
    gates = [None if d is None else grape_additive_gates(_tables.for_heads(x, tile.q.shape[-2]), d)
             for x, d in ((tile.k, self.key_direction), (tile.q, self.query_direction))]
    dtype = _numerics.wide(tile.q)
    slopes = jax.nn.softplus(self.omega.astype(dtype)) * jnp.asarray(self.slopes).astype(dtype)
    return grape_bias(distance(tile.q_positions, tile.k_positions), slopes, *gates)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Wall attention: each channel of q . k decays by gates of the input (hooks ``layer``, ``bias``).

Released in flash-linear-attention (2026): the score is sum_c q_c k_c exp(P_mc - P_nc), with P the
sum of log sigmoid(x W + b) for each channel, so that a gate shuts off one channel of what lies
before it. Causal attention only.
Differs from the released code: the score is not formed from q exp(P_m) and k exp(-P_n), whose
exponents leave float32 once a channel has decayed by e^88. What is added to the plain product is
q_c k_c (exp(P_mc - P_nc) - 1), an exponent that is never positive, one channel at a time.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.content.fox import forget_positions, log_forget_gates


def wall_bias(q: jax.Array, k: jax.Array, q_sums: jax.Array, k_sums: jax.Array, scale: Any = 1.0
              ) -> jax.Array:
  """scale sum_c q_c k_c (exp(P_mc - P_nc) - 1): what the decay takes from scale q . k.

  Args:
    q: ``[..., T, N, H]`` and k: ``[..., S, K, H]``.
    q_sums: P ``[..., T, 2, K', H]`` and k_sums ``[..., S, 2, K', H]``, pairs of floats as
      ``forget_positions`` makes them; K' divides K: each serves K / K' key heads.
    scale: multiplies the scores.

  Returns:
    ``[..., N, T, S]``, float32 (float64 for float64 q); keys in the future must be masked.

  Raises:
    ValueError: shapes that do not fit.

  Example:
    >>> p = jnp.array([0.0, -1.0]).reshape(2, 1, 1, 1)
    >>> p = jnp.concatenate([p, 0 * p], axis=1)
    >>> wall_bias(jnp.ones((2, 1, 1)), jnp.ones((2, 1, 1)), p, p)[0, 1].round(3).tolist()
    [-0.632, 0.0]
  """
  heads, count = q_sums.shape[-2], k.shape[-2]
  if q_sums.shape[-1] != q.shape[-1] or count % heads:
    raise _errors.value_error("q_sums", f"shape {q_sums.shape}", f"[..., T, 2, K', "
                              f"{q.shape[-1]}], K' a divisor of the {count} key heads",
                              "Build it with num_heads and head_dim of the keys")
  dtype = _numerics.wide(q)
  n = q.shape[-2]
  # Channels first, [H, ..., heads, T]: the loop below keeps one channel of a tile alive.
  first = lambda x, times: jnp.moveaxis(jnp.repeat(x.astype(dtype), times, axis=-2), (-1, -2),
                                        (0, -2))
  rows = lambda x, i: first(x[..., i, :, :], n // heads)
  xs = (first(q, 1), first(k, n // count), rows(q_sums, 0), rows(q_sums, 1), rows(k_sums, 0),
        rows(k_sums, 1))

  @jax.checkpoint
  def add(total, channel):
    a, b, qh, ql, kh, kl = channel
    between = (qh[..., :, None] - kh[..., None, :]) + (ql[..., :, None] - kl[..., None, :])
    return total + a[..., :, None] * b[..., None, :] * jnp.expm1(jnp.minimum(between, 0)), None

  lead = np.broadcast_shapes(q.shape[:-3], k.shape[:-3], q_sums.shape[:-4], k_sums.shape[:-4])
  zero = jnp.zeros((*lead, n, q.shape[-3], k.shape[-3]), dtype)
  return jax.lax.scan(add, zero, xs)[0] * jnp.asarray(scale, dtype)


@encoding
class Wall(Encoding):
  """Scores whose channels forget at a pace that the layer's input sets; causal attention only.

  A layer calls ``layer`` on its input, uses the positions that it returns, 2 H numbers a key head,
  and caches them beside the keys; token indices play no part. The sums are kept as ``Fox`` keeps
  its own.

  Args:
    gate_weight: ``[D, K, H]``, a parameter; K key heads, or 1 for all.
    gate_bias: ``[K, H]``, a parameter.
    query_heads: static; the query heads N that the gates of K > 1 key heads are for.

  Raises:
    TypeError: gates that are no float arrays.
    ValueError: shapes that do not fit together.

  Example:
    >>> e = Wall.init(jax.random.key(0), d_model=6, head_dim=4)
    >>> e.layer(jnp.ones((5, 6)), None)[1].shape
    (5, 2, 1, 4)
  """

  gate_weight: jax.Array = parameter()
  gate_bias: jax.Array = parameter(None)
  query_heads: int | None = static(default=None)

  relative = True
  position_axes = None
  layer_axes = 3

  def __post_init__(self):
    mend = "Build them with Wall.init(key, d_model, head_dim)"
    w = _checks.floats("gate_weight", self.gate_weight, "[D, K, H]", mend, stacked=True)
    _checks.floats("gate_bias", self.gate_bias, "[K, H]", mend, stacked=True,
                   sizes={"K": w.shape[-2], "H": w.shape[-1]})
    if w.shape[-2] > 1:
      _errors.check_int("query_heads", self.query_heads, "the query heads N",
                        "Gates of several key heads fit one number of query heads", least=1)

  @classmethod
  def init(cls, key, d_model: int, head_dim: int, *, num_heads: int = 1,
           query_heads: int | None = None, stddev: float = 0.02, gate_bias: float = 8.0) -> "Wall":
    """Draws the weights from N(0, stddev^2); gates start at 0.9997."""
    shape = (_checks.size("d_model", d_model, "Pass the model width D"),
             _checks.size("num_heads", num_heads, "1 shares the gates"),
             _checks.size("head_dim", head_dim, "Pass the head dim H"))
    weight = stddev * jax.random.normal(_checks.key(key), shape, jnp.float32)
    return cls(weight, jnp.full(shape[1:], gate_bias, jnp.float32), query_heads)

  def align(self, positions, batch, length, argument="positions"):
    shape, came = (2, *self.gate_bias.shape[-2:]), np.shape(positions)
    if len(came) < 4 or came[-3:] != shape:
      raise _errors.value_error(argument, f"shape {came}", f"driven positions [..., T, 2, "
                                f"{shape[1]}, {shape[2]}]",
                                "Pass what layer(x, positions) returned for these tokens")
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del positions
    d, heads, h = self.gate_weight.shape
    gates = log_forget_gates(x, self.gate_weight.reshape(d, -1), self.gate_bias.reshape(-1))
    carry = None if carry is None else carry.reshape(*carry.shape[:-2], -1)
    sums = forget_positions(gates, carry=carry, segments=segments)
    sums = sums.reshape(*sums.shape[:-1], heads, h)
    return x, sums, sums[..., -1, :, :, :]

  def bias(self, tile):
    if self.query_heads not in (None, tile.q.shape[-2]):
      raise _errors.value_error("q", f"{tile.q.shape[-2]} heads", f"query_heads={self.query_heads}",
                                "Build Wall for the heads of this model")
    return wall_bias(tile.q, tile.k, tile.q_positions, tile.k_positions, tile.scale)

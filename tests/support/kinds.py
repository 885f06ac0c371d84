# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Small encodings, one for each kind of thing that the hooks must carry; not shipped."""

import jax
import jax.numpy as jnp

import posenc_jax as px


@px.encoding
class Sink(px.Encoding):
  """A learned logit that takes part in the softmax and has no value (hook ``weights``)."""

  logit: jax.Array = px.parameter()

  position_axes = None

  def weights(self, scores, tile):
    if tile.mask is not None:
      scores = jnp.where(tile.mask, scores, -jnp.inf)
    sink = jnp.asarray(self.logit, scores.dtype).reshape((1,) * (scores.ndim - 3) + (-1, 1, 1))
    top = jax.lax.stop_gradient(jnp.maximum(jnp.max(scores, -1, keepdims=True, initial=-jnp.inf),
                                            sink))
    e = jnp.exp(scores - top)
    return e / (jnp.sum(e, axis=-1, keepdims=True) + jnp.exp(sink - top))


@px.encoding
class StickBreaking(px.Encoding):
  """a_mn = sigmoid(z_mn) prod over n < t < m of (1 - sigmoid(z_mt)), without the remainder."""

  position_axes = None
  relative = True

  def weights(self, scores, tile):
    own = tile.mask if tile.mask is not None else jnp.ones((1,) * scores.ndim, bool)
    own = jnp.broadcast_to(own, scores.shape)
    stays = jnp.where(own, jax.nn.log_sigmoid(-scores), 0)
    after = jax.lax.cumsum(stays, axis=scores.ndim - 1, reverse=True) - stays
    return jnp.where(own, jnp.exp(jax.nn.log_sigmoid(scores) + after), 0)


@px.encoding
class ShortConvolution(px.Encoding):
  """x_t + sum_i w_i x_(t - i) on each layer's input; the carry holds the last rows."""

  kernel: jax.Array = px.parameter()  # [taps, D]

  position_axes = None

  def layer(self, x, positions, *, carry=None, segments=None):
    taps, length = self.kernel.shape[0], x.shape[-2]
    segments = jnp.zeros(x.shape[:-1], jnp.int32) if segments is None else jnp.broadcast_to(
        segments, x.shape[:-1])
    if carry is None:
      carry = (jnp.zeros((*x.shape[:-2], taps - 1, x.shape[-1]), x.dtype),
               jnp.full((*x.shape[:-2], taps - 1), 0, jnp.int32),
               jnp.zeros((*x.shape[:-2], taps - 1), bool))
    rows = jnp.concatenate([carry[0].astype(x.dtype), x], axis=-2)
    ids = jnp.concatenate([carry[1], segments], axis=-1)
    real = jnp.concatenate([carry[2], jnp.ones(x.shape[:-1], bool)], axis=-1)
    out = x
    for i in range(taps):
      at = slice(taps - 1 - i, taps - 1 - i + length)
      same = (ids[..., at] == segments) & real[..., at]
      weight = self.kernel[i].astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))
      out = out + jnp.where(same[..., None], rows[..., at, :] * weight, 0)
    keep = slice(length, length + taps - 1)
    return out, positions, (rows[..., keep, :], ids[..., keep], real[..., keep])


@px.encoding
class LayerTable(px.Encoding):
  """Each layer adds the normalised table of LaPE's first step to its input (hook ``layer``)."""

  table: jax.Array = px.parameter()  # [L, D]
  gain: jax.Array = px.parameter()  # [D]

  def layer(self, x, positions, *, carry=None, segments=None):
    centred = self.table - jnp.mean(self.table, axis=-1, keepdims=True)
    normal = centred * jax.lax.rsqrt(jnp.mean(centred**2, -1, keepdims=True) + 1e-5)
    rows = jnp.take(normal * self.gain[None], jnp.asarray(positions), axis=0, mode="clip")
    return x + jnp.broadcast_to(rows.astype(x.dtype), x.shape), positions, carry


@px.encoding
class ReRope(px.Encoding):
  """RoPE whose distances stop growing at a window: q k^T is made again, times the call's scale."""

  frequencies: px.Frequencies
  window: int = px.static()

  def scores(self, scores, tile):
    wide = jnp.float64 if tile.q.dtype == jnp.float64 else jnp.float32
    groups = tile.q.shape[-2] // tile.k.shape[-2]
    k = jnp.repeat(tile.k, groups, axis=-2).astype(wide)
    distance = jnp.clip(tile.distance(), -self.window, self.window)
    cos, sin = px.phases.cos_sin(distance, self.frequencies, dtype=wide)  # [..., T, S, H / 2]
    a, b = jnp.split(tile.q.astype(wide), 2, axis=-1)
    c, d = jnp.split(k, 2, axis=-1)
    same = jnp.einsum("...tnh,...snh,...tsh->...nts", a, c, cos) + jnp.einsum(
        "...tnh,...snh,...tsh->...nts", b, d, cos)
    cross = jnp.einsum("...tnh,...snh,...tsh->...nts", a, d, sin) - jnp.einsum(
        "...tnh,...snh,...tsh->...nts", b, c, sin)
    plain = jnp.einsum("...tnh,...snh->...nts", tile.q.astype(wide), k)
    return scores + ((same + cross - plain) * jnp.asarray(tile.scale, wide)).astype(scores.dtype)


def bipe(num_heads: int):
  """BiPE with ALiBi between segments: axis 0 is the segment, axis 1 the place inside it."""
  return px.along(0, px.Alibi(num_heads))

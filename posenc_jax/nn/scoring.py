# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a layer does to scores besides its encoding: soft-cap, dropout of weights, norms of q and k.

The first two are encodings, so that every implementation of attention runs or refuses them as it
does any hook.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax.base import Encoding, encoding, static
from posenc_jax.combinators.wrapper import Wrapper
from posenc_jax.nn import layers as layers_lib
from posenc_jax.nn.norms import RMSNorm, layer_norm


@encoding
class SoftCap(Encoding):
  """Scores become c tanh(scores / c), biases included (Gemma 2, arXiv 2408.00118, section 2).

  Args:
    cap: c.

  Example:
    >>> import jax.numpy as jnp
    >>> from posenc_jax import Tile
    >>> SoftCap(50.0).scores(jnp.array([[[1e6]]]), Tile()).tolist()
    [[[50.0]]]
  """

  cap: float = static()

  relative = True
  position_axes = None

  def scores(self, scores, tile):
    del tile
    return layers_lib.soft_cap(scores, self.cap)


@encoding
class DroppedWeights(Wrapper):
  """Drops weights of another encoding's softmax; the rest is divided by 1 - rate.

  Args:
    inner: the encoding.
    rate: in [0, 1).
    key: a PRNG key. Every call draws the same, so attention must run in one piece.
  """

  inner: Encoding
  rate: Any
  key: Any

  def has(self, hook):
    return hook == "weights" or self.inner.has(hook)

  def weights(self, scores, tile):
    return layers_lib.dropout(self.inner.weights(scores, tile), self.rate, self.key)


class QKNorm(nnx.Module):
  """Norms of queries and keys, of each head or of all heads at once.

  Args:
    kind: "head" (Qwen3) or "width" (OLMo 2), RMS; or "layer" (Command R+), a LayerNorm of each head
      without bias, with a gain ``[N, H]`` or ``[K, H]``.
    num_heads, kv_heads, head_dim: N, K and H.
    one: whether gains are 1 + w; of RMS norms.
    epsilon: added to the mean squares.
    dtype: of the gains.

  References:
    Henry et al. 2020, "Query-Key Normalization for Transformers", arXiv 2010.04245.
  """

  def __init__(self, kind: str, num_heads: int, kv_heads: int, head_dim: int, *, one: bool,
               epsilon: float, dtype):
    self.whole = kind == "width"
    make: Any = functools.partial(RMSNorm, one=one, epsilon=epsilon, dtype=dtype)
    if kind == "layer":
      make = lambda size: HeadLayerNorm(size // head_dim, head_dim, epsilon=epsilon, dtype=dtype)
    n, k = (1, 1) if kind == "head" else (num_heads, kv_heads)
    self.query, self.key = make(n * head_dim), make(k * head_dim)

  def of_queries(self, q: jax.Array, count=None) -> jax.Array:
    """q ``[..., T, N, H]``; ``count`` columns of N H are in use."""
    return self._norm(self.query, q, count)

  def of_keys(self, k: jax.Array, count=None) -> jax.Array:
    """k ``[..., S, K, H]``; ``count`` columns of K H are in use."""
    return self._norm(self.key, k, count)

  def _norm(self, norm, x, count):
    if not self.whole:
      return norm(x)
    flat = x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])
    return norm(flat, count).reshape(x.shape)


class HeadLayerNorm(nnx.Module):
  """``layer_norm`` of each head, without bias.

  Args:
    heads, head_dim: of the gain.
    epsilon: added to the variance.
    dtype: of the gain.
  """

  def __init__(self, heads: int, head_dim: int, *, epsilon: float, dtype):
    self.epsilon = epsilon
    self.scale = nnx.Param(jnp.ones((heads, head_dim), dtype))

  def __call__(self, x: jax.Array) -> jax.Array:
    """x ``[..., heads, head_dim]`` to the same."""
    return layer_norm(x, self.scale[...], None, epsilon=self.epsilon)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a layer does to scores besides its encoding: soft-cap, dropout of weights, norms of q and k.

The first two are encodings, so that every implementation of attention runs or refuses them as it
does any hook.
"""

from typing import Any

import jax
from flax import nnx

from posenc_jax.base import Encoding, encoding, static
from posenc_jax.combinators.wrapper import Wrapper
from posenc_jax.nn import layers as layers_lib
from posenc_jax.nn.norms import RMSNorm


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
  """RMS norms of queries and keys, of each head or of all heads at once.

  Args:
    kind: "head" (Qwen3) or "width" (OLMo 2).
    num_heads, kv_heads, head_dim: N, K and H.
    one: whether gains are 1 + w.
    epsilon: added to the mean squares.
    dtype: of the gains.

  References:
    Henry et al. 2020, "Query-Key Normalization for Transformers", arXiv 2010.04245.
  """

  def __init__(self, kind: str, num_heads: int, kv_heads: int, head_dim: int, *, one: bool,
               epsilon: float, dtype):
    n, k = (num_heads, kv_heads) if kind == "width" else (1, 1)
    self.whole = kind == "width"
    self.query, self.key = (RMSNorm(heads * head_dim, one=one, epsilon=epsilon, dtype=dtype)
                            for heads in (n, k))

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


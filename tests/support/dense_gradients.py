# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Dense attention and its gradients in float64 NumPy, from the chain rule and nothing else.

With z = scale * q k^T + b, p = softmax(z), o = p v and the gradient g of o:
dp = g v^T, dz = p (dp - sum_s p dp), dq = scale * dz k, dk = scale * dz^T q, dv = p^T g, db = dz.
"""

from typing import NamedTuple

import numpy as np


class Dense(NamedTuple):
  """Output and gradients of one batch; heads of k and v are summed over their query heads."""

  out: np.ndarray    # [B, T, N, H']
  q: np.ndarray      # [B, T, N, H]
  k: np.ndarray      # [B, S, K, H]
  v: np.ndarray      # [B, S, K, H']
  scale: float
  bias: np.ndarray   # [B, N, T, S]


def dense(q, k, v, g, *, bias, mask, scale) -> Dense:
  """q, g ``[B, T, N, H]``; k, v ``[B, S, K, H]``; bias and mask broadcast to ``[B, N, T, S]``."""
  q, k, v, g = (np.asarray(x, np.float64) for x in (q, k, v, g))
  heads, shared = q.shape[2], k.shape[2]
  wide_k, wide_v = (np.repeat(x, heads // shared, axis=2) for x in (k, v))
  product = np.einsum("btnh,bsnh->bnts", q, wide_k)
  mask = np.broadcast_to(mask, product.shape)
  z = np.where(mask, scale * product + bias, -np.inf)
  top = z.max(axis=-1, keepdims=True, initial=-np.inf)
  e = np.where(mask, np.exp(z - np.where(np.isfinite(top), top, 0)), 0)
  total = e.sum(axis=-1, keepdims=True)
  p = e / np.where(total == 0, 1, total)
  out = np.einsum("bnts,bsnh->btnh", p, wide_v)
  dp = np.einsum("btnh,bsnh->bnts", g, wide_v)
  dz = p * (dp - (p * dp).sum(axis=-1, keepdims=True))
  fold = lambda x: x.reshape(*x.shape[:2], shared, -1, x.shape[-1]).sum(axis=3)
  return Dense(out, scale * np.einsum("bnts,bsnh->btnh", dz, wide_k),
               fold(scale * np.einsum("bnts,btnh->bsnh", dz, q)),
               fold(np.einsum("bnts,btnh->bsnh", p, g)), float((dz * product).sum()), dz)

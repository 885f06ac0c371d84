# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Whole attention calls in float64: encodings, chains and wrappers, who sees whom, grouped heads.

Written for speed beside `dense`, whose loops are too slow for finite differences of a thousand
calls: arrays over queries and keys, loops over heads, dims and members. It shares no code with the
package.

A call is one example: q [T, N, H], k and v [S, K, H]. An encoding is a `Member` with the steps of
its paper (see `fuzz_members`); a chain is a list of them, run in order.
"""

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass
class Scene:
  """What the steps of a member may know: arrays of the call, positions, scale and mask.

  Attributes:
    q, k: [T, N, H] and [S, N, H], heads written out.
    q_positions, k_positions: [T], [S], or [T, P], [S, P]; or what a layer drove.
    scale: multiplies q k^T.
    mask: bool [N, T, S].
  """

  q: np.ndarray
  k: np.ndarray
  q_positions: Any
  k_positions: Any
  scale: float
  mask: np.ndarray

  def distance(self):
    """m - n, [T, S], exact for integers."""
    q, k = (np.asarray(x) for x in (self.q_positions, self.k_positions))
    wide = np.int64 if q.dtype.kind in "iu" else np.float64
    return (q.astype(wide)[:, None] - k.astype(wide)[None, :]).astype(np.float64)


class Member:
  """An encoding: every step leaves things as they are unless a subclass says otherwise.

  `leaves` are its float arrays by name, as the package's object of the same name holds them.
  """

  def __init__(self, **leaves):
    self.leaves = {name: np.asarray(x, np.float64) for name, x in leaves.items()}

  def __getattr__(self, name):
    try:
      return self.__dict__["leaves"][name]
    except KeyError:
      raise AttributeError(name) from None

  def turn(self, q, k, q_positions, k_positions):
    """q [T, N, H] and k [S, K, H] as they meet."""
    return q, k

  def turn_values(self, v, k_positions):
    return v

  def hides(self, scene):
    """None, or bool [N, T, S], True where visible."""
    return None

  def bias(self, scene):
    """None, or [N, T, S]."""
    return None

  def remake(self, z, scene):
    """Scores [N, T, S] in place of z."""
    return z

  def weigh(self, z, scene):
    """None for the softmax, or weights [N, T, S]."""
    return None

  def add(self, weights, scene):
    """None, or [T, N, H'] added to the output."""
    return None

  def turn_back(self, out, q_positions):
    return out


def attend(q, k, v, members, mask, scale):
  """Attention of one example: [T, N, H'].

  Args:
    q: [T, N, H]; k: [S, K, H]; v: [S, K, H'].
    members: (member, its query positions, its key positions) in the order of the chain.
    mask: bool [N, T, S].
    scale: a number.
  """
  for m, a, b in members:
    q, k = m.turn(q, k, a, b)
    v = m.turn_values(v, b)
  k, v = (np.repeat(x, q.shape[1] // x.shape[1], axis=1) for x in (k, v))
  scene = lambda a, b, seen: Scene(q, k, a, b, scale, seen)
  for m, a, b in members:
    seen = m.hides(scene(a, b, mask))
    mask = mask if seen is None else mask & seen
  z = scale * np.einsum("tnh,snh->nts", q, k)
  for m, a, b in members:
    bias = m.bias(scene(a, b, mask))
    z = z if bias is None else z + bias
  for m, a, b in members:
    z = m.remake(z, scene(a, b, mask))
  weights = None
  for m, a, b in members:
    weights = m.weigh(z, scene(a, b, mask)) if weights is None else weights
  weights = softmax(z, mask) if weights is None else np.where(mask, weights, 0.0)
  out = np.einsum("nts,snh->tnh", weights, v)
  for m, a, b in members:
    extra = m.add(weights, scene(a, b, mask))
    out = out if extra is None else out + extra
  for m, a, _ in reversed(members):
    out = m.turn_back(out, a)
  return out


def softmax(z, mask):
  """exp(z) / sum over the visible keys; a row that sees nothing is zero."""
  if z.shape[-1] == 0:
    return z
  low = np.where(mask, z, -np.inf)
  top = low.max(axis=-1, keepdims=True)
  e = np.where(mask, np.exp(np.where(mask, z, 0) - np.where(np.isfinite(top), top, 0)), 0.0)
  total = e.sum(axis=-1, keepdims=True)
  return e / np.where(total == 0, 1, total)


def visible(q_order, k_order, *, causal=False, window=None, prefix=None, q_segments=None,
            k_segments=None, q_length=None, k_length=None):
  """bool [T, S] of the usual rules. window: (left, right), what lies further behind or ahead is
  hidden. prefix: so many keys in order, which causal and window do not hide. Lengths: so many rows
  are real."""
  t, s = len(q_order), len(k_order)
  out = np.ones((t, s), bool)
  first = sorted(set(np.asarray(k_order).tolist()))[:prefix or 0]
  for i in range(t):
    for j in range(s):
      m, n = q_order[i].item(), k_order[j].item()  # Python numbers: nothing wraps around
      by_order = not (causal and n > m)
      if window is not None:
        by_order = by_order and m - n <= window[0] and n - m <= window[1]
      out[i, j] = by_order or n in first
      if q_segments is not None:
        out[i, j] &= bool(q_segments[i] == k_segments[j])
      if q_length is not None:
        out[i, j] &= i < q_length and j < k_length
  return out


def exact_angles(positions, frequencies):
  """position * frequency by whole turns of a long double product, [T, F].

  Frequencies are exact decimals (see `exact`) or floats. Integers below 2^31 times a frequency of
  64 bits of mantissa leave an error below 2^31 * 2^-64 of a radian.
  """
  two_pi = np.longdouble("6.283185307179586476925286766559005768")
  out = np.zeros((len(positions), len(frequencies)))
  for i, f in enumerate(frequencies):
    f = np.longdouble(str(f)) if not isinstance(f, float) else np.longdouble(f)
    x = np.asarray(positions).astype(np.longdouble) * f
    out[:, i] = (x - two_pi * np.round(x / two_pi)).astype(np.float64)
  return out


def turned(x, angles, pairing, scaling=1.0, sign=1.0):
  """x [T, N, H] with pair i of the first dims turned by angles [T, i]."""
  out, r = np.array(x), 2 * angles.shape[1]
  cos, sin = np.cos(angles)[:, None] * scaling, sign * np.sin(angles)[:, None] * scaling
  first, second = ((slice(0, r // 2), slice(r // 2, r)) if pairing == "half"
                   else (slice(0, r, 2), slice(1, r, 2)))
  out[..., first] = x[..., first] * cos - x[..., second] * sin
  out[..., second] = x[..., second] * cos + x[..., first] * sin
  return out

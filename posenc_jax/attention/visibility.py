# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The mask rule: which keys a query may see, by order, window, prefix and segments.

A rule is a few static facts (``Rule``) and small arrays that travel with the queries and the keys
(``Side``). This file builds its matrix for any rectangle and says which keys some rows can see at
all; ``hiding`` reads its arguments. A new rule is a field and a line in ``matrix``, ``key_range``
and ``may_see``, and a word in ``fused.obstacles``.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

_REACH = 2**32 - 1  # no two orders of int32 are further apart


class Rule(NamedTuple):
  """The static part of who sees whom.

  Attributes:
    causal: whether keys later in order are hidden.
    window: None, or (left, right): keys more than that behind or ahead in order are hidden.
  """

  causal: bool = False
  window: tuple[int, int] | None = None

  @property
  def uses_order(self) -> bool:
    """Whether anything compares orders."""
    return self.causal or self.window is not None


class Side(NamedTuple):
  """The queries or the keys of a call; the token axis is the same in every array.

  Attributes:
    x: ``[..., T, N, H]`` queries or ``[..., S, K, H]`` keys.
    positions: what the encoding reads, or ().
    order: ``[..., T]``, what ``causal`` and ``window`` compare; None where nothing does.
    segments: None, or ids ``[..., T]``; other ids are hidden.
    prefix: of keys alone: None, or bool ``[..., S]``: keys that order hides from no query.
  """

  x: Any
  positions: Any = ()
  order: Any = None
  segments: Any = None
  prefix: Any = None


def matrix(rule: Rule, queries: Side, keys: Side, mask=None) -> jax.Array | None:
  """bool ``[..., 1 or N, T, S]``, True where visible; None if nothing is hidden.

  Args:
    rule: static facts.
    queries, keys: any rectangle of a call.
    mask: None, or bool ``[..., 1 or N, T, S]`` of the same rectangle, joined with the rest.
  """
  parts = [_by_order(rule, queries.order, keys.order)] if rule.uses_order else []
  if parts and keys.prefix is not None:
    parts[0] = parts[0] | jnp.asarray(keys.prefix)[..., None, :]
  if queries.segments is not None:
    q, k = jnp.asarray(queries.segments), jnp.asarray(keys.segments)
    parts.append(q[..., :, None] == k[..., None, :])
  parts = [p[..., None, :, :] for p in parts]
  return both(*parts, mask)


def both(*masks) -> jax.Array | None:
  """The conjunction of masks; None hides nothing."""
  out = None
  for m in masks:
    if m is not None:
      out = m if out is None else jnp.logical_and(out, m)
  return out


def _by_order(rule, q_order, k_order):
  q, k = jnp.asarray(q_order)[..., :, None], jnp.asarray(k_order)[..., None, :]
  future = q < k
  if rule.window is None:
    return ~future
  left, right = rule.window
  if jnp.issubdtype(q.dtype, jnp.integer):
    # Differences wrap around in int32; as unsigned numbers of the right sign they are exact.
    behind, ahead = ((x - y).astype(jnp.uint32) for x, y in ((q, k), (k, q)))
    left, right = (np.uint32(min(w, _REACH)) for w in (left, right))
  else:
    behind, ahead = q - k, k - q
  if rule.causal:
    return ~future & (behind <= left)
  return jnp.where(future, ahead <= right, behind <= left)


def key_range(rule: Rule, queries: Side, keys: Side, start: int, stop: int,
              size: int) -> tuple[int, int]:
  """A static range of the ``size`` keys that holds all that rows [start, stop) can see.

  Order and segments that are known on the host cut the range; anything else keeps all.
  """
  if size == 0 or start >= stop:
    return 0, size
  seen = np.ones(size, bool)
  if rule.uses_order and _known(queries.order, keys.order):
    seen &= _ordered(rule, queries.order[..., start:stop], keys.order.reshape(-1, size))
    if keys.prefix is not None:
      known = isinstance(keys.prefix, np.ndarray)
      seen = seen | keys.prefix.reshape(-1, size).any(axis=0) if known else np.ones(size, bool)
  if queries.segments is not None and _known(queries.segments, keys.segments):
    ids = np.unique(queries.segments[..., start:stop])
    seen &= np.isin(keys.segments.reshape(-1, size), ids).any(axis=0)
  where = np.flatnonzero(seen)
  return (int(where[0]), int(where[-1]) + 1) if where.size else (0, 0)


def _ordered(rule, q, k):
  """Which keys lie in reach of any of some rows, by numbers that cannot overflow."""
  wide = np.int64 if q.dtype.kind in "iu" else np.float64
  q, k = q.astype(wide), k.astype(wide)
  low, high = -np.inf, np.inf
  if rule.causal:
    high = q.max()
  if rule.window is not None:
    left, right = (min(w, _REACH) for w in rule.window)
    low = q.min() - left
    high = min(high, q.max() + right)
  return ((k >= low) & (k <= high)).any(axis=0)


def may_see(rule: Rule, queries: Side, keys: Side) -> jax.Array | None:
  """Whether any pair of a rectangle can be visible, while running; None where that is not said."""
  possible = []
  if rule.uses_order and keys.prefix is None:
    q_low, q_high, k_low, k_high = (jnp.asarray(f(x)) for x in (queries.order, keys.order)
                                    for f in (jnp.min, jnp.max))
    if rule.causal:
      possible.append(q_high >= k_low)
    if rule.window is not None:
      left, right = rule.window
      one = lambda x: jnp.reshape(x, (1,))
      near = lambda a, b, reach: _by_order(Rule(False, (reach, _REACH)), one(a), one(b))[0, 0]
      possible.append(near(q_low, k_high, left))
      possible.append(near(k_low, q_high, right))
  if queries.segments is not None:
    possible.append(jnp.max(queries.segments) >= jnp.min(keys.segments))
    possible.append(jnp.min(queries.segments) <= jnp.max(keys.segments))
  return jnp.all(jnp.stack(possible)) if possible else None


def _known(*arrays) -> bool:
  return all(isinstance(x, np.ndarray) for x in arrays)

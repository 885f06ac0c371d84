# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The mask rule: which keys a query may see, by order, window, prefix and segments.

A rule is a few static facts (``Rule``) and small arrays that travel with the queries and the keys
(``Side``). This file builds its matrix for any rectangle, says which keys some rows can see at all,
and reads its arguments. A new rule is a field and a line in ``matrix``, ``key_range`` and
``may_see``, and a word in ``fused.obstacles``.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics

# Segment ids of padding that ``padding_segments`` gives: no query and no key has the other's.
_PADDED_QUERY, _PADDED_KEY = -1, -2
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


def check_window(window) -> tuple[int, int] | None:
  """Normalises ``window``: None, an integer (both sides) or a pair of integers >= 0."""
  if window is None:
    return None
  wanted = "None, an integer >= 0 or a pair (left, right) of them, known on the host"
  mend = "window=(128, 0) shows the 128 tokens before and the token itself"
  pair = tuple(window) if isinstance(window, tuple | list) else (window, window)
  if len(pair) != 2:
    raise _errors.value_error("window", window, wanted, mend)
  if any(w is None for w in pair):
    raise _errors.type_error("window", window, "an integer >= 0 for each side",
                             "For a side without a limit pass 2**31 - 1")
  left, right = (_errors.check_int("window", w, wanted, mend, least=0) for w in pair)
  return left, right


def check_segments(segments, batch: int, t: int, s: int):
  """Normalises ``segments`` to (q_segments, k_segments) with all batch axes, or (None, None)."""
  if segments is None:
    return None, None
  if not isinstance(segments, tuple):
    if t != s:
      raise _errors.value_error("segments", "one array", f"a pair, as T={t} and S={s} differ",
                                "Pass segments=(q_segments, k_segments)")
    segments = (segments, segments)
  if len(segments) != 2:
    raise _errors.value_error("segments", f"a tuple of {len(segments)}",
                              "one array, or a pair (of the queries, of the keys)",
                              "Convert the ids of one example with jnp.asarray")
  return tuple(_align.align_array(ids, batch, length, 0, name, real=False)
               for name, ids, length in (("q_segments", segments[0], t),
                                         ("k_segments", segments[1], s)))


def check_mask(mask, lead: tuple[int, ...], n: int, t: int, s: int):
  """Checks ``mask`` and gives it all batch axes: bool ``[..., 1 or N, T, S]``.

  Args:
    mask: None or bool.
    lead: sizes of the batch axes of q.
    n, t, s: N, T and S.
  """
  if mask is None:
    return None
  if not hasattr(mask, "dtype") or not hasattr(mask, "ndim"):
    raise _errors.type_error("mask", _errors.describe(mask), "a bool array, True where visible",
                             "Convert with jnp.asarray(mask, bool)")
  if mask.dtype != jnp.bool_:
    raise _errors.type_error("mask", mask.dtype.name, "bool, True where visible",
                             "Compare, as in mask > 0; additive biases belong to an encoding")
  batch, shape = len(lead), tuple(mask.shape)
  fits = (3 <= mask.ndim <= batch + 3 and shape[-3] in (1, n) and shape[-2] in (1, t)
          and shape[-1] == s
          and all(a in (1, b) for a, b in zip(shape[:-3][::-1], lead[::-1], strict=False)))
  if fits and mask.ndim == batch + 2 and batch and shape[-3] == lead[-1] == n > 1:
    raise _errors.value_error(
        "mask", f"shape {shape}, where batch and heads are both {n}",
        "all axes: [..., 1 or N, T, S]",
        "Write mask[:, None] for one mask an example, mask[None] for one a head")
  if not fits:
    mend = ("Give all heads one mask: mask[:, None]" if mask.ndim == batch + 2 and batch
            else "Write out the axes of examples and heads: mask[None, None]" if batch > 0
            else "Write out the axis of heads: mask[None]")
    if mask.ndim == 2:
      mend = "Write out the axis of heads: mask[None]"
    raise _errors.value_error("mask", f"shape {shape}",
                              f"[..., 1 or {n}, {t}, {s}] (heads, queries, keys)", mend)
  mask = mask.reshape((1,) * (batch + 3 - mask.ndim) + shape)
  return jnp.broadcast_to(mask, (*mask.shape[:-2], t, s))


def check_lengths(lengths, lead: tuple[int, ...], t: int, s: int):
  """Normalises ``lengths`` to a pair of int32 arrays with all batch axes."""
  pair = lengths if isinstance(lengths, tuple) else (lengths, lengths)
  if len(pair) != 2:
    raise _errors.value_error("lengths", f"a tuple of {len(pair)}", "one array or a pair of them",
                              "Pass jnp.asarray([..]), or lengths=(q_lengths, k_lengths)")
  if isinstance(lengths, tuple) and lead[-1:] == (2,) and not any(np.ndim(x) for x in pair):
    raise _errors.value_error(
        "lengths", f"{lengths} for two examples", "an array with one length an example, or a pair",
        "Pass jnp.asarray([a, b]) for two examples; ([a, a], [b, b]) for queries and keys")
  mend = "Count the real tokens of each example"
  return tuple(_per_example(x, lead, size, "lengths", mend)
               for x, size in zip(pair, (t, s), strict=True))


def _per_example(x, lead, size, argument, mend):
  """int32 ``[...]`` between 0 and ``size``, with all batch axes."""
  x = _align.numbers(x, argument)
  if x.ndim > len(lead) or any(a not in (1, b) for a, b in zip(
      x.shape[::-1], lead[::-1], strict=False)):
    raise _errors.value_error(argument, f"shape {tuple(x.shape)}",
                              f"one number an example, shape {lead}", mend)
  known = _numerics.known(x)
  if known is not None and known.size and not (0 <= known.min() and known.max() <= size):
    raise _errors.value_error(argument, known.tolist(), f"numbers from 0 to {size}", mend)
  return x.reshape((1,) * (len(lead) - x.ndim) + tuple(x.shape))


def padding_segments(segments, lengths, batch: int):
  """Segments in which padded queries and padded keys see nothing and are seen by nothing.

  Args:
    segments: (of the queries, of the keys), or None for one document.
    lengths: (of the queries, of the keys) and their sizes T and S: ((q, t), (k, s)).
    batch: how many batch axes there are.
  """
  out = []
  for ids, (length, size), alone in zip(segments, lengths, (_PADDED_QUERY, _PADDED_KEY),
                                        strict=True):
    known = isinstance(length, np.ndarray) and (ids is None or isinstance(ids, np.ndarray))
    xp = np if known else jnp
    index = np.arange(size, dtype=np.int32).reshape((1,) * batch + (size,))
    real = xp.asarray(index) < xp.asarray(length, np.int32)[..., None]
    # Ids of documents move out of the way of those of padding.
    ids = xp.zeros((1,) * (batch + 1), np.int32) if ids is None else _small(xp.asarray(ids))
    ids = xp.where(ids < 0, -2 * ids - 1, 2 * ids)
    out.append(xp.where(real, ids, xp.asarray(alone, ids.dtype)))
  return tuple(out)


def _small(ids):
  """Ids whose double is an int32, where that is known."""
  known = _numerics.known(ids)
  if known is not None and known.size and not (-(2**30) < known.min() and known.max() < 2**30):
    raise _errors.value_error("segments", int(np.abs(known.astype(np.int64)).max()),
                              "ids below 2^30 in size, as lengths= is given too",
                              "Number the documents from 0")
  return ids


def check_prefix(prefix, lead: tuple[int, ...], k_order, s: int):
  """bool ``[..., S]``: the first ``prefix`` keys in order of each example; None for none.

  Orders may begin anywhere and have gaps: what counts is how many smaller ones there are. Keys of
  one order count once.
  """
  if prefix is None:
    return None
  mend = "Count the tokens of each prefix: its keys are visible to every query"
  prefix = _per_example(prefix, lead, s, "prefix", mend)[..., None]
  xp: Any = np if _known(prefix, k_order) else jnp
  prefix, k_order = xp.asarray(prefix), xp.asarray(k_order)
  ranked = xp.sort(k_order, axis=-1)
  grows = ranked[..., 1:] != ranked[..., :-1]
  first = xp.zeros((*ranked.shape[:-1], min(s, 1)), bool)
  smaller = xp.concatenate([first, grows], axis=-1)
  inside = xp.cumsum(smaller.astype(np.int32), axis=-1) < prefix
  last = xp.sum(inside.astype(np.int32), axis=-1, keepdims=True) - 1
  ranked = xp.broadcast_to(ranked, inside.shape)
  limit = xp.take_along_axis(ranked, xp.maximum(last, 0), axis=-1) if s else ranked
  return (k_order <= limit) & (prefix > 0)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The arguments that hide keys (window, segments, mask, lengths, prefix), made sound.

Each function checks one argument and gives it all batch axes.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics

# Segment ids of padding that ``padding_segments`` gives: no query and no key has the other's.
_PADDED_QUERY, _PADDED_KEY = -1, -2


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
  known = isinstance(prefix, np.ndarray) and isinstance(k_order, np.ndarray)
  xp: Any = np if known else jnp
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

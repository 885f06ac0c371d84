# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``attend`` and ``context_attend``, checked: right or refused, never guessed."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.attention import hiding
from posenc_jax.attention.visibility import Rule, Side
from posenc_jax.base import MODEL_HOOKS, PREPARED, Encoding

_MENDS = {
    "positions": "positions = encoding.positions(positions, key=key) once a model call",
    "inputs": "x = encoding.inputs(x, positions) on the embeddings",
    "layer": "x, positions, carry = encoding.layer(x, positions) on each layer's input",
}


def check_applied(encoding: Encoding, applied: Any) -> tuple[str, ...]:
  """The names of the hooks that the caller ran; refuses an encoding whose hooks nobody runs."""
  names = check_names(applied)
  for name in names:
    _errors.check_choice("applied", name, (*MODEL_HOOKS, *PREPARED))
  if ("qk" in names) != ("values" in names):
    raise _errors.value_error("applied", tuple(names), "both or neither of 'qk' and 'values'",
                              "prepare runs both: applied=posenc_jax.PREPARED")
  for part, _, _ in encoding.parts():
    left = [hook for hook in MODEL_HOOKS if part.has(hook) and hook not in names]
    if left:
      raise _errors.value_error(
          "encoding", f"{type(part).__name__}, which answers {', '.join(left)}",
          "hooks that attention can run, or have been run",
          f"A model runs them: {'; '.join(_MENDS[h] for h in left)}; then say so by "
          f"applied={tuple(left)}")
  return names


def check_names(applied: Any) -> tuple[str, ...]:
  """``applied`` as a tuple of strings."""
  names = (applied,) if isinstance(applied, str) else applied
  if not isinstance(names, tuple | list | set | frozenset) or not all(
      isinstance(n, str) for n in names):
    raise _errors.type_error("applied", _errors.describe(applied), "names of hooks",
                             f"applied={PREPARED} says that prepare has run")
  return tuple(names)


def check_qkv(q, k, v):
  """q, k and v as arrays of fitting shapes and one floating dtype."""
  for name, x in (("q", q), ("k", k), ("v", v)):
    if not hasattr(x, "dtype") or not hasattr(x, "ndim"):
      raise _errors.type_error(name, _errors.describe(x), "an array [..., T, N, H]",
                               "Convert it with jnp.asarray")
  q, k, v = (jnp.asarray(x) if isinstance(x, np.ndarray) else x for x in (q, k, v))
  shapes = f"q {jnp.shape(q)}, k {jnp.shape(k)}, v {jnp.shape(v)}"
  layout = "q [..., T, N, H], k and v [..., S, K, H]"
  if min(q.ndim, k.ndim, v.ndim) < 3 or not q.ndim == k.ndim == v.ndim:
    raise _errors.value_error("q, k, v", shapes, f"{layout}, of one rank",
                              "Split D in heads with reshape(.., N, H); add axes with [None]")
  if not q.shape[:-3] == k.shape[:-3] == v.shape[:-3] or k.shape[:-1] != v.shape[:-1]:
    raise _errors.value_error("q, k, v", shapes, f"{layout}, with equal batch axes and lengths",
                              "Broadcast the batch axes before the call")
  if q.shape[-1] != k.shape[-1] or not k.shape[-1]:
    raise _errors.value_error("q, k", f"head dims {q.shape[-1]} and {k.shape[-1]}",
                              "equal ones, at least 1",
                              "Project q and k to the same head dim")
  if k.shape[-2] == 0 or q.shape[-2] % k.shape[-2]:
    raise _errors.value_error(
        "q, k", f"{q.shape[-2]} query heads and {k.shape[-2]} key heads",
        "a number of query heads that is a multiple of the key heads",
        "Change one of the two; arrays [B, N, T, H] need jnp.swapaxes(x, -3, -2)")
  if not q.dtype == k.dtype == v.dtype or not jnp.issubdtype(q.dtype, jnp.floating):
    raise _errors.type_error("q, k, v", f"{q.dtype}, {k.dtype}, {v.dtype}", "one floating dtype",
                             "Cast them with .astype")
  return q, k, v


def check_tile(tile) -> int | None:
  """Rows of a tile, or None."""
  wanted, mend = "None or a number of rows, at least 1", "None chooses from the shapes"
  return None if tile is None else _errors.check_int("tile", tile, wanted, mend, least=1)


def check_scale(scale, q):
  """The number that multiplies q k^T; an array of a value a head or a key is refused."""
  if scale is None:
    return 1 / math.sqrt(q.shape[-1])
  mend = "Multiply q by one scale a head: q * scale[:, None]"
  known = _numerics.known(scale)
  if known is not None and known.dtype.kind not in "iuf" and known.dtype.name != "bfloat16":
    raise _errors.type_error("scale", _errors.describe(scale), "a number", mend)
  shape = tuple(scale.shape) if hasattr(scale, "shape") else np.shape(scale)
  if shape:
    raise _errors.value_error("scale", f"shape {shape}", "a single number", mend)
  if known is not None and not np.isfinite(known):
    raise _errors.value_error("scale", known.item(), "a finite number",
                              "None takes 1 / sqrt(H); mask= hides keys")
  return scale


def check_mask(mask, q, k):
  """See ``hiding.check_mask``."""
  return hiding.check_mask(mask, q.shape[:-3], q.shape[-2], q.shape[-3], k.shape[-3])


def positions_and_order(encoding: Encoding, rule: Rule, q, k, q_positions, k_positions, q_order,
                        k_order) -> tuple[Side, Side]:
  """The two sides of a call with aligned positions, and the order if the rule asks for one."""
  batch, lead, t, s = q.ndim - 3, q.shape[:-3], q.shape[-3], k.shape[-3]
  _check_pair("q_positions, k_positions", q_positions, k_positions)
  _check_pair("q_order, k_order", q_order, k_order)
  if q_positions is None:
    at = _default_positions(encoding, batch, t, s)
    plain = (at, at)
    aligned = (() if at is None else at,) * 2
  else:
    given = ((q_positions, t, "q_positions"), (k_positions, s, "k_positions"))
    aligned, plain = zip(*(_aligned(encoding, p, lead, n, name) for p, n, name in given),
                         strict=True)
    if encoding.layer_axes is None:
      _check_together("q_positions, k_positions", *aligned)
      _check_span(encoding, *aligned)
  orders = _orders(rule, lead, t, s, q_order, k_order, plain)
  if _reads_nothing(encoding):
    aligned = ((), ())
  return Side(None, aligned[0], orders[0]), Side(None, aligned[1], orders[1])


def _reads_nothing(encoding) -> bool:
  return encoding.position_axes is None and encoding.layer_axes is None


def _aligned(encoding, positions, lead, length, name):
  """Positions with all batch axes, and the same as one number a token ``[..., T]``, or None."""
  if _reads_nothing(encoding):
    plain = _of_tokens(positions, lead, length, name)
    return (() if plain is None else plain), plain
  at = encoding.align(positions, len(lead), length, name)
  check_lead(at, lead, name)
  plain = encoding.position_axes == 0 and encoding.layer_axes is None and hasattr(at, "ndim")
  return at, at if plain else None


def check_lead(tree: Any, lead: tuple[int, ...], argument: str) -> None:
  """Raises unless the batch axes of every array are those of q, or 1: nothing else broadcasts."""
  for x in jax.tree.leaves(tree):
    if any(a not in (1, b) for a, b in zip(np.shape(x), lead, strict=False)):
      raise _errors.value_error(
          argument, f"shape {tuple(x.shape)}", f"the batch axes {tuple(lead)} of q, or 1 instead",
          "Give every example of the batch its own, or leave the axis out to share them")


def _check_pair(names, one, other):
  if (one is None) != (other is None):
    raise _errors.value_error(names, "one of them", "both or neither",
                              "Those of queries and keys go together")


def _index(batch, length):
  xp = np if isinstance(length, int) else jnp  # a symbolic length is not known on the host
  return xp.arange(length, dtype=np.int32).reshape((1,) * batch + (length,))


def _default_positions(encoding, batch, t, s):
  """0, 1, .. where nobody gave positions and the encoding takes one number a token."""
  axes = encoding.position_axes
  if encoding.layer_axes is not None:
    raise _errors.value_error(
        "q_positions, k_positions", "None", f"the positions that {type(encoding).__name__} drives",
        "Pass what encoding.layer(x, positions) returned, as both where T = S")
  if axes is None:
    return _index(batch, t) if t == s else None
  if axes:
    raise _errors.value_error(
        "q_positions, k_positions", "None", f"positions of {axes} axes: [..., T, {axes}]",
        "Pass both: posenc_jax.positions.grid(height, width), or equal ids for text")
  if t != s:
    raise _errors.value_error(
        "q_positions, k_positions", f"None with T={t}, S={s}", "the position of every token",
        "Pass both: for decoding, the positions of the new tokens and those in the cache")
  return _index(batch, t)


def _of_tokens(positions, lead, length, name):
  """What an encoding without positions got, as one number a token ``[..., T]``, or None.

  Positions of several axes and those that a layer drives are let through, as another encoding may
  read them, if they have the tokens of this call.
  """
  if isinstance(positions, tuple) and not positions:  # a model's word for none
    return None
  if type(positions) not in (list, tuple, range) and not hasattr(positions, "dtype"):
    leaves = jax.tree.leaves(positions)
    if len(leaves) != 1 or leaves[0] is not positions:
      return None
  x = _align.numbers(positions, name, real=True)
  shape, batch = tuple(x.shape), len(lead)
  front = shape[:-1]
  if shape[-1:] == (length,) and len(front) <= batch and all(
      a in (1, b) for a, b in zip(front[::-1], lead[::-1], strict=False)):
    return x.reshape((1,) * (batch - len(front)) + shape)
  if len(shape) > 1 and length in shape[:-1][:batch + 1]:
    return None
  _align.align_array(x, batch, length, 0, name)
  check_lead(x.reshape((1,) * (batch + 1 - len(shape)) + shape), lead, name)
  return None


def _check_together(names, q, k):
  """Refuses integers on one side and floats on the other."""
  for a, b in zip(jax.tree.leaves(q), jax.tree.leaves(k), strict=False):
    if hasattr(a, "dtype") and hasattr(b, "dtype") and a.dtype != b.dtype:
      raise _errors.type_error(names, f"{a.dtype.name} and {b.dtype.name}", "one dtype",
                               "Convert both to int32, or both to float32")


def _check_span(encoding, q, k):
  """Refuses known integer positions whose differences do not fit into int32."""
  for a, b in zip(jax.tree.leaves(q), jax.tree.leaves(k), strict=False):
    a, b = _numerics.known(a), _numerics.known(b)
    if a is None or b is None or a.dtype.kind not in "iu" or not a.size or not b.size:
      continue
    axis = tuple(range(a.ndim - 1)) if encoding.position_axes else None
    both = [x.astype(np.int64) for x in (a, b)]
    low = np.minimum(*(x.min(axis=axis) for x in both))
    high = np.maximum(*(x.max(axis=axis) for x in both))
    if np.max(high - low) >= 2**31:
      raise _errors.value_error("q_positions, k_positions", f"from {np.min(low)} to {np.max(high)}",
                                "positions less than 2^31 apart",
                                "Distances are int32: restart positions in each document")


def _orders(rule, lead, t, s, q_order, k_order, plain):
  if q_order is not None:
    orders = []
    for order, n, name in ((q_order, t, "q_order"), (k_order, s, "k_order")):
      orders.append(_align.align_array(order, len(lead), n, 0, name))
      check_lead(orders[-1], lead, name)
    _check_together("q_order, k_order", *orders)
    return tuple(orders) if rule.uses_order else (None, None)
  if not rule.uses_order:
    return None, None
  if plain[0] is not None and plain[1] is not None:
    return plain
  if t == s:
    return _index(len(lead), t), _index(len(lead), t)
  raise _errors.value_error(
      "q_order, k_order", f"None with T={t}, S={s}", "the order of tokens for causal or window",
      "Pass both: for decoding, the index of the new tokens and of those in the cache")


def check_key_order(encoding: Encoding, keys: Side, mask: Any) -> None:
  """Refuses keys of one document whose known order falls along S, where the encoding sums over S.

  A mask may hide keys with any number, so nothing is known with one.
  """
  if keys.order is None or mask is not None:
    return
  order = _numerics.known(keys.order)
  ids = None if keys.segments is None else _numerics.known(keys.segments)
  if order is None or (keys.segments is not None and ids is None):
    return
  falls = order[..., 1:] < order[..., :-1]
  if ids is not None:
    falls = falls & (ids[..., 1:] == ids[..., :-1])
  for part, *_ in encoding.parts():
    if part.keys_in_order and np.any(falls):
      raise _errors.value_error(
          "k_positions", f"an order that falls along S, and {type(part).__name__}",
          "keys in the order of their tokens, which its sums over keys need",
          "Sort k, v and their positions, or pass mask= if these keys are hidden")


def hide(queries: Side, keys: Side, rule: Rule, q, k, segments, lengths, prefix):
  """Documents, padding and a prefix on the two sides.

  Returns:
    (queries, keys, lengths, kind): lengths as a pair or None; kind as ``Call.segments``.
  """
  lead, t, s = q.shape[:-3], q.shape[-3], k.shape[-3]
  kind = "none" if segments is None else "pair" if isinstance(segments, tuple) else "same"
  ids = hiding.check_segments(segments, len(lead), t, s)
  for one, name in zip(ids, ("q_segments", "k_segments"), strict=True):
    check_lead(one, lead, name)
  if lengths is not None:
    kind = "lengths" if segments is None else "pair"
    lengths = hiding.check_lengths(lengths, lead, t, s)
    ids = hiding.padding_segments(ids, ((lengths[0], t), (lengths[1], s)), len(lead))
  if prefix is not None and not rule.uses_order:
    raise _errors.value_error("prefix", _errors.describe(prefix), "causal=True or a window with it",
                              "Without them every key is visible, and a prefix changes nothing")
  shown = hiding.check_prefix(prefix, lead, keys.order, s)
  return (queries._replace(segments=ids[0]), keys._replace(segments=ids[1], prefix=shown), lengths,
          kind)

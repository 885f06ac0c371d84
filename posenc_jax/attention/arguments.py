# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``attend`` and ``context_attend``, checked: right or refused, never guessed."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _errors, _numerics
from posenc_jax.attention import visibility
from posenc_jax.attention.visibility import Rule, Side
from posenc_jax.base import MODEL_HOOKS, PREPARED, Each, Encoding

_MENDS = {
    "positions": "positions = encoding.positions(positions, key=key) once a model call",
    "inputs": "x = encoding.inputs(x, positions) on the embeddings",
    "layer": "x, positions, carry = encoding.layer(x, positions) on each layer's input",
}


def check_applied(encoding: Encoding, applied: Any) -> tuple[str, ...]:
  """The names of the hooks that the caller ran; refuses an encoding whose hooks nobody runs."""
  names = (applied,) if isinstance(applied, str) else applied
  if not isinstance(names, tuple | list | set | frozenset) or not all(
      isinstance(n, str) for n in names):
    raise _errors.type_error("applied", _errors.describe(applied), "names of hooks",
                             f"applied={PREPARED} says that prepare has run")
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
  if q.shape[-1] != k.shape[-1]:
    raise _errors.value_error("q, k", f"head dims {q.shape[-1]} and {k.shape[-1]}", "equal ones",
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
  if jnp.ndim(scale) != 0:
    raise _errors.value_error("scale", f"shape {jnp.shape(scale)}", "a single number", mend)
  return scale


def check_mask(mask, q, k):
  """See ``visibility.check_mask``."""
  return visibility.check_mask(mask, q.shape[:-3], q.shape[-2], q.shape[-3], k.shape[-3])


def positions_and_order(encoding: Encoding, rule: Rule, q, k, q_positions, k_positions, q_order,
                        k_order) -> tuple[Side, Side]:
  """The two sides of a call with aligned positions, and the order if the rule asks for one."""
  batch, t, s = q.ndim - 3, q.shape[-3], k.shape[-3]
  _check_pair("q_positions, k_positions", q_positions, k_positions)
  _check_pair("q_order, k_order", q_order, k_order)
  pairs = ((q_positions, t, "q_positions"), (k_positions, s, "k_positions"))
  if q_positions is None:
    at = _default_positions(encoding, batch, t, s)
    plain = (at, at) if at is not None and not isinstance(at, tuple) else (None, None)
    aligned = (() if at is None else at,) * 2
  else:
    aligned = tuple(encoding.align(p, batch, n, name) for p, n, name in pairs)
    plain = tuple(_plain(p, batch, n) for p, n, _ in pairs)
  _check_span(*plain)
  orders = _orders(rule, batch, t, s, q_order, k_order, plain)
  if encoding.position_axes is None and encoding.layer_axes is None:
    aligned = ((), ())
  return Side(None, aligned[0], orders[0]), Side(None, aligned[1], orders[1])


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


def _plain(positions, batch, length):
  """Positions as one number a token ``[..., T]``, or None."""
  if isinstance(positions, Each) or jax.tree.structure(positions).num_leaves > 1 and not isinstance(
      positions, list | tuple):
    return None
  positions = _align.numbers(positions, "positions", real=True)
  if not 1 <= positions.ndim <= batch + 1 or positions.shape[-1] != length:
    return None
  return positions.reshape((1,) * (batch + 1 - positions.ndim) + tuple(positions.shape))


def _check_span(q, k):
  """Refuses known integer positions whose differences do not fit into int32."""
  if isinstance(q, np.ndarray) and isinstance(k, np.ndarray) and q.size and k.size:
    low, high = (f(np.asarray([f(q), f(k)], np.float64)) for f in (np.min, np.max))
    if high - low >= 2.0**31:
      raise _errors.value_error("q_positions, k_positions", f"from {low:.0f} to {high:.0f}",
                                "positions less than 2^31 apart",
                                "Distances are int32: restart positions in each document")


def _orders(rule, batch, t, s, q_order, k_order, plain):
  if not rule.uses_order:
    if q_order is not None:  # checked all the same
      _align.align_array(q_order, batch, t, 0, "q_order")
      _align.align_array(k_order, batch, s, 0, "k_order")
    return None, None
  if q_order is not None:
    return (_align.align_array(q_order, batch, t, 0, "q_order"),
            _align.align_array(k_order, batch, s, 0, "k_order"))
  if plain[0] is not None and plain[1] is not None:
    return plain
  if t == s:
    return _index(batch, t), _index(batch, t)
  raise _errors.value_error(
      "q_order, k_order", f"None with T={t}, S={s}", "the order of tokens for causal or window",
      "Pass both: for decoding, the index of the new tokens and of those in the cache")


def hide(queries: Side, keys: Side, rule: Rule, q, k, segments, lengths, prefix):
  """Documents, padding and a prefix on the two sides.

  Returns:
    (queries, keys, lengths, kind): lengths as a pair or None; kind as ``Call.segments``.
  """
  lead, t, s = q.shape[:-3], q.shape[-3], k.shape[-3]
  kind = "none" if segments is None else "pair" if isinstance(segments, tuple) else "same"
  ids = visibility.check_segments(segments, len(lead), t, s)
  if lengths is not None:
    kind = "lengths" if segments is None else "pair"
    lengths = visibility.check_lengths(lengths, lead, t, s)
    ids = visibility.padding_segments(ids, ((lengths[0], t), (lengths[1], s)), len(lead))
  if prefix is not None and not rule.uses_order:
    raise _errors.value_error("prefix", _errors.describe(prefix), "causal=True or a window with it",
                              "Without them every key is visible, and a prefix changes nothing")
  shown = visibility.check_prefix(prefix, lead, keys.order, s)
  return (queries._replace(segments=ids[0]), keys._replace(segments=ids[1], prefix=shown), lengths,
          kind)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Orders of rows in released weights: pairs of dims, the part that turns, fused q, k and v.

All functions take weights as files hold them, outputs first: ``[N * H, D]``, or biases ``[N * H]``.
Weights ``[D, N * H]`` of a JAX model pass with ``axis=-1``. NumPy arrays stay NumPy.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.encodings.rotations.rotary import PAIRINGS

LAYOUTS = ("heads", "groups", "blocks")


def convert_pairing(w: Any, *, heads: int, to: str, dims: int | None = None, axis: int = 0) -> Any:
  """Reorders the rows of W_q or W_k, so that the other pairing gives the same scores.

  Args:
    w: ``[N * H, ..]``, of the pairing that is not ``to``.
    heads: N of W_q, K of W_k.
    to: "interleaved" for weights whose pairs are halves (i, i + r/2), or "half" for weights whose
      pairs are neighbours (2i, 2i + 1).
    dims: r, how many leading dims of each head turn; None for all.
    axis: that of the outputs.

  Returns:
    Like w. Scores of the converted W_q and W_k are the same; W_v and W_o stay as they are.

  Raises:
    ValueError: an unknown pairing, an odd r or one above H, rows that N does not divide.

  Example:
    >>> convert_pairing(np.arange(4), heads=1, to="interleaved").tolist()
    [0, 2, 1, 3]
    >>> convert_pairing(np.array([0, 2, 1, 3]), heads=1, to="half").tolist()
    [0, 1, 2, 3]
  """
  _errors.check_choice("to", to, PAIRINGS)
  width = _head_width(w, heads, axis)
  r = width if dims is None else _errors.check_int("dims", dims, "how many dims of a head turn",
                                                   "Leave it out for all", least=0)
  if r % 2 or r > width:
    raise _errors.value_error("dims", r, f"an even number of at most {width}",
                              "Check the number of heads")
  halves = np.arange(r).reshape(2, r // 2)
  order = halves.T.ravel() if to == "interleaved" else np.argsort(halves.T.ravel())
  return _reorder(w, heads, np.concatenate([order, np.arange(r, width)]), axis)


def roll_dims(w: Any, *, heads: int, dims: int, to: str, axis: int = 0) -> Any:
  """Moves the part of each head that turns to its front or to its end.

  Args:
    w: ``[N * H, ..]``.
    heads: how many heads w has.
    dims: r, the width of the part.
    to: "leading" for weights whose last r dims of a head turn (latent attention), or "trailing" for
      weights whose first r dims do.
    axis: that of the outputs.

  Returns:
    Like w.

  Raises:
    ValueError: an unknown place, r above H, rows that N does not divide.

  Example:
    >>> roll_dims(np.arange(4), heads=1, dims=1, to="leading").tolist()
    [3, 0, 1, 2]
  """
  _errors.check_choice("to", to, ("leading", "trailing"))
  width = _head_width(w, heads, axis)
  dims = _errors.check_int("dims", dims, "how many dims of a head turn", "Pass the rotary dim",
                           least=0)
  if dims > width:
    raise _errors.value_error("dims", dims, f"at most {width}", "Check the number of heads")
  return _reorder(w, heads, np.roll(np.arange(width), dims if to == "leading" else -dims), axis)


def split_qkv(w: Any, *, heads: int, kv_heads: int | None = None, layout: str, axis: int = 0
              ) -> tuple[Any, Any, Any]:
  """Cuts a fused projection into W_q, W_k and W_v.

  Args:
    w: ``[(N + 2 K) * H, ..]``.
    heads: N.
    kv_heads: K; None for N.
    layout: "heads" is q, k, v of each head in turn (GPT-NeoX, BLOOM, Falcon-RW); "groups" is the
      queries of a group, its key, its value, group by group (Falcon; with one kv head
      Falcon-7B); "blocks" is all queries, all keys, all values (Phi-3).
    axis: that of the outputs.

  Returns:
    (``[N * H, ..]``, ``[K * H, ..]``, ``[K * H, ..]``).

  Raises:
    ValueError: an unknown layout, rows that do not fit the heads, "heads" with K other than N.

  Example:
    >>> [x.tolist() for x in split_qkv(np.arange(8), heads=2, kv_heads=1, layout="groups")]
    [[0, 1, 2, 3], [4, 5], [6, 7]]
  """
  order, sizes = _fused(_rows(w, axis), heads, kv_heads, layout)
  w = _take(w, order, axis)
  ends = np.cumsum(sizes)
  return tuple(_take(w, np.arange(end - n, end), axis)  # type: ignore[return-value]
               for n, end in zip(sizes, ends, strict=True))


def join_qkv(q: Any, k: Any, v: Any, *, heads: int, kv_heads: int | None = None, layout: str,
             axis: int = 0) -> Any:
  """The fused projection of W_q, W_k and W_v: the inverse of ``split_qkv``.

  Args:
    q: ``[N * H, ..]``.
    k, v: ``[K * H, ..]``.
    heads, kv_heads, layout, axis: as in ``split_qkv``.

  Returns:
    ``[(N + 2 K) * H, ..]``.

  Raises:
    ValueError: as ``split_qkv``.

  Example:
    >>> q, k, v = split_qkv(np.arange(12), heads=2, layout="heads")
    >>> join_qkv(q, k, v, heads=2, layout="heads").tolist() == list(range(12))
    True
  """
  xp = jnp if isinstance(q, jax.Array) else np
  rows = [_rows(x, axis) for x in (q, k, v)]
  order, sizes = _fused(sum(rows), heads, kv_heads, layout)
  if rows != list(sizes):
    raise _errors.value_error("q, k, v", f"{rows} rows", f"{list(sizes)}",
                              "Check the numbers of heads")
  return _take(xp.concatenate([q, k, v], axis=axis), np.argsort(order), axis)


def _fused(rows, heads, kv_heads, layout):
  """(order of rows that puts queries, keys and values in blocks, the sizes of the blocks)."""
  _errors.check_choice("layout", layout, LAYOUTS)
  n = _errors.check_int("heads", heads, "the number of query heads", "Look at the config", least=1)
  k = n if kv_heads is None else _errors.check_int(
      "kv_heads", kv_heads, "the number of key heads", "Look at the config", least=1)
  if n % k or (layout == "heads" and n != k):
    raise _errors.value_error("kv_heads", k, f"{n}" if layout == "heads" else f"a divisor of {n}",
                              "Grouped heads are fused by 'groups' or 'blocks'")
  if rows % (n + 2 * k):
    raise _errors.value_error("w", f"{rows} rows", f"a multiple of {n + 2 * k}, heads of q, k and "
                              "v", "Check the numbers of heads, and axis")
  width = rows // (n + 2 * k)
  sizes = (n * width, k * width, k * width)
  index = np.arange(rows)
  if layout != "blocks":
    parts = np.split(index.reshape(k, n // k + 2, width), [n // k, n // k + 1], axis=1)
    index = np.concatenate([part.ravel() for part in parts])
  return index, sizes


def _rows(w, axis):
  if not hasattr(w, "shape") or not w.shape:
    raise _errors.type_error("w", _errors.describe(w), "an array", "Pass a weight or a bias")
  return w.shape[axis]


def _head_width(w, heads, axis):
  heads = _errors.check_int("heads", heads, "the number of heads of w", "W_k may have fewer",
                            least=1)
  if _rows(w, axis) % heads:
    raise _errors.value_error("heads", heads, f"a divisor of the {_rows(w, axis)} rows",
                              "W_k may have fewer heads; axis is that of the outputs")
  return _rows(w, axis) // heads


def _reorder(w, heads, order, axis):
  width = len(order)
  rows = (np.arange(heads)[:, None] * width + order[None]).ravel()
  return _take(w, rows, axis)


def _take(w, rows, axis):
  xp = jnp if isinstance(w, jax.Array) else np
  return xp.take(w, rows, axis=axis)

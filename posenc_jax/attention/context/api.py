# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Context parallelism: attention over a sequence that is cut along one axis of a device mesh.

Positions travel with the keys, so every encoding whose bias needs only (q, k, q_positions,
k_positions) works unchanged. ``qk``, ``values``, ``expand`` and ``outputs`` run on the global
arrays, where XLA cuts them like any other elementwise work.

Under a causal mask the contiguous layout gives the last device the most work. The zig-zag layout
cuts the sequence in 2n chunks and gives device i chunks i and 2n - 1 - i, so all have the same.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _compat, _errors
from posenc_jax.attention import api
from posenc_jax.attention.context.online import Keys, Rows, Rule, Shared
from posenc_jax.attention.context.ring import Plan, in_parts, in_rows
from posenc_jax.attention.semantics import accumulator
from posenc_jax.base import Each, Encoding

LAYOUTS = ("contiguous", "zigzag")
COLLECTIVES = ("auto", "ring", "gather")


def zigzag_order(length: int, shards: int) -> np.ndarray:
  """Which token stands at each place of the zig-zag layout: chunks 0, 2n-1, 1, 2n-2, ..

  Args:
    length: T, a multiple of 2 * shards.
    shards: n, devices along the sequence.

  Returns:
    int32 NumPy ``[T]``.

  Raises:
    ValueError: the length is not such a multiple.

  Example:
    >>> zigzag_order(8, 2).tolist()
    [0, 1, 6, 7, 2, 3, 4, 5]
  """
  _check_length("length", length, 2 * shards)
  chunks = np.arange(length, dtype=np.int32).reshape(2 * shards, -1)
  return np.stack([chunks[:shards], chunks[:shards - 1:-1]], axis=1).reshape(length)


def zigzag(x: jax.Array, shards: int, *, axis: int = 0) -> jax.Array:
  """Puts tokens, positions, segments or anything with T at ``axis`` into the zig-zag layout.

  Args:
    x: ``[.., T, ..]``.
    shards: n, devices along the sequence.
    axis: where T is.

  Returns:
    Like x.

  Raises:
    ValueError: T is not a multiple of 2 * shards.

  Example:
    >>> zigzag(jnp.arange(4), 2).tolist()
    [0, 3, 1, 2]
  """
  return _reorder(x, zigzag_order(x.shape[axis], shards), axis)


def unzigzag(x: jax.Array, shards: int, *, axis: int = 0) -> jax.Array:
  """Undoes ``zigzag``.

  Args:
    x: ``[.., T, ..]``.
    shards: n, devices along the sequence.
    axis: where T is.

  Returns:
    Like x.

  Raises:
    ValueError: T is not a multiple of 2 * shards.

  Example:
    >>> unzigzag(zigzag(jnp.arange(4), 2), 2).tolist()
    [0, 1, 2, 3]
  """
  return _reorder(x, np.argsort(zigzag_order(x.shape[axis], shards)), axis)


def context_attend(q: jax.Array, k: jax.Array, v: jax.Array, encoding: Encoding | None = None, *,
                   mesh: jax.sharding.Mesh, axis: str, q_positions=None, k_positions=None,
                   q_order=None, k_order=None, causal: bool = False,
                   window: int | tuple[int, int] | None = None, segments=None,
                   mask: jax.Array | None = None, scale: float | jax.Array | None = None,
                   prepared: bool = False, layout: str = "contiguous", collective: str = "auto",
                   tile: int | None = None) -> jax.Array:
  """``attend`` with T and S cut along one axis of a mesh; the same numbers, the same gradients.

  With "ring" each device's keys, values and positions go round the devices while an online softmax
  takes them in, so a device holds two shards of keys. With "gather" every device first gets all of
  them, which is one collective and more memory. In both, parts that no query of a tile can see are
  skipped while running, in either layout, and the gradients of the encoding's leaves are summed
  over devices. "auto" is the ring: on 8 virtual CPU devices (B 1, T 8192, N = K = 8, H 64, causal
  ALiBi) it took at most the CPU time of gathering in either layout, and 0.3 to 0.5 of its memory;
  no accelerators were measured. An encoding with ``scores`` or ``mix``, and a dense mask, need
  whole rows of keys and always gather. Other axes of the mesh are left to the compiler, so batches
  and heads may be cut along them.

  Args:
    q: ``[..., T, N, H]``, a global array; T is cut along ``axis`` (moved there if it is not).
    k: ``[..., S, K, H]``; v: ``[..., S, K, H']``; S is cut too.
    encoding: any encoding, or None.
    mesh: the devices.
    axis: the name of the mesh axis that T and S are cut along.
    q_positions, k_positions, q_order, k_order, causal, window, segments, mask, scale, prepared: as
      in ``attend``, all in the layout of q and k. Where ``attend`` takes 0, 1, .., ``layout``
      says which token stands where.
    layout: "contiguous", or "zigzag" if q, k and v went through ``zigzag``.
    collective: "ring", "gather", or "auto".
    tile: rows at a time, at least 1; None chooses.

  Returns:
    ``[..., T, N, H']`` of q's dtype, cut like q.

  Raises:
    ValueError: what ``attend`` raises; T or S that the devices do not divide (twice the devices
      for zig-zag); an axis that is not in the mesh; a tile below 1; "ring" where whole rows are
      needed.
    TypeError: as in ``attend``; a mesh that is none.

  Example:
    >>> import posenc_jax as px
    >>> mesh = jax.sharding.Mesh(jax.devices()[:1], ("sequence",))
    >>> x = jnp.ones((1, 4, 2, 8))
    >>> context_attend(x, x, x, px.Alibi(2), mesh=mesh, axis="sequence", causal=True).shape
    (1, 4, 2, 8)

  References:
    Liu et al. 2023, arXiv 2310.01889, for the ring; Brandon et al. 2023, arXiv 2311.09431, for
    layouts that balance causal work.
  """
  encoding = api._check_encoding(encoding)
  batch, t, n, s = api._check_qkv(q, k, v)
  shards = _check_mesh(mesh, axis)
  _errors.check_choice("layout", layout, LAYOUTS)
  _errors.check_choice("collective", collective, COLLECTIVES)
  if tile is not None and tile < 1:
    raise _errors.value_error("tile", tile, "None or at least 1", "Leave it at its default")
  zigzagged = layout == "zigzag"
  for name, length in (("q", t), ("k, v", s)):
    _check_length(name, length, shards * (2 if zigzagged else 1))
  whole = [f"its {h} hook" for h in ("scores", "mix") if encoding.has(h)]
  whole += ["a dense mask"] if mask is not None else []
  if whole and collective == "ring":
    raise _errors.value_error("collective", "'ring'", f"'gather' or 'auto', as {whole[0]} needs "
                              "whole rows of keys", "Leave collective at its default")
  scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
  if zigzagged and t == s:
    plain = encoding.trailing == 0 and not isinstance(q_positions, Each)
    if q_order is None and k_order is None and (q_positions is None or not plain):
      q_order = k_order = zigzag_order(t, shards)
    if q_positions is None and k_positions is None and plain:
      q_positions = k_positions = zigzag_order(t, shards)

  def run(q, k, v, encoding, q_positions, k_positions, q_order, k_order, segments, mask, scale):
    q_positions, k_positions, given = api._positions(encoding, q_positions, k_positions, batch, t,
                                                     s)
    seen = api._visibility(given, q_order, k_order, causal, window, segments, mask, batch, n, t, s)
    if not prepared:
      q, k, v = api.prepare(q, k, v, encoding, q_positions, k_positions)
    q_positions, k_positions = (() if p is None else p for p in (q_positions, k_positions))
    q, k = encoding.expand(q, k, q_positions, k_positions)
    if 0 in (t, s):
      out = jnp.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
      return encoding.outputs(out, q_positions)
    q_order, k_order = (seen.q_order, seen.k_order) if seen.uses_order else (None, None)
    asked = any(encoding.has(hook) for hook in ("bias", "scores", "mix"))
    shared = Shared(encoding if asked else Encoding(), jnp.asarray(scale, accumulator(q.dtype)))
    rows = Rows(q, q_positions if asked else (), q_order, seen.q_segments)
    keys = Keys(k, v, k_positions if asked else (), k_order, seen.k_segments)
    pieces = shards * (2 if zigzagged else 1)
    rule = Rule(batch, seen.causal, seen.window, tile or _even(t // pieces, 128),
                _even(s // pieces, 512))
    plan = Plan(mesh, axis, "ring" if collective == "auto" else collective, rule)
    if whole:
      order = np.argsort(zigzag_order(s, shards)) if zigzagged else None
      out = in_rows(rows, keys, shared, seen.mask, plan, order=order, tile=tile)
    else:
      out = in_parts(rows, keys, shared, plan)
    return encoding.outputs(out, q_positions)

  arrays = [np.asarray(x) if isinstance(x, list) else x
            for x in (q_positions, k_positions, q_order, k_order)]
  run = _compat.without_explicit_axes(run, q, {batch: axis})
  return run(q, k, v, encoding, *arrays, segments, mask, scale)


def _even(length, most):
  """The size of the fewest equal parts of at most ``most``; only the last may be shorter."""
  return math.ceil(length / math.ceil(length / most))


def _reorder(x, order, axis):
  x = jnp.asarray(x)
  return _compat.without_explicit_axes(lambda x: jnp.take(x, order, axis=axis), x, {})(x)


def _check_mesh(mesh, axis) -> int:
  names = getattr(mesh, "axis_names", None)
  if names is None:
    raise _errors.type_error("mesh", type(mesh).__name__, "a jax.sharding.Mesh",
                             "Build one with jax.make_mesh")
  if axis not in names:
    raise _errors.value_error("axis", repr(axis), f"one of the mesh's axes {names}",
                              "Name the axis along which the sequence is cut")
  return mesh.shape[axis]


def _check_length(name, length, parts):
  if length % parts:
    raise _errors.value_error(
        name, f"{length} tokens", f"a multiple of {parts}",
        "Pad at the end, and give padding a segment id of its own so that nothing sees it")

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Context parallelism: attention over a sequence that is cut along one axis of a device mesh.

Positions travel with the keys, so every encoding that answers for any rectangle of queries and keys
works unchanged. ``qk``, ``values``, ``expand`` and ``outputs`` run on the global arrays, where XLA
cuts them like any other elementwise work.

Under a causal mask the contiguous layout gives the last device the most work. The zig-zag layout
cuts the sequence in 2n chunks and gives device i chunks i and 2n - 1 - i, so all have the same.
"""

import math
from collections.abc import Collection
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _align, _compat, _errors, _numerics
from posenc_jax.attention import api, arguments
from posenc_jax.attention.call import Call
from posenc_jax.attention.context.online import Cut, Keys, Shared
from posenc_jax.attention.context.ring import Route, in_parts, in_rows
from posenc_jax.base import WHOLE_ROWS, Each, Encoding, check_encoding_argument

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
  length = _errors.check_int("length", length, "an int, at least 0", "Pass T", least=0)
  shards = _errors.check_int("shards", shards, "an int, at least 1", "Count the devices", least=1)
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
  x = jnp.asarray(x)
  return _reorder(x, zigzag_order(_size(x, axis), shards), axis)


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
  x = jnp.asarray(x)
  return _reorder(x, np.argsort(zigzag_order(_size(x, axis), shards)), axis)


def context_attend(q: jax.Array, k: jax.Array, v: jax.Array, encoding: Encoding | None = None, *,
                   mesh: jax.sharding.Mesh, axis: str, q_positions: Any = None,
                   k_positions: Any = None, q_order: Any = None, k_order: Any = None,
                   causal: bool = False, window: int | tuple[int, int] | None = None,
                   segments: Any = None, prefix: Any = None, mask: Any = None,
                   scale: float | jax.Array | None = None, applied: str | Collection[str] = (),
                   layout: str = "contiguous", collective: str = "auto", tile: int | None = None,
                   **unknown: Any) -> jax.Array:
  """``attend`` with T and S cut along one axis of a mesh; the same numbers, the same gradients.

  With "ring" each device's keys, values and positions go round the devices while an online softmax
  takes them in, so a device holds two shards of keys. With "gather" every device first gets all of
  them, which is one collective and more memory. In both, parts that no query of a tile can see are
  skipped while running, in either layout, and the gradients of the encoding's leaves are summed
  over devices. "auto" is the ring: on 8 virtual CPU devices (B 1, T 8192, N = K = 8, H 64, causal
  ALiBi) it took at most the CPU time of gathering in either layout, and 0.3 to 0.5 of its memory;
  no accelerators were measured. An encoding with ``scores``, ``weights`` or ``value_bias``, and a
  dense mask, need whole rows of keys and always gather. Other axes of the mesh are left to the
  compiler, so batches and heads may be cut along them.

  Args:
    q: ``[..., T, N, H]``, a global array; T is cut along ``axis`` (moved there if it is not).
    k: ``[..., S, K, H]``; v: ``[..., S, K, H']``; S is cut too.
    encoding: any encoding, or None.
    mesh: the devices.
    axis: the name of the mesh axis that T and S are cut along.
    q_positions, k_positions, q_order, k_order, causal, window, segments, prefix, mask, scale,
      applied: as in ``attend``, all in the layout of q and k; prefix counts tokens in order.
      Where ``attend`` takes 0, 1, .., ``layout`` says which token stands where.
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
  _errors.refuse_unknown("context_attend", unknown, _OPTIONS, api.RENAMED)
  encoding = check_encoding_argument(encoding)
  applied = arguments.check_applied(encoding, applied)
  q, k, v = arguments.check_qkv(q, k, v)
  route = _route(mesh, axis, layout, collective, tile, q, k)
  whole = _whole(encoding, mask, collective)
  scale = arguments.check_scale(scale, q)
  at = _in_layout(encoding, q, k, layout, route.shards,
                  *(_align.numbers(x, name, real=True) if type(x) in (list, tuple, range) and x
                    else x for x, name in (
                        (q_positions, "q_positions"), (k_positions, "k_positions"),
                        (q_order, "q_order"), (k_order, "k_order"))))

  def run(q, k, v, encoding, at, segments, prefix, mask, scale):
    call = api.make_call(q, k, v, encoding, **at, causal=causal, window=window, segments=segments,
                         prefix=prefix, mask=mask, scale=scale, applied=applied, sorts_keys=True)
    if 0 in call.sizes[:2]:
      out = jnp.zeros((*call.queries.x.shape[:-1], v.shape[-1]), q.dtype)
    else:
      out = _cut_along(call, mesh, axis, route, whole)
    return api.finish(call, out)

  run = _compat.without_explicit_axes(run, q, {q.ndim - 3: axis})
  return run(q, k, v, encoding, at, segments, prefix, mask, scale)


_OPTIONS = ("mesh", "axis", "q_positions", "k_positions", "q_order", "k_order", "causal", "window",
            "segments", "prefix", "mask", "scale", "applied", "layout", "collective", "tile")


class _Route(NamedTuple):
  """The checked settings of how keys travel and how work is cut."""

  shards: int
  layout: str
  collective: str
  tile: int | None

  @property
  def pieces(self) -> int:
    """Parts of the sequence that are contiguous in order."""
    return self.shards * (2 if self.layout == "zigzag" else 1)


def _route(mesh, axis, layout, collective, tile, q, k) -> _Route:
  shards = _check_mesh(mesh, axis)
  _errors.check_choice("layout", layout, LAYOUTS)
  _errors.check_choice("collective", collective, COLLECTIVES)
  route = _Route(shards, layout, "ring" if collective == "auto" else collective,
                 arguments.check_tile(tile))
  for name, x in (("q", q), ("k, v", k)):
    _check_length(name, x.shape[-3], route.pieces)
  return route


def _whole(encoding, mask, collective) -> bool:
  """Whether each device needs whole rows of keys; refuses a ring that cannot give them."""
  reasons = [f"its {h} hook" for h in WHOLE_ROWS if encoding.has(h)]
  reasons += ["a dense mask"] if mask is not None else []
  if reasons and collective == "ring":
    raise _errors.value_error("collective", "'ring'", f"'gather' or 'auto', as {reasons[0]} needs "
                              "whole rows of keys", "Leave collective at its default")
  return bool(reasons)


def _in_layout(encoding, q, k, layout, shards, q_positions, k_positions, q_order, k_order):
  """Positions and orders, those that nobody gave as the layout has them."""
  if layout == "zigzag" and q.shape[-3] == k.shape[-3]:
    tokens = zigzag_order(q.shape[-3], shards)
    plain = (encoding.position_axes in (None, 0) and encoding.layer_axes is None
             and not isinstance(q_positions, Each))
    if q_order is None and k_order is None and (q_positions is None or not plain):
      q_order = k_order = tokens
    if q_positions is None and k_positions is None and plain:
      q_positions = k_positions = tokens
  return {"q_positions": q_positions, "k_positions": k_positions, "q_order": q_order,
          "k_order": k_order}


def _cut_along(call: Call, mesh, axis, route: _Route, whole: bool) -> jax.Array:
  """Attention of a prepared call whose tokens are cut along a mesh axis."""
  asked = any(call.encoding.has(h) for h in ("visible", "bias", *WHOLE_ROWS))
  side = lambda one: one if asked else one._replace(positions=())
  encoding = call.encoding if asked else Encoding()
  shared = Shared(encoding, jnp.asarray(call.scale, _numerics.wide(call.queries.x)))
  keys = Keys(side(call.keys), call.v)
  t, s, _, _ = call.sizes
  cut = Cut(call.rule, call.queries.x.ndim - 3, route.tile or _even(t // route.pieces, 128),
            _even(s // route.pieces, 512))
  path = Route(mesh, axis, route.collective, cut)
  if not whole:
    return in_parts(side(call.queries), keys, shared, path)
  order = np.argsort(zigzag_order(s, route.shards)) if route.layout == "zigzag" else None
  return in_rows(side(call.queries), keys, shared, call.mask, path, order=order, tile=route.tile)


def _even(length, most):
  """The size of the fewest equal parts of at most ``most``; only the last may be shorter."""
  return math.ceil(length / math.ceil(length / most))


def _size(x, axis) -> int:
  """T, the size of x along an axis that it has."""
  axis = _errors.check_int("axis", axis, "an int", "Say where T is, as in axis=1 for [B, T, ..]")
  if not -x.ndim <= axis < x.ndim:
    raise _errors.value_error("axis", axis, f"one of the {x.ndim} axes of x", "Say where T is")
  return x.shape[axis]


def _reorder(x, order, axis):
  return _compat.without_explicit_axes(lambda x: jnp.take(x, order, axis=axis), x)(x)


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

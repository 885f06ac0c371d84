# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""One encoding on a part of the model: one position axis, some heads, some dims of each head.

They stand in place of options in each class: ``along(0, Alibi(4))`` is ALiBi on the first of
several axes, ``on_heads(slice(0, 2), e)`` leaves the other heads without an encoding, and
``on_dims(slice(0, 8), Rotary(8))`` is partial rotary.
"""

from typing import Any

import jax.numpy as jnp

from posenc_jax import _align, _errors
from posenc_jax.base import CLAIMS, HOOKS, Encoding, Tile, check_encoding_argument, encoding, static


def along(axis: int, e: Encoding) -> Encoding:
  """``e`` reads one axis of positions ``[..., T, P]``.

  Args:
    axis: which of the P axes, from 0.
    e: an encoding of one number a token.

  Returns:
    An encoding of positions ``[..., T, P]`` with P > axis.

  Raises:
    TypeError: not an encoding, or not an int.
    ValueError: a negative axis; an encoding that reads no positions or several axes.

  Example:
    >>> import posenc_jax as px
    >>> rows = px.chain(px.MRotary((1, 1)), along(0, px.Alibi(2)))
    >>> q = jnp.ones((4, 2, 4)); at = px.positions.grid(2, 2)
    >>> px.attend(q, q, q, rows, q_positions=at, k_positions=at).shape
    (4, 2, 4)
  """
  axis = _errors.check_int("axis", axis, "an int, at least 0", "Axes are counted from 0", least=0)
  return Along(_check_inner("along", e), axis)


def on_heads(heads: slice, e: Encoding) -> Encoding:
  """``e`` acts on some query heads, and on the key heads that only these use.

  Args:
    heads: a slice of the N query heads; ``e`` is built for as many heads as it holds.
    e: an encoding.

  Returns:
    An encoding that leaves the other heads as they are.

  Raises:
    TypeError: not an encoding, not a slice; an encoding that acts on embeddings or positions.
    ValueError: a step other than 1; in a call, a slice that cuts a group of heads that share keys,
      where the encoding changes keys or values.

  Example:
    >>> import posenc_jax as px
    >>> e = on_heads(slice(0, 2), px.Alibi(2))
    >>> q = jnp.ones((3, 4, 8))
    >>> e.bias(Tile(q, q, jnp.arange(3), jnp.arange(3))).shape
    (4, 3, 3)
  """
  return OnHeads(_check_part("on_heads", e), *_check_slice("heads", heads))


def on_dims(dims: slice, e: Encoding) -> Encoding:
  """``e`` acts on some dims of each head; the other dims pass unchanged.

  Args:
    dims: a slice of the H dims; ``e`` is built for as many dims as it holds.
    e: an encoding.

  Returns:
    An encoding.

  Raises:
    TypeError: not an encoding, not a slice; an encoding that acts on embeddings or positions.
    ValueError: a step other than 1.

  Example:
    >>> import posenc_jax as px
    >>> q = jnp.ones((3, 1, 8)); at = jnp.arange(3)
    >>> on_dims(slice(4, 8), px.Rotary(4)).qk(q, q, at, at)[0][1, 0].round(2).tolist()[:5]
    [1.0, 1.0, 1.0, 1.0, -0.3]
  """
  return OnDims(_check_part("on_dims", e), *_check_slice("dims", dims))


def share_heads(e: Encoding) -> Encoding:
  """A bias of one head for all query heads; without it, attention refuses the mismatch.

  Args:
    e: an encoding whose bias has one head, such as ``T5Bias.init(key, num_heads=1)``.

  Returns:
    An encoding.

  Example:
    >>> import posenc_jax as px
    >>> q = jnp.ones((3, 4, 8))
    >>> px.attend(q, q, q, share_heads(px.Alibi(1)), causal=True).shape
    (3, 4, 8)
  """
  return Shared(_check_inner("share_heads", e, axes=False))


class _Wrapper(Encoding):
  """Hands every hook to ``inner``; subclasses change what it sees."""

  inner: Encoding

  @property
  def relative(self) -> bool:
    return self.inner.relative

  @property
  def position_axes(self) -> int | None:
    return self.inner.position_axes

  @property
  def layer_axes(self) -> int | None:
    return self.inner.layer_axes

  @property
  def shared_heads(self) -> bool:
    return self.inner.shared_heads

  @property
  def one_axis(self) -> bool:
    """Whether any number of axes from ``position_axes`` on will do; see ``along``."""
    return getattr(self.inner, "one_axis", False)

  def has(self, hook):
    return self.inner.has(hook)

  def align(self, positions, batch, length, argument="positions"):
    return self.inner.align(positions, batch, length, argument)

  def align_tokens(self, positions, batch, length, argument="positions"):
    return self.inner.align_tokens(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    return self.inner.layer(x, positions, carry=carry, segments=segments)

  def qk(self, q, k, q_positions, k_positions):
    return self.inner.qk(q, k, q_positions, k_positions)

  def values(self, v, k_positions):
    return self.inner.values(v, k_positions)

  def expand(self, q, k, q_positions, k_positions):
    return self.inner.expand(q, k, q_positions, k_positions)

  def visible(self, tile):
    return self.inner.visible(tile)

  def bias(self, tile):
    return self.inner.bias(tile)

  def distance_bias(self, distance):
    return self.inner.distance_bias(distance)

  def bias_columns(self, q_positions, k_positions):
    return self.inner.bias_columns(q_positions, k_positions)

  def scores(self, scores, tile):
    return self.inner.scores(scores, tile)

  def weights(self, scores, tile):
    return self.inner.weights(scores, tile)

  def value_bias(self, weights, tile):
    return self.inner.value_bias(weights, tile)

  def outputs(self, out, q_positions):
    return self.inner.outputs(out, q_positions)


@encoding
class Along(_Wrapper):
  """One axis of several; build it with ``along``."""

  inner: Encoding
  axis: int = static()

  @property
  def position_axes(self) -> int:
    return self.axis + 1

  @property
  def one_axis(self) -> bool:
    return True

  def has(self, hook):
    return hook != "bias_columns" and self.inner.has(hook)

  def align(self, positions, batch, length, argument="positions"):
    return self.align_tokens(positions, batch, length, argument)

  def align_tokens(self, positions, batch, length, argument="positions"):
    positions = _align.align_array(positions, batch, length, 1, argument)
    if positions.shape[-1] <= self.axis:
      raise _errors.value_error(argument, f"{positions.shape[-1]} axes",
                                f"more than {self.axis} of them: [..., T, P]",
                                f"along({self.axis}, ..) reads the axis of that index")
    return positions

  def _pick(self, positions):
    return positions[..., self.axis]

  def positions(self, positions, *, key=None):
    changed = self.inner.positions(self._pick(positions), key=key)
    rest = [positions[..., i] if i != self.axis else changed for i in range(positions.shape[-1])]
    return jnp.stack([jnp.asarray(p, jnp.asarray(changed).dtype) for p in rest], axis=-1)

  def inputs(self, x, positions):
    return self.inner.inputs(x, self._pick(positions))

  def layer(self, x, positions, *, carry=None, segments=None):
    x, _, carry = self.inner.layer(x, self._pick(positions), carry=carry, segments=segments)
    return x, positions, carry

  def qk(self, q, k, q_positions, k_positions):
    return self.inner.qk(q, k, self._pick(q_positions), self._pick(k_positions))

  def values(self, v, k_positions):
    return self.inner.values(v, self._pick(k_positions))

  def expand(self, q, k, q_positions, k_positions):
    return self.inner.expand(q, k, self._pick(q_positions), self._pick(k_positions))

  def _tile(self, tile: Tile) -> Tile:
    return tile._replace(q_positions=self._pick(tile.q_positions),
                         k_positions=self._pick(tile.k_positions))

  def visible(self, tile):
    return self.inner.visible(self._tile(tile))

  def bias(self, tile):
    return self.inner.bias(self._tile(tile))

  def distance_bias(self, distance):
    return self.inner.distance_bias(distance[..., self.axis])

  def scores(self, scores, tile):
    return self.inner.scores(scores, self._tile(tile))

  def weights(self, scores, tile):
    return self.inner.weights(scores, self._tile(tile))

  def value_bias(self, weights, tile):
    return self.inner.value_bias(weights, self._tile(tile))

  def outputs(self, out, q_positions):
    return self.inner.outputs(out, self._pick(q_positions))


@encoding
class OnHeads(_Wrapper):
  """Some heads; build it with ``on_heads``."""

  inner: Encoding
  start: int = static(default=0)
  stop: int | None = static(default=None)

  def has(self, hook):
    return hook not in CLAIMS and self.inner.has(hook)

  def _heads(self, n: int) -> slice:
    start, stop, _ = slice(self.start, self.stop).indices(n)
    if stop <= start:
      raise _errors.value_error("heads", f"slice({self.start}, {self.stop})",
                                f"at least one of the {n} query heads", "Give another slice")
    return slice(start, stop)

  def _key_heads(self, n: int, kv: int) -> slice:
    heads, group = self._heads(n), n // kv
    if heads.start % group or heads.stop % group:
      raise _errors.value_error(
          "heads", f"query heads {heads.start} to {heads.stop - 1}",
          f"whole groups of the {group} query heads that share a key head",
          "This encoding changes keys or values, which the other heads of a group would see")
    return slice(heads.start // group, heads.stop // group)

  def qk(self, q, k, q_positions, k_positions):
    n, kv = q.shape[-2], k.shape[-2]
    heads, keys = self._heads(n), self._key_heads(n, kv)
    a, b = self.inner.qk(q[..., heads, :], k[..., keys, :], q_positions, k_positions)
    return _put_back(q, a, heads, -2), _put_back(k, b, keys, -2)

  def values(self, v, k_positions):
    raise _needs_all("on_heads", "values")

  def outputs(self, out, q_positions):
    heads = self._heads(out.shape[-2])
    return _put_back(out, self.inner.outputs(out[..., heads, :], q_positions), heads, -2)

  def expand(self, q, k, q_positions, k_positions):
    n, kv = q.shape[-2], k.shape[-2]
    heads, keys = self._heads(n), self._key_heads(n, kv)
    a, b = self.inner.expand(q[..., heads, :], k[..., keys, :], q_positions, k_positions)
    widen = lambda x, like: jnp.pad(
        x, [(0, 0)] * (x.ndim - 1) + [(0, like.shape[-1] - x.shape[-1])])
    return _put_back(widen(q, a), a, heads, -2), _put_back(widen(k, b), b, keys, -2)

  def _tile(self, tile: Tile) -> Tile:
    q, k, mask = tile.q, tile.k, tile.mask
    if q is None:
      raise _errors.value_error("tile.q", None, "queries, whose heads are counted",
                                "Pass Tile(q, k, q_positions, k_positions)")
    n = q.shape[-2]
    heads = self._heads(n)
    if mask is not None and mask.shape[-3] > 1:
      mask = mask[..., heads, :, :]
    if k is not None:  # key heads are written out, as the slice may cut a group
      k = jnp.repeat(k, n // k.shape[-2], axis=-2)[..., heads, :]
    return tile._replace(q=q[..., heads, :], k=k, mask=mask)

  def _spread(self, part, tile: Tile, axis: int, fill) -> Any:
    """A result for some heads as one for all, ``fill`` for the others."""
    n = tile.q.shape[-2]
    heads = self._heads(n)
    count = heads.stop - heads.start
    if part.shape[axis] == 1 and count > 1 and self.inner.shared_heads:
      part = jnp.repeat(part, count, axis=axis)
    if part.shape[axis] != count:
      raise _errors.value_error("on_heads", f"an encoding of {part.shape[axis]} heads",
                                f"one of the slice's {count}",
                                "Build the inner encoding for the heads of the slice")
    pads = [(0, 0)] * part.ndim
    pads[axis] = (heads.start, n - heads.stop)
    return jnp.pad(part, pads, constant_values=fill)

  def visible(self, tile):
    seen = self.inner.visible(self._tile(tile))
    if seen is None:
      return None
    count = self._heads(tile.q.shape[-2])
    seen = jnp.broadcast_to(seen, (*seen.shape[:-3], count.stop - count.start, *seen.shape[-2:]))
    return self._spread(seen, tile, -3, True)

  def bias(self, tile):
    bias = self.inner.bias(self._tile(tile))
    return None if bias is None else self._spread(bias, tile, -3, 0)

  def scores(self, scores, tile):
    heads = self._heads(scores.shape[-3])
    return _put_back(scores, self.inner.scores(scores[..., heads, :, :], self._tile(tile)), heads,
                     -3)

  def weights(self, scores, tile):
    heads = self._heads(scores.shape[-3])
    part = self.inner.weights(scores[..., heads, :, :], self._tile(tile))
    return _put_back(super(_Wrapper, self).weights(scores, tile), part, heads, -3)

  def value_bias(self, weights, tile):
    heads = self._heads(weights.shape[-3])
    extra = self.inner.value_bias(weights[..., heads, :, :], self._tile(tile))
    return None if extra is None else self._spread(extra, tile, -2, 0)


@encoding
class OnDims(_Wrapper):
  """Some dims of each head; build it with ``on_dims``."""

  inner: Encoding
  start: int = static(default=0)
  stop: int | None = static(default=None)

  def _dims(self, width: int) -> slice:
    start, stop, _ = slice(self.start, self.stop).indices(width)
    if stop <= start:
      raise _errors.value_error("dims", f"slice({self.start}, {self.stop})",
                                f"at least one of the {width} dims", "Give another slice")
    return slice(start, stop)

  def _cut(self, x):
    return None if x is None else x[..., self._dims(x.shape[-1])]

  def qk(self, q, k, q_positions, k_positions):
    dims = self._dims(q.shape[-1])
    a, b = self.inner.qk(q[..., dims], k[..., dims], q_positions, k_positions)
    return _put_back(q, a, dims, -1), _put_back(k, b, dims, -1)

  def values(self, v, k_positions):
    dims = self._dims(v.shape[-1])
    return _put_back(v, self.inner.values(v[..., dims], k_positions), dims, -1)

  def outputs(self, out, q_positions):
    dims = self._dims(out.shape[-1])
    return _put_back(out, self.inner.outputs(out[..., dims], q_positions), dims, -1)

  def expand(self, q, k, q_positions, k_positions):
    dims = self._dims(q.shape[-1])
    a, b = self.inner.expand(q[..., dims], k[..., dims], q_positions, k_positions)
    join = lambda x, y: jnp.concatenate([x[..., :dims.start], y, x[..., dims.stop:]], axis=-1)
    return join(q, a), join(k, b)

  def _tile(self, tile: Tile) -> Tile:
    return tile._replace(q=self._cut(tile.q), k=self._cut(tile.k))

  def visible(self, tile):
    return self.inner.visible(self._tile(tile))

  def bias(self, tile):
    return self.inner.bias(self._tile(tile))

  def scores(self, scores, tile):
    return self.inner.scores(scores, self._tile(tile))

  def weights(self, scores, tile):
    return self.inner.weights(scores, self._tile(tile))

  def value_bias(self, weights, tile):
    raise _needs_all("on_dims", "value_bias")


@encoding
class Shared(_Wrapper):
  """One head for all; build it with ``share_heads``."""

  inner: Encoding

  @property
  def shared_heads(self) -> bool:
    return True


def _put_back(x, part, where: slice, axis: int):
  """x with ``part`` in place of a slice along an axis."""
  index = (..., where) + (slice(None),) * (-1 - axis)
  if part.shape != x[index].shape:
    raise _errors.value_error("part", f"shape {part.shape}", f"{x[index].shape}, as was given",
                              "The inner encoding must keep the shape of what it acts on")
  return x.at[index].set(part.astype(x.dtype))


def _needs_all(name, hook):
  return _errors.type_error(name, f"an encoding that answers {hook}", "one that does not",
                            "Its result cannot be cut: use the encoding without the wrapper")


def _check_inner(name, e, axes=True):
  e = check_encoding_argument(e, name)
  if axes and (e.position_axes != 0 or e.layer_axes is not None):
    came = f"{type(e).__name__}, which reads " + (
        "no positions of tokens" if e.position_axes is None else f"{e.position_axes} axes")
    raise _errors.value_error(name, came, "an encoding of one number a token",
                              "Chain it without along: one that reads no positions goes with all")
  return e


def _check_part(name, e):
  e = check_encoding_argument(e, name)
  refused = {"on_heads": ("inputs", "positions", "values"),
             "on_dims": ("inputs", "positions", "value_bias")}[name]
  lost = [hook for hook in refused if e.has(hook)]
  if lost or not any(e.has(hook) for hook in HOOKS):
    came = f"{type(e).__name__}, which answers {', '.join(lost) or 'no hook'}"
    raise _errors.type_error(name, came, "an encoding that acts inside attention",
                             "Chain what acts on embeddings and positions without the wrapper")
  return e


def _check_slice(name, value):
  if not isinstance(value, slice):
    raise _errors.type_error(name, _errors.describe(value), "a slice",
                             f"{name}=slice(0, 2) takes the first two")
  if value.step not in (None, 1):
    raise _errors.value_error(name, f"step {value.step}", "step 1", "Chain several slices")
  ends = [None if x is None else _errors.check_int(name, x, "ints or None", "slice(0, 2)")
          for x in (value.start, value.stop)]
  return ends[0] or 0, ends[1]

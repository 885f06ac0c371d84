# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Some of the query heads."""

from typing import Any

import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import CLAIMS, Encoding, Tile, encoding, static
from posenc_jax.combinators.wrapper import (
  Wrapper,
  check_part,
  check_slice,
  needs_all,
  put_back,
  resolve,
)


def on_heads(heads: slice, e: Encoding, *, of: int | None = None, group: int | None = None
             ) -> Encoding:
  """``e`` acts on some query heads, and on the key heads that only these use.

  Args:
    heads: a slice of the N query heads; ``e`` is built for as many heads as it holds.
    e: an encoding.
    of: N, if the encoding is for models of that many query heads alone; None takes any number.
    group: N / K, if it is for that many query heads to a key head alone; None takes any number.

  Returns:
    An encoding that leaves the other heads as they are.

  Raises:
    TypeError: not an encoding, not a slice; an encoding that acts on embeddings or positions.
    ValueError: a step other than 1; in a call, another number of heads than ``of`` or ``group``, or
      a slice that cuts a group of heads that share keys, where the encoding changes keys or values.

  Example:
    >>> import posenc_jax as px
    >>> e = on_heads(slice(0, 2), px.Alibi(2))
    >>> q = jnp.ones((3, 4, 8))
    >>> e.bias(Tile(q, q, jnp.arange(3), jnp.arange(3))).shape
    (4, 3, 3)
  """
  if of is not None:
    of = _errors.check_int("of", of, "the query heads N", "None takes any number", least=1)
  if group is not None:
    group = _errors.check_int("group", group, "query heads to a key head", "None takes any number",
                              least=1)
  return OnHeads(check_part("on_heads", e), *check_slice("heads", heads), of, group)


@encoding
class OnHeads(Wrapper):
  """Some heads; build it with ``on_heads``."""

  inner: Encoding
  start: int = static(default=0)
  stop: int | None = static(default=None)
  of: int | None = static(default=None)
  group: int | None = static(default=None)

  def has(self, hook):
    return hook not in CLAIMS and self.inner.has(hook)

  def _heads(self, n: int) -> slice:
    if self.of is not None and n != self.of:
      raise _errors.value_error("heads", f"{n} query heads", f"the {self.of} that it was built for",
                                "Build the encoding for the heads of this model")
    return resolve("heads", self.start, self.stop, n, "query heads")

  def _key_heads(self, n: int, kv: int) -> slice:
    heads, group = self._heads(n), n // kv
    if self.group not in (None, group):
      raise _errors.value_error("group", f"{n} query heads for {kv} key heads",
                                f"groups of {self.group}, for which it was built",
                                f"Build the encoding with group={group}")
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
    return put_back(q, a, heads, -2), put_back(k, b, keys, -2)

  def values(self, v, k_positions):
    raise needs_all("on_heads", "values")

  def outputs(self, out, q_positions):
    heads = self._heads(out.shape[-2])
    return put_back(out, self.inner.outputs(out[..., heads, :], q_positions), heads, -2)

  def expand(self, q, k, q_positions, k_positions):
    n, kv = q.shape[-2], k.shape[-2]
    heads, keys = self._heads(n), self._key_heads(n, kv)
    a, b = self.inner.expand(q[..., heads, :], k[..., keys, :], q_positions, k_positions)
    widen = lambda x, like: jnp.pad(
        x, [(0, 0)] * (x.ndim - 1) + [(0, like.shape[-1] - x.shape[-1])])
    return put_back(widen(q, a), a, heads, -2), put_back(widen(k, b), b, keys, -2)

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
    return put_back(scores, self.inner.scores(scores[..., heads, :, :], self._tile(tile)), heads,
                     -3)

  def weights(self, scores, tile):
    heads = self._heads(scores.shape[-3])
    part = self.inner.weights(scores[..., heads, :, :], self._tile(tile))
    return put_back(super(Wrapper, self).weights(scores, tile), part, heads, -3)

  def value_bias(self, weights, tile):
    heads = self._heads(weights.shape[-3])
    extra = self.inner.value_bias(weights[..., heads, :, :], self._tile(tile))
    return None if extra is None else self._spread(extra, tile, -2, 0)

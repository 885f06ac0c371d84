# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Some dims of each head."""

import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import READS_WIDENED, Encoding, Tile, encoding, static
from posenc_jax.combinators.wrapper import (
  Wrapper,
  check_part,
  check_slice,
  needs_all,
  put_back,
  resolve,
)


def on_dims(dims: slice, e: Encoding) -> Encoding:
  """``e`` acts on some dims of each head; the other dims pass unchanged.

  Args:
    dims: a slice of the H dims; ``e`` is built for as many dims as it holds.
    e: an encoding.

  Returns:
    An encoding.

  Raises:
    TypeError: not an encoding, not a slice; an encoding that acts on embeddings or positions.
    ValueError: a step other than 1; an encoding that widens q and k and then reads them again.

  Example:
    >>> import posenc_jax as px
    >>> q = jnp.ones((3, 1, 8)); at = jnp.arange(3)
    >>> on_dims(slice(4, 8), px.Rotary(4)).qk(q, q, at, at)[0][1, 0].round(2).tolist()[:5]
    [1.0, 1.0, 1.0, 1.0, -0.3]
  """
  check_part("on_dims", e)
  read = [hook for hook in READS_WIDENED if e.has(hook)]
  if e.has("expand") and read:
    raise _errors.value_error(
        "on_dims", f"{type(e).__name__}, which answers expand and {', '.join(read)}",
        "an encoding that answers expand alone, or does not",
        "After expand these dims lie elsewhere: wrap only the member that needs it")
  return OnDims(e, *check_slice("dims", dims))


@encoding
class OnDims(Wrapper):
  """Some dims of each head; build it with ``on_dims``."""

  inner: Encoding
  start: int = static(default=0)
  stop: int | None = static(default=None)

  @property
  def cut_dims(self) -> tuple[int, int | None]:
    """The dims of each head that it cuts out, for ``chain``: a member may have moved them."""
    return self.start, self.stop

  def _dims(self, width: int) -> slice:
    return resolve("dims", self.start, self.stop, width, "dims")

  def _cut(self, x):
    return None if x is None else x[..., self._dims(x.shape[-1])]

  def qk(self, q, k, q_positions, k_positions):
    dims = self._dims(q.shape[-1])
    a, b = self.inner.qk(q[..., dims], k[..., dims], q_positions, k_positions)
    return put_back(q, a, dims, -1), put_back(k, b, dims, -1)

  def values(self, v, k_positions):
    dims = self._dims(v.shape[-1])
    return put_back(v, self.inner.values(v[..., dims], k_positions), dims, -1)

  def outputs(self, out, q_positions):
    dims = self._dims(out.shape[-1])
    return put_back(out, self.inner.outputs(out[..., dims], q_positions), dims, -1)

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
    raise needs_all("on_dims", "value_bias")

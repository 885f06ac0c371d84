# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What every implementation gets: one attention call, or any rectangle of it."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _numerics
from posenc_jax.attention.visibility import Rule, Side
from posenc_jax.base import Encoding, Tile


class Call(NamedTuple):
  """Arguments of attention after ``qk``, ``values`` and ``expand``.

  Attributes:
    queries, keys: q ``[..., T, N, H]``, k ``[..., S, K, H]``, and what each token brings along.
    v: ``[..., S, K, H']``.
    rule: static facts about who sees whom.
    mask: None, or bool ``[..., 1 or N, T, S]``, joined with the rule.
    scale: multiplies q k^T.
    encoding: its hooks from ``visible`` to ``value_bias`` are still to be asked.
    lengths: None, or (``[...]``, ``[...]``), which the segments of the sides say as well.
    segments: what the segments of the sides are: "none", "lengths" if they say no more than
      those, "same" if queries and keys share them, or "pair".
    tile_rows: rows of a tile, or None.
  """

  queries: Side
  keys: Side
  v: Any
  rule: Rule
  mask: Any
  scale: Any
  encoding: Encoding
  lengths: tuple | None = None
  segments: str = "none"
  tile_rows: int | None = None

  @property
  def sizes(self) -> tuple[int, int, int, int]:
    """T, S, N, K."""
    q, k = self.queries.x, self.keys.x
    return q.shape[-3], k.shape[-3], q.shape[-2], k.shape[-2]

  def tile(self, mask: Any = None) -> Tile:
    """What the encoding's hooks get of this call; ``mask`` only for those that take whole rows."""
    return Tile(self.queries.x, self.keys.x, self.queries.positions, self.keys.positions,
                self.scale, mask)

  def rectangle(self, queries: Side, keys: Side, v: Any, mask: Any) -> "Call":
    """The same call for some queries and some keys."""
    return self._replace(queries=queries, keys=keys, v=v, mask=mask)

  def one_batch(self) -> "Call":
    """The same with one batch axis, of size 1 where shared; NumPy where known on the host."""
    batch = self.queries.x.ndim - 3
    lead = self.queries.x.shape[:batch]
    fold = lambda x: _fold(_numerics.on_host(x), lead)
    side = lambda one: Side(_merge(one.x, batch), *jax.tree.map(fold, tuple(one[1:])))
    return self._replace(
        queries=side(self.queries), keys=side(self.keys), v=_merge(self.v, batch),
        mask=jax.tree.map(fold, self.mask), lengths=jax.tree.map(fold, self.lengths))

  def unfold(self, out: jax.Array) -> jax.Array:
    """``[B, T, N, H']`` of ``one_batch`` with the batch axes of this call."""
    shape = (*self.queries.x.shape[:-1], out.shape[-1])
    return out if out.shape == shape else out.reshape(shape)


def _merge(x, batch: int):
  """All batch axes as one."""
  return x if batch == 1 else x.reshape(-1, *x.shape[batch:])


def _fold(x, lead: tuple[int, ...]):
  """``[lead.., ..]`` with axes of size 1 where shared, to one batch axis of size 1 or B."""
  if len(lead) == 1:
    return x
  if all(n == 1 for n in x.shape[:len(lead)]):
    return x.reshape(1, *x.shape[len(lead):])
  xp = np if isinstance(x, np.ndarray) else jnp
  return xp.broadcast_to(x, lead + x.shape[len(lead):]).reshape(-1, *x.shape[len(lead):])

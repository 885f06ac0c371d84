# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""CoPE: positions that count what the query finds worth counting (hook ``scores``).

Golovneva et al. 2024, "Contextual Position Encoding", arXiv 2405.18719, section 4.
Differs from the paper: gates of hidden keys are zero before they are summed, so packed documents,
padding and the empty slots of a cache add nothing to any position. Two conventions circulate for
the scale; ``scaled`` chooses.
"""

import math

import jax
import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks


def cope_positions(scores: jax.Array, mask: jax.Array | None, num_positions: int) -> jax.Array:
  """p_mn = min(sum over keys t from n on of sigmoid(scores_mt), num_positions - 1).

  Under a causal mask the sum ends at the query's own token, which counts.

  Args:
    scores: ``[..., N, T, S]``, the scaled scores; keys must be in order along S.
    mask: None or bool ``[..., 1 or N, T, S]``, True where visible; hidden keys count nothing.
    num_positions: positions are clipped to ``num_positions - 1``.

  Returns:
    ``[..., N, T, S]`` of the scores' dtype, real-valued.

  Raises:
    TypeError: a mask that is not bool, num_positions that is not an int.
    ValueError: num_positions below 1.

  Example:
    >>> cope_positions(jnp.zeros((1, 1, 4)), None, 9).tolist()
    [[[2.0, 1.5, 1.0, 0.5]]]

  References:
    Golovneva et al. 2024, arXiv 2405.18719, section 4: gates and their sums.
  """
  scores = _checks.floats("scores", scores, "[..., N, T, S]", "Pass the scaled scores")
  num_positions = _checks.size("num_positions", num_positions, "Pass the rows of the table")
  mask = _checks.mask(mask)
  gates = jax.nn.sigmoid(scores)
  if mask is not None:
    gates = jnp.where(mask, gates, 0)
  counted = jax.lax.cumsum(gates, axis=gates.ndim - 1, reverse=True)
  return jnp.minimum(counted, num_positions - 1)


def cope_bias(q: jax.Array, positions: jax.Array, table: jax.Array) -> jax.Array:
  """q_m . e[p_mn], with e interpolated linearly between whole positions.

  The products with the few rows of the table come first and are then looked up, so nothing of
  size T x S x H exists.

  Args:
    q: ``[..., T, N, H]``.
    positions: ``[..., N, T, S]``, within [0, num_positions - 1].
    table: ``[num_positions, H]``, shared by the heads, or ``[num_positions, N, H]``.

  Returns:
    ``[..., N, T, S]`` of the positions' dtype.

  Raises:
    ValueError: a table that fits neither the head dim nor the heads of q.

  Example:
    >>> q, e = jnp.ones((1, 1, 2)), jnp.array([[0., 0.], [1., 3.]])
    >>> cope_bias(q, jnp.array([[[0.25, 1.0]]]), e).tolist()
    [[[1.0, 4.0]]]

  References:
    Golovneva et al. 2024, arXiv 2405.18719, section 4: interpolation.
  """
  q = _checks.floats("q", q, "[..., T, N, H]", "Pass queries, heads before dims")
  positions = _checks.floats("positions", positions, "[..., N, T, S]",
                             "Pass what cope_positions returned")
  n, h = q.shape[-2:]
  if table.shape[1:] not in ((h,), (n, h)):
    raise _errors.value_error("table", f"shape {table.shape}",
                              f"[num_positions, {h}] or [num_positions, {n}, {h}]",
                              "Build it for the head dim (and the query heads) of q")
  heads = "" if table.ndim == 2 else "n"
  dtype = positions.dtype
  whole = jnp.einsum(f"...tnh,p{heads}h->...ntp", q.astype(dtype), table.astype(dtype))
  low, high = jnp.floor(positions), jnp.ceil(positions)
  at = lambda p: jnp.take_along_axis(
      whole, p.astype(jnp.int32), axis=-1, mode="clip")
  part = positions - low
  return (1 - part) * at(low) + part * at(high)


@encoding
class Cope(Encoding):
  """Adds q . e[p] to the scores, where p counts the keys in between whose gates the query opens.

  It needs whole key rows with keys in order along S, which a cache that appends keeps and a ring
  buffer does not, and it needs no positions: the mask says which keys exist. It is meant for
  causal attention; without a mask, p counts all keys from n to the last. Gates see what the scores
  hold, the bias of an encoding chained with it included.

  Args:
    table: ``[num_positions, H]``, shared by the heads, or ``[num_positions, N, H]``; a parameter.
    scaled: static; True multiplies q . e by what q . k is multiplied by, 1/sqrt(H) unless
      ``attend`` is given a ``scale``, as the authors' code does by default; False adds q . e, as
      the paper's listing and other implementations do.

  Raises:
    TypeError: a table that is no float array.
    ValueError: a table of another rank or with fewer than two positions.

  Example:
    >>> import posenc_jax as px
    >>> e = Cope.init(jax.random.key(0), num_positions=8, head_dim=4)
    >>> q = jnp.ones((6, 2, 4))
    >>> px.attend(q, q, q, e, causal=True).shape
    (6, 2, 4)
  """

  table: jax.Array = parameter()
  scaled: bool = static(default=True)

  relative = True
  position_axes = None
  keys_in_order = True

  def __post_init__(self):
    mend = "Build it with Cope.init(key, num_positions, head_dim)"
    table = _checks.floats("table", self.table, "[..., num_positions, H]", mend)
    self.set_fields(table=table, scaled=_errors.check_bool("scaled", self.scaled,
                                                           "True scales q . e as q . k"))
    if self.table.ndim not in (2, 3) or self.table.shape[0] < 2:
      raise _errors.value_error("table", f"shape {self.table.shape}",
                                "[num_positions, H] or [num_positions, N, H], 2 positions at least",
                                "The authors take the training length + 1 positions")

  @classmethod
  def init(cls, key, num_positions: int, head_dim: int, *, num_heads: int | None = None,
           scaled: bool = True, stddev: float = 0.0) -> "Cope":
    """Draws a table from N(0, stddev^2): zeros, as the authors' code does, unless told otherwise.

    ``num_heads`` gives each head its own table.
    """
    sizes = {"num_positions": num_positions, "num_heads": num_heads, "head_dim": head_dim}
    shape = [_checks.size(name, n, "The table is [num_positions, head_dim]")
             for name, n in sizes.items() if n is not None]
    return cls(jax.random.normal(_checks.key(key), shape, jnp.float32) * stddev, scaled)

  def scores(self, scores, tile):
    positions = cope_positions(scores, tile.mask, self.table.shape[0])
    bias = cope_bias(tile.q, positions, self.table)
    if not self.scaled:
      return scores + bias
    scale = 1 / math.sqrt(self.table.shape[-1]) if tile.scale is None else tile.scale
    return scores + bias * jnp.asarray(scale).astype(bias.dtype)

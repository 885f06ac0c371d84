# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""SeqPE: a small network reads a position's digits, and its answer is added (hook ``inputs``).

Li et al. 2025, "SeqPE: Transformer with Sequential Position Encoding", arXiv 2506.13277, section 3.
Differs from the paper: the form that is added to the embeddings; its two further losses, which
make neighbours alike and carry what was learned to far positions, are the training's.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter, static
from posenc_jax.encodings import _checks
from posenc_jax.encodings.inputs import _add, _norm, _waves

_MEND = "Build it with SeqPE.init(key, d_model)"
_EPS = 1e-5


class _Blocks(NamedTuple):
  """Layers of the network, one entry a layer on axis 0; E is its width."""

  norm1: Any    # [L, 2, E], gain and offset
  read: Any     # [L, E, 3 E]: q, k, v
  read_b: Any   # [L, 3 E]
  write: Any    # [L, E, E]
  write_b: Any  # [L, E]
  norm2: Any    # [L, 2, E]
  up: Any       # [L, E, 4 E]
  up_b: Any     # [L, 4 E]
  down: Any     # [L, 4 E, E]
  down_b: Any   # [L, E]


def decimal_digits(positions: Any, count: int) -> tuple[jax.Array, jax.Array]:
  """The decimal digits of each position, leading zeros in front, and which digits are its own.

  Args:
    positions: int ``[...]``.
    count: n, how many digits are told.

  Returns:
    (digits, own): int32 and bool ``[..., n]``; 0 has one digit of its own.

  Raises:
    TypeError: positions or a count that are no integers.
    ValueError: a known position that is negative or has more digits.

  Example:
    >>> digits, own = decimal_digits(jnp.array([70]), 3)
    >>> digits.tolist(), own.tolist()
    ([[0, 7, 0]], [[False, True, True]])

  References:
    Li et al. 2025, arXiv 2506.13277, section 3.1.
  """
  count = _checks.size("count", count, "Pass the digits of the largest position")
  positions = _checks.positions(positions)
  known = _numerics.known(positions)
  if known is not None and known.size and not 0 <= known.min() <= known.max() < 10**count:
    bad = known.max() if known.min() >= 0 else known.min()
    raise _errors.value_error("positions", int(bad), f"numbers of {count} digits",
                              "Build it with more digits; mask padding out")
  powers = np.array([10 ** i for i in range(min(count, 10))][::-1], np.int32)  # of int32: 10
  rest = jnp.asarray(positions)[..., None] // powers.reshape((1,) * np.ndim(positions) + (-1,))
  last = np.arange(len(powers)) == len(powers) - 1
  own = (rest > 0) | last.reshape((1,) * np.ndim(positions) + (-1,))
  missing = [(0, 0)] * np.ndim(positions) + [(count - len(powers), 0)]
  return jnp.pad(rest % 10, missing), jnp.pad(own, missing)


def _attend(x, read, read_b, mask, heads):
  """Self-attention of digits x ``[..., n, E]``, mask ``[..., n, n]``, before the last product."""
  q, k, v = (a.reshape(*x.shape[:-1], heads, -1) for a in jnp.split(x @ read + read_b, 3, axis=-1))
  scores = jnp.einsum("...tnh,...snh->...nts", q, k) * np.array(q.shape[-1] ** -0.5, x.dtype)
  weights = _numerics.masked_softmax(scores, mask[..., None, :, :])
  return jnp.einsum("...nts,...snh->...tnh", weights, v).reshape(x.shape)


def _block(x, mask, p, heads):
  """One layer: attention and feed-forward, each behind a norm and added to x."""
  row = lambda a: a.reshape((1,) * (x.ndim - 1) + (-1,))
  seen = _norm.layer_norm(x, p.norm1[0], p.norm1[1], _EPS)
  x = x + _attend(seen, p.read, row(p.read_b), mask, heads) @ p.write + row(p.write_b)
  seen = _norm.layer_norm(x, p.norm2[0], p.norm2[1], _EPS)
  return x + jax.nn.gelu(seen @ p.up + row(p.up_b)) @ p.down + row(p.down_b)


@encoding
class SeqPE(Encoding):
  """Adds what a causal network says of a position's decimal digits to the embeddings.

  Args:
    digits: ``[10, E]``, places: ``[P n, E]`` of n digits a position and P axes, parameters.
    axis: ``[P, E]``, a parameter, or None for one axis.
    last: ``[E]``, a parameter: the vector behind the digits that is read at the end; None reads
      the last digit.
    blocks: parameters of the layers.
    out: ``[E, D]``, out_offset: ``[D]``, parameters.
    heads: static; of the network.
    hide_padding: static; whether leading zeros are hidden from the network.

  Raises:
    TypeError: what should be float arrays is not.
    ValueError: in a call, another width, or a position with more digits.

  Example:
    >>> e = SeqPE.init(jax.random.key(0), d_model=8, width=4, heads=2, num_digits=3)
    >>> e.inputs(jnp.zeros((2, 8)), jnp.array([7, 999])).shape
    (2, 8)
  """

  digits: jax.Array = parameter()
  places: jax.Array = parameter(None)  # None, so that a missing one gets the message below
  axis: jax.Array | None = parameter(None)
  last: jax.Array | None = parameter(None)
  blocks: Any = parameter(None)
  out: jax.Array = parameter(None)
  out_offset: jax.Array = parameter(None)
  heads: int = static(default=8)
  hide_padding: bool = static(default=True)

  @property
  def position_axes(self) -> int:  # type: ignore[override]
    return 0 if self.axis is None else self.axis.shape[-2]

  def __post_init__(self):
    for name, shape in (("digits", "[10, E]"), ("places", "[P n, E]"), ("out", "[E, D]"),
                        ("out_offset", "[D]")):
      _checks.floats(name, getattr(self, name), shape, _MEND, stacked=True)

  @classmethod
  def init(cls, key, d_model: int, *, axes: int = 1, num_digits: int = 5, width: int | None = None,
           layers: int = 2, heads: int = 8, last: bool = True, hide_padding: bool = True,
           stddev: float = 0.02) -> "SeqPE":
    """Draws weights from N(0, stddev^2) cut at 2 stddev; offsets are 0. ``width`` E is D / 4."""
    sizes = {"d_model": d_model, "axes": axes, "num_digits": num_digits, "layers": layers,
             "heads": heads}
    d_model, axes, n, layers, heads = (_checks.size(name, size, "See the example of SeqPE")
                                       for name, size in sizes.items())
    e = max(d_model // 4, heads) if width is None else _checks.size("width", width, "E")
    if e % heads:
      raise _errors.value_error("width", e, f"a multiple of heads={heads}", "Heads share the width")
    keys = iter(jax.random.split(_checks.key(key), 9))
    draw = lambda *shape: stddev * jax.random.truncated_normal(next(keys), -2.0, 2.0, shape,
                                                               jnp.float32)
    zeros = lambda *shape: jnp.zeros(shape, jnp.float32)
    norm = lambda: jnp.stack([jnp.ones((layers, e), jnp.float32), zeros(layers, e)], axis=1)
    blocks = _Blocks(norm(), draw(layers, e, 3 * e), zeros(layers, 3 * e), draw(layers, e, e),
                     zeros(layers, e), norm(), draw(layers, e, 4 * e), zeros(layers, 4 * e),
                     draw(layers, 4 * e, e), zeros(layers, e))
    return cls(draw(10, e), draw(axes * n, e), draw(axes, e) if axes > 1 else None,
               draw(e) if last else None, blocks, draw(e, d_model), zeros(d_model), heads,
               hide_padding)

  def inputs(self, x, positions):
    _add.check_width(x, self.out.shape[-1], "SeqPE")
    axes = max(self.position_axes, 1)
    positions = _waves.coordinates(x, positions, axes)
    return x + self._embed(positions, _numerics.wide(x, self.out)).astype(x.dtype)

  def _embed(self, positions, dtype):
    """Positions ``[..., P]`` to ``[..., D]``."""
    cast = lambda tree: jax.tree.map(lambda a: jnp.asarray(a).astype(dtype), tree)
    count = self.places.shape[-2] // positions.shape[-1]
    digits, own = decimal_digits(positions, count)
    x = cast(self.digits)[digits]  # [..., P, n, E]
    if self.axis is not None:
      x = x + jnp.broadcast_to(cast(self.axis)[:, None], x.shape)
    x = x.reshape(*positions.shape[:-1], -1, x.shape[-1])
    own = own.reshape(x.shape[:-1])
    x = x + jnp.broadcast_to(cast(self.places), x.shape)
    if self.last is not None:
      behind = jnp.broadcast_to(cast(self.last), x[..., :1, :].shape)
      x = jnp.concatenate([x, behind], axis=-2)
      own = jnp.concatenate([own, jnp.ones_like(own[..., :1])], axis=-1)
    n = x.shape[-2]
    mask = jnp.broadcast_to(jnp.tril(jnp.ones((n, n), bool)), (*own.shape, n))
    mask = mask & own[..., None, :] if self.hide_padding else mask
    for i in range(self.blocks.read.shape[0]):
      x = _block(x, mask, jax.tree.map(lambda a, i=i: a[i], cast(self.blocks)), self.heads)
    offset = cast(self.out_offset)
    return x[..., -1, :] @ cast(self.out) + offset.reshape((1,) * (x.ndim - 2) + (-1,))

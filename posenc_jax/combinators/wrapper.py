# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the combinators share: an encoding around another one, and the checks of their arguments."""

from typing import Any

import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax.base import HOOKS, Encoding, check_encoding_argument


class Wrapper(Encoding):
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
  def one_way(self) -> bool:
    return self.inner.one_way

  @property
  def one_axis(self) -> bool:
    """Whether any number of axes from ``position_axes`` on will do; see ``along``."""
    return getattr(self.inner, "one_axis", False)

  @property
  def cut_dims(self) -> Any:
    """Which dims of each head are cut out, or None; see ``on_dims``."""
    return getattr(self.inner, "cut_dims", None)

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


def put_back(x, part, where: slice, axis: int):
  """x with ``part`` in place of a slice along an axis."""
  x = jnp.asarray(x)
  cut = lambda start, stop: x[(..., slice(start, stop)) + (slice(None),) * (-1 - axis)]
  if part.shape != cut(where.start, where.stop).shape:
    raise _errors.value_error("part", f"shape {part.shape}",
                              f"{cut(where.start, where.stop).shape}, as was given",
                              "The inner encoding must keep the shape of what it acts on")
  # Joined, not set in place: XLA on CPUs fuses a rotation of pairs with its own update in place,
  # and then reads a dim of the pair that is already written.
  return jnp.concatenate([cut(0, where.start), part.astype(x.dtype), cut(where.stop, None)], axis)


def needs_all(name, hook):
  return _errors.type_error(name, f"an encoding that answers {hook}", "one that does not",
                            "Its result cannot be cut: use the encoding without the wrapper")


def check_inner(name, e, axes=True):
  e = check_encoding_argument(e, name)
  if axes and (e.position_axes != 0 or e.layer_axes is not None):
    came = f"{type(e).__name__}, which reads " + (
        "no positions of tokens" if e.position_axes is None else f"{e.position_axes} axes")
    raise _errors.value_error(name, came, "an encoding of one number a token",
                              "Chain it without along: one that reads no positions goes with all")
  return e


def check_part(name, e):
  e = check_encoding_argument(e, name)
  refused = {"on_heads": ("inputs", "positions", "values"),
             "on_dims": ("inputs", "positions", "value_bias")}[name]
  lost = [hook for hook in refused if e.has(hook)]
  if lost or not any(e.has(hook) for hook in HOOKS):
    came = f"{type(e).__name__}, which answers {', '.join(lost) or 'no hook'}"
    raise _errors.type_error(name, came, "an encoding that acts inside attention",
                             "Chain what acts on embeddings and positions without the wrapper")
  return e


def resolve(name: str, start: int, stop: int | None, size: int, of: str) -> slice:
  """A slice of an axis of some size; one that reaches beyond it, or is empty, is refused."""
  begin, end, _ = slice(start, stop).indices(size)
  inside = -size <= start <= size and (stop is None or -size <= stop <= size)
  if end <= begin or not inside:
    raise _errors.value_error(name, f"slice({start}, {stop})",
                              f"at least one of the {size} {of}, and no more than these",
                              "Give another slice")
  return slice(begin, end)


def check_slice(name, value):
  if not isinstance(value, slice):
    raise _errors.type_error(name, _errors.describe(value), "a slice",
                             f"{name}=slice(0, 2) takes the first two")
  if value.step not in (None, 1):
    raise _errors.value_error(name, f"step {value.step}", "step 1", "Chain several slices")
  ends = [None if x is None else _errors.check_int(name, x, "ints or None", "slice(0, 2)")
          for x in (value.start, value.stop)]
  return ends[0] or 0, ends[1]

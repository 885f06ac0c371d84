# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Initial parameters whose narrow block is that of a narrower model, drawn one by one or together.

An element of a draw depends on the key and on its own indices, not on the shape, so the active
block of a wide model holds the very numbers that the narrow model draws.
"""

import contextlib
import contextvars
import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from posenc_jax import _errors
from posenc_jax.encodings import _checks

_MOST = 2**22  # numbers of one draw


@dataclasses.dataclass
class Draws:
  """Draws that were asked for, to be made in one go: a program with few of them compiles faster."""

  asked: list[tuple[jax.Array, Any, tuple[int, ...], int, Any, Any, Any]] = dataclasses.field(
    default_factory=list)

  def ask(self, key, shape, rows, scale, active, dtype) -> jax.Array:
    """Notes a draw; the result stands for it until ``fill``."""
    mark = jnp.zeros(shape, dtype)
    self.asked.append((mark, key, shape, rows, scale, active, dtype))
    return mark

  def fill(self, tree: Any) -> Any:
    """The tree with every mark replaced by its draw.

    Raises:
      ValueError: a mark is not in the tree, as somebody computed with it.
    """
    made = self._made()
    leaves, treedef = jax.tree.flatten(tree)
    found = [made.pop(id(leaf), leaf) for leaf in leaves]
    if made:
      raise _errors.value_error("together: fill", f"a tree without {len(made)} of the draws",
                                "all parameters that were drawn",
                                "Draw what is computed with outside of together()")
    return treedef.unflatten(found)

  def _made(self) -> dict[int, jax.Array]:
    counts = [math.prod(shape[:rows]) for _, _, shape, rows, *_ in self.asked]
    sizes = [math.prod(shape[rows:]) for _, _, shape, rows, *_ in self.asked]
    groups: dict[int, list[int]] = {}
    for i, size in enumerate(sizes):
      # Short rows are cut from long ones while that wastes little: one draw compiles fastest.
      few = sum(counts) * max(sizes) <= _MOST
      groups.setdefault(max(sizes) if few else size, []).append(i)
    made = {}
    for size, members in groups.items():
      of = [counts[i] for i in members]
      index = np.concatenate([np.arange(n, dtype=np.uint32) for n in of])
      keys = jnp.stack([self.asked[i][1] for i in members])[np.repeat(np.arange(len(of)), of)]
      normals = _normals(keys, index, size)
      for i, end in zip(members, np.cumsum(of), strict=True):
        mark, _, shape, _, scale, active, dtype = self.asked[i]
        drawn = normals[end - counts[i]:end, :sizes[i]].reshape(shape)
        made[id(mark)] = keep((drawn * scale).astype(dtype), active)
    return made


_collecting: contextvars.ContextVar[Draws | None] = contextvars.ContextVar("draws", default=None)


@contextlib.contextmanager
def together() -> Iterator[Draws]:
  """Inside it ``draw`` gives marks; ``fill`` of what it gives replaces them in the parameters.

  Example:
    >>> with together() as draws:
    ...   parameters = {"a": draw(jax.random.key(0), (2, 3)), "b": draw(jax.random.key(1), (4, 3))}
    >>> parameters = draws.fill(parameters)
    >>> bool((parameters["b"] == draw(jax.random.key(1), (4, 3))).all())
    True
  """
  draws = Draws()
  token = _collecting.set(draws)
  try:
    yield draws
  finally:
    _collecting.reset(token)


def has_stream(rngs: nnx.Rngs, stream: str) -> bool:
  """Whether there are keys of a stream, its own or the default's; a TypeError for no Rngs."""
  if not isinstance(rngs, nnx.Rngs):
    seed = rngs if isinstance(rngs, int) and not isinstance(rngs, bool) else 0
    raise _errors.type_error("rngs", _errors.describe(rngs), "flax.nnx.Rngs",
                             f"Make one: nnx.Rngs({seed}), or nnx.Rngs({stream}=key) of a key")
  return stream in rngs or "default" in rngs


def next_key(rngs: nnx.Rngs, stream: str) -> jax.Array:
  """The next key of a stream.

  Raises:
    TypeError: no ``nnx.Rngs``.
    ValueError: it has no such stream, or one of several keys.
  """
  if not has_stream(rngs, stream):
    raise _errors.value_error("rngs", f"streams {sorted(rngs)}", f"one named {stream!r}",
                              f"Write nnx.Rngs({stream}=key)")
  try:
    return rngs[stream]() if stream in rngs else rngs["default"]()
  except ValueError as error:
    raise _errors.value_error("rngs", f"a stream {stream!r} that gives no key ({error})",
                              "one PRNG key a stream",
                              "Make it of one key, or take the function by nnx.vmap") from error


def draw(key: jax.Array, shape: tuple[int, ...], *, scale: Any = 1.0, active=None, rows: int = 1,
         dtype=jnp.float32) -> jax.Array:
  """scale * N(0, 1) for each element, zero outside the active block.

  Args:
    key: a PRNG key.
    shape: of the whole array.
    scale: a number, may be traced.
    active: None, or for each axis None or the (traced) number of active indices.
    rows: how many leading axes number the rows; each row is drawn from its own key. A narrow array
      begins a wide one if only the first axis of the rows and the first of the columns differ.
    dtype: of the result; the draws are float32.

  Returns:
    ``shape``.

  Raises:
    TypeError, ValueError: no PRNG key, several of them.

  Example:
    >>> wide = draw(jax.random.key(0), (4, 6), active=(2, 3))
    >>> bool((wide[:2, :3] == draw(jax.random.key(0), (2, 3))).all()), float(abs(wide[2:]).sum())
    (True, 0.0)
  """
  _checks.key(key)
  draws = _collecting.get()
  if draws is not None:
    return draws.ask(key, shape, rows, scale, active, dtype)
  return keep((_rows_of_normals(key, shape, rows) * scale).astype(dtype), active)


# Compiled as one: outside of jit, drawing a model would otherwise be hundreds of small programs.
@functools.partial(jax.jit, static_argnames=("shape", "rows"))
def _rows_of_normals(key, shape, rows):
  index = jnp.arange(math.prod(shape[:rows]), dtype=jnp.uint32)
  keys = jnp.broadcast_to(key, index.shape)
  return _normals(keys, index, math.prod(shape[rows:])).reshape(shape)


def _normals(keys, index, size):
  """[rows, size], row i from ``fold_in(keys[i], index[i])``."""
  # A row of n numbers begins a row of more than n: JAX's generator numbers them by their index.
  row = lambda key, i: jax.random.normal(jax.random.fold_in(key, i), (size,), jnp.float32)
  return jax.vmap(row)(keys, jnp.asarray(index))


def keep(x: jax.Array, active) -> jax.Array:
  """x where every index is below the active count of its axis, zero elsewhere.

  Args:
    x: any array.
    active: None, or for each axis of x None or the (traced) number of active indices.

  Returns:
    Like x.

  Example:
    >>> keep(jnp.ones(3), (jnp.int32(2),)).tolist()
    [1.0, 1.0, 0.0]
  """
  for axis, count in enumerate(active or ()):
    if count is None or (isinstance(count, int) and count == x.shape[axis]):
      continue
    index = jax.lax.broadcasted_iota(jnp.int32, x.shape, axis)
    x = jnp.where(index < count, x, jnp.zeros((), x.dtype))
  return x

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""An experiment from one step to another: its lanes start from states that an earlier sweep kept.

A lane keeps the static of the program in which its state was made, as the state's shapes are that
program's (a narrow model in a padded program is wide). The states travel as traced settings, as
whole numbers of 32 bits, so nothing of them is rounded; lanes of one static train together again,
whatever their packs were.
"""

from collections.abc import Callable, Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax._errors import value_error
from posenc_jax.sweeps.cells import Cell
from posenc_jax.sweeps.experiment import Experiment, Traced, Train, as_train, goal_of
from posenc_jax.sweeps.store.kept import Kept, static_of
from posenc_jax.sweeps.store.manifest import settings_of

_STATE = "state of the last rung/"


def to_words(x: np.ndarray) -> np.ndarray:
  """Any leaf as int32: 32 bits as they are, fewer widened, 64 bits as a last axis of two.

  Example:
    >>> to_words(np.float32([1.0])).tolist(), to_words(np.array([True])).tolist()
    ([1065353216], [1])
  """
  x = np.asarray(x, order="C")
  if x.dtype.itemsize == 8:
    return x[..., None].view(np.int32)
  if x.dtype.itemsize == 4:
    return x.view(np.int32)
  return x.view(f"u{x.dtype.itemsize}").astype(np.int32)


def from_words(words: jax.Array, dtype: Any) -> jax.Array:
  """The leaf again, inside a program.

  Example:
    >>> from_words(jnp.array(to_words(np.float32([1.0]))), np.float32).tolist()
    [1.0]
  """
  dtype = np.dtype(dtype)
  if dtype.kind == "b":
    return words != 0
  if dtype.itemsize < 4:
    words = words.astype(f"uint{8 * dtype.itemsize}")
  return jax.lax.bitcast_convert_type(words, dtype)


class Continued:
  """Steps ``start`` to ``stop`` of an experiment.

  Args:
    experiment: the whole one, whose ``make_train`` returns a ``Train``.
    start, stop: ``0 <= start < stop <= Train.steps``.
    state: a cell to its state before step ``start``, of a program of the last rung; not asked if
      ``start`` is 0.
  """

  def __init__(self, experiment: Experiment, start: int, stop: int,
               state: Callable[[Cell], Kept] | None = None):
    self.experiment, self.start, self.stop, self._state = experiment, start, stop, state
    self.name = getattr(experiment, "name", None) or type(experiment).__name__
    self.data = getattr(experiment, "data", None)
    self.goal = goal_of(experiment)
    self.settings = {"of": settings_of(experiment), "start": start, "stop": stop}
    for optional in ("cost", "memory", "compile_seconds"):
      if hasattr(experiment, optional):
        setattr(self, optional, lambda static, name=optional: getattr(experiment, name)(static))
    merge = getattr(experiment, "merge", None)
    if merge is not None:
      self.merge = self._merge if start else merge

  def split(self, cell: Cell) -> tuple[Hashable, Traced]:
    """As the experiment, with the static and the state of the last rung."""
    static, traced = self.experiment.split(cell)
    if not self.start or self._state is None:
      return static, traced
    kept = self._state(cell)
    words = {f"{_STATE}{i:04d}": to_words(leaf) for i, leaf in enumerate(kept.leaves)}
    return static_of(self.experiment, kept.shapes), {**traced, **words}

  def _merge(self, statics: tuple[Hashable, ...]) -> Hashable | None:
    """States of different programs have different shapes, so nothing is merged again."""
    return statics[0] if len(set(statics)) == 1 else None

  def make_train(self, static: Hashable) -> Train:
    """The experiment's steps from ``start`` to ``stop``."""
    train: Any = as_train(self.experiment, static)
    if train.step is None or self.stop > train.steps:
      raise value_error(
        "halving: rungs", f"step {self.stop} of a training of {train.steps}" if train.step else
        "an experiment whose make_train returns a function", "rungs within a Train's steps",
        "Return a Train(init, step, steps)")
    start = self.start

    def own(traced):
      return {name: x for name, x in traced.items() if not name.startswith(_STATE)}

    def init(traced, key):
      state = train.init(own(traced), key)
      if not start:
        return state
      leaves, tree = jax.tree.flatten(state)
      given = [traced[f"{_STATE}{i:04d}"] for i in range(len(leaves))]
      return jax.tree.unflatten(tree, [
        _leaf(words, like) for words, like in zip(given, leaves, strict=True)])

    def step(state, traced, index):
      return train.step(state, own(traced), index + jnp.int32(start))

    finish = train.finish and (lambda state, traced: train.finish(state, own(traced)))
    return Train(init, step, self.stop - start, finish, train.watch, train.tokens, train.axes)


def _leaf(words: jax.Array, like: jax.Array) -> jax.Array:
  like = jnp.asarray(like)
  if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
    return jax.random.wrap_key_data(from_words(words, np.uint32), impl=jax.random.key_impl(like))
  return from_words(words, like.dtype)

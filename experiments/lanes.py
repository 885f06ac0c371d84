# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The encoding of a lane, where lanes of several widths and lengths share one program.

An encoding is built for its own lane: for the lane's width, training length and longest evaluation.
A pack holds those of all its lanes, stacked, and each lane picks its own. What cannot be stacked
(other leaves, other statics, columns that depend on the width) is found while planning: ``agree``.
"""

import dataclasses
import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from experiments import encodings
from experiments.encodings import Sizes, Spec
from posenc_jax import _errors
from posenc_jax.base import HOOKS
from posenc_jax.nn import width as width_lib

Vary = tuple[tuple[str, str, Any], ...]
_LENGTHS = frozenset({"length", "train_length"})


@dataclasses.dataclass(frozen=True)
class Sizing:
  """Sizes of lanes: head dim, and the longest sequence that a training length leads to.

  Attributes:
    head_dim: H.
    spans: (training length, the longest sequence, evaluation included) of all lanes.
  """

  head_dim: int
  spans: tuple[tuple[int, int], ...]

  def only(self, lengths: tuple[int, ...]) -> "Sizing":
    """That of some lengths."""
    return Sizing(self.head_dim, tuple(pair for pair in self.spans if pair[0] in lengths))

  def longest(self, length: int) -> int:
    """The longest sequence of a training length."""
    return dict(self.spans)[length]

  def sizes(self, width: int, length: int, **more: Any) -> Sizes:
    """Those of one lane."""
    return Sizes(width, width // self.head_dim, self.head_dim, self.longest(length), length, **more)


def build(spec: Spec, sizing: Sizing, widths: tuple[int, ...], lengths: tuple[int, ...],
          key: jax.Array, traced: dict[str, Any], vary: Vary = ()) -> px.Encoding:
  """The encoding of the lane whose sizes are in ``traced``.

  Args:
    spec: which encoding.
    sizing: sizes of lanes.
    widths, lengths: of all lanes of the program, ascending.
    key: of its parameters.
    traced: ``d_model`` and ``seq_len`` of the lane, ``base`` if it is swept.
    vary: see ``Spec.build``.

  Returns:
    An encoding for a model of the widest width.

  Raises:
    ValueError: they cannot be stacked.
  """
  more = {"base": traced["base"]} if "base" in traced else {}
  if len(lengths) > 1 and not reads_lengths(spec, sizing, vary):
    lengths = lengths[-1:]
  by_length = []
  for n in lengths:
    made = {w: spec.build(sizing.sizes(w, n, **more), key, vary) for w in widths}
    by_length.append(made[widths[0]] if len(widths) == 1 else
                     width_lib.stack_encodings(made, head_dim=sizing.head_dim))
  if len(lengths) == 1:
    chosen = by_length[0]
  else:
    stacked = _stack_lengths(dict(zip(lengths, by_length, strict=True)))
    chosen = width_lib.pick_encoding(stacked, lengths, traced["seq_len"])
  return chosen if len(widths) == 1 else width_lib.pick_encoding(chosen, widths, traced["d_model"])


def reads_lengths(spec: Spec, sizing: Sizing, vary: Vary = ()) -> bool:
  """Whether the encoding depends on the lane's lengths at all."""
  some = sizing.sizes(2 * sizing.head_dim, sizing.spans[0][0])
  return bool(_LENGTHS & encodings.reads(spec, some, vary))


def draws_always(spec: Spec, sizing: Sizing, fixed: Vary = ()) -> bool:
  """Whether the encoding has no positions without a key, as Randomized.

  Others draw as an augmentation (SHAPE, CAPE, PoSE): evaluated without a key, they draw nothing.
  """
  length = sizing.spans[-1][0]

  def positions():
    e = spec.build(sizing.sizes(2 * sizing.head_dim, length), jax.random.key(0), fixed)
    return e.positions(jnp.arange(length, dtype=jnp.int32))

  try:
    jax.eval_shape(positions)
  except ValueError:
    return True
  return False


def agree(spec: Spec, sizing: Sizing, widths: tuple[int, ...], lengths: tuple[int, ...],
          fixed: Vary = (), traced: tuple[tuple[str, str], ...] = ()) -> bool:
  """Whether lanes of these sizes can share a program and compute what they would alone.

  Args:
    spec: which encoding.
    sizing: sizes of lanes.
    widths, lengths: of the lanes, ascending.
    fixed, traced: settings of the encoding, with and without a value.

  Returns:
    True if each pair of widths and each pair of lengths can be stacked.
  """
  last = sizing.only(lengths[-1:])
  return (all(_widths_agree(_Case(spec, last, fixed, traced), pair)
              for pair in itertools.combinations(widths, 2))
          and all(_lengths_agree(_Case(spec, sizing.only(pair), fixed, traced), widths[-1])
                  for pair in itertools.combinations(lengths, 2)))


@dataclasses.dataclass(frozen=True)
class _Case:
  spec: Spec
  sizing: Sizing
  fixed: Vary
  traced: tuple[tuple[str, str], ...]

  def vary(self, value: Any) -> Vary:
    return (*self.fixed, *((*pair, value) for pair in self.traced))

  def builds(self, widths: tuple[int, ...], lengths: tuple[int, ...]) -> bool:
    """Whether encodings of these sizes can be stacked."""
    def lane(key, size, value):
      lane = {"d_model": size, "seq_len": size}
      return build(self.spec, self.sizing, widths, lengths, key, lane, self.vary(value))

    try:
      jax.eval_shape(lane, jax.random.key(0), jnp.int32(1), jnp.float32(1))
    except (ValueError, TypeError):
      return False
    return True

  def same(self, width: int) -> bool:
    """Whether lanes of two lengths can share a program."""
    lengths = tuple(n for n, _ in self.sizing.spans)
    one = lambda value: self.spec.build(self.sizing.sizes(width, lengths[0]), jax.random.key(0),
                                        self.vary(value))
    if jax.eval_shape(one, jnp.float32(1)).has("positions"):
      return False  # perhaps drawn at random, and what is drawn may depend on the length
    if not reads_lengths(self.spec, self.sizing, self.vary(jnp.float32(1))):
      return True
    return self.builds((width,), lengths) and self._rows_agree(width, lengths)

  def _rows_agree(self, width: int, lengths: tuple[int, ...]) -> bool:
    """Whether a table that was made longer does the same to the positions that there were."""
    short, long = (self.spec.build(self.sizing.sizes(width, n), jax.random.key(0),
                                   self.vary(jnp.float32(1))) for n in lengths)
    leaves, treedef = jax.tree.flatten(long)
    if all(x.shape == y.shape for x, y in zip(jax.tree.leaves(short), leaves, strict=True)):
      return True
    grown = treedef.unflatten([_grow(x, y.shape) for x, y in
                               zip(jax.tree.leaves(short), leaves, strict=True)])
    count = self.sizing.longest(lengths[0])
    ours, theirs = (e.inputs(jnp.zeros((1, count, width)), jnp.arange(count)[None])
                    for e in (grown, short))
    return bool(jnp.allclose(ours, theirs, atol=1e-6))


# Asked once for a pair: a plan of many sizes asks for the same pairs again and again.
@functools.lru_cache(maxsize=4096)
def _widths_agree(case: _Case, pair: tuple[int, ...]) -> bool:
  return case.builds(pair, tuple(n for n, _ in case.sizing.spans))


@functools.lru_cache(maxsize=4096)
def _lengths_agree(case: _Case, width: int) -> bool:
  return case.same(width)


def _stack_lengths(made: dict[int, Any]) -> Any:
  """Encodings for several training lengths as one, leaves ``[lengths, ...]``."""
  longest = made[max(made)]
  largest, treedef = jax.tree.flatten(longest)
  rows = []
  for n in sorted(made):
    leaves, kind = jax.tree.flatten(made[n])
    if kind != treedef or not all(_fits(x, y, made[n])
                                  for x, y in zip(leaves, largest, strict=True)):
      raise _errors.value_error(
        f"encoding for length {n}", repr(made[n]), f"leaves like those of {longest!r}",
        "Train each length in a program of its own")
    rows.append([_grow(x, y.shape) for x, y in zip(leaves, largest, strict=True)])
  stack = lambda xs: (np if all(isinstance(x, np.ndarray) for x in xs) else jnp).stack(xs)
  return treedef.unflatten([stack(xs) for xs in zip(*rows, strict=True)])


def _fits(x: Any, y: Any, e: px.Encoding) -> bool:
  """Whether a leaf can stand beside a larger one: if it is a table that only embeddings read."""
  smaller = x.ndim == y.ndim and all(a <= b for a, b in zip(x.shape, y.shape, strict=True))
  return x.dtype == y.dtype and (x.shape == y.shape or (smaller and _only_inputs(e)))


def _only_inputs(e: px.Encoding) -> bool:
  return [hook for hook in HOOKS if e.has(hook)] == ["inputs"]


def _grow(x: Any, shape: tuple[int, ...]) -> Any:
  return x if x.shape == shape else jnp.pad(
    x, [(0, b - a) for a, b in zip(x.shape, shape, strict=True)])

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A group's compiled program: three executables (init, advance, finish), each mapped over lanes.

``advance`` runs any number of steps by one executable, as the bounds of its loop are arguments.
A scan would need a compile for every length of a chunk, and XLA may compile a loop of known length
differently, so that cutting a run elsewhere could change its bits. All lanes share the bounds, so
the loop stays a loop under vmap.

All three are lowered and compiled before the first step, so that a mistake in ``finish`` costs no
training.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax._errors import type_error
from posenc_jax.sweeps.cells import Cell, seed_words
from posenc_jax.sweeps.devices import Lanes
from posenc_jax.sweeps.experiment import Traced, Train, lane_key, traced_arrays
from posenc_jax.sweeps.store.checkpoint import kind_of

PyTree = Any
# Numbers that an older JAX writes for a callback are addresses in memory.
_ADDRESS = re.compile(r'(?<=backend_config = ")\d{6,}(?=")')
BUFFER = 2048  # Most steps between two looks at the clock; metrics of a chunk are kept on device.


def stack_lanes(cells: tuple[Cell, ...], traced: list[Traced], width: int) -> PyTree:
  """Seeds and traced settings of the cells, stacked; lanes beyond the cells repeat the first.

  Returns:
    (words, traced): words has uint32 arrays [width], traced arrays [width, ...] in int32, float32
    or bool. Integers beside floats of the same name become floats.
  """
  fill = [0] * (width - len(cells))
  lanes = [traced_arrays(cell, t) for cell, t in zip(cells, traced, strict=True)]
  lanes += [lanes[i] for i in fill]
  words = np.array([seed_words(cell) for cell in cells], np.uint32)
  words = np.concatenate([words, words[fill]]) if fill else words
  stacked = {}
  for name in lanes[0]:
    values = [lane[name] for lane in lanes]
    floats = any(v.dtype == np.float32 for v in values)
    stacked[name] = np.stack([v.astype(np.float32) for v in values] if floats else values)
  return tuple(words.T.copy()), stacked


def _strong(tree: PyTree) -> PyTree:
  """The tree as arrays of strong types: a loop refuses a carry whose weak type changes."""
  def strong(x: Any) -> jax.Array:
    x = jnp.asarray(x)
    if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
      return x
    return jax.lax.convert_element_type(x, x.dtype)

  return jax.tree.map(strong, tree)


def _kind(x: Any) -> str:
  return f"{x.dtype}{list(x.shape)}"


def _check_same(before: PyTree, after: PyTree) -> None:
  if jax.tree.structure(before) != jax.tree.structure(after):
    raise type_error("Train.step: state", f"{jax.tree.structure(after)}",
                     f"the structure init made, {jax.tree.structure(before)}",
                     "Return the state as it came")
  old, new = (jax.tree_util.tree_leaves_with_path(t) for t in (before, after))
  for (path, a), (_, b) in zip(old, new, strict=True):
    if (a.shape, a.dtype) != (b.shape, b.dtype):
      raise type_error(f"Train.step: state{jax.tree_util.keystr(path)}", _kind(b), _kind(a),
                       "Keep each leaf's shape and dtype; cast at the end of step")


def flatten_results(tree: PyTree, what: str) -> dict[str, Any]:
  """A nested dict as one dict with names joined by "/"; leaves must be scalars or vectors."""
  if not isinstance(tree, Mapping):
    raise type_error(what, f"a {type(tree).__name__}", "a dict of scalars and vectors",
                     'Return for instance {"loss": loss}')
  flat = {}
  for name, value in tree.items():
    if isinstance(value, Mapping):
      inner = flatten_results(value, f"{what}[{name!r}]")
      flat.update({f"{name}/{key}": leaf for key, leaf in inner.items()})
    else:
      flat[str(name)] = value
  return flat


def _numbers(tree: PyTree, what: str, rank: int) -> dict[str, jax.Array]:
  flat = {name: jnp.asarray(value) for name, value in flatten_results(tree, what).items()}
  for name, x in flat.items():
    if x.ndim > rank or jnp.iscomplexobj(x) or jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
      wanted = "a real scalar" + (" or vector" if rank else "")
      raise type_error(f"{what}[{name!r}]", _kind(x), wanted, "Reduce it or return its parts")
  whole = lambda x: rank and jnp.issubdtype(x.dtype, jnp.integer)  # results are kept exactly
  return {name: x if whole(x) else x.astype(jnp.float32) for name, x in flat.items()}


def _bytes(stage: Any) -> int:
  """What a compiled stage needs on a device, as far as the compiler tells."""
  found = stage.memory_analysis()
  if found is None:
    return 0
  return (found.temp_size_in_bytes + found.argument_size_in_bytes + found.output_size_in_bytes
          - found.alias_size_in_bytes)


def compiler_options(platform: str) -> dict[str, Any]:
  """What XLA is told beside the user's flags.

  On a CPU: LLVM's first level of optimisation. XLA has fused and vectorised before LLVM sees a
  program, so small models train as fast and to the same bits as at the highest level, and compile
  in 0.7 of the time. A level in ``XLA_FLAGS`` wins.

  Example:
    >>> compiler_options("gpu")
    {}
  """
  level = "xla_backend_optimization_level"
  return {level: 1} if platform == "cpu" and level not in os.environ.get("XLA_FLAGS", "") else {}


class Lowered:
  """The three stages of one static setting and width, traced and lowered; ``compile`` goes on.

  Args:
    train: one lane's functions.
    lanes: how they are spread.
    words, traced: stacked host arrays, from ``stack_lanes``.
    state: of all lanes, on the devices; with it only ``finish`` is lowered.
    finish: lower that stage, or leave it out.
  """

  def __init__(self, train: Train, lanes: Lanes, words: PyTree, traced: PyTree,
               state: PyTree = None, finish: bool = True):
    self.train = train
    self.lanes = lanes
    self.state = state
    self.buffer = min(max(train.steps, 1), BUFFER)
    self.inputs = words, traced = lanes.put(words), lanes.put(traced)
    self.init: Any = None
    self.advance: Any = None
    self.finish: Any = None
    self._compiled: tuple[Any, Any, Any] | None = None
    alone = state is not None
    if not alone:
      self.init = jax.jit(lanes.map(self._init_lane, "sweep_init")).lower(words, traced)
      state = self.init.out_info
    state = jax.tree.map(lanes.struct, state)
    if train.step is not None and not alone:
      advance = jax.jit(lanes.map(self._advance_lane, "sweep_advance", shared=2), donate_argnums=0)
      self.advance = advance.lower(state, traced, np.int32(0), np.int32(1))
    if train.finish is not None and finish:
      self.finish = jax.jit(lanes.map(self._finish_lane, "sweep_finish")).lower(state, traced)

  def compile(self) -> tuple[Any, Any, Any]:
    """The executables of ``init``, ``advance`` and ``finish``, None for a stage that is not there.

    They are compiled once; the first call may be in another thread.
    """
    if self._compiled is None:
      options = compiler_options(self.lanes.devices[0].platform)
      made = [stage if stage is None else stage.compile(compiler_options=options)
              for stage in (self.init, self.advance, self.finish)]
      self._compiled = made[0], made[1], made[2]
    return self._compiled

  def digests(self) -> dict[str, str]:
    """Of the text of the training and of the finish, without the addresses of callbacks."""
    def digest(*stages: Any) -> str:
      total = hashlib.sha256()
      for stage in stages:
        text = "" if stage is None else stage.as_text()  # Long: it has all closed-over arrays.
        total.update((_ADDRESS.sub("", text) if "callback" in text else text).encode())
      return total.hexdigest()

    return {"train": digest(self.init, self.advance), "finish": digest(self.finish)}

  def _init_lane(self, words: PyTree, traced: Traced) -> PyTree:
    return _strong(self.train.init(traced, lane_key(*words)))

  def _step_lane(self, state: PyTree, traced: Traced, index: jax.Array) -> PyTree:
    step: Any = self.train.step
    state, metrics = step(state, traced, index)
    return _strong(state), _numbers(metrics, "Train.step: metrics", rank=0)

  def _advance_lane(self, state: PyTree, traced: Traced, start: jax.Array, stop: jax.Array):
    step = jax.jit(self._step_lane)  # traced once for its shapes and for the loop
    after, metrics = jax.eval_shape(step, state, traced, start)
    _check_same(state, after)

    def body(index: jax.Array, carry: PyTree) -> PyTree:
      state, curves = carry
      state, now = step(state, traced, index)
      return state, {name: curves[name].at[index - start].set(now[name]) for name in curves}

    curves = {name: jnp.zeros(self.buffer, jnp.float32) for name in metrics}
    return jax.lax.fori_loop(start, stop, body, (state, curves))

  def _finish_lane(self, state: PyTree, traced: Traced) -> dict[str, jax.Array]:
    finish: Any = self.train.finish
    return _numbers(finish(state, traced), "results", rank=1)


class Program:
  """The executables of one static setting and width.

  Args:
    lowered: its stages.

  Attributes:
    kinds: a checkpoint's Kind for each leaf of the state.
    bytes: what the largest stage needs on all devices together, by the compiler's account.
  """

  def __init__(self, lowered: Lowered):
    self.train, self.lanes, self.buffer = lowered.train, lowered.lanes, lowered.buffer
    self._init, self._advance, self._finish = lowered.compile()
    self.kinds = jax.tree.map(kind_of, self._init(*lowered.inputs))
    stages = [s for s in (self._init, self._advance, self._finish) if s is not None]
    self.bytes = max(map(_bytes, stages)) * len(self.lanes.devices)

  def init(self, words: PyTree, traced: PyTree) -> PyTree:
    """The state of all lanes before the first step."""
    return self._init(words, traced)

  def advance(self, state: PyTree, traced: PyTree, start: int, stop: int):
    """Runs steps start..stop-1; returns the state and host curves [width, stop - start].

    The old state is given up (its buffers are reused).
    """
    state, curves = self._advance(state, traced, np.int32(start), np.int32(stop))
    return state, {k: v[:, :stop - start] for k, v in self.lanes.get(curves).items()}

  def finish(self, state: PyTree, traced: PyTree) -> dict[str, np.ndarray]:
    """The results of all lanes on the host, [width] or [width, n]."""
    return {} if self._finish is None else self.lanes.get(self._finish(state, traced))

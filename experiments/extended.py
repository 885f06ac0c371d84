# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Trained models under extended encodings, as an experiment of ``sweeps``: measured, or trained on.

A lane is one trained model, one method of ``experiments.extension`` and one length. It starts from
the model's weights, which travel as traced numbers, so that one program serves all seeds and all
methods of a family. Cells are {encoding, factor, tuned, seed}: ``tuned`` steps of training at the
factor's length come before the measurement, 0 for none.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments import encodings as encodings_lib
from experiments import extension, optimizer
from experiments.extension import METHODS, Rope
from experiments.task import Shape
from posenc_jax import nn, sweeps
from posenc_jax.nn.held import HeldEncoding
from posenc_jax.sweeps.rounds.continued import from_words, to_words

WARMUP = 0.1
HELD = ("stack", "encodings", "held", 0)  # where a model keeps its one encoding


class Ability(Protocol):
  """What is measured and trained."""

  def rows(self, length: int) -> np.ndarray:
    """int32 ``[parts, batches, rows, length + 1]``; a lane has one part."""
    ...

  def score(self, logits: jax.Array, rows: jax.Array) -> jax.Array:
    """``[rows, T, V]`` and ``[rows, T + 1]`` to ``[rows, ..]``."""
    ...

  def summary(self, scores: jax.Array, trained: int) -> dict[str, jax.Array]:
    """Results of all scores ``[M, ..]``; ``trained`` is the trained length."""
    ...

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> jax.Array:
    """As ``training.Task``."""
    ...

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """As ``training.Task``."""
    ...


@dataclasses.dataclass(frozen=True)
class Settings:
  """How lanes are trained on.

  Attributes:
    tokens: a step, in rows of the new length, one at least.
    learning_rate: at its height.
  """

  tokens: int = 1024
  learning_rate: float = 1e-3


@dataclasses.dataclass(frozen=True)
class Program:
  """What shapes the program of a group of lanes."""

  family: str
  factor: int
  steps: int


@dataclasses.dataclass(frozen=True, eq=False)
class Parts:
  """A model in pieces.

  Attributes:
    graph: of Flax.
    params, rest: its variables; ``rest`` has the encoding's numbers.
  """

  graph: Any
  params: Any
  rest: Any


def swapped(model: Any, e: Any) -> Parts:
  """The model's weights under an encoding; layers that had none still have none."""
  layers = [None if i is None else e for i in model.stack.encodings.layers]
  return Parts(*nnx.split(nn.with_encoding(model, layers), nnx.Param, ...))


def with_numbers(rest: Any, e: Any) -> Any:
  """``rest`` with the numbers of another encoding of the same structure: no model is traced."""
  flat = dict(nnx.to_flat_state(rest))
  for path, variable in nnx.to_flat_state(nnx.state(HeldEncoding(e))):
    if HELD + path not in flat:
      raise KeyError(HELD + path)
    flat[HELD + path] = variable
  return nnx.from_flat_state(list(flat.items()))


class Extended:
  """An experiment over trained models.

  Args:
    name: for reports.
    data: identifies models and text.
    ability: what is measured.
    models: by seed.
    rope: what they were trained with.
    searched: (seed, factor) to LongRoPE's factors; may be empty without that method.
    parts: (seed) to the part of the text that it is measured on; 0 for all.
    settings: of training.
  """

  def __init__(self, name: str, data: str, ability: Ability, models: Mapping[int, Any], rope: Rope,
               searched: Mapping[tuple[int, int], Sequence[float]], *,
               parts: Mapping[int, int] | None = None, settings: Settings | None = None):
    self.name, self.data, self._ability, self._rope = name, data, ability, rope
    self._models, self._searched, self._parts = models, searched, parts or {}
    self._tuning = settings or Settings()
    self.settings = dataclasses.asdict(self._tuning) | dataclasses.asdict(rope)
    self._template = next(iter(models.values()))
    self._programs: dict[Program, tuple[Parts, int]] = {}
    self._words: dict[int, dict[str, np.ndarray]] = {}
    self._lanes: dict[tuple[str, int, int, int], tuple[Program, dict[str, Any]]] = {}

  def split(self, cell: Mapping[str, Any]) -> tuple[Program, dict[str, Any]]:
    """Family, factor and steps shape the program; weights and the encoding's numbers are traced."""
    lane = (str(cell["encoding"]), int(cell["factor"]), int(cell["tuned"]), int(cell["seed"]))
    if lane not in self._lanes:
      self._lanes[lane] = self._lane(*lane)
    return self._lanes[lane]

  def _lane(self, name: str, factor: int, tuned: int, seed: int
            ) -> tuple[Program, dict[str, Any]]:
    program = Program(METHODS[name].family, factor, tuned)
    found = self._searched[seed, factor] if name == "longrope" else None
    made = extension.encodings(name, self._rope, factor, found)
    if program not in self._programs:
      self._programs[program] = swapped(self._template, made[0]), len(made)
    rest = self._programs[program][0].rest
    rests = [jax.tree.leaves(with_numbers(rest, e)) for e in made]
    numbers = [to_words(np.stack([np.asarray(x) for x in leaves]))
               for leaves in zip(*rests, strict=True)]
    traced = {"seed": seed, "part": self._parts.get(seed, 0), **self._weights(seed)}
    return program, traced | {f"number/{i:04d}": x for i, x in enumerate(numbers)}

  def _weights(self, seed: int) -> dict[str, np.ndarray]:
    model = self._models[seed]  # lanes that are parts of a text share one
    if id(model) not in self._words:
      leaves = jax.tree.leaves(nnx.split(model, nnx.Param, ...)[1])
      self._words[id(model)] = {f"weight/{i:04d}": to_words(np.asarray(x))
                                for i, x in enumerate(leaves)}
    return self._words[id(model)]

  def cost(self, program: Program) -> float:
    """Floating-point operations of a step, or of the measurement."""
    length = program.factor * self._rope.length
    weights = sum(x.size for x in jax.tree.leaves(self._programs[program][0].params))
    tokens = max(self._tuning.tokens, length) if program.steps else self._ability.rows(length).size
    return (6.0 if program.steps else 2.0) * tokens * weights

  def memory(self, program: Program) -> float:
    """Bytes of a lane: weights, with gradients and both moments in training, and scores."""
    parts, _ = self._programs[program]
    weights = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(parts.params))
    length = program.factor * self._rope.length
    stack = self._template.stack
    heads = stack.layers[0].attention.query.shape[1]
    rows = max(self._tuning.tokens // length, 1) if program.steps else (
      self._ability.rows(length).shape[2])
    kept = len(stack.layers) if program.steps else 1
    activations = 4.0 * rows * length * kept * (3 * heads * length + 20 * stack.d_model)
    return (5 if program.steps else 1) * weights + activations

  def compile_seconds(self, program: Program) -> float:
    """Training has a second copy of the model, with its gradient."""
    return 6.0 if program.steps else 2.0

  def make_train(self, program: Program) -> Any:
    """Measurement of one lane, after training if the program has steps.

    Nothing of single models is closed over: a fingerprint of the code sees all that is.
    """
    parts, stretches = self._programs[program]
    return _lane(self._ability, _skeleton(parts), stretches, self._rope.length, program,
                 self._shape(program), self._tuning)

  def _shape(self, program: Program) -> Shape:
    length = program.factor * self._rope.length
    stack = self._template.stack
    return Shape(encodings_lib.parse("rotary"), (stack.d_model,), (length,), len(stack.layers),
                 stack.layers[0].attention.query.shape[-1],
                 max(self._tuning.tokens // length, 1), max(program.steps, 1))


@dataclasses.dataclass(frozen=True)
class Skeleton:
  """A model without its numbers: graph, trees of variables and their dtypes."""

  graph: Any
  params: Any
  rest: Any
  dtypes: tuple[tuple[str, ...], tuple[str, ...]]

  def read(self, traced: Mapping[str, Any]) -> tuple[Any, Any]:
    """The lane's weights, and its encoding's numbers with an axis of stretches."""
    found = []
    for name, tree, dtypes in (("weight", self.params, self.dtypes[0]),
                               ("number", self.rest, self.dtypes[1])):
      leaves = [from_words(traced[f"{name}/{i:04d}"], np.dtype(d)) for i, d in enumerate(dtypes)]
      found.append(jax.tree.unflatten(tree, leaves))
    return found[0], found[1]


def _skeleton(parts: Parts) -> Skeleton:
  names = lambda tree: tuple(str(x.dtype) for x in jax.tree.leaves(tree))
  return Skeleton(parts.graph, jax.tree.structure(parts.params), jax.tree.structure(parts.rest),
                  (names(parts.params), names(parts.rest)))


def _lane(ability: Ability, skeleton: Skeleton, stretches: int, trained: int, program: Program,
          shape: Shape, tuning: Settings) -> Any:
  """One lane's functions: a plain one if it is measured only."""
  def measured(params, numbers, traced):
    windows = jnp.asarray(ability.rows(shape.length))[traced["part"]]
    score = lambda rows: ability.score(
      logits_of(skeleton.graph, params, numbers, rows[:, :-1], stretches), rows)
    scores = jax.lax.map(score, windows)
    return ability.summary(scores.reshape(-1, *scores.shape[2:]), trained)

  if not program.steps:
    return lambda traced, key: measured(*skeleton.read(traced), traced)

  def init(traced, key):
    params, numbers = skeleton.read(traced)
    return {"params": params, "numbers": numbers, "adam": optax.scale_by_adam().init(params)}

  def step(state, traced, index):
    key = jax.random.fold_in(jax.random.key(traced["seed"]), index + 1)
    sizes = {"seed": traced["seed"], "seq_len": shape.length}
    batch = ability.batch(shape, sizes, key)

    def loss(params):
      rest = jax.tree.map(lambda x: x[0], state["numbers"])
      model = nnx.merge(skeleton.graph, params, rest)
      return ability.loss(shape, model, batch, sizes, key)

    (value, metrics), grads = jax.value_and_grad(loss, has_aux=True)(state["params"])
    rate = tuning.learning_rate * optimizer.schedule(index, program.steps, WARMUP)
    params, adam = optimizer.descend(state["params"], state["adam"], grads, rate, clip=1.0,
                                     decay=0.0, betas=(0.9, 0.999), epsilon=1e-8)
    return {**state, "params": params, "adam": adam}, {**metrics, "loss": value}

  def finish(state, traced):
    return measured(state["params"], state["numbers"], traced)

  return sweeps.Train(init, step, program.steps, finish, tokens=shape.batch_size * shape.length)


def logits_of(graph: Any, params: Any, numbers: Any, tokens: jax.Array, stretches: int
              ) -> jax.Array:
  """Logits ``[B, T, V]`` under encodings that change with the length of the text so far.

  In stretch i of so many equal ones, all tokens up to there are read with the i-th numbers: what a
  model says that reads all of it anew once the text has grown by a stretch.

  Args:
    graph, params: of the model.
    numbers: its other variables, with a leading axis of stretches.
    tokens: int32 ``[B, T]``.
    stretches: 1 for an encoding that does not change.
  """
  def one(rest):
    return nnx.merge(graph, params, rest)(tokens)

  if stretches == 1:
    return one(jax.tree.map(lambda x: x[0], numbers))
  every = jax.lax.map(one, numbers)  # [stretches, B, T, V]
  batch, length, size = every.shape[1:]
  every = every.reshape(stretches, batch, stretches, length // stretches, size)
  at = np.arange(stretches)
  return jnp.moveaxis(every[at, :, at], 0, 1).reshape(batch, length, size)

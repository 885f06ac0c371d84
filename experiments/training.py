# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A task as an experiment of ``sweeps``: all that scripts which train models have in common.

One program trains all lanes of an encoding: seeds, learning rates and what else is a number;
shorter training lengths, whose surplus tokens do not count; and, if the planner finds it cheaper,
narrower widths (a narrow model is a wide one with zero surplus parameters). A lane computes what it
would alone: sizes, keys and draws are its own. All lanes of a seed see the same batches.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from experiments import encodings, lanes, optimizer
from experiments.task import STATIC, TRACED
from experiments.task import Settings as Settings
from experiments.task import Shape as Shape
from experiments.task import Task as Task
from experiments.task import Varied as Varied
from posenc_jax import nn, sweeps
from posenc_jax.nn import width as width_lib


class Trained:
  """An experiment that trains a task with encodings by name.

  Cells are {encoding, d_model, seq_len, seed} and any of ``Settings``, ``base`` and what is varied.

  Args:
    task: what is trained.
    settings: of cells that do not say.
    varied: settings of encodings that cells have.
  """

  # Nothing here is of one grid, or of what was asked before: a fingerprint of the code sees all.
  def __init__(self, task: Task, settings: Settings | None = None, *,
               varied: Sequence[Varied] = ()):
    self.task, self._settings = task, settings or Settings()
    self.name, self.data = task.name, task.data
    self._varied = tuple((v.name, v.member, v.field, v.traced) for v in varied)

  @property
  def settings(self) -> dict[str, Any]:
    """What all cells share, for the manifest."""
    return {**dataclasses.asdict(self._settings), **self.task.settings}

  def split(self, cell: Mapping[str, Any]) -> tuple[Shape, dict[str, Any]]:
    """Sizes, encodings and steps shape the program; the lane's own sizes are traced too."""
    value = lambda name: cell.get(name, getattr(self._settings, name))
    spec, length = encodings.parse(str(cell["encoding"])), int(cell["seq_len"])
    traced = {name: cell.get(name, 0) for name in ("seed", "d_model", "seq_len")}
    traced |= {name: float(value(name)) for name in TRACED}
    if cell.get("base") is not None:
      traced["base"] = float(cell["base"])
    fixed, varied = [], []
    for name, member, field, is_traced in self._varied:
      if name in cell and is_traced:
        traced[name] = float(cell[name])
        varied.append((member, field, name))
      elif name in cell:
        fixed.append((member, field, cell[name]))
    if value("dropout") > 0:
      traced["dropout"] = float(value("dropout"))
    sizes: Any = {name: int(value(name)) for name in STATIC}
    return Shape(spec, (int(cell["d_model"]),), (length,), dropout="dropout" in traced,
                 fixed=tuple(fixed), varied=tuple(varied), **sizes), traced

  def merge(self, statics: Sequence[Shape]) -> Shape | None:
    """One program for widths and lengths of one encoding, if no lane differs from one alone.

    Masks of dropout depend on the sizes of what they hide, so that lanes of other sizes would
    draw others than alone.
    """
    first = statics[0]
    union = lambda name: tuple(sorted({x for s in statics for x in getattr(s, name)}))
    merged = dataclasses.replace(first, widths=union("widths"), lengths=union("lengths"))
    if any(dataclasses.replace(s, widths=merged.widths, lengths=merged.lengths) != merged
           for s in statics) or (first.dropout and merged != first):
      return None
    together = getattr(self.task, "together", None)
    if together is not None and not together(merged.lengths):
      return None
    traced = tuple((member, field) for member, field, _ in first.varied)
    same = lanes.agree(first.spec, self._sizing(merged), merged.widths, merged.lengths,
                       first.fixed, traced)
    return merged if same else None

  def _sizing(self, shape: Shape) -> lanes.Sizing:
    return lanes.Sizing(shape.head_dim, tuple((n, self.task.longest(n)) for n in shape.lengths))

  def cost(self, shape: Shape) -> float:
    """Floating-point operations of a training step: 6 a parameter and token, and attention."""
    tokens = shape.batch_size * shape.length
    return tokens * shape.layers * (72 * shape.d_model**2 + 12 * shape.d_model * shape.length)

  def memory(self, shape: Shape) -> float:
    """Bytes a lane needs: activations of one step, parameters with both Adam moments."""
    scores = shape.length * shape.d_model // shape.head_dim
    tokens = shape.batch_size * shape.length
    activations = 4 * tokens * shape.layers * (20 * shape.d_model + 3 * scores)
    return activations + 16 * shape.layers * 12 * shape.d_model**2

  def compile_seconds(self, shape: Shape) -> float:
    """Training and evaluation: most of what a small group costs."""
    given = getattr(self.task, "compile_seconds", None)
    return 4.0 if given is None else given(shape)

  def make_train(self, shape: Shape) -> sweeps.Train:
    """Training of one lane; sizes of the lane come in ``traced``."""
    task = self.task

    def init(traced, key):
      del key  # every encoding starts from the same draws, so that seeds pair them
      keys = jax.random.split(jax.random.key(traced["seed"]), 2)
      with width_lib.together() as draws:  # one draw in place of dozens: half the compile time
        model = self._model(shape, traced, keys[0])
      graph, params, rest = nnx.split(model, nnx.Param, ...)
      params = draws.fill(params)
      return {"graph": graph, "params": params, "rest": rest,
              "adam": optax.scale_by_adam().init(params)}

    def step(state, traced, index):
      key = jax.random.fold_in(jax.random.key(traced["seed"]), index + 1)
      batch = task.batch(shape, traced, key)

      def loss(params):
        model = nnx.merge(state["graph"], params, state["rest"])
        return task.loss(shape, model, batch, traced, key)

      (value, metrics), grads = jax.value_and_grad(loss, has_aux=True)(state["params"])
      rate = traced["learning_rate"] * optimizer.schedule(index, shape.steps, traced["warmup"])
      params, adam = optimizer.descend(
        state["params"], state["adam"], grads, rate, clip=traced["clip"],
        decay=traced["weight_decay"], betas=(traced["beta1"], traced["beta2"]),
        epsilon=traced["epsilon"])
      return {**state, "params": params, "adam": adam}, {**metrics, "loss": value}

    def finish(state, traced):
      model = nnx.merge(state["graph"], state["params"], state["rest"])
      return task.evaluate(shape, model, traced)

    return sweeps.Train(init, step, shape.steps, finish, axes=task.axes,
                        tokens=shape.batch_size * shape.length)

  def _model(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> nnx.Module:
    model_key, encoding_key = jax.random.split(key)
    vary = (*shape.fixed, *((m, f, traced[name]) for m, f, name in shape.varied))
    encoding = lanes.build(shape.spec, self._sizing(shape), shape.widths, shape.lengths,
                           encoding_key, traced, vary)
    return self.task.model(
      shape, encoding, width=traced["d_model"] if len(shape.widths) > 1 else None,
      dropout=traced.get("dropout", 0.0), rngs=nnx.Rngs(params=model_key))


def transformer(vocabulary: int, shape: Shape, encoding: Any, *, width: Any, dropout: Any,
                rngs: nnx.Rngs) -> nn.TransformerLM:
  """The decoder-only model of these sizes: what ``Task.model`` usually returns."""
  return nn.TransformerLM(vocabulary, shape.d_model, shape.layers, head_dim=shape.head_dim,
                          encoding=encoding, active_width=width, dropout=dropout, rngs=rngs)


def evaluation_key(traced: dict[str, Any]) -> jax.Array:
  """A key of the lane that no step of training has."""
  return jax.random.fold_in(jax.random.key(traced["seed"]), 0)


def draws_always(task: Task, shape: Shape) -> bool:
  """Whether the encoding draws positions in evaluation too; see ``lanes.draws_always``."""
  sizing = lanes.Sizing(shape.head_dim, tuple((n, task.longest(n)) for n in shape.lengths))
  return lanes.draws_always(shape.spec, sizing, shape.fixed)


def position_streams(key: jax.Array | None) -> nnx.Rngs:
  """Streams for an evaluation: positions are drawn with the key, or not at all without one.

  Make them inside the trace that uses them.
  """
  return nnx.Rngs() if key is None else nnx.Rngs(positions=key)


def draw_tokens(key: jax.Array, batch: int, length: int, vocabulary: int) -> jax.Array:
  """Tokens int32 ``[batch, length]``; a shorter draw with the same key begins a longer one.

  A task that draws its data must see to that, or lanes would see other data in another pack.

  Example:
    >>> few, many = (draw_tokens(jax.random.key(0), 2, n, 9) for n in (3, 5))
    >>> bool((few == many[:, :3]).all())
    True
  """
  row = lambda i: jax.random.randint(jax.random.fold_in(key, i), (length,), 0, vocabulary)
  return jax.vmap(row)(jnp.arange(batch, dtype=jnp.uint32))


def in_batches(rows: np.ndarray, size: int) -> jax.Array:
  """Rows ``[M, ..]`` as batches ``[ceil(M / size), size, ..]``, the last one filled up with row 0.

  Example:
    >>> in_batches(np.array([5, 6, 7]), 2).tolist()
    [[5, 6], [7, 5]]
  """
  filled = np.concatenate([rows, np.repeat(rows[:1], -len(rows) % size, axis=0)])
  return jnp.asarray(filled.reshape(-1, size, *rows.shape[1:]))


def masked_mean(each: jax.Array, counted: Any) -> jax.Array:
  """Mean over the first ``counted`` of T: ``[B, T]`` to a scalar; ``counted`` may be traced."""
  counts = (jnp.arange(each.shape[-1]) < counted).astype(each.dtype)
  return jnp.sum(each * counts[None]) / (each.shape[0] * jnp.sum(counts))


def token_losses(model: Any, windows: jax.Array, key: jax.Array, *, dropout: bool = False
                 ) -> jax.Array:
  """Cross-entropy in nats of each next token: windows int32 ``[B, T + 1]``, result ``[B, T]``.

  Args:
    model: tokens to logits.
    windows: the tokens, each row one longer than what is predicted.
    key: of drawn positions and dropout.
    dropout: whether to drop.
  """
  streams = {"positions": key}
  if dropout:
    streams["dropout"] = jax.random.fold_in(key, 1)
  logits = model(windows[:, :-1], deterministic=not dropout, rngs=nnx.Rngs(**streams))
  return optax.softmax_cross_entropy_with_integer_labels(
      logits.astype(jnp.float32), windows[:, 1:])

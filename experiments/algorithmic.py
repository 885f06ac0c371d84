# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Algorithmic tasks: exact-match accuracy beyond the lengths that a model was trained at.

  python -m experiments.algorithmic
  python -m experiments.algorithmic --preset=smoke
  python -m experiments.algorithmic --tasks=reverse --encodings=none,t5,fire --every
  python -m experiments.algorithmic --preset=large

An answer counts if every token of it is the most probable one after the right tokens before it,
which is so if and only if greedy decoding writes exactly that answer.
"""

import dataclasses
import pathlib
from collections.abc import Collection, Sequence
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax
from flax import nnx

from experiments import config as config_lib
from experiments import problems, script, training
from experiments.algorithmic_expectations import EXPECTATIONS as EXPECTATIONS
from experiments.algorithmic_expectations import RELEVANT
from experiments.algorithmic_page import page
from experiments.config import TrainingConfig
from experiments.fields import Check, option
from experiments.findings import study
from experiments.problems import PROBLEMS
from experiments.training import Shape
from posenc_jax import nn
from posenc_jax._errors import value_error

ROWS_AT_ONCE = 64
SLOW = ("addition-reversed", "addition-coupled")  # learned after some ten times the steps of others


class Solving:
  """A problem of ``experiments.problems``; a ``training.Task``.

  Args:
    name: of the problem.
    multiples: of the training length; accuracy at one is over sizes that need more tokens than the
      multiple before it, and at the first over all sizes of training.
    rows: evaluated at each.
  """

  data = None

  def __init__(self, name: str, multiples: Sequence[float] = (1, 1.5, 2), rows: int = 256):
    self.problem, self.name = PROBLEMS[name], name
    self.multiples, self.rows = tuple(multiples), rows
    self.settings = {"problem": name, "eval_multiples": self.multiples, "eval_rows": rows}

  @property
  def axes(self) -> dict[str, tuple[str, Sequence[float]]]:
    """Of accuracies by length."""
    axis = "multiple of the training length", self.multiples
    return {"accuracy_by_multiple": axis, "tokens_by_multiple": axis}

  def longest(self, length: int) -> int:
    """The longest evaluation, in tokens."""
    return round(max(self.multiples) * length)

  def together(self, lengths: tuple[int, ...]) -> bool:
    """Lanes of one length only: rows of evaluation are as long as the program's longest."""
    return len(lengths) == 1

  def model(self, shape: Shape, encoding: Any, **how: Any) -> nn.TransformerLM:
    """A decoder-only model."""
    return training.transformer(problems.FIRST + self.problem.symbols, shape, encoding, **how)

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array
            ) -> tuple[jax.Array, jax.Array]:
    """Rows of all sizes that fit, and which tokens count, ``[batch, length + 1]``."""
    return problems.rows(self.problem, key, shape.batch_size, shape.length + 1,
                         self.problem.fits(shape.length))

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Nats of a token of the answers; the share of rows whose whole answer is right."""
    tokens, counted = batch
    streams = {"positions": key}
    if shape.dropout:
      streams["dropout"] = jax.random.fold_in(key, 1)
    logits = model(tokens[:, :-1], self._places(tokens), deterministic=not shape.dropout,
                   rngs=nnx.Rngs(**streams))
    each = optax.softmax_cross_entropy_with_integer_labels(
        logits.astype(jnp.float32), tokens[:, 1:])
    weights = counted[:, 1:].astype(each.dtype)
    right = jnp.mean(solved(logits, tokens, counted).astype(each.dtype))
    return jnp.sum(each * weights) / jnp.sum(weights), {"accuracy": right}

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Exact match and share of right tokens at each multiple, exact match of the variants.

    "Beyond" is the mean over the multiples but the first; the loss is what the first lacks.
    """
    key = training.evaluation_key(traced)
    draws = key if training.draws_always(self, shape) else None
    asked = self.evaluated(shape.length)
    # One room for all is one copy of the model to compile. Padding changes nothing before it,
    # unless positions are drawn for the whole row: then each length keeps its own.
    rooms = [n if draws is not None else self.longest(shape.length) for _, n, _, _ in asked]
    exact: dict[str, jax.Array] = {}
    tokens: dict[str, jax.Array] = {}
    for room in dict.fromkeys(rooms):
      mine = [(i, one) for i, (one, n) in enumerate(zip(asked, rooms, strict=True)) if n == room]
      drawn = [problems.rows(self.problem, jax.random.fold_in(key, i), self.rows, room + 1, largest,
                             smallest=smallest, variant=name if name in self.problem.variants
                             else None) for i, (name, _, smallest, largest) in mine]
      right = self._right(model, draws, *(jnp.concatenate(x) for x in zip(*drawn, strict=True)))
      means = jnp.mean(right.reshape(len(mine), self.rows, 2), axis=1)
      exact |= {one[0]: means[i, 0] for i, (_, one) in enumerate(mine)}
      tokens |= {one[0]: means[i, 1] for i, (_, one) in enumerate(mine)}
    whole, each = (jnp.stack([x[f"{m:g}"] for m in self.multiples]) for x in (exact, tokens))
    return {"accuracy_by_multiple": whole, "tokens_by_multiple": each,
            "accuracy_trained": whole[0], "loss": 1 - whole[0],
            **({"accuracy_beyond": jnp.mean(whole[1:]), "tokens_beyond": jnp.mean(each[1:])}
               if len(self.multiples) > 1 else {}),
            **{f"accuracy_{name}": exact[name] for name in self.problem.variants}}

  def evaluated(self, length: int) -> list[tuple[str, int, int, int]]:
    """(multiple or variant, tokens, smallest and largest size) of each evaluation.

    Raises:
      ValueError: at a multiple are no larger sizes than at the one before.
    """
    found, before = [], self.problem.least - 1
    for multiple in self.multiples:
      tokens = round(multiple * length)
      largest = self.problem.fits(tokens)
      if largest <= before:
        raise value_error("multiples", f"{multiple:g}", f"one at which {self.name} has larger sizes"
                          f" than the {before} before it, of {length} tokens", "Leave it out")
      found.append((f"{multiple:g}", tokens, before + 1, largest))
      before = largest
    largest = self.problem.fits(length)
    return found + [(name, length, self.problem.least, largest) for name in self.problem.variants]

  def _places(self, tokens: jax.Array) -> jax.Array | None:
    """The positions of all tokens but the last; None for their index."""
    return None if self.problem.places is None else self.problem.places(tokens[:, :-1])

  def _right(self, model: Any, draws: Any, tokens: jax.Array, counted: jax.Array) -> jax.Array:
    """float32 ``[rows, 2]``: 1 for rows that are solved, and the share of right tokens."""
    def some(part):
      logits = model(part[0][:, :-1], self._places(part[0]), rngs=training.position_streams(draws))
      return jnp.stack([solved(logits, *part).astype(jnp.float32), right_share(logits, *part)], -1)

    at_once = max(d for d in range(1, min(self.rows, ROWS_AT_ONCE) + 1) if self.rows % d == 0)
    fold = lambda x: x.reshape(-1, at_once, x.shape[1])
    return jax.lax.map(some, (fold(tokens), fold(counted))).reshape(-1, 2)


def solved(logits: jax.Array, tokens: jax.Array, counted: jax.Array) -> jax.Array:
  """Which rows' answers greedy decoding would write.

  Args:
    logits: ``[B, T, V]`` after each token but the last.
    tokens, counted: ``[B, T + 1]``.

  Returns:
    bool ``[B]``.
  """
  return jnp.all(_hits(logits, tokens) | ~counted[:, 1:], axis=1)


def right_share(logits: jax.Array, tokens: jax.Array, counted: jax.Array) -> jax.Array:
  """The share of tokens of each row's answer that are likeliest after the right ones before them.

  Args:
    logits, tokens, counted: as those of ``solved``.

  Returns:
    float32 ``[B]``.
  """
  asked = counted[:, 1:]
  right = jnp.sum(_hits(logits, tokens) & asked, axis=1)
  return right.astype(jnp.float32) / jnp.sum(asked, axis=1).astype(jnp.float32)


def _hits(logits: jax.Array, tokens: jax.Array) -> jax.Array:
  return jnp.argmax(logits, axis=-1).astype(tokens.dtype) == tokens[:, 1:]


@dataclasses.dataclass(frozen=True)
class Config(study.Paged, TrainingConfig):
  """What to compare.

  Attributes:
    task_name: of the one task whose cells ``run`` makes.
  """

  PRESETS: ClassVar[dict[str, dict[str, Any]]] = study.presets(
    "algorithmic",
    smoke=dict(tasks=("even-pairs",), encodings=("sinusoidal", "randomized+sinusoidal"),
               d_model=(16,), head_dim=8, layers=1, steps=100, seq_len=(16,), batch_size=8,
               eval_rows=64),
    large=dict(d_model=(128,), head_dim=32, layers=4, steps=10_000, batch_size=64, eval_rows=1024,
               every=True, tasks=tuple(PROBLEMS)))

  tasks: tuple[str, ...] = option(tuple(name for name in PROBLEMS if name not in SLOW),
                                  "problems", choices=tuple(PROBLEMS))
  every: bool = option(False, "every encoding on every task; else each task has those of "
                       "--encodings that statements about it name")
  encodings: tuple[str, ...] = option(
    ("none", "sinusoidal", "randomized+sinusoidal", "shape", "rotary", "alibi", "t5", "pope",
     "cope", "fox"),
    "encodings")
  d_model: tuple[int, ...] = option((32,), "model widths, multiples of --head_dim", low=1)
  seq_len: tuple[int, ...] = option((24,), "training lengths, in tokens: question and answer",
                                    low=1)
  seeds: tuple[int, ...] = option(study.SEEDS, "seeds of parameters and batches", low=0,
                                  high=2**31 - 1)
  steps: tuple[int, ...] = option((2000,), "training steps", low=1)
  eval_multiples: tuple[float, ...] = option(
    (1, 1.25, 1.5, 2), "evaluation lengths / training length", low=1)
  eval_rows: int = option(256, "rows evaluated at each length", low=1)
  out: str | None = option("runs/algorithmic", "run directory, with one folder a task")
  task_name: str = "copy"

  def task(self) -> Solving:
    """The one problem of ``task_name``."""
    return Solving(self.task_name, self.eval_multiples, self.eval_rows)

  def check(self, bad: Collection[str] = ()) -> Check:
    """Everything that is wrong; every task must fit its training length and have an encoding."""
    found = super().check(bad)
    if found.sound("tasks", "seq_len"):
      for name in self.tasks:
        if not PROBLEMS[name].fits(min(self.seq_len)):
          found.add("seq_len", min(self.seq_len), f"at least {shortest(name)} for {name}",
                    "Raise it, or drop the task")
    if found.sound("eval_multiples"):
      asked = self.eval_multiples
      if asked[0] != 1 or any(b <= a for a, b in zip(asked, asked[1:], strict=False)):
        found.add("eval_multiples", ", ".join(f"{m:g}" for m in asked), "1, then larger ones that "
                  "rise", "Begin with 1: what is called at L is measured there")
    if found.sound("tasks", "encodings", "every"):
      for name in self.tasks:
        if not self.encodings_of(name):
          found.add("encodings", ", ".join(self.encodings), f"one of {', '.join(RELEVANT[name])} "
                    f"for the task {name}", "Add one, or --every")
    return found

  def encodings_of(self, name: str) -> tuple[str, ...]:
    """The encodings of a task."""
    return tuple(e for e, label in zip(self.encodings, self.labels, strict=True)
                 if self.every or label in RELEVANT[name])

  def only(self, name: str) -> "Config":
    """This config for one task, with the multiples at which it has longer rows."""
    out = None if self.out is None else str(pathlib.Path(self.out) / name)
    return dataclasses.replace(self, task_name=name, tasks=(name,), out=out,
                               encodings=self.encodings_of(name),
                               eval_multiples=longer(name, self.eval_multiples, self.seq_len))

  def shortened(self) -> str:
    """A sentence for the tasks that have no longer rows at some multiples; "" if there are none."""
    kept = {name: self.only(name).eval_multiples for name in self.tasks}
    told = [f"{name} has none at {', '.join(f'{m:g} L' for m in self.eval_multiples if m not in k)}"
            for name, k in kept.items() if k != self.eval_multiples]
    return f"Larger sizes: {'; '.join(told)}, so those are left out." if told else ""


def longer(name: str, multiples: Sequence[float], lengths: Sequence[int]) -> tuple[float, ...]:
  """The multiples at which a problem has larger sizes than at the one before, for every length.

  Example:
    >>> longer("copy", (1, 1.5, 2), (24,)), longer("indirect-indexing", (1, 1.5, 2), (24,))
    ((1, 1.5, 2), (1,))
  """
  sizes = lambda m: [PROBLEMS[name].fits(round(m * n)) for n in lengths]
  kept = list(multiples[:1])
  for m in multiples[1:]:
    if all(new > old for new, old in zip(sizes(m), sizes(kept[-1]), strict=True)):
      kept.append(m)
  return tuple(kept)


def shortest(name: str) -> int:
  """The shortest training length of a problem, in tokens."""
  return next(n for n in range(1, 1000) if PROBLEMS[name].fits(n))


def run(config: Config) -> dict[str, Any]:
  """Trains and evaluates each task; {task: ``sweeps.Results``, or ``sweeps.Plan`` of a dry run}.

  Raises:
    Faults: the config does not make sense.
  """
  if faults := config.faults():
    raise config_lib.Faults(faults)
  if told := config.shortened():
    print(told)
  return {name: config_lib.run(config.only(name)) for name in config.tasks}


def main(config: Config) -> int:
  """Runs, writes the page; the exit status."""
  return study.main(config, run, page)


if __name__ == "__main__":
  script.start(Config, main, __doc__)

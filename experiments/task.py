# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a script says of its training: the task, the shape of a program, settings, axes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
from flax import nnx

from experiments.encodings import Spec

STATIC = ("layers", "head_dim", "batch_size", "steps")
TRACED = ("learning_rate", "warmup", "clip", "weight_decay", "beta1", "beta2", "epsilon")


@dataclasses.dataclass(frozen=True, repr=False)
class Shape:
  """What shapes the program of a group of cells.

  Attributes:
    spec: the encoding.
    widths, lengths: of the lanes, ascending; a program is built for the last of each.
    layers, head_dim, batch_size, steps: of all its lanes.
    dropout: whether there is any; the rate is traced.
    fixed: (member, field, value) of settings of the encoding that shape the program.
    varied: (member, field, name in the cell) of those that do not.
  """

  spec: Spec
  widths: tuple[int, ...]
  lengths: tuple[int, ...]
  layers: int
  head_dim: int
  batch_size: int
  steps: int
  dropout: bool = False
  fixed: tuple[tuple[str, str, Any], ...] = ()
  varied: tuple[tuple[str, str, str], ...] = ()

  def __repr__(self) -> str:
    some = lambda xs: ",".join(map(str, xs))
    told = [repr(self.spec), f"d_model={some(self.widths)}", f"seq_len={some(self.lengths)}"]
    told += [f"{n}={getattr(self, n)}" for n in STATIC]
    told += ["dropout"] * self.dropout + [f"{m}.{f}={v!r}" for m, f, v in self.fixed]
    return f"Shape({', '.join(told + [name for _, _, name in self.varied])})"

  @property
  def d_model(self) -> int:
    """The widest width."""
    return self.widths[-1]

  @property
  def length(self) -> int:
    """The longest training length."""
    return self.lengths[-1]


class Task(Protocol):
  """What is trained. ``traced`` has a lane's numbers: seed, d_model, seq_len, ...

  Attributes:
    name: for reports.
    data: identifies the data, such as a SHA-256; None for made-up data that the name identifies.
    settings: a mapping of what else decides the results, for the manifest.
    axes: for vectors in results, as in ``sweeps.Train``.
  """

  name: str
  data: str | None
  settings: Mapping[str, Any]
  axes: Mapping[str, tuple[str, Sequence[float]]]

  def longest(self, length: int) -> int:
    """The longest sequence that a model trained at ``length`` meets, evaluation included."""
    ...

  def model(self, shape: Shape, encoding: Any, *, width: Any, dropout: Any, rngs: nnx.Rngs
            ) -> nnx.Module:
    """A model of the widest width; ``width`` is None or the lane's own, see ``active_width``."""
    ...

  def batch(self, shape: Shape, traced: dict[str, Any], key: jax.Array) -> Any:
    """A batch of ``shape.batch_size`` rows of ``shape.length``, of which ``seq_len`` count."""
    ...

  def loss(self, shape: Shape, model: Any, batch: Any, traced: dict[str, Any], key: jax.Array
           ) -> tuple[jax.Array, dict[str, jax.Array]]:
    """(loss of the tokens that count, further metrics)."""
    ...

  def evaluate(self, shape: Shape, model: Any, traced: dict[str, Any]) -> dict[str, jax.Array]:
    """Scalars and vectors, "loss" among them."""
    ...


@dataclasses.dataclass(frozen=True)
class Settings:
  """What cells without a value of their own have."""

  layers: int = 2
  head_dim: int = 16
  batch_size: int = 16
  steps: int = 240
  learning_rate: float = 3e-3
  warmup: float = 0.05
  clip: float = 1.0
  weight_decay: float = 0.0
  beta1: float = 0.9
  beta2: float = 0.999
  epsilon: float = 1e-8
  dropout: float = 0.0


@dataclasses.dataclass(frozen=True)
class Varied:
  """One ``--vary``: a setting of an encoding as an axis of the grid."""

  member: str
  field: str
  values: tuple[Any, ...]
  traced: bool

  @property
  def name(self) -> str:
    """Its name in a cell: ``fire_threshold``."""
    return f"{self.member}_{self.field}".replace("-", "_").replace(".", "_")

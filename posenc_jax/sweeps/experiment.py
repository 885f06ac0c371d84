# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What an experiment tells the engine: how a cell divides, and how one lane trains.

``split`` divides a cell into what shapes the program (static) and numbers that the program takes as
arguments (traced). ``make_train(static)`` closes over the first and returns functions of the second
for ONE lane, with no batch axis of lanes. The engine maps them over lanes.

A lane is either a plain ``train(traced, key) -> results`` or a ``Train``, which the engine steps
itself. The second costs three more lines and gives live progress, curves, checkpoints inside a long
group and an end within a second of Ctrl-C. The engine runs one compiled loop body for any number of
steps, so cutting a run elsewhere (progress, checkpoints, kill and resume) changes no bit of it.

What differs in structure, such as the encoding, belongs in ``static``: a ``lax.switch`` inside a
lane computes every branch under vmap.
"""

import dataclasses
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol, runtime_checkable

import jax
import numpy as np

from posenc_jax._errors import check_choice, check_int, type_error, value_error
from posenc_jax.sweeps.cells import Cell

DIRECTIONS = ("min", "max")
PyTree = Any
Traced = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Train:
  """One lane's training as functions of traced settings.

  Attributes:
    init: ``(traced, key) -> state``, any PyTree of arrays.
    step: ``(state, traced, index) -> (state, metrics)``; index is an int32 scalar counting from 0,
      metrics a dict of scalars. They become the curves ``series[name]``, one value a step.
    steps: how many steps a lane trains.
    finish: ``(state, traced) -> results``, a (nested) dict of scalars, which become ``metrics``,
      and of vectors, which become ``series``. None: the last step's metrics are the results.
    watch: the name whose first non-finite value marks a lane as diverged.
    tokens: tokens a lane reads in a step, for tokens/s; 0 if there are none.
    axes: for a vector in results, what its entries stand for, as in
      ``{"loss_by_length": ("length", [16, 32])}``. The report labels plots with it.
  """

  init: Callable[[Traced, jax.Array], PyTree]
  step: Callable[[PyTree, Traced, jax.Array], tuple[PyTree, dict[str, jax.Array]]] | None
  steps: int
  finish: Callable[[PyTree, Traced], Any] | None = None
  watch: str = "loss"
  tokens: float = 0.0
  axes: Mapping[str, tuple[str, Any]] = dataclasses.field(default_factory=dict)

  def __post_init__(self):
    for name, optional in (("init", False), ("step", True), ("finish", True)):
      given = getattr(self, name)
      if not callable(given) and not (optional and given is None):
        raise type_error(f"Train: {name}", repr(given), "a function", "See the docstring of Train")
    least = 0 if self.step is None else 1
    check_int("Train: steps", self.steps, f"an int, at least {least}", "Give the number of steps",
              least=least)
    if not isinstance(self.watch, str):
      raise type_error("Train: watch", repr(self.watch), "the name of a metric", 'As in "loss"')
    if not isinstance(self.tokens, int | float):
      raise type_error("Train: tokens", repr(self.tokens), "a number", "0 if there are none")
    _check_axes(self.axes)


def _check_axes(axes: Any) -> None:
  if not isinstance(axes, Mapping):
    raise type_error("Train: axes", repr(axes), "a mapping from names of vectors", "Leave it out")
  for name, axis in axes.items():
    if not (isinstance(axis, tuple | list) and len(axis) == 2 and isinstance(axis[0], str)):
      raise type_error(f"Train: axes[{name!r}]", repr(axis), "(label, values)",
                       'As in ("length", [16, 32])')


@runtime_checkable
class Experiment(Protocol):
  """The two methods an experiment must have, and those it may have.

  Optional methods and attributes:
    merge(statics) -> static or None: one static that can train the lanes of all (the widest, the
      longest), or None if no one program can. The lanes' own sizes then travel in ``traced``.
    cost(static) -> float: floating-point operations of one lane's step (of the whole run for a
      plain train function).
    memory(static) -> float: bytes a lane needs while training.
    compile_seconds(static) -> float: a guess, where one is better than the planner's.
    settings: a mapping or dataclass of what all cells share (steps, batch size, ...), recorded in
      the manifest and compared on resume. A dataclass experiment is its own settings.
    data: a string that identifies the training data, such as its SHA-256.
    name: a name for reports; else the class's.
    goal: {metric: "min" or "max"}, the main metric first, as in {"accuracy": "max"}. Reports mark
      what is best by it. Without one the main metric is "loss", of which less is better.
  """

  def split(self, cell: Cell) -> tuple[Hashable, Traced]:
    """Divides a cell into its static part and its traced numbers."""
    ...

  def make_train(self, static: Hashable) -> Train | Callable[[Traced, jax.Array], Any]:
    """Returns one lane's training for these static settings.

    It is called while planning too, so it should not read data each time.
    """
    ...


def split_by_name(cell: Cell, static: tuple[str, ...] = ()) -> tuple[Cell, Traced]:
  """The usual division: named settings and those that are no numbers are static, others traced.

  Example:
    >>> split_by_name(Cell(encoding="rope", width=8, lr=0.5), static=("width",))
    (Cell(encoding='rope', width=8), {'lr': 0.5})
  """
  def is_static(name: str) -> bool:
    number = isinstance(cell[name], (int, float)) and not isinstance(cell[name], bool)
    return name in static or not number

  fixed = {name: cell[name] for name in cell if is_static(name)}
  return Cell(fixed), {name: cell[name] for name in cell if name not in fixed}


@dataclasses.dataclass(frozen=True)
class Simple:
  """An experiment made of one function, for a notebook; see ``simple``."""

  make: Callable[[Cell], Train | Callable]
  static: tuple[str, ...]
  settings: Any = None
  data: str | None = None
  name: str = "simple"
  goal: Mapping[str, str] = dataclasses.field(default_factory=dict)

  def split(self, cell: Cell) -> tuple[Hashable, Traced]:
    """Divides by name; see ``split_by_name``."""
    missing = [name for name in self.static if name not in cell]
    if missing:
      raise value_error("simple: static", missing, f"names of settings, which are {list(cell)}",
                        "Correct the name or add the axis to the grid")
    return split_by_name(cell, self.static)

  def make_train(self, static: Cell) -> Train | Callable:
    """Calls the function it was made of."""
    return self.make(static)


def simple(
  make_train: Callable[[Cell], Train | Callable],
  *,
  static: tuple[str, ...] | list[str] = (),
  settings: Any = None,
  data: str | None = None,
  name: str = "simple",
  goal: Mapping[str, str] | None = None,
) -> Simple:
  """Makes an experiment of one function; settings that are no numbers are always static.

  Args:
    make_train: ``make_train(static) -> train(traced, key) -> results``, or returning a ``Train``;
      static is a Cell with the static settings.
    static: names of the numbers that shape the program, such as a width.
    settings: what all cells share, for the manifest.
    data: identifies the data, for the manifest.
    name: for reports.
    goal: "min" or "max" for metrics, the main one first; see ``Experiment``.

  Returns:
    An experiment whose ``split`` is ``split_by_name`` with these names.

  Raises:
    TypeError: the first argument is no function, or ``static`` is one text.
    ValueError: a goal is neither "min" nor "max".

  Example:
    >>> import jax
    >>> def make_train(static):
    ...   return lambda traced, key: {"y": traced["x"] * jax.numpy.ones(static["n"]).sum()}
    >>> experiment = simple(make_train, static=["n"])
    >>> experiment.split(Cell(n=3, x=2.0))
    (Cell(n=3), {'x': 2.0})
  """
  if not callable(make_train):
    raise type_error("simple: make_train", f"a {type(make_train).__name__}", "a function",
                     "Give make_train(static) -> train(traced, key)")
  if isinstance(static, str):
    raise type_error("simple: static", repr(static), "a list of names", f"Write [{static!r}]")
  experiment = Simple(make_train, tuple(static), settings, data, name, goal or {})
  return dataclasses.replace(experiment, goal=goal_of(experiment))


def goal_of(experiment: Any) -> dict[str, str]:
  """The experiment's ``goal``, or {}; raises ValueError unless it is a mapping to min and max.

  Example:
    >>> goal_of(simple(lambda static: None, goal={"accuracy": "max"}))
    {'accuracy': 'max'}
  """
  goal = getattr(experiment, "goal", None) or {}
  if not isinstance(goal, Mapping):
    raise type_error("experiment: goal", repr(goal), 'a mapping such as {"accuracy": "max"}',
                     "Name the metric and its direction")
  for metric, direction in goal.items():
    check_choice(f"experiment: goal: {metric}", direction, DIRECTIONS)
  return dict(goal)


def as_train(experiment: Experiment, static: Hashable) -> Train:
  """The experiment's ``Train``; a plain function becomes one whose whole run is its ``finish``."""
  try:
    train = experiment.make_train(static)
  except SystemExit as stop:  # It would end the sweep, and each rerun, without a word.
    raise RuntimeError(f"make_train ended the process: sys.exit({stop.code!r})") from stop
  if isinstance(train, Train):
    return train
  if not callable(train):
    raise type_error("make_train: result", f"a {type(train).__name__}",
                     "a Train or a function train(traced, key)", "Return one of them")
  return Train(init=lambda traced, key: key, step=None, steps=0,
               finish=lambda key, traced: train(traced, key))


def traced_arrays(cell: Cell, traced: Mapping[str, Any]) -> dict[str, np.ndarray]:
  """The lane's traced settings as NumPy arrays of the widths JAX will use: int32, float32, bool.

  Raises:
    TypeError: a value is no number.
    ValueError: an integer does not fit, or a number is not finite.
  """
  arrays = {}
  for name in sorted(traced):
    value = np.asarray(traced[name])
    what = f"traced setting {name} of {cell!r}"
    if value.dtype.kind in "iu":
      if value.size and not (-(2**31) <= value.min() and value.max() < 2**31):
        raise value_error(what, value, "an int32", "Make it a float or rescale it")
      value = value.astype(np.int32)
    elif value.dtype.kind == "f":
      if not (np.abs(value) <= np.finfo(np.float32).max).all():
        raise value_error(what, value, "numbers float32 can hold", "Correct the cell or split()")
      value = value.astype(np.float32)
    elif value.dtype.kind != "b":
      raise type_error(what, f"dtype {value.dtype}", "numbers", "Put what is no number into static")
    arrays[name] = value
  return arrays


def lane_key(seed: jax.Array, high: jax.Array, low: jax.Array) -> jax.Array:
  """A lane's key from its three words; see ``cells.seed_words``."""
  return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), high), low)

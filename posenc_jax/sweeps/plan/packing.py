# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which static settings share one program: padded, one each, or something between, by cost.

A program for statics s_1..s_n (merged into m) that serves L lanes of N steps is expected to take

    compile(m) + L * N * cost(m) / speed        seconds.

Padding saves compiles but adds work to the smaller lanes. Three packings are compared and the one
of least time is taken: a program for each static; as few programs as ``merge`` allows; and what a
greedy search makes of the first, which joins the pair that saves most until none saves any time. A
test compares the choice with the best of all partitions of five statics: it is within a tenth.
"""

import dataclasses
import itertools
from collections.abc import Callable, Hashable
from typing import Any

from posenc_jax._errors import value_error
from posenc_jax.sweeps.experiment import Experiment, as_train

DEFAULT_COMPILE_SECONDS = 4.0


class Costs:
  """Estimates from the experiment's optional methods, each asked once for a static."""

  def __init__(self, experiment: Experiment, speed: float, compile_seconds: float | None):
    self._experiment: Any = experiment  # for the methods that it may have, looked up by name
    self._speed = speed
    self._compile_seconds = compile_seconds
    self._steps: dict[Hashable, int] = {}
    self._merged: dict[tuple[Hashable, ...], Hashable | None] = {}
    self.known = hasattr(experiment, "cost")
    self.can_merge = hasattr(experiment, "merge")

  def steps(self, static: Hashable) -> int:
    """How many steps a lane trains; 1 for a plain function, and for one that cannot be made.

    That its ``make_train`` raises is found when its group runs, and stops no other group.
    """
    if static not in self._steps:
      try:
        self._steps[static] = max(as_train(self._experiment, static).steps, 1)
      except Exception:
        self._steps[static] = 1
    return self._steps[static]

  def merge(self, statics: tuple[Hashable, ...]) -> Hashable | None:
    """One static that serves all, or None."""
    if len(statics) == 1:
      return statics[0]
    if not self.can_merge:
      return None
    if statics not in self._merged:
      self._merged[statics] = self._experiment.merge(statics)
    return self._merged[statics]

  def compile(self, static: Hashable) -> float:
    """Seconds a compile is expected to take."""
    if self._compile_seconds is not None:
      return self._compile_seconds
    if hasattr(self._experiment, "compile_seconds"):
      return float(self._experiment.compile_seconds(static))
    return DEFAULT_COMPILE_SECONDS

  def run(self, static: Hashable, lanes: int, parts: tuple[Hashable, ...] = ()) -> float:
    """Seconds the lanes are expected to train; 0 if the experiment gives no cost.

    Of a merged static that is only weighed, ``parts`` tell the steps: making its functions may take
    a millisecond, and a search weighs thousands.
    """
    if not self.known:
      return 0.0
    steps = max(map(self.steps, parts or (static,)))
    return lanes * steps * float(self._experiment.cost(static)) / self._speed

  def memory(self, static: Hashable) -> float | None:
    """Bytes a lane is expected to need, if the experiment says."""
    given: Callable[[Any], float] | None = getattr(self._experiment, "memory", None)
    return float(given(static)) if given else None


@dataclasses.dataclass(frozen=True)
class Pack:
  """Statics that share a program, how many lanes they have together, and the program's static."""

  statics: tuple[Hashable, ...]
  lanes: int
  merged: Hashable


def _seconds(packs: list[Pack], costs: Costs) -> float:
  return sum(costs.compile(p.merged) + costs.run(p.merged, p.lanes, p.statics) for p in packs)


def _join(a: Pack, b: Pack, costs: Costs) -> Pack | None:
  statics = a.statics + b.statics
  merged = costs.merge(statics)
  return None if merged is None else Pack(statics, a.lanes + b.lanes, merged)


def bucketed(lanes: dict[Hashable, int]) -> list[Pack]:
  """One pack for each static, with the lanes it has."""
  return [Pack((static,), count, static) for static, count in lanes.items()]


def padded(lanes: dict[Hashable, int], costs: Costs) -> list[Pack]:
  """As few packs as the experiment's merge allows."""
  packs: list[Pack] = []
  for pack in bucketed(lanes):
    for index, other in enumerate(packs):
      joined = _join(other, pack, costs)
      if joined is not None:
        packs[index] = joined
        break
    else:
      packs.append(pack)
  return packs


def _greedy(lanes: dict[Hashable, int], costs: Costs) -> list[Pack]:
  packs = dict(enumerate(bucketed(lanes)))
  names = itertools.count(len(packs))
  joins: dict[tuple[int, int], tuple[float, Pack]] = {}

  def weigh(i: int, j: int) -> None:
    joined = _join(packs[i], packs[j], costs)
    if joined is not None:
      saved = _seconds([packs[i], packs[j]], costs) - _seconds([joined], costs)
      if saved > 0:
        joins[i, j] = saved, joined

  for i, j in itertools.combinations(packs, 2):
    weigh(i, j)
  while joins:
    pair = max(joins, key=lambda pair: joins[pair][0])
    _, joined = joins[pair]
    joins = {p: found for p, found in joins.items() if not set(p) & set(pair)}
    for i in pair:
      del packs[i]
    others, new = list(packs), next(names)
    packs[new] = joined
    for i in others:
      weigh(i, new)
  return list(packs.values())


def choose(lanes: dict[Hashable, int], batching: str, costs: Costs) -> tuple[list[Pack], str]:
  """The packs for these statics, and a sentence that says why.

  Args:
    lanes: how many lanes each static has.
    batching: "auto", "padded", "bucketed" or "single".
    costs: estimates.

  Returns:
    (packs, why).

  Raises:
    ValueError: "padded" was asked for and the experiment has no merge.
  """
  each = bucketed(lanes)
  if batching in ("bucketed", "single"):
    return each, f"batching={batching} was asked for"
  if batching == "padded":
    if not costs.can_merge:
      raise value_error("options: batching", "'padded' with an experiment that has no merge",
                        "an experiment with merge(statics)", "Use batching='bucketed'")
    return padded(lanes, costs), "batching=padded was asked for"
  if len(each) == 1:
    return each, "one static setting"
  full = padded(lanes, costs)
  if len(full) == len(each):
    return each, "no two static settings merge"
  if not costs.known:
    return each, "the experiment gives no cost to weigh padding by"
  options = [("one program each", each), ("padded", full), ("partly padded", _greedy(lanes, costs))]
  times = [_seconds(packs, costs) for _, packs in options]
  name, packs = options[times.index(min(times))]
  others = f"one each {times[0]:.3g} s in {len(each)}, padded {times[1]:.3g} s in {len(full)}"
  return packs, f"{name}, expected {min(times):.3g} s in {len(packs)} ({others} programs)"

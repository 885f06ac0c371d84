# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Cells and the planner: nothing here compiles a program."""

import dataclasses
import hashlib
import itertools
import json
import time

import jax
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.cells import as_cells, seed_words
from posenc_jax.sweeps.errors import CorruptStore
from posenc_jax.sweeps.experiment import lane_key, split_by_name, traced_arrays
from posenc_jax.sweeps.group import Group
from posenc_jax.sweeps.options import make_options
from posenc_jax.sweeps.plan.packing import Costs, _greedy, _seconds, bucketed, choose, padded
from posenc_jax.sweeps.run.program import stack_lanes

Cell = sweeps.Cell


@dataclasses.dataclass(frozen=True)
class Sized:
  """An experiment that is only planned: static is (encoding, width)."""

  compile: float = 2.0
  steps: int = 100

  def split(self, cell):
    return (cell["encoding"], cell["width"]), {"lr": cell["lr"], "width": cell["width"]}

  def merge(self, statics):
    names = {name for name, _ in statics}
    return (names.pop(), max(width for _, width in statics)) if len(names) == 1 else None

  def cost(self, static):
    return float(static[1] ** 2)

  def memory(self, static):
    return 100.0 * static[1]

  def compile_seconds(self, static):
    return self.compile

  def make_train(self, static):
    return sweeps.Train(init=print, step=lambda *_: None, steps=self.steps)


def sized_cells(encodings=("rope",), widths=(8, 16, 32), seeds=2):
  return tuple(Cell(encoding=e, width=w, lr=0.1, seed=s)
               for e in encodings for w in widths for s in range(seeds))


def test_cell_id_is_a_hash_of_the_content():
  content = '{"encoding":"rope","lr":0.1,"width":8}'
  assert Cell(width=8, lr=0.1, encoding="rope").id == hashlib.sha256(
    content.encode()).hexdigest()[:16]


def test_equal_values_make_equal_cells_whatever_their_type_and_order():
  cell = Cell(lr=1.0, width=8)
  assert cell == Cell(width=np.int64(8), lr=np.float32(1)) == Cell({"width": 8.0, "lr": 1})
  assert len({cell, Cell(width=8, lr=1)}) == 1
  assert Cell(flag=True).id != Cell(flag=1).id != Cell(flag="1").id


def test_a_cell_is_frozen():
  cell = Cell(lr=0.1)
  with pytest.raises(AttributeError, match="cell: id: got an assignment, .*cell.replace"):
    cell.id = "other"
  with pytest.raises(TypeError):
    cell["lr"] = 0.2
  assert cell.replace(lr=0.2, seed=1) == Cell(lr=0.2, seed=1)


def test_grid_is_the_product_with_the_last_axis_fastest():
  found = sweeps.grid(encoding="rope", lr=(x for x in [0.1, 0.2]), seed=np.arange(2))
  wanted = [("rope", lr, seed) for lr, seed in itertools.product([0.1, 0.2], [0, 1])]
  assert [(c["encoding"], c["lr"], c["seed"]) for c in found] == wanted


@pytest.mark.parametrize("make, kind, text", [
  (lambda: sweeps.grid(), ValueError, "grid is empty: axes"),
  (lambda: sweeps.grid(lr=[0.1], d_model=[]), ValueError, "grid is empty: d_model: got no values"),
  (lambda: sweeps.grid(lr=[1, 1.0]), ValueError, 'lr: got {"lr":1} 2 times'),
  (lambda: sweeps.grid(lr=[float("nan")]), ValueError, "cell: lr: got nan, wanted a finite"),
  (lambda: Cell(lr=float("inf")), ValueError, "cell: lr: got inf"),
  (lambda: Cell(lr=[0.1, 0.2]), TypeError, "cell: lr: got a list.*grid()"),
  (lambda: Cell({"learning rate": 0.1}), ValueError, "'learning rate', wanted a Python identifier"),
  (lambda: as_cells([]), ValueError, "grid is empty: cells"),
  (lambda: as_cells([{"lr": 1}, {"lr": 1.0}]), ValueError, r"cells\[1\].*cells\[0\] again"),
  (lambda: as_cells(["rope"]), TypeError, r"cells\[0\]: got a str, wanted a mapping"),
  (lambda: seed_words(Cell(seed=-1)), ValueError, "seed: got -1, wanted an integer from 0"),
  (lambda: seed_words(Cell(seed=2**31)), ValueError,
   r"seed: got 2147483648, wanted an integer from 0 to 2..31 - 1. Number the seeds from 0"),
  (lambda: seed_words(Cell(seed=True)), ValueError, "seed: got True"),
  (lambda: make_options(None, {"batchin": "auto"}), TypeError, "Did you mean 'batching'"),
  (lambda: sweeps.Options(batching="paded"), ValueError, "Did you mean 'padded'"),
  (lambda: sweeps.Options(max_lanes=0), ValueError, "max_lanes: got 0, wanted an int"),
  (lambda: sweeps.Options(shard=(2, 2)), ValueError, r"shard: got \(2, 2\), wanted \(i, n\)"),
  (lambda: sweeps.Options(shard="0/2"), ValueError, "shard: got 0/2"),
  (lambda: sweeps.Options(shard=(0, 2), distributed=True), ValueError, "distributed=True"),
  (lambda: sweeps.Options(checkpoint_seconds=-1), ValueError, "checkpoint_seconds: got -1"),
  (lambda: sweeps.Options(retry=("ok",)), ValueError, "retry: got 'ok'"),
  (lambda: sweeps.Train(init=print, step=print, steps=0), ValueError, "steps: got 0"),
  (lambda: sweeps.simple(5), TypeError, "make_train: got a int"),
  (lambda: sweeps.simple(print, static="lr"), TypeError, r"Write \['lr'\]"),
  (lambda: sweeps.simple(print, static=["n"]).split(Cell(m=1)), ValueError, "static: got .'n'."),
  (lambda: traced_arrays(Cell(), {"x": "a"}), TypeError, "traced setting x.*got dtype"),
  (lambda: traced_arrays(Cell(), {"x": 2**31}), ValueError, "wanted an int32"),
  (lambda: traced_arrays(Cell(), {"x": 1e39}), ValueError, "float32 can hold"),
  (lambda: sweeps.plan(sweeps.simple(print), [Cell(x=1)], batching="padded"), ValueError,
   "padded.*no merge"),
  (lambda: sweeps.plan(sweeps.simple(print), [Cell(x=1)], devices=99), ValueError,
   "devices: got 99, wanted at most"),
])
def test_mistakes_are_explained(make, kind, text):
  with pytest.raises(kind, match=text):
    make()


def test_a_lanes_key_is_the_documented_one():
  cell = Cell(encoding="rope", lr=0.1, seed=7)
  rest = hashlib.sha256(b'{"encoding":"rope","lr":0.1}').hexdigest()[:16]
  key = jax.random.key(7)
  for half in (rest[:8], rest[8:]):
    key = jax.random.fold_in(key, int(half, 16))
  words, _ = stack_lanes((Cell(seed=1), cell), [{}, {}], 2)
  found = jax.vmap(lane_key)(*words)[1]
  assert (jax.random.key_data(found) == jax.random.key_data(key)).all()


def test_split_by_name_keeps_booleans_and_text_static():
  cell = Cell(encoding="t5", causal=True, depth=2, lr=0.1, x=None)
  static, traced = split_by_name(cell, ("depth",))
  assert static == Cell(encoding="t5", causal=True, depth=2, x=None)
  assert traced == {"lr": 0.1}


def test_stacked_lanes_repeat_the_first_and_never_become_double():
  cells = (Cell(lr=1, seed=3), Cell(lr=0.5, seed=4))
  words, traced = stack_lanes(cells, [{"lr": 1, "n": 2}, {"lr": 0.5, "n": 3}], 3)
  assert traced["lr"].tolist() == [1.0, 0.5, 1.0] and traced["lr"].dtype == np.float32
  assert traced["n"].tolist() == [2, 3, 2] and traced["n"].dtype == np.int32
  assert words[0].tolist() == [3, 4, 3] and words[1].dtype == np.uint32


@pytest.mark.parametrize("compile_seconds, programs", [(1000.0, 1), (1e-9, 3)])
def test_auto_pads_when_compiling_is_dear_and_not_when_it_is_cheap(compile_seconds, programs):
  plan = sweeps.plan(Sized(compile_seconds), sized_cells(), flops_per_second=1e5)
  assert plan.compiles == len(plan.todo) == programs
  # By hand: six lanes of 100 steps at 32^2, or two each at 8^2, 16^2, 32^2, and the compiles.
  flops = 6 * 32**2 if programs == 1 else 2 * (8**2 + 16**2 + 32**2)
  assert plan.seconds == pytest.approx(programs * compile_seconds + flops * 100 / 1e5)


def test_auto_may_pad_a_part():
  # Padding 8 to 10 costs little, padding either to 100 more than a compile saves.
  plan = sweeps.plan(Sized(0.5), sized_cells(widths=(8, 100, 10)), flops_per_second=1e6)
  assert sorted(p.static for p in plan.todo) == [("rope", 10), ("rope", 100)]
  assert "partly padded" in plan.describe()


def partitions(items):
  if not items:
    yield []
    return
  for rest in partitions(items[1:]):
    yield [[items[0]], *rest]
    for i in range(len(rest)):
      yield [*rest[:i], [items[0], *rest[i]], *rest[i + 1:]]


@pytest.mark.parametrize("compile_seconds", [0.01, 0.1, 0.3, 1.0, 3.0])
def test_the_choice_is_within_a_tenth_of_the_best_partition(compile_seconds):
  lanes = {("rope", width): 3 for width in (8, 12, 16, 24, 32)}
  costs = Costs(Sized(compile_seconds), 1e6, None)

  def seconds(parts):
    return sum(compile_seconds + 3 * len(p) * 100 * max(w for _, w in p) ** 2 / 1e6 for p in parts)

  best = min(seconds(parts) for parts in partitions(list(lanes)))
  packs, _ = choose(lanes, "auto", costs)
  found = seconds([p.statics for p in packs])
  assert best <= found <= 1.1 * best
  assert found == pytest.approx(_seconds(packs, costs))
  assert found <= min(_seconds(bucketed(lanes), costs), _seconds(padded(lanes, costs), costs))
  assert found <= _seconds(_greedy(lanes, costs), costs)


def test_planning_five_thousand_cells_is_quick_and_makes_few_functions():
  made = []

  class Counted(Sized):
    def merge(self, statics):
      widest = super().merge(statics)
      return widest and (*widest, len(statics))  # No static of a cell.

    def make_train(self, static):
      made.append(static)
      return super().make_train(static)

  cells = sized_cells(("rope", "alibi"), range(8, 108), seeds=25)
  start = time.process_time()
  plan = sweeps.plan(Counted(), cells, flops_per_second=1e7)
  assert len(plan.cells) == 5000 and time.process_time() - start < 3.0
  # Once each, though a search weighs thousands of merged ones, and once for each program.
  assert len(made) <= 200 + len(plan.todo) and len(set(made)) == len(made)


def test_what_does_not_merge_is_never_padded_together():
  plan = sweeps.plan(Sized(), sized_cells(("rope", "alibi")), batching="padded")
  assert sorted(p.static for p in plan.todo) == [("alibi", 32), ("rope", 32)]
  assert plan.compiles == 2


def test_without_a_cost_auto_does_not_pad_and_the_time_is_unknown():
  experiment = sweeps.simple(lambda static: print, static=["width"])
  plan = sweeps.plan(experiment, [Cell(width=w, lr=lr) for w in (8, 16) for lr in (1, 2)])
  assert len(plan.todo) == 2 and plan.seconds is None
  assert "expected time unknown" in plan.describe()


def test_groups_fit_into_memory_and_share_one_compile():
  plan = sweeps.plan(Sized(), sized_cells(seeds=10, widths=(8,)), memory_limit=3500)
  assert [len(p.group.cells) for p in plan.todo] == [3, 3, 4]
  assert {p.group.width for p in plan.todo} == {4} and plan.compiles == 1
  assert all(p.bytes <= 3500 for p in plan.todo)
  trained = [cell for p in plan.todo for cell in p.group.cells]
  assert sorted(c.id for c in trained) == sorted(c.id for c in plan.cells)


def test_a_lane_that_does_not_fit_is_planned_alone_and_told():
  plan = sweeps.plan(Sized(), sized_cells(seeds=3, widths=(32,)), memory_limit=1000)
  assert [len(p.group.cells) for p in plan.todo] == [1, 1, 1]
  assert "one lane of ('rope', 32) is expected to need" in plan.describe()


def test_single_and_max_lanes():
  cells = sized_cells(seeds=3, widths=(8,))
  assert [p.group.width for p in sweeps.plan(Sized(), cells, batching="single").todo] == [1] * 3
  assert sweeps.plan(Sized(), cells, batching="single").compiles == 1
  assert [p.group.width for p in sweeps.plan(Sized(), cells, max_lanes=2).todo] == [2, 2]


def test_shares_get_groups_of_every_pack():
  plan = sweeps.plan(Sized(), sized_cells(("rope", "alibi"), (8,), seeds=8), parts=4)
  shares = [[p.static for p in plan.todo if p.group.order % 4 == i] for i in range(4)]
  assert all(sorted(s) == [("alibi", 8), ("rope", 8)] for s in shares)


def test_a_grown_grid_keeps_its_groups_and_makes_new_ones():
  old = sized_cells(widths=(8, 16))
  first = sweeps.plan(Sized(), old, batching="padded")
  recorded = [p.group for p in first.todo]
  grown = sweeps.plan(Sized(), sized_cells(), batching="bucketed", recorded=recorded,
                      done=[old[0].id])
  kept, new = grown.todo
  assert kept.group == recorded[0] and kept.recorded and kept.static == ("rope", 16)
  assert {c["width"] for c in new.group.cells} == {32} and not new.recorded
  assert (kept.group.order, new.group.order) == (0, 1)  # Shares are dealt by the order.
  assert grown.done == 1 and "packed as before" in grown.describe()
  finished = sweeps.plan(Sized(), old, recorded=recorded, done=[c.id for c in old])
  assert not finished.todo and finished.compiles == 0 and finished.done == 4


def test_a_group_survives_the_manifest_and_tampering_is_noticed():
  group = sweeps.plan(Sized(), sized_cells()).todo[0].group
  cells = {c.id: c for c in group.cells}
  data = json.loads(json.dumps(group.to_json()))
  assert Group.from_json(data, cells) == group
  swapped = {**data, "cells": data["cells"][::-1]}
  for bad, text in [(swapped, "got id .* for the cells and width of"),
                    ({**data, "width": 99}, ".*wanted the id of its content"),
                    ({**data, "cells": ["0" * 16]}, "got .*KeyError.*, wanted a group of its grid"),
                    ({"id": "x"}, "got .*KeyError.*, wanted a group of its grid")]:
    with pytest.raises(CorruptStore, match=f"manifest: groups: {text}"):
      Group.from_json(bad, cells)


def test_a_group_whose_statics_no_longer_merge_is_refused():
  recorded = [p.group for p in sweeps.plan(Sized(), sized_cells(), batching="padded").todo]

  class Unmerged(Sized):
    def merge(self, statics):
      return None

  text = f"merge of group {recorded[0].id}: got None for .*'rope', 8.*, wanted one static"
  with pytest.raises(CorruptStore, match=text):
    sweeps.plan(Unmerged(), sized_cells(), recorded=recorded)


def test_halves_hold_the_same_cells():
  group = sweeps.plan(Sized(), sized_cells(seeds=5, widths=(8,))).todo[0].group
  first, second = group.halves("which failed")
  assert first.cells + second.cells == group.cells
  assert first.width == second.width == 3 and first.order == second.order == group.order


def test_the_plan_describes_itself():
  text = sweeps.plan(Sized(), sized_cells(), flops_per_second=1e5, memory_limit=1e9,
                     batching="padded").describe()
  assert text.startswith(
    "6 cells: 0 done, 6 lanes to run in 1 group, 1 compile, expected time 8.1 s")
  assert "6 lanes, 6.1 s, 0 MiB, static ('rope', 32)" in text
  assert "batching=padded was asked for" in text

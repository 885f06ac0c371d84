# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the engine computes, and that nothing about running it changes a number."""

import io
import json
import math
import os
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps import records
from posenc_jax.sweeps.cells import seed_words
from posenc_jax.sweeps.records import payload
from posenc_jax.sweeps.run import extras
from posenc_jax.sweeps.run.progress import Progress
from posenc_jax.sweeps.store import manifest
from tests.support import sweep_toy
from tests.support.sweep_toy import Line, Toy

QUIET = dict(progress=False, report=False)


def run(*args, **kwargs):
  return sweeps.run(*args, **{**QUIET, **kwargs})


def line_by_hand(cell, steps=40):
  """Line's curve and final weights in float64, from the documented key."""
  seed, high, low = seed_words(cell)
  key = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), high), low)
  w = np.asarray(jax.random.uniform(key, (cell["width"],)), np.float64)
  v, losses = np.zeros_like(w), []
  for _ in range(steps):
    losses.append(((w - 2.0) ** 2).mean())
    v = 0.9 * v - cell["lr"] * 2.0 * (w - 2.0) / len(w)
    w = w + v
  return losses, w


@pytest.fixture(scope="module")
def line_results():
  return run(Line(), sweep_toy.cells(6))


def test_lanes_train_as_a_loop_by_hand_does(line_results):
  for cell, record in zip(sweep_toy.cells(6), line_results, strict=True):
    losses, weights = line_by_hand(cell)
    assert record["cell"] == dict(cell) and record["status"] == "ok"
    np.testing.assert_allclose(record["series"]["loss"], losses, rtol=2e-5, atol=1e-8)
    np.testing.assert_allclose(record["series"]["weights"], weights, rtol=2e-5)
    assert record["metrics"]["loss"] == pytest.approx(weights.mean(), rel=2e-5)


def test_results_are_in_the_order_asked_for_and_found_by_cell(line_results):
  cells = sweep_toy.cells(6)
  assert [r["id"] for r in line_results] == [c.id for c in cells]
  assert line_results[cells[3]] is line_results[dict(cells[3])] is line_results.records[3]
  with pytest.raises(KeyError, match="results: cell: got Cell.width=99., wanted one of 6 with"):
    line_results[sweeps.Cell(width=99)]


def test_neither_chunks_nor_checkpoints_change_a_bit(line_results, tmp_path):
  often = run(Line(), sweep_toy.cells(6), tmp_path, chunk_seconds=1e-9, checkpoint_seconds=0)
  assert [payload(r) for r in often] == [payload(r) for r in line_results]


def test_a_lane_equals_the_cell_run_alone(line_results):
  cell = sweep_toy.cells(6)[4]
  alone = run(Line(), [cell], batching="single").records[0]
  np.testing.assert_allclose(alone["series"]["loss"], line_results[cell]["series"]["loss"],
                             rtol=1e-6)


def test_padded_lanes_train_as_native_ones():
  cells = sweeps.grid(width=[3, 16], lr=0.03, seed=[0, 1])
  padded = run(Toy(60), cells, batching="padded")
  native = run(Toy(60), cells, batching="bucketed")
  assert len({r["group"] for r in padded}) == 1 and len({r["group"] for r in native}) == 2
  for a, b in zip(padded, native, strict=True):
    np.testing.assert_allclose(a["series"]["loss"], b["series"]["loss"], rtol=1e-5, atol=1e-6)
    assert a["series"]["loss"][0] > 1.1 * a["series"]["loss"][-1]  # It learns, so this tests.


def test_a_plain_function_trains_as_a_train_does(line_results):
  def make_train(static):
    train = Line().make_train(static["width"])

    def whole(traced, key):
      step = lambda state, index: train.step(state, traced, index)
      state, curves = jax.lax.scan(step, train.init(traced, key), jnp.arange(40))
      return {**train.finish(state, traced), "curve": curves["loss"]}

    return whole

  found = run(sweeps.simple(make_train, static=["width"]), sweep_toy.cells(6))
  for a, b in zip(found, line_results, strict=True):
    np.testing.assert_allclose(a["series"]["curve"], b["series"]["loss"], rtol=1e-6)
    assert a["metrics"]["loss"] == pytest.approx(b["metrics"]["loss"], rel=1e-6)


def test_many_lengths_are_traced_no_more_often_than_one():
  traces = []

  def make_train(static):
    def step(state, traced, index):
      traces.append(static)
      loss = jnp.where(jnp.arange(9) < traced["n"], state, 0.0).sum()
      return state * traced["lr"], {"loss": loss}

    return sweeps.Train(init=lambda traced, key: jnp.ones(9), step=step, steps=70)

  def count(**axes):
    traces.clear()
    run(sweeps.simple(make_train), sweeps.grid(lr=0.5, **axes), chunk_seconds=1e-9)
    return len(traces)

  assert count(n=[3]) == count(n=[2, 3, 5, 6, 8, 9]) > 0


def test_groups_of_one_shape_share_a_compile(tmp_path):
  run(Line(), sweep_toy.cells(7, widths=(2, 2)), tmp_path, max_lanes=3)
  found = sweeps.load(tmp_path).manifest
  assert len(found["groups"]) == 3 and found["runs"][0]["compiles"] == 1


def test_without_finish_the_last_metrics_are_the_results():
  def make_train(static):
    return sweeps.Train(init=lambda traced, key: traced["x"],
                        step=lambda s, traced, i: (s + 1.0, {"a": {"b": s}}), steps=3)

  record = run(sweeps.simple(make_train), [{"x": 0.5}]).records[0]
  assert record["series"]["a/b"] == [0.5, 1.5, 2.5] and record["metrics"] == {"a/b": 2.5}


@pytest.mark.parametrize("change, text", [
  (dict(step=lambda s, t, i: ({"w": s["w"].astype(jnp.int32)}, {})),
   r"Train.step: state\['w'\]: got int32\[\], wanted float32\[\]"),
  (dict(step=lambda s, t, i: (s["w"], {})), "wanted the structure init made"),
  (dict(step=lambda s, t, i: (s, {"loss": jnp.ones(2)})),
   r"metrics\['loss'\]: got float32\[2\], wanted a real scalar"),
  (dict(finish=lambda s, t: {"m": jnp.ones((2, 2))}), r"results\['m'\]: got float32\[2, 2\]"),
  (dict(finish=lambda s, t: s["w"]), "results: got a .*, wanted a dict"),
  (dict(finish=lambda s, t: {"k": jax.random.key(0)}), r"results\['k'\]: got key"),
])
def test_mistakes_in_an_experiment_are_told_before_it_trains(change, text):
  steps = []

  def step(state, traced, index):
    jax.debug.callback(lambda: steps.append(1))
    return state, {"loss": state["w"]}

  parts = dict(init=lambda traced, key: {"w": jnp.float32(1)}, step=step, steps=5) | change
  with pytest.raises(TypeError, match=text):
    run(sweeps.simple(lambda static: sweeps.Train(**parts)), [{"x": 1}])
  assert not steps


def test_what_is_no_training_is_refused():
  with pytest.raises(TypeError, match="make_train: result: got a dict"):
    run(sweeps.simple(lambda static: {}), [{"x": 1}])


def test_a_rerun_trains_nothing_and_a_grown_grid_only_the_new(tmp_path):
  cells = sweep_toy.cells(9)
  first = run(Line(), cells[:6], tmp_path)
  lines = (tmp_path / "results.jsonl").read_bytes()
  again = run(Line(), cells[:6], tmp_path)
  assert again.records == first.records
  assert (tmp_path / "results.jsonl").read_bytes() == lines
  assert len(sweeps.load(tmp_path).manifest["runs"]) == 1
  grown = run(Line(), cells, tmp_path)
  assert (tmp_path / "results.jsonl").read_bytes().startswith(lines)
  assert grown.records[:6] == first.records and len(grown) == 9 and not grown.missing
  assert {r["group"] for r in grown.records[6:]}.isdisjoint(r["group"] for r in first)
  left = sweeps.plan(Line(), sweep_toy.cells(11), tmp_path)
  assert left.done == 9 and {c for p in left.todo for c in p.group.cells} == {
    *sweep_toy.cells(11)[9:]}
  part = run(Line(), cells[2:4], tmp_path)
  assert part.records == grown.records[2:4]


def test_the_manifest_says_what_was_run(tmp_path, monkeypatch):
  monkeypatch.setenv("JAX_TEST_ONLY", "1")
  monkeypatch.setenv("SECRET_TOKEN", "hunter2")
  run(Line(steps=3), sweep_toy.cells(2), tmp_path, name="rope_1", argv=("python", "compare.py"))
  text = (tmp_path / "rope_1" / "manifest.json").read_text()
  found = json.loads(text)
  assert found["settings"] == {"steps": 3, "pause": 0.0} and found["name"] == "rope_1"
  assert found["versions"]["jax"] == jax.__version__ and found["devices"]["backend"] == "cpu"
  assert found["environment"]["JAX_TEST_ONLY"] == "1" and "hunter2" not in text
  assert found["argv"] == ["python", "compare.py"]
  assert found["cells"] == {c.id: dict(c) for c in sweep_toy.cells(2)}
  lanes = [i for g in found["groups"] for i in g["cells"]]
  assert sorted(lanes) == sorted(found["cells"])


@pytest.mark.parametrize(
  "name", ["", ".", "..", "a/b", "/etc", "-rf", "a\nb", "a\0", "é", "x" * 101])
def test_run_names_are_whitelisted(name, tmp_path):
  with pytest.raises(ValueError, match="run: name: got"):
    run(Line(), sweep_toy.cells(1), tmp_path, name=name)
  assert not list(tmp_path.iterdir())


def test_mistakes_leave_no_directory(tmp_path):
  for cells in (sweep_toy.cells(2) + (sweeps.Cell(width=2, lr=1, seed=-1),), [{"width": 2}]):
    with pytest.raises((ValueError, KeyError)):
      run(Line(), cells, tmp_path / "out")
  with pytest.raises(TypeError, match="experiment: got a function.*Wrap a function as"):
    run(lambda traced, key: {}, sweep_toy.cells(1), tmp_path / "out")
  assert not list(tmp_path.iterdir())


def test_settings_are_json_or_refused():
  with pytest.raises(TypeError, match=r"settings\.a\[1\]: got a object"):
    manifest.settings_of(sweeps.simple(print, settings={"a": [1, object()]}))
  assert manifest.settings_of(sweeps.simple(print)) == {}
  with pytest.raises(ValueError, match="run: out: got None"):
    run(Line(), sweep_toy.cells(1), name="a")


def test_diverged_is_told_with_its_first_bad_step_and_without_nan():
  curve = np.array([1.0, np.inf, np.nan, 2.0], np.float32)
  record = records.make_record(sweeps.Cell(x=1), {"loss": curve, "norm": np.ones(4)},
                               {"loss": np.float32(np.nan), "ok": np.float32(0.1)})
  assert record["status"] == "diverged" and record["first_bad_step"] == 1
  assert record["series"]["loss"] == [1.0, None, None, 2.0]
  assert record["metrics"] == {"loss": None, "ok": 0.1}
  assert record["nonfinite"] == {"series/loss": "2 of 4, first inf at 1", "metrics/loss": "nan"}
  json.dumps(record, allow_nan=False)


def test_an_infinite_number_that_is_not_watched_is_no_divergence():
  infinite = {"perplexity": np.float32("inf")}
  record = records.make_record(sweeps.Cell(), {"loss": np.ones(2)}, infinite)
  assert record["status"] == "ok" and record["nonfinite"] == {"metrics/perplexity": "inf"}
  record = records.make_record(sweeps.Cell(), {}, infinite)
  assert record["status"] == "diverged"  # Nothing else tells of this lane.


def test_long_curves_are_averaged_over_bins(rng):
  curve = rng.normal(size=1000).astype(np.float32)
  thinned, axis = records.thin(curve, 256)
  assert len(thinned) == 250 and axis == {"label": "step", "start": 1.5, "step": 4}
  np.testing.assert_allclose(thinned, curve.reshape(250, 4).mean(1), rtol=1e-5, atol=1e-6)
  ragged, _ = records.thin(curve[:10], 4)
  np.testing.assert_allclose(ragged[-1], curve[9])
  same, axis = records.thin(curve[:7], 7)
  assert (same == curve[:7]).all() and axis["step"] == 1


def test_vectors_keep_their_axes_beside_a_curve_of_the_same_name():
  record = records.make_record(
    sweeps.Cell(), {"loss": np.ones(3)}, {"loss": np.array([1.0, 2.0])},
    axes={"loss": ("length", (16, 32))})
  assert record["series"] == {"loss": [1.0] * 3, "final/loss": [1.0, 2.0]}
  assert record["axes"]["final/loss"] == {"label": "length", "values": [16.0, 32.0]}


def test_whole_numbers_are_kept_exactly(tmp_path):
  """Fault A9: 123456789 became 123456790."""
  make = lambda static: lambda traced, key: {
    "n": traced["n"], "loss": 0.5, "counts": jnp.stack([traced["n"], -traced["n"]])}
  cells = sweeps.grid(n=[123456789, 2**31 - 1], seed=[0])
  for found in (run(sweeps.simple(make), cells, tmp_path), sweeps.load(tmp_path)):
    assert [r["metrics"]["n"] for r in found] == [123456789, 2**31 - 1]
    assert found.records[0]["series"]["counts"] == [123456789, -123456789]


def test_numbers_in_json_are_the_float32_ones(rng):
  values = np.concatenate([rng.normal(size=500), 10.0 ** rng.uniform(-37, 38, 500)])
  values = values.astype(np.float32)
  record = records.make_record(sweeps.Cell(), {}, {"v": values})
  found = json.loads(json.dumps(record["series"]["v"]))
  assert (np.array(found, np.float32) == values).all()


def test_means_are_over_seeds_and_leave_failures_out(tmp_path):
  made = []
  for seed, loss in enumerate([1.0, 2.0, 4.5, None]):
    made.append({"id": str(seed), "cell": {"lr": 0.1, "seed": seed}, "metrics": {"loss": loss},
                 "status": "ok" if loss else "diverged"})
  # A lane may diverge on the way and end with a finite loss.
  made.append({**made[0], "id": "4", "cell": {"lr": 0.1, "seed": 4}, "status": "diverged"})
  summary, = sweeps.Results(tuple(made)).mean("loss")
  values = np.array([1.0, 2.0, 4.5])
  assert summary.settings == sweeps.Cell(lr=0.1)
  assert (summary.count, summary.failed) == (3, 2)
  assert summary.mean == pytest.approx(values.mean())
  assert summary.error == pytest.approx(values.std(ddof=1) / math.sqrt(3))
  with pytest.raises(ValueError, match="metric: got 'los', wanted one of"):
    sweeps.Results(tuple(made)).mean("los")


class Terminal(io.StringIO):
  def isatty(self):
    return True


def show(stream, **kwargs):
  """A sweep of two groups of three lanes and ten steps, a second a chunk, on a clock of our own."""
  now = [0.0]
  progress = Progress(6, 0, 60, 2, stream=stream, clock=lambda: now[0], **kwargs)
  progress.compiles_left = 2
  for group in range(2):
    now[0] += 5.0
    progress.compiled(5.0)
    progress.start_group(group, 10, 3, 100.0)
    for step in range(10):
      now[0] += 1.0
      progress.advance(step + 1, 1, 1.0, 2.5)
    progress.finish_group(3)
  progress.close()
  return stream.getvalue()


def test_progress_off_a_terminal_is_plain_lines_now_and_then():
  lines = show(io.StringIO()).splitlines()
  assert lines[0] == ("0/6 cells | group 1/2 step 1/10 | 3 steps/s | 3e+02 tokens/s | 1 compile | "
                      "loss 2.5")
  assert lines[-1] == "6/6 cells | 3 steps/s | 3e+02 tokens/s | 2 compiles | took 30 s"
  assert len(lines) <= 5 and "\r" not in "".join(lines)


def test_eta_counts_the_steps_and_compiles_that_are_left():
  progress = Progress(6, 0, 60, 2, stream=io.StringIO(), clock=lambda: 0.0)
  progress.compiles_left = 2
  progress.compiled(5.0)
  progress.start_group(0, 10, 3, 0.0)
  for step in range(1, 5):
    progress.advance(step, 1, 1.0, None)
  # 60 - 4 * 3 = 48 lane steps at 3 a second, and a compile of 5 s.
  assert progress.line(None).endswith("ETA 21 s")


def test_progress_on_a_terminal_is_one_live_line():
  text = show(Terminal())
  assert text.count("\n") == 1 and text.endswith("\n") and text.count("\r") > 10


def test_progress_can_be_silent_and_notes_carry_no_control_characters():
  assert show(io.StringIO(), show=False) == ""
  stream = io.StringIO()
  Progress(1, 0, 1, 1, stream=stream).note("a\x1b[2Jb\rc")
  assert stream.getvalue() == "posenc_jax.sweeps: a?[2Jb?c\n"


def test_tensorboard_events_hold_the_curves(tmp_path):
  cells = sweep_toy.cells(2)
  run(Line(steps=3), cells, tmp_path, tensorboard=True)
  for cell in cells:
    file, = (tmp_path / "events" / cell.id).iterdir()
    assert b"loss" in file.read_bytes() and file.stat().st_size > 100


def test_tensorboard_that_is_not_installed_is_refused_before_the_run(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "tensorboardX", None)
  with pytest.raises(ImportError, match="options: tensorboard: got True .* pip install tensorb"):
    run(Line(steps=3), sweep_toy.cells(1), tmp_path / "out", tensorboard=True)
  assert not list(tmp_path.iterdir())


def test_the_compile_cache_is_used_and_put_back(tmp_path):
  before = jax.config.jax_compilation_cache_dir
  cache = tmp_path / "cache"
  entries = lambda: {p.name: p.read_bytes() for p in cache.glob("jit_sweep_*-cache")}
  run(Line(steps=3), sweep_toy.cells(1), compile_cache=str(cache))
  made = entries()
  assert len(made) == 3 and cache.stat().st_mode & 0o777 == 0o700
  assert jax.config.jax_compilation_cache_dir == before
  run(Line(steps=3), sweep_toy.cells(1), compile_cache=str(cache))
  assert entries() == made


def test_a_damaged_cache_entry_is_replaced(tmp_path):
  run(Line(steps=3), sweep_toy.cells(1), compile_cache=str(tmp_path))
  entry, = tmp_path.glob("jit_sweep_advance-*-cache")
  whole = entry.read_bytes()
  entry.write_bytes(whole[:len(whole) // 2])
  with pytest.warns(sweeps.SweepWarning, match="entry of jit_sweep_advance was damaged"):
    run(Line(steps=3), sweep_toy.cells(1), compile_cache=str(tmp_path))
  assert len(entry.read_bytes()) > len(whole) // 2


def test_a_cache_that_grows_too_large_loses_its_oldest_entries(tmp_path):
  for age, name in enumerate("abc"):
    path = tmp_path / f"{name}-cache"
    path.write_bytes(bytes(100))
    os.utime(path, (1000 - age, 1000 - age))
  extras.prune_cache(tmp_path, 200)
  assert sorted(p.name for p in tmp_path.iterdir()) == ["a-cache", "b-cache"]


def test_a_cache_that_others_may_write_is_refused(tmp_path):
  tmp_path.chmod(0o770)
  with pytest.warns(sweeps.SweepWarning, match="not used as compile cache.*mode 0770"):
    with extras.compile_cache(str(tmp_path)):
      assert jax.config.jax_compilation_cache_dir != str(tmp_path)
  assert not os.listdir(tmp_path)


def test_a_profile_is_written(tmp_path):
  run(Line(steps=3), sweep_toy.cells(1), profile_dir=str(tmp_path))
  assert list(tmp_path.rglob("*.xplane.pb"))


def test_the_last_bin_of_a_curve_is_where_its_steps_are():
  """Fault A9: a last, shorter bin was drawn where the middle of a whole one would be."""
  curve = np.arange(11, dtype=np.float32)  # A curve that is its own step: middles are means.
  for points in (3, 4, 5, 11, 20):
    record = records.make_record(sweeps.Cell(), {"loss": curve}, {}, points=points)
    np.testing.assert_allclose(records.axis_values(record, "loss"), record["series"]["loss"])
    assert len(record["series"]["loss"]) <= points


@pytest.mark.parametrize("change, message", [
  ({"init": None}, "Train: init: got None, wanted a function"),
  ({"step": 3}, "Train: step: got 3, wanted a function"),
  ({"steps": 0}, "Train: steps: got 0, wanted an int, at least 1"),
  ({"steps": 2.0}, "Train: steps: got 2.0, wanted an int"),
  ({"finish": "loss"}, "Train: finish: got 'loss', wanted a function"),
  ({"watch": None}, "Train: watch: got None, wanted the name"),
  ({"tokens": "3"}, "Train: tokens: got '3', wanted a number"),
  ({"axes": None}, "Train: axes: got None, wanted a mapping"),
  ({"axes": {"v": [1, 2, 3]}}, r"Train: axes\['v'\]: got \[1, 2, 3\], wanted \(label, values\)"),
])
def test_mistakes_in_a_train_are_found_where_it_is_made(change, message):
  """axes=None was found after the first group's training, whose results were lost."""
  right = dict(init=lambda traced, key: 0, step=lambda s, t, i: (s, {}), steps=2)
  with pytest.raises((TypeError, ValueError), match=message):
    sweeps.Train(**{**right, **change})


@pytest.mark.parametrize("change, message", [
  ({"max_lanes": 2.5}, "max_lanes: got 2.5, wanted an int, at least 1"),
  ({"curve_points": 0}, "curve_points: got 0, wanted an int, at least 1"),
  ({"keep": None}, "keep: got None, wanted a text or a tuple"),
  ({"retry": 3}, "retry: got 3, wanted a text or a tuple"),
  ({"checkpoint_seconds": "3"}, "checkpoint_seconds: got '3', wanted a number"),
  ({"progress": "no"}, "progress: got 'no', wanted True or False"),
  ({"evaluate_only": "no"}, "evaluate_only: got 'no', wanted True or False"),
  ({"distributed_args": {"num_processes": 2}}, "distributed_args: got .* without distributed"),
])
def test_mistakes_in_options_are_told_by_name(change, message):
  """"no" was a yes, 2.5 lanes were planned."""
  with pytest.raises((TypeError, ValueError), match=f"options: {message}"):
    sweeps.Options(**change)

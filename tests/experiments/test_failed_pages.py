# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages of forecasts, classes, translations and extensions: methods of which all lanes failed."""

import types

import numpy as np
import pytest

from experiments import (
  classify,
  context_extension_page,
  forecast,
  labelled,
  pairs,
  series,
  translate,
)
from posenc_jax import sweeps


def record(cell, seed, status, metrics, shown=None, axes=None):
  return {"id": f"{cell} {seed}", "cell": {**cell, "seed": seed}, "status": status,
          "metrics": metrics if status == "ok" else {}, "series": shown or {},
          "axes": {k: {"values": v} for k, v in (axes or {}).items()}}


def results(lost, metrics, **more):
  return sweeps.Results(tuple(
    record({"encoding": e}, seed, "diverged" if e in lost else "ok",
           {k: x + 0.01 * seed for k, x in metrics.items()}, **more)
    for e in ("none", "sinusoidal", "rotary") for seed in range(3)))


def rows_of(page, name, at=1):
  return [row for row in page.tables[0].rows if row[at] == name]


def test_forecast(monkeypatch):
  times = np.arange(90.0)
  monkeypatch.setattr(series, "load", lambda name: series.Series(
    name, times, np.sin(times / 3), series.PERIODS[name]))
  metrics = {"loss": 0.5, "skill_seasonal": 0.4, "skill_linear": 0.3}
  config = forecast.Config(series=("sunspots",), seeds=(0, 1, 2), seq_len=(6,), dropped=0.2)
  page = forecast.page(config, {f"sunspots-{c}": results(("rotary",), metrics)
                                for c in forecast.CLOCKS})
  assert [row[2:] for row in rows_of(page, "rotary")] == [("failed",) * 3] * 2
  assert "failed" not in rows_of(page, "none")[0]
  assert page.verdicts[0].verdict == "not tested" and page.verdicts[1].claims
  told = [forecast.series.counts(forecast.series.observe(series.load("sunspots"), 0.2, s), 6, 4)
          for s in range(3)]
  low, high = (min(int(t[0]) for t in told), max(int(t[0]) for t in told))
  assert f"sunspots has {low} to {high} windows of training" in page.setup
  assert "2 layers" in page.setup or "layers 2" in page.setup
  assert "800 steps" in page.setup and "3 seeds" in page.setup
  assert all("[" in cell for cell in page.tables[1].rows[0][1:])  # baselines by seed, too


def test_classify(monkeypatch):
  ids = np.ones((10, 5), np.int32)
  labels = np.array([0] * 4 + [1] * 6, np.int32)
  monkeypatch.setattr(labelled, "load", lambda name, length: labelled.Labelled(
    name, (ids, labels), (ids, labels), 3, 2, (), ""))
  config = classify.Config(data=("follows", "translation"), seeds=(0, 1, 2))
  page = classify.page(config, {
    "follows": results(("rotary",), {"accuracy": 0.59, "commonest": 0.6}),
    "translation": results((), {"accuracy": 0.8, "commonest": 0.6})})
  assert rows_of(page, "rotary")[0] == ("follows", "rotary", "failed", "-")
  assert [row[3] for row in page.tables[0].rows] == ["no", "no", "-", "yes", "yes", "yes"]
  assert ("follows 10 sequences, 50.0 percent by chance, 60.0 by always giving the commonest"
          in page.setup)
  assert "No interval lies above the commonest answer on follows: that was not" in page.setup
  assert "3 seeds" in page.setup
  follows = next(v for v in page.verdicts if "verse follows" in v.question)
  # What nothing learned says nothing about encodings: the page counted it as a contradiction.
  assert follows.verdict == "not tested" and "sinusoidal did not learn it" in follows.why


def test_translate(monkeypatch, text_file):
  found = pairs.load_pairs(text_file("\n".join(f"ab{i}\txy{i}" for i in range(40))), longest=8)
  monkeypatch.setattr(pairs, "load_pairs", lambda longest: found)
  monkeypatch.setattr(translate, "chrf", lambda written, wanted: 50.0)
  config = translate.Config(cross=("none",), seeds=(0, 1, 2), seq_len=(8,), eval_rows=3,
                            written_rows=2)
  shown = {"written": [5.0, 3.0] * 2, "loss_by_length": [1.0, 1.2, None, None]}
  axes = {"loss_by_length": config.part("none").task().axes["loss_by_length"][1]}
  page = translate.page(config, {"none": results(("none",), {"loss": 1.0}, shown=shown,
                                                 axes=axes)})
  assert rows_of(page, "none", 0)[0][2:] == ("failed",) * 5
  assert rows_of(page, "rotary", 0)[0][2:] == ("1.000", "1.200", "-", "-", "50.0 [50.0, 50.0]")
  assert dict(page.tables[1].rows)["none, none across"] == "failed"
  assert "3 pairs from books" in page.setup and "of 2 of them" in page.setup
  assert "3 seeds" in page.setup


@pytest.mark.parametrize("lost", [("pi",), ("none", "pi")])
def test_context_extension(lost):
  every = sweeps.Results(tuple(
    record({"encoding": e, "factor": 4, "tuned": 0}, seed, "diverged" if e in lost else "ok",
           {"loss": 2.0 + seed, "first": 1.5, "last": 2.5})
    for e in ("none", "pi") for seed in range(3)))
  config = types.SimpleNamespace(methods=("none", "pi"), hf="folder", tuned=lambda: 0,
                                 eval_characters=64, load=lambda: types.SimpleNamespace(
                                   released=types.SimpleNamespace(rope=types.SimpleNamespace(
                                     dim=8, base=1e4, length=16))))
  page = context_extension_page.page(config, {"extended": every})
  short = {row[0]: row[1:] for row in page.tables[-1].rows}
  assert short["pi"] == ("failed", "failed")
  assert short["none"] == (("failed",) * 2 if "none" in lost else (
    "1.50 [1.50, 1.50]", "2.50 [2.50, 2.50]"))

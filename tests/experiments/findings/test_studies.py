# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Scripts that write pages: their presets, statements, tasks and the runner of all."""

import importlib
import os
import subprocess
import types

import jax
import numpy as np
import pytest

from experiments import algorithmic, data, encodings, extrapolation, findings, masked_lm, script
from experiments import all as all_scripts
from experiments.findings import pictures, study
from experiments.training import Shape
from posenc_jax import methods, sweeps

STUDIES = all_scripts.SCRIPTS


@pytest.mark.parametrize("name", STUDIES)
def test_presets_and_docstring(name):
  module = importlib.import_module(f"experiments.{name}")
  assert f"  python -m experiments.{name}\n" in module.__doc__
  assert list(module.Config.PRESETS) == ["smoke", "default", "large"]
  smoke, default, large = (module.Config(**module.Config.PRESETS[p])
                           for p in module.Config.PRESETS)
  for config, seeds, pages in ((smoke, 3, study.SMOKE_PAGES), (default, 5, study.PAGES),
                               (large, 5, study.LARGE_PAGES)):
    assert config.pages == pages
    if hasattr(config, "seeds"):
      assert len(config.seeds) == seeds
  assert smoke.faults() == [] and default.faults() == []
  assert callable(module.run)


SEVERAL = {"extrapolation": "seq_len", "masked_lm": "seq_len", "music": "seq_len",
           "claims": "d_model"}


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "properties"])
def test_axes_that_a_page_has_no_mean_over_are_refused(name):
  """Two values of anything but encodings and seeds, unless the page tells them apart."""
  module = importlib.import_module(f"experiments.{name}")
  preset = module.Config.PRESETS["smoke"] | {"dry_run": True}
  two = {"d_model": (16, 32), "seq_len": (64, 32), "layers": (1, 2), "learning_rate": (0.1, 0.2),
         "dropout": (0, 0.1), "steps": (5, 6), "clip": (1.0, 2.0), "batch_size": (8, 16)}
  told = [fault for fault in module.Config(**preset | two).faults() if "wanted one number" in fault]
  told = {fault.split(":")[0].removeprefix("--") for fault in told}
  assert told == set(two) - {SEVERAL.get(name)}


def test_two_settings_of_an_encoding_are_refused_on_a_page():
  make = lambda values: extrapolation.Config(encodings=("alibi", "fire"),
                                             vary=(f"fire.threshold={values}",)).faults()
  assert make("8") == []
  assert make("8,16") == [
    "--vary: got 2 values of fire_threshold, wanted one of each setting, as the page of this "
    "script compares encodings. Choose one, or use experiments.compare."]


def test_every_causal_encoding_is_in_the_large_preset():
  names = extrapolation.causal_names()
  members = [name.split("+")[0] for name in names]
  assert set(members) <= set(encodings.ENCODINGS) and len(set(members)) == len(names)
  left = set(encodings.ENCODINGS) - set(members)
  directions = {name: m.directions for m in methods.METHODS for name in m.builds}
  assert all(directions[name] == "bidirectional" for name in left)


def test_statements_name_encodings_that_there_are():
  """Each expectation's claims are made if every encoding of its task has results."""
  for names in algorithmic.RELEVANT.values():
    assert all(set(name.split("+")) <= set(encodings.ENCODINGS) for name in names)
    assert set(names) <= set(algorithmic.Config().encodings)
  assert set(algorithmic.RELEVANT) == set(algorithmic.PROBLEMS)
  results = {}
  for task, names in algorithmic.RELEVANT.items():
    records = [{"id": f"{e}{s}", "cell": {"encoding": e, "seed": s}, "status": "ok",
                "metrics": {"accuracy_trained": 0.5, "accuracy_beyond": 0.5, "tokens_beyond": 0.5,
                            "accuracy_sparse": 0.5, "accuracy_dense": 0.5},
                "series": {"accuracy": [0.1, 0.6]}, "axes": {"accuracy": {"values": [0, 9]}}}
               for e in names for s in range(3)]
    results[task] = sweeps.Results(tuple(records))
  for expectation in algorithmic.EXPECTATIONS:
    assert list(expectation.test(results)), expectation


def record(encoding, seed, values):
  return {"id": f"{encoding}{seed}", "cell": {"encoding": encoding, "seed": seed, "seq_len": 8},
          "status": "ok", "metrics": {}, "series": {"by": values}, "axes": {}}


def test_differences_of_series_are_taken_seed_by_seed():
  results = sweeps.Results((record("a", 0, [1.0, 2.0]), record("a", 1, [5.0, None]),
                            record("b", 0, [4.0, 8.0]), record("b", 1, [6.0, 1.0]),
                            record("b", 2, [0.0, 0.0])))
  found = {(r["cell"]["encoding"], r["cell"]["seed"]): r["series"]["by"]
           for r in pictures.minus(results, "by", "a")}
  assert found == {("a", 0): [0.0, 0.0], ("a", 1): [0.0, None], ("b", 0): [3.0, 6.0],
                   ("b", 1): [1.0, None]}
  assert len(pictures.part(results, encoding="b")) == 3 and not pictures.part(results, seq_len=9)
  table = pictures.table("t", results, "by", " L")
  assert table.head == ("encoding", "0 L", "1 L", "seeds") and len(table.rows) == 2


def test_masked_characters(tmp_path):
  """15 percent are hidden, the same ones for a shorter lane; frequencies by hand."""
  path = tmp_path / "text.txt"
  path.write_text("abbcccdddd " * 400, encoding="utf-8")
  corpus = data.load_text("web", str(path), longest_window=64)
  task = masked_lm.MaskedLanguage(corpus, 8)
  shape = Shape(encodings.parse("none"), (16,), (32,), 1, 8, 256, 2)
  tokens, hidden = task.batch(shape, {"seq_len": 32}, jax.random.key(1))
  assert tokens.shape == hidden.shape == (256, 32) and abs(hidden.mean() - 0.15) < 0.02
  less = Shape(encodings.parse("none"), (16,), (20,), 1, 8, 256, 2)
  few, mask = task.batch(less, {"seq_len": 20}, jax.random.key(1))
  wide, more = task.batch(shape, {"seq_len": 20}, jax.random.key(1))
  np.testing.assert_array_equal(few, wide[:, :20])
  np.testing.assert_array_equal(mask, more[:, :20])
  counts = [(corpus.train == i).sum() + 1 for i in range(len(corpus.vocabulary))]
  np.testing.assert_allclose(task.unigram, -np.log(np.array(counts) / sum(counts)), rtol=1e-6)

  class Frequencies:
    """A model that knows how frequent each character is, and sees no hidden one."""

    def __call__(self, tokens, mask=None, deterministic=None, rngs=None):
      given, chosen = task.evaluation(tokens.shape[1])
      assert ((np.asarray(tokens) == task.mask_id) == np.asarray(chosen)).all()
      logits = np.append(-task.unigram, -1e9).astype(np.float32)
      return jax.numpy.broadcast_to(logits, (*tokens.shape, len(logits)))

  found = task.evaluate(shape, Frequencies(), {"seed": 0})
  assert abs(float(found["gain"])) < 1e-5 and float(found["loss"]) > 1


def test_all_goes_on_after_a_failure_and_says_so(tmp_path, monkeypatch, capsys):
  asked = []

  def start(command):
    asked.append(command[1:])
    return types.SimpleNamespace(wait=lambda: int("masked" in command[2]))

  monkeypatch.setattr(subprocess, "Popen", start)
  monkeypatch.chdir(tmp_path)
  config = script.from_flags(all_scripts.Config, ["all", "--preset=smoke"])
  assert all_scripts.main(config) == 1
  assert asked == [["-m", f"experiments.{name}", "--preset=smoke"] for name in STUDIES]
  assert "masked_lm" in (told := capsys.readouterr().out) and told.count("FAILED") == 1
  assert all_scripts.main(script.from_flags(all_scripts.Config, ["all", "--scripts=algorithmic"])
                          ) == 0


def test_all_says_which_pages_are_older(tmp_path, monkeypatch, capsys):
  """A failed script leaves its old page in the index; one that wrote its page is not named."""
  monkeypatch.chdir(tmp_path)
  made = findings.Made("python -m experiments.x --preset=smoke", "2026-01-31", 1.0, "a machine")
  page = lambda name: findings.Page(name, "T", "Q", "S", ())
  for name in ("masked_lm", "claims"):
    findings.write(page(name), study.SMOKE_PAGES, made)
    os.utime(f"{study.SMOKE_PAGES}/{name}.json", (1e9, 1e9))

  def start(command):
    if "claims" in command[2]:
      findings.write(page("claims"), study.SMOKE_PAGES, made)
    return types.SimpleNamespace(wait=lambda: int("masked" in command[2]))

  monkeypatch.setattr(subprocess, "Popen", start)
  argv = ["all", "--preset=smoke", "--scripts=masked_lm,claims"]
  assert all_scripts.main(script.from_flags(all_scripts.Config, argv)) == 1
  told = capsys.readouterr().out.splitlines()
  assert [line for line in told if "older" in line] == [
    "runs/smoke/results/masked_lm.md is older than this run: made on 2026-01-31 by python -m "
    "experiments.x --preset=smoke"]


def test_ctrl_c_waits_for_the_script_and_tells_the_rest(tmp_path, monkeypatch, capsys):
  """The script saves its state; a second Ctrl-C kills it."""
  monkeypatch.chdir(tmp_path)
  for presses in (1, 2):
    calls, killed = [], []

    def wait(presses=presses, calls=calls):
      calls.append(0)
      if len(calls) <= presses:
        raise KeyboardInterrupt
      return 130

    process = types.SimpleNamespace(wait=wait, kill=lambda killed=killed: killed.append(0))
    monkeypatch.setattr(subprocess, "Popen", lambda command, process=process: process)
    config = script.from_flags(all_scripts.Config, ["all", "--scripts=claims,music"])
    assert all_scripts.main(config) == 130
    assert len(calls) == presses + 1 and len(killed) == presses - 1
    told = capsys.readouterr().out.splitlines()
    assert told[-2].startswith("claims ") and told[-2].endswith("stopped by Ctrl-C")
    assert told[-1].split() == ["music", "not", "begun"]


def test_ctrl_c_while_a_script_reads_its_data_is_one_line(monkeypatch, capsys):
  def load(self):
    raise KeyboardInterrupt

  monkeypatch.setattr(extrapolation.Config, "load", load)
  monkeypatch.setattr(script.sys, "argv", ["extrapolation", "--preset=smoke"])
  with pytest.raises(SystemExit) as stop:
    script.start(extrapolation.Config, extrapolation.main, extrapolation.__doc__)
  assert stop.value.code == 130
  assert capsys.readouterr().err == "KeyboardInterrupt: \n"

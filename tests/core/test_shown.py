# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What prompts and notebooks show: short reprs, tables in which nothing is markup, treescope."""

import dataclasses
import re

import jax
import pytest

import posenc_jax as px
from posenc_jax import sweeps
from posenc_jax.__main__ import main
from posenc_jax.methods import living
from posenc_jax.sweeps import results as results_lib
from tests.encodings.test_contract import CASES
from tests.support import sweep_results

HOSTILE = "<script>alert(1)</script>"


def test_the_repr_of_an_encoding_is_short():
  assert repr(px.Rotary(64)) == "Rotary(dim=64, base=10000.0)"
  assert repr(px.T5Bias.init(jax.random.key(0), 8)) == "T5Bias(table=f32[32,8])"
  few = list(CASES)[::12]  # each builds an encoding
  shown = {name: repr(getattr(made := CASES[name](), "encoding", made)) for name in few}
  assert {name: text for name, text in shown.items() if len(text) > 400 or "\n" in text} == {}


def test_treescope_shows_every_field():
  treescope = pytest.importorskip("treescope")
  e = px.chain(px.Rotary(8), px.learn(px.Alibi(2), "slopes"), px.T5Bias.init(jax.random.key(0), 2))
  text = treescope.render_to_text(e)
  for shown in ("Chain(", "Rotary(", "Alibi(", "T5Bias(", "pairing='half'", "learned=('slopes',)",
                "max_distance=128"):
    assert shown in text
  assert "frozen" not in text


def test_results_are_a_table_of_means():
  results = sweep_results.grid_results(("rotary", HOSTILE), seeds=2)
  page = results._repr_html_()
  assert page.startswith(f"<p>Results({len(results)} cells: ")
  rows = re.findall("<tr>.*?</tr>", page)
  assert len(rows) == 1 + len(results.mean("loss")) and "std_err" in rows[0]
  assert f"{results.mean('loss')[0].mean:.4g}" in rows[1]
  assert HOSTILE not in page and "&lt;script&gt;" in page


def test_long_tables_are_cut_and_say_so(monkeypatch):
  monkeypatch.setattr(results_lib, "SHOWN", 2)
  results = sweep_results.grid_results(("rotary", "alibi", "t5"), seeds=2)
  page = results._repr_html_()
  assert page.count("<tr>") == 3
  assert f"{len(results.mean('loss')) - 2} more rows: print(results.table())" in page
  assert sweeps.Results(())._repr_html_() == "<p>Results(no cells)</p>"


def test_a_plan_says_what_it_will_do():
  experiment = sweeps.simple(lambda static: lambda traced, key: {"loss": traced["lr"]},
                             static=["name"])
  plan = sweeps.plan(experiment, sweeps.grid(name=[HOSTILE, "b"], lr=[0.1, 0.2], seed=[0]))
  assert repr(plan) == (
    "Plan(4 cells: 0 done, 4 lanes to run in 2 groups, 2 compiles, expected time unknown (no cost "
    "given))")
  page = plan._repr_html_()
  assert page.count("<tr>") == 3 and HOSTILE not in page and "&lt;script&gt;" in page
  assert all(p.group.id in page for p in plan.todo)


def test_words_that_no_method_has_are_told(monkeypatch, capsys):
  values = {f.name: () for f in dataclasses.fields(living.Row)}
  row = living.Row(**{**values, "title": "Rotary (Su 2021)", "names": ("rotary",), "goldens": ""})
  monkeypatch.setattr(living, "rows", lambda: [row])  # all of them take seconds
  assert main(["--json", "rotarry"]) == 1
  told = capsys.readouterr()
  assert told.out == "[]\n" and "words: got rotarry, wanted words that stand together" in told.err
  assert "Did you mean 'rotary'?" in told.err
  assert main(["paper"]) == 1  # the name of a column is no content
  with pytest.raises(SystemExit):
    main([""])
  assert "words: got an empty one" in capsys.readouterr().err

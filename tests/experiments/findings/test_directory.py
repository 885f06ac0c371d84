# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The directory of pages: refused before a run, nothing of others overwritten."""

import dataclasses
import json
import os
import types

import pytest

from experiments import findings as f
from experiments.findings import catalogue, page, study, tables, unwell, verdict
from posenc_jax import sweeps

MADE = f.Made("python -m experiments.sample", "2026-01-31", 61.0, "a machine")
EXACT = f.exact(3, 2, "x", sign=1)


def sample(name="sample", *claims):
  found = f.judge([f.Expectation("q", "p", "s", lambda _: claims or EXACT)], None)
  return f.Page(name, "A sample", "What is it?", "No training.", tuple(found))


def config(path):
  return types.SimpleNamespace(pages=str(path))


def main(path, name="sample", results=None, asked=None):
  """A study's main; ``asked`` collects whether it ran."""
  run = lambda c: (asked.append(c) if asked is not None else None, results)[1]
  return study.main(config(path), run, lambda c, r: sample(name))


def bad_directories(tmp_path):
  (tmp_path / "file").write_text("mine")
  (tmp_path / "link").symlink_to(tmp_path / "nowhere")
  (tmp_path / "foreign").mkdir()
  (tmp_path / "foreign" / "README.md").write_text("# My project\n")
  (tmp_path / "odd").mkdir()
  (tmp_path / "odd" / "README.md").mkdir()
  return (("file", "no directory"), ("file/below/it", "no directory"),
          ("link", "a link to nothing"), ("n" * 300, "cannot be looked at"),
          ("foreign", "README.md this project did not make"), ("odd", "README.md this project did"),
          ("nul\0", "cannot be looked at"))


def test_directories_that_cannot_be_written_are_refused_before_the_run(tmp_path, capsys):
  for name, told in bad_directories(tmp_path):
    asked = []
    assert main(tmp_path / name, asked=asked) == 2 and not asked
    error = capsys.readouterr().err
    assert error.startswith("error: --pages: got '") and told in error and error.count("\n") == 2
  assert (tmp_path / "foreign" / "README.md").read_text() == "# My project\n"
  assert catalogue.fault(str(tmp_path / "new" / "deep")) is None and not (tmp_path / "new").exists()


def test_directories_without_permission_are_refused(tmp_path, monkeypatch):
  monkeypatch.setattr(os, "access", lambda path, mode, **_: False)
  assert "is not writable, wanted a directory that is" in catalogue.fault(str(tmp_path / "new"))


def test_a_page_that_another_command_made_is_replaced_with_a_word(tmp_path, capsys):
  f.write(sample(), tmp_path, MADE)
  assert main(tmp_path) == 0
  assert ("sample.md, made on 2026-01-31 by another command, is replaced: python -m "
          "experiments.sample\n") in capsys.readouterr().out
  assert main(tmp_path) == 0  # by the same command
  assert "replaced" not in capsys.readouterr().out


@pytest.mark.parametrize("beside", [None, "{", '{"name": "sample"}', "[]"])
def test_a_page_that_this_project_did_not_make_is_kept(tmp_path, beside, capsys):
  (tmp_path / "sample.md").write_text("mine")
  if beside:
    (tmp_path / "sample.json").write_text(beside)
  with pytest.raises(SystemExit) as stop:
    main(tmp_path)
  assert stop.value.code == 73 and (tmp_path / "sample.md").read_text() == "mine"
  assert "beside which no sample.json of such a page is" in capsys.readouterr().err


def test_the_index_has_pages_that_are_there_and_names_other_files(tmp_path, capsys):
  f.write(sample(), tmp_path, MADE)
  f.write(sample("gone"), tmp_path, MADE)
  (tmp_path / "gone.md").unlink()
  (tmp_path / "torn.json").write_text((tmp_path / "sample.json").read_text()[:90])
  (tmp_path / "package.json").write_text('{"name": "package"}')
  (tmp_path / "renamed.json").write_text((tmp_path / "sample.json").read_text())
  text = f.index(tmp_path).read_text()
  assert "[sample](sample.md)" in text and "gone.md)" not in text and "1 statements" in text
  assert text.endswith(
    "Left out: gone.json, as gone.md is missing; package.json, as it does not describe a page of "
    "this project; renamed.json, as it does not describe a page of this project; torn.json, as it "
    "does not describe a page of this project.\n")
  assert main(tmp_path, "other") == 0
  assert "the index leaves out gone.json: gone.md is missing\n" in capsys.readouterr().out


def test_an_index_of_several_presets_says_which(tmp_path):
  f.write(sample(), tmp_path, MADE)
  assert "preset" not in f.index(tmp_path).read_text()
  smoke = dataclasses.replace(MADE, command=MADE.command + " --preset smoke")
  f.write(sample("other"), tmp_path, smoke)
  text = f.index(tmp_path).read_text()
  assert "| page | preset | question |" in text
  assert "| [sample](sample.md) | default | q |" in text
  assert "| [other](other.md) | smoke | q |" in text


def record(encoding, seed, status, width=16, loss=1.0):
  return {"id": f"{encoding}{seed}{width}", "status": status, "metrics": {"loss": loss},
          "time": {"finished": "2026-01-31T00:00:00+0000", "seconds": 1.0}, "group": "g",
          "cell": {"encoding": encoding, "seed": seed, "d_model": width, "layers": 2}}


def test_lanes_that_did_not_end_well_are_on_the_page(tmp_path, capsys):
  lost = {0: "diverged", 1: "oom", 2: "diverged"}
  one = sweeps.Results(tuple(
    record(e, s, lost.get(s, "ok") if (e, w) == ("alibi", 32) else "ok", w)
    for w in (16, 32) for e in ("alibi", "none") for s in range(5)))
  two = sweeps.Results((record("none", 0, "ok", loss=None), record("none", 1, "ok")))
  assert unwell.told({"": one}) == ("encoding alibi, d_model 32: 3 of 5 seeds, 2 diverged, 1 oom",)
  assert unwell.told({"a": one, "b": two})[1:] == (
    "b, encoding none: 1 of 2 seeds, 1 not finite in loss",)
  for results, expected in ((one, "encoding alibi"), ({"copy": one, "n": two}, "copy, encoding")):
    assert main(tmp_path, results=results) == 0
    text = (tmp_path / "sample.md").read_text()
    assert f"## Lanes that did not end well\n\n{tables.UNWELL}\n\n- {expected}" in text
    assert "did not end well: " in capsys.readouterr().out
  assert main(tmp_path, results=sweeps.Results(one.records[:5])) == 0
  assert "did not end well" not in (tmp_path / "sample.md").read_text() + capsys.readouterr().out


@pytest.mark.parametrize("claim", [
  f.exact(float("nan"), 1, "x", sign=1), f.exact(1, float("nan"), "x", sign=1),
  f.exact(float("inf"), 1, "x", sign=1), f.above({0: 1.0, 1: float("nan")}, 0, "x"),
  f.above({0: 1.0, 1: 1.5}, float("nan"), "x")])
def test_a_claim_that_is_not_finite_is_not_tested(claim):
  values = {0: 1.0, 1: 1.1, 2: 1.2}
  make = lambda *claims: f.Expectation("q", "p", "s", lambda _: claims)
  found = f.judge([make(EXACT, claim), make(f.above(values, 0, "y"))], None)
  alone = f.judge([make(f.above(values, 0, "y"))], None)
  assert (found[0].verdict, found[0].why) == (verdict.NOT_TESTED, "not finite: x")
  assert found[1:] == alone  # and no other is adjusted for it


def test_tables_of_verdicts_show_limits_other_than_zero():
  values = {0: 1.0, 1: 1.1, 2: 1.2}
  claims = (f.above(values, 0.5, "a"), f.above(values, 0, "b"), *f.close(values, values, 0.15, "c"))
  found, = sample("sample", *claims).verdicts
  assert tables.ours(found).split("<br>") == [
    "a: 1.10 [0.852, 1.35], wanted > 0.5", "b: 1.10 [0.852, 1.35]",
    "c: 0 [0, 0], wanted < 0.15 and > -0.15"]


def test_the_p_of_a_statement_that_disagrees_is_that_of_the_row_which_does():
  clear, vague = {0: 1.0, 1: 1.001, 2: 1.002}, {0: 1.0, 1: -1.0, 2: 0.5}
  found, = sample("sample", f.below(clear, 0, "a"), f.above(vague, 0, "b")).verdicts
  assert found.verdict == verdict.DISAGREES
  assert tables.deciding(found) == "< 0.0001" != tables._p(found.claims[1].p)
  found, = sample("sample", f.above(clear, 0, "a"), f.above(vague, 0, "b")).verdicts
  assert found.verdict == verdict.NO_CLAIM
  assert tables.deciding(found) == tables._p(found.claims[1].p)


def test_alternative_texts_end_where_sentences_do():
  from matplotlib.figure import Figure
  shown = f.Picture("line", "A turn of 6.28 radians. More.", Figure())
  made = dataclasses.replace(sample(), pictures=(shown,))
  assert "![A turn of 6.28 radians](sample-line.png)" in page.text_of(made, MADE)


def test_what_a_page_says_is_read_again(tmp_path):
  path = f.write(sample(), tmp_path, MADE).with_suffix(".json")
  assert page.read(path) == page.Data("sample", "A sample", MADE, sample().verdicts)
  assert json.loads(path.read_text())["made"]["seconds"] == 61.0

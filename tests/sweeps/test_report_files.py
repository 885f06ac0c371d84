# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What a report writes, and that it replaces nothing but what a report wrote."""

import base64
import html
import json
import os
import sys

import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps import files
from posenc_jax.sweeps.show import attached, written
from tests.support import sweep_results, sweep_toy


def names_in(directory):
  return sorted(str(p.relative_to(directory)) for p in directory.rglob("*") if p.is_file())


@pytest.fixture(scope="module")
def results():
  return sweep_results.grid_results(("rotary", "alibi"), seeds=2)


def test_figures_are_png_and_svg_the_same_each_time(results, tmp_path):
  pytest.importorskip("matplotlib")
  for name in ("a", "b"):
    sweeps.write_report(results, tmp_path / name, title="t")
  found = names_in(tmp_path / "a")
  stems = ("01-loss-by-multiple-against-multiple-of-the", "02-loss-by-position-against-position",
           "03-loss-against-step", "04-loss-against-d-model", "05-loss-against-seq-len",
           "06-loss-by-d-model-and-seq-len", "07-loss-by-multiple-every-encoding-at-every")
  assert found == sorted([
    *(f"figures/{stem}.{kind}" for stem in stems for kind in ("png", "svg")), "report.html",
    "report_files.json", "report_static.html", "table.csv"])
  for name in found:
    content = (tmp_path / "a" / name).read_bytes()
    assert content == (tmp_path / "b" / name).read_bytes()
    assert content.startswith(b"\x89PNG") == name.endswith("png")


def test_files_of_ones_own_stay(results, tmp_path):
  """Fault B1: figures/01-architecture.pdf and table.csv of a paper were deleted and replaced."""
  own = {"figures/01-architecture.pdf": b"mine", "figures/10-results.tex": b"mine",
         "table.csv": b"mine", "report.html": b"mine"}
  (tmp_path / "figures").mkdir()
  for name, content in own.items():
    (tmp_path / name).write_bytes(content)
  with pytest.warns(sweeps.SweepWarning) as told:
    sweeps.write_report(results, tmp_path, figures=False)
  assert {n: (tmp_path / n).read_bytes() for n in own} == own
  texts = sorted(str(w.message) for w in told)
  assert len(texts) == 2 and "report.html: got a file that no report wrote" in texts[0]
  assert "table.csv: got a file" in texts[1] and "It stays as it is" in texts[1]
  assert (tmp_path / "report_static.html").exists()


def test_a_report_of_some_cells_says_that_there_are_more(tmp_path, capsys):
  """A narrower call replaced the report of the whole directory without a word."""
  directory, cells = tmp_path / "a run", sweep_toy.cells(4)
  assert sweeps.run(sweep_toy.Line(2), cells, directory, progress=False).notes == ()
  page = (directory / "report_static.html").read_text()
  narrow = sweeps.run(sweep_toy.Line(2), cells[:1], directory)
  told = f"report of 1 of 4 cells; python -m posenc_jax.sweeps '{directory}' shows all"
  assert narrow.notes == (told,) and capsys.readouterr().err.count(told) == 1
  now = (directory / "report_static.html").read_text()
  assert html.escape(told) in now and "shows all" not in page
  assert sweeps.run(sweep_toy.Line(2), cells, directory).notes == ()
  assert "shows all" not in capsys.readouterr().err
  quiet = sweeps.run(sweep_toy.Line(2), cells[:1], directory, report=False)
  assert quiet.notes == (told,) and told not in capsys.readouterr().err  # as no report was written


def test_what_one_changed_since_is_ones_own(results, tmp_path):
  sweeps.write_report(results, tmp_path, figures=False)
  with (tmp_path / "table.csv").open("a") as file:
    file.write("a note\n")
  with pytest.warns(sweeps.SweepWarning, match="or that was changed since"):
    sweeps.write_report(results, tmp_path, figures=False)
  assert (tmp_path / "table.csv").read_text().endswith("a note\n")


def test_figures_of_an_earlier_report_go(results, tmp_path):
  pytest.importorskip("matplotlib")
  sweeps.write_report(results, tmp_path)
  fewer = sweeps.Results(tuple({**r, "series": {}} for r in results))
  sweeps.write_report(fewer, tmp_path)
  assert {n for n in names_in(tmp_path) if n.startswith("figures/")} == {
    f"figures/{stem}.{kind}" for kind in ("png", "svg") for stem in (
      "01-loss-against-d-model", "02-loss-against-seq-len", "03-loss-by-d-model-and-seq-len")}


def test_a_kill_between_two_files_leaves_none_unknown(tmp_path, monkeypatch):
  written.replace(tmp_path, {"a": b"1", "b": b"1"})
  real = files.write_atomic

  def killed(path, data):
    if path.name == "b":
      raise KeyboardInterrupt
    real(path, data)

  monkeypatch.setattr(files, "write_atomic", killed)
  with pytest.raises(KeyboardInterrupt):
    written.replace(tmp_path, {"a": b"2", "b": b"2"})
  monkeypatch.setattr(files, "write_atomic", real)
  written.replace(tmp_path, {"a": b"3", "b": b"3"})  # No warning, which would be an error.
  assert [(tmp_path / n).read_bytes() for n in "ab"] == [b"3", b"3"]


@pytest.mark.parametrize("name", ["../outside", "/outside", "x/../../outside"])
def test_a_list_that_names_files_elsewhere_removes_none(tmp_path, name):
  inside = tmp_path / "inside"
  inside.mkdir()
  outside = tmp_path / "outside"
  outside.write_bytes(b"kept")
  name = name if not os.path.isabs(name) else str(outside)
  hashes = [written._sha256(b"kept")]
  (inside / written.LISTING).write_text(json.dumps({"files": {name: hashes}}))
  written.replace(inside, {"a": b"1"})
  assert outside.read_bytes() == b"kept"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"files": 3}', '{"files": {"a": 3}}'])
def test_a_damaged_list_makes_every_file_ones_own(tmp_path, text):
  (tmp_path / "a").write_bytes(b"mine")
  (tmp_path / written.LISTING).write_text(text)
  with pytest.warns(sweeps.SweepWarning, match="a: got a file that no report wrote"):
    written.replace(tmp_path, {"a": b"1"})
  assert (tmp_path / "a").read_bytes() == b"mine"


@pytest.mark.parametrize("package", ["altair", "vl_convert"])
def test_without_altair_the_rest_is_written(results, tmp_path, monkeypatch, package):
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.warns(sweeps.SweepWarning, match="the interactive report is left out: report.html: "
                    r"got .* wanted altair and vl-convert-python. Install them: pip install "):
    sweeps.write_report(results, tmp_path, figures=False)
  assert names_in(tmp_path) == ["report_files.json", "report_static.html", "table.csv"]


def test_without_altair_no_stale_report_stays(results, tmp_path, monkeypatch):
  sweeps.write_report(results, tmp_path, figures=False)
  assert (tmp_path / "report.html").exists()
  monkeypatch.setitem(sys.modules, "altair", None)
  with pytest.warns(sweeps.SweepWarning, match="left out"):
    sweeps.write_report(results, tmp_path, figures=False)
  assert not (tmp_path / "report.html").exists()


def test_without_matplotlib_the_rest_is_written(results, tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
  with pytest.warns(sweeps.SweepWarning, match="matplotlib is not installed"):
    sweeps.write_report(results, tmp_path)
  assert names_in(tmp_path) == ["report.html", "report_files.json", "report_static.html",
                                "table.csv"]
  assert "There are no charts" in (tmp_path / "report_static.html").read_text()


def test_no_pyplot_and_no_backend(results):
  """Fault A5 of the first hour: a later plot in the same notebook showed nothing."""
  matplotlib = pytest.importorskip("matplotlib")
  from posenc_jax.sweeps.show import figures

  before = matplotlib.get_backend(auto_select=False), "matplotlib.pyplot" in sys.modules
  title, figure = figures.figures_of(results)[0]
  assert isinstance(figure, matplotlib.figure.Figure) and title.startswith("loss_by_multiple")
  figures.to_bytes(figure, "png")
  assert before == (matplotlib.get_backend(auto_select=False), "matplotlib.pyplot" in sys.modules)


def test_names_of_figures_hold_no_mathematics():
  from posenc_jax.sweeps.show.figures import file_name, plain

  assert plain("$\\frac{") == "\\$\\frac{" and plain("a\x1bb") == "a?b"
  assert len(plain("x" * 300)) == 60 and file_name(3, "../loss $ by/length") == "03-loss-by-length"


def test_attached_pictures_are_shown_and_linked_and_their_names_are_inert(results, tmp_path):
  folder = tmp_path / "attached"
  folder.mkdir()
  dot = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg==")
  hostile = "a\"><img src=x onerror=alert(1)>.png"
  for name, content in {"map.png": dot, hostile: dot, "notes.txt": b"x", ".hidden": b"x",
                        "large.png": dot + bytes(attached.MOST_BYTES)}.items():
    (folder / name).write_bytes(content)
  sweeps.write_report(results, tmp_path, figures=False)
  assert (folder / "notes.txt").read_bytes() == b"x"  # They are its owner's: none is touched.
  for page in ("report.html", "report_static.html"):
    text = (tmp_path / page).read_text(encoding="utf-8")
    assert '<a href="attached/map.png">map.png</a>' in text
    assert text.count(base64.b64encode(dot).decode()) == 2
    assert '<p><a href="attached/notes.txt">' in text and '<p><a href="attached/large.png">' in text
    assert "<img src=x" not in text and "attached/.hidden" not in text
    assert "attached/a%22%3E%3Cimg%20src%3Dx%20onerror%3Dalert%281%29%3E.png" in text


def test_only_so_many_pictures_are_part_of_the_page(tmp_path):
  (tmp_path / "attached").mkdir()
  for i in range(attached.MOST_SHOWN + 2):
    (tmp_path / "attached" / f"{i:02d}.png").write_bytes(b"\x89PNG")
  section = attached.section(attached.read(tmp_path))
  assert section.count("<img") == attached.MOST_SHOWN and section.count("<p><a") == 2
  assert attached.section(attached.read(tmp_path / "none")) == ""

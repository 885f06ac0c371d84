# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reports: the numbers in them are the records', and no name in them can do harm."""

import csv
import html.parser
import io
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps import __main__ as report_module
from posenc_jax.sweeps.show import svg, table, views
from posenc_jax.sweeps.show.report import main_metric, to_html
from tests.support import sweep_toy
from tests.support.repository import python_sources
from tests.support.sweep_toy import Line

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

HOSTILE = ("</title></pre><script>document.title='pwned'</script>"
           "<img src=x onerror=\"document.title='pwned'\">'\"&$\\frac{\x1b[2J\n=1+1")
HARMLESS = "a rather harmless name"


def loss_of(encoding, width, length, seed):
  """The number that a made-up record of this cell carries."""
  return 1.0 + (encoding == "alibi") + 1.0 / width + length / 100.0 + 0.01 * seed**2


def made_up(encodings=("rope", "alibi"), seeds=3, name="sweep", failed=True):
  """Results that no program made: two encodings, two widths, two lengths, some seeds."""
  records = []
  for cell in sweeps.grid(encoding=encodings, d_model=[8, 16], seq_len=[32, 64],
                          seed=range(seeds), steps=5):
    loss = loss_of(cell["encoding"], cell["d_model"], cell["seq_len"], cell["seed"])
    records.append({
      "id": cell.id, "cell": dict(cell), "status": "ok", "first_bad_step": None, "nonfinite": {},
      "metrics": {"loss": loss, "accuracy": 1 / loss},
      "series": {"loss": [4.0 + loss, 2.0 + loss, loss], "loss_by_length": [loss, 2 * loss]},
      "axes": {"loss": {"label": "step", "start": 0.5, "step": 2},
               "loss_by_length": {"label": "length", "values": [32.0, 64.0]}}})
  if failed:
    records[0] |= {"status": "diverged", "first_bad_step": 7, "metrics": {"loss": None},
                   "series": {"loss": [1.0, None, None]},
                   "nonfinite": {"metrics/loss": "nan", f"series/{name}": name}}
    records[1] |= {"status": "oom", "metrics": {}, "series": {}, "error": name}
  manifest = {"name": name, "argv": ["python", name], "settings": {"data": name}, "groups": []}
  return sweeps.Results(tuple(records), manifest=manifest, notes=(name,))


class Page(html.parser.HTMLParser):
  """The tags and texts that a browser sees."""

  def __init__(self, page):
    super().__init__()
    self.tags, self.texts, self.attributes = [], [], []
    self.feed(page)
    self.close()

  def handle_starttag(self, tag, attributes):
    self.tags.append(tag)
    self.attributes += [(tag, name, value) for name, value in attributes]

  def handle_data(self, data):
    self.texts.append(data)


def page_of(name):
  return to_html(made_up((name, "alibi"), name=name), name)


def test_hostile_names_change_no_tag_of_the_page():
  bad, good = Page(page_of(HOSTILE)), Page(page_of(HARMLESS))
  assert bad.tags == good.tags and "svg" in bad.tags and "table" in bad.tags
  assert not {"script", "img", "iframe", "object", "embed", "link", "base", "form"} & {*bad.tags}
  names = {name for _, name, _ in bad.attributes}
  assert not {n for n in names if n.startswith("on")} and not {"href", "src"} & names
  assert any("<script>document.title" in text for text in bad.texts)  # Shown, as text.
  assert "\x1b" not in "".join(bad.texts)


def page_with_axis(label):
  """A page whose series have an axis of this name; its entries are the heat maps' columns."""
  records = []
  for record in made_up(failed=False):
    if record["cell"]["seq_len"] == 32:
      axes = {name: {**axis, "label": label} for name, axis in record["axes"].items()}
      records.append({**record, "axes": axes})
  return to_html(sweeps.Results(tuple(records)), "t")


def test_hostile_names_of_axes_change_no_tag_of_the_page():
  bad, good = (Page(page_with_axis(f"length {name}")) for name in (HOSTILE, HARMLESS))
  assert "Heat maps, d_model × length a rather harmless name" in good.texts
  assert bad.tags == good.tags
  # The label stands beside each map, in the heading, and in title and axis of both charts.
  assert sum("<script>" in text for text in bad.texts) >= 5


def test_the_page_forbids_everything_but_its_own_style():
  page = Page(page_of(HARMLESS))
  policy = dict((name, value) for tag, name, value in page.attributes if tag == "meta")["content"]
  policies = [v for tag, n, v in page.attributes if n == "content" and "default-src" in v]
  assert policy and len(policies) == 1
  assert policies[0].startswith("default-src 'none'; style-src 'unsafe-inline'")
  assert "script" not in policies[0]


def title_in_browser(path, tmp_path):
  command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu",
             f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", path.as_uri()]
  done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
  return re.search("<title>(.*?)</title>", done.stdout, re.S)[1]


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on PATH")
def test_no_script_runs_in_a_browser(tmp_path, monkeypatch):
  path = tmp_path / "report.html"
  path.write_text(page_of(HOSTILE))
  assert title_in_browser(path, tmp_path).startswith("&lt;/title&gt;&lt;/pre&gt;&lt;script&gt;")
  # Without the escaping and the policy the same names would run: this test can fail.
  monkeypatch.setattr("posenc_jax.sweeps.show.report.text", str)
  monkeypatch.setattr("posenc_jax.sweeps.show.report._POLICY", "")
  path.write_text(page_of(HOSTILE))
  assert title_in_browser(path, tmp_path) == "pwned"


def test_every_drawing_is_xml_and_shows_its_numbers():
  results = made_up(failed=False)
  drawings = re.findall("<svg xmlns.*?</svg>", to_html(results, "t"))
  # Two series, the loss against length and width, and a map for each encoding.
  assert len(drawings) == 6
  for drawing in drawings:
    ElementTree.fromstring(drawing)
  losses = [loss_of("rope", 8, 32, s) for s in range(3)]
  assert f">{np.mean(losses):.4g}</text>" in drawings[4]


def test_the_table_holds_mean_error_and_count():
  page = to_html(made_up(), "t")
  rows = re.findall("<tr>(.*?)</tr>", page)
  cells = [re.findall("<td[^>]*>(.*?)</td>", row) for row in rows]
  losses = np.array([loss_of("rope", 8, 64, s) for s in range(3)])
  error = losses.std(ddof=1) / math.sqrt(3)
  row = next(c for c in cells if c[:3] == ["rope", "8", "64"])
  assert row[4] == f"{losses.mean():.4g} ± {error:.2g}" and row[-1] == "3"
  # Of the first setting's three seeds one diverged and one was out of memory.
  row = next(c for c in cells if c[:3] == ["rope", "8", "32"])
  assert row[4] == f"{loss_of('rope', 8, 32, 2):.4g}" and row[-1] == "1 of 3"
  assert "<td class=\"\">7</td>" in page and "steps = 5" in page


def test_curves_are_means_over_seeds_on_their_own_axis():
  charts = {c.title: c for c in views.series_charts(made_up(failed=False))}
  curve = charts["loss against step"].lines[0]
  losses = np.array([loss_of("rope", 8, 32, s) for s in range(3)])
  wanted = [(0.5, 4 + losses.mean()), (2.5, 2 + losses.mean()), (4.5, losses.mean())]
  np.testing.assert_allclose([p[:2] for p in curve.points], wanted)
  assert curve.points[0][2] == pytest.approx(losses.std(ddof=1) / math.sqrt(3))
  assert curve.label == "encoding rope, d_model 8, seq_len 32"
  assert charts["loss_by_length against length"].lines[0].points[1][0] == 64.0
  assert charts["loss against step"].colours == ("encoding rope", "encoding alibi")


def test_loss_against_length_has_a_line_for_each_other_setting():
  chart, = [c for c in views.setting_charts(made_up(failed=False), "loss")
            if c.title == "loss against seq_len"]
  assert [line.label for line in chart.lines] == [
    f"encoding {e}, d_model {w}" for e in ("rope", "alibi") for w in (8, 16)]
  assert [p[0] for p in chart.lines[0].points] == [32, 64]


def test_heat_maps_are_width_by_length_for_each_encoding():
  maps = views.heat_maps(made_up(failed=False), "loss")
  assert [m.title for m in maps] == ["loss, encoding rope", "loss, encoding alibi"]
  assert (maps[0].row, maps[0].column) == ("d_model", "seq_len")
  wanted = [[np.mean([loss_of("alibi", w, n, s) for s in range(3)]) for n in (32, 64)]
            for w in (8, 16)]
  np.testing.assert_allclose(maps[1].values, wanted)


def test_heat_maps_take_lengths_from_a_series_if_no_setting_has_them():
  results = made_up(failed=False)
  records = tuple(r for r in results if r["cell"]["seq_len"] == 32)
  heat = views.heat_maps(sweeps.Results(records), "loss")[0]
  assert heat.column == "length" and heat.columns == ("32", "64")
  loss = np.mean([loss_of("rope", 8, 32, s) for s in range(3)])
  np.testing.assert_allclose(heat.values[0], [loss, 2 * loss])


@pytest.mark.parametrize("low, high", [(0.13, 1.02), (-5, 5), (1e-9, 3e-9), (0, 1e12), (99, 101)])
def test_ticks_are_round_and_inside(low, high):
  found = views.ticks(low, high)
  small = 1e-9 * (high - low)
  assert 3 <= len(found) <= 8 and low - small <= found[0] and found[-1] <= high + small
  steps = np.diff(found)
  np.testing.assert_allclose(steps, steps[0])
  assert re.fullmatch("[125]0*", f"{steps[0]:.0e}"[0])
  assert views.ticks(3.0, 3.0) == [3.0]


@pytest.mark.parametrize("points", [
  [(1.0, 2.0, None)], [(1.0, 1e-9, 1.0), (1000.0, 5.0, None)], [(0.0, 0.0, 0.0), (1.0, 0.0, None)],
  [(float(2**i), 3.0, 0.1) for i in range(20)]])
def test_charts_of_any_range_stay_inside_their_frame(points):
  line = views.Line("l", 0, tuple(points))
  drawing = svg.draw_lines(views.Chart("t", "x", "y", (line,), ("all",)))
  root = ElementTree.fromstring(drawing)
  numbers = [float(x) for path in root.iter("{http://www.w3.org/2000/svg}path")
             for x in re.findall(r"-?[\d.]+", path.get("d"))]
  assert numbers and all(0 <= x <= svg.WIDTH for x in numbers)


def test_unfinished_and_empty_sweeps_have_a_report():
  cell = sweeps.Cell(lr=0.1)
  empty = sweeps.Results((), (cell,))
  page = to_html(empty, "t")
  assert "<p>0 cells, 1 not run yet.</p>" in page and "No results yet" in page
  oom = sweeps.Results(made_up(seeds=1).records[1:2])
  assert "1 cells: 1 oom" in to_html(oom, "t") and main_metric(oom) is None


def test_csv_holds_all_cells_and_no_formula():
  results = made_up(("=cmd|'/c calc'!A0", "-rope"))
  rows = list(csv.DictReader(io.StringIO(table.to_csv(results))))
  assert len(rows) == len(results)
  for row, record in zip(rows, results, strict=True):
    assert row["encoding"] == "'" + record["cell"]["encoding"] and row["id"] == record["id"]
    assert int(row["d_model"]) == record["cell"]["d_model"] and row["status"] == record["status"]
    wanted = record["metrics"].get("loss")
    assert row["loss"] == "" if wanted is None else float(row["loss"]) == wanted
  for text in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"):
    assert table.safe(text) == "'" + text
  assert table.safe(-1) == -1 and table.safe("a=1") == "a=1"


def test_figures_are_png_and_svg_the_same_each_time(tmp_path):
  for name in ("a", "b"):
    sweeps.write_report(made_up((HOSTILE, "x$y"), name=HOSTILE), tmp_path / name)
  files = sorted(p.name for p in (tmp_path / "a" / "figures").iterdir())
  assert files == sorted(
    f"{stem}.{kind}" for kind in ("png", "svg") for stem in (
      "01-loss-against-step", "02-loss-by-length-against-length", "03-loss-against-d-model",
      "04-loss-against-seq-len", "05-heat-maps"))
  for name in files:
    content = (tmp_path / "a" / "figures" / name).read_bytes()
    assert content == (tmp_path / "b" / "figures" / name).read_bytes()
    if name.endswith("svg"):
      assert not list(ElementTree.fromstring(content).iter("{http://www.w3.org/2000/svg}script"))
    else:
      assert content.startswith(b"\x89PNG")


def test_without_matplotlib_the_rest_is_written(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, "matplotlib", None)
  with pytest.warns(sweeps.SweepWarning, match="matplotlib is not installed"):
    sweeps.write_report(made_up(), tmp_path)
  assert (tmp_path / "report.html").exists() and (tmp_path / "table.csv").exists()


@pytest.fixture(scope="module")
def two_sweeps(tmp_path_factory):
  directory = tmp_path_factory.mktemp("sweeps")
  for name, steps in (("a", 3), ("b", 6)):
    sweeps.run(Line(steps), sweep_toy.cells(4), directory / name, progress=False,
               argv=("python", "toy.py", name))
  return directory


def test_the_report_is_rebuilt_from_the_directory_alone(two_sweeps, capsys):
  path = two_sweeps / "a" / "report.html"
  before = path.read_text()
  path.unlink()
  assert report_module.main([str(two_sweeps / "a")]) == 0
  assert path.read_text() == before and "python toy.py a" in before
  out = capsys.readouterr().out
  assert out.startswith("lr     width  loss") and str(path) in out


def test_the_report_is_a_module_of_the_installed_package(two_sweeps, tmp_path):
  """python -m posenc_jax.sweeps with nothing of the checkout in sight but the package's files."""
  for name, text in python_sources("posenc_jax").items():
    (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "site" / name).write_text(text)
  done = subprocess.run(
    [sys.executable, "-m", "posenc_jax.sweeps", two_sweeps / "a", "--out", tmp_path / "new"],
    env={**os.environ, "PYTHONPATH": str(tmp_path / "site")}, cwd=tmp_path, capture_output=True,
    text=True, timeout=300)
  assert done.returncode == 0, done.stderr
  assert done.stdout == sweeps.load(two_sweeps / "a").table() + (
    f"\nwritten to {tmp_path / 'new' / 'report.html'}\n")
  assert "python toy.py a" in (tmp_path / "new" / "report.html").read_text()


def test_sweeps_are_compared(two_sweeps, tmp_path, capsys):
  argv = [str(two_sweeps / "a"), str(two_sweeps / "b"), "--out", str(tmp_path / "both")]
  assert report_module.main(argv) == 0
  rows = list(csv.DictReader((tmp_path / "both" / "table.csv").read_text().splitlines()))
  assert [row["run"] for row in rows] == ["a"] * 4 + ["b"] * 4
  wanted = [str(r["metrics"]["loss"]) for n in "ab" for r in sweeps.load(two_sweeps / n)]
  assert [row["loss"] for row in rows] == wanted
  assert "run a" in (tmp_path / "both" / "report.html").read_text()


def test_mistakes_on_the_command_line_end_with_2(two_sweeps, tmp_path, capsys):
  a = str(two_sweeps / "a")
  for argv, text in [([a, a], "report: out: got none"), ([str(tmp_path)], "manifest.json"),
                     ([a, a, "--out", str(tmp_path)], "wanted each one once"),
                     ([a, "--metric", "los"], "metric: got 'los', wanted one of")]:
    assert report_module.main(argv) == 2
    assert text in capsys.readouterr().err
  path = pathlib.Path(a, "manifest.json")
  whole = path.read_bytes()
  path.write_bytes(b"{")
  with pytest.raises(SystemExit) as stop:
    report_module.main([a])
  assert stop.value.code == 65
  path.write_bytes(whole)

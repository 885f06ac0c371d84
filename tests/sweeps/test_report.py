# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Reports: the numbers in them are the records', and no name in them can do harm."""

import base64
import configparser
import csv
import hashlib
import html
import html.parser
import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import scipy.stats

from posenc_jax import sweeps
from posenc_jax.sweeps import __main__ as report_module
from posenc_jax.sweeps.show import (
  figures,
  groups,
  headline,
  heats,
  page,
  payload,
  table,
  tables,
  views,
)
from posenc_jax.sweeps.show.static import to_static_html
from posenc_jax.sweeps.summaries import Summary
from tests.support import sweep_results, sweep_toy
from tests.support.repository import ROOT, python_sources
from tests.support.sweep_toy import Line

pytest.importorskip("altair")
pytest.importorskip("vl_convert")

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

  def __init__(self, text):
    super().__init__()
    self.tags, self.texts, self.attributes, self.scripts = [], [], [], []
    self._inside = False
    self.feed(text)
    self.close()

  def handle_starttag(self, tag, attributes):
    self.tags.append(tag)
    self.attributes += [(tag, name, value) for name, value in attributes]
    self._inside = tag == "script"

  def handle_endtag(self, tag):
    self._inside = False

  def handle_data(self, data):
    (self.scripts if self._inside else self.texts).append(data)

  @property
  def policy(self):
    return next(v for _, n, v in self.attributes if n == "content" and "default-src" in v)


def drawings(results):
  return [(title, figures.to_bytes(figure, "svg")) for title, figure in figures.figures_of(results)]


def interactive(results, title):
  return page.to_html(results, title)


def static(results, title):
  return to_static_html(results, title, drawings(results))


PAGES = pytest.mark.parametrize("make", [interactive, static])


@PAGES
def test_hostile_names_change_no_tag_of_the_page(make):
  bad, good = (Page(make(made_up((n, "alibi"), name=n), n)) for n in (HOSTILE, HARMLESS))
  assert bad.tags == good.tags and "table" in bad.tags
  assert not {"iframe", "object", "embed", "link", "base", "form"} & {*bad.tags}
  names = {name for _, name, _ in bad.attributes}
  assert not {n for n in names if n.startswith("on")} and "href" not in names
  assert all(v.startswith("data:image/svg+xml;base64,") for _, n, v in bad.attributes if n == "src")
  assert any("<script>document.title" in text for text in bad.texts)  # Shown, as text.
  assert "\x1b" not in "".join(bad.texts)
  assert bad.tags.count("script") == (3 if make is interactive else 0)
  assert not any("<" in script for script in bad.scripts[:1])  # The data.


@PAGES
def test_hostile_names_of_axes_change_no_tag_of_the_page(make):
  def found(name):
    records = []
    for record in made_up(failed=False):
      if record["cell"]["seq_len"] == 32:
        axes = {n: {**axis, "label": f"length {name}"} for n, axis in record["axes"].items()}
        records.append({**record, "axes": axes})
    return Page(make(sweeps.Results(tuple(records)), "t"))

  bad, good = found(HOSTILE), found(HARMLESS)
  assert any("by d_model and length a rather harmless name" in text for text in good.texts)
  assert bad.tags == good.tags
  assert sum("<script>" in text for text in bad.texts) >= 3


def test_the_page_allows_its_own_two_scripts_and_nothing_else():
  found = Page(interactive(made_up(), HARMLESS))
  rules = dict(part.strip().split(" ", 1) for part in found.policy.split(";"))
  digests = {"'sha256-" + base64.b64encode(hashlib.sha256(s.encode()).digest()).decode() + "'"
             for s in found.scripts[1:]}
  assert len(found.scripts) == 3 and set(rules.pop("script-src").split()) == digests
  assert rules == {"default-src": "'none'", "style-src": "'unsafe-inline'", "img-src": "data:",
                   "base-uri": "'none'", "form-action": "'none'"}
  assert json.loads(found.scripts[0])["charts"]


def test_the_static_page_runs_nothing():
  found = Page(static(made_up(), HARMLESS))
  assert "script" not in found.policy and found.policy.startswith("default-src 'none'")
  assert found.tags.count("img") == 6


def test_every_drawing_is_xml_without_scripts():
  for _, svg in drawings(made_up((HOSTILE, "alibi"), name=HOSTILE)):
    assert not list(ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}script"))


def rows_of(text):
  rows = re.findall("<tr>(.*?)</tr>", text)
  return [re.findall("<t[dh] class=\"([^\"]*)\"[^>]*>(.*?)</t[dh]>", row) for row in rows]


def test_the_table_holds_mean_interval_and_count():
  rows = rows_of(tables.results_table(made_up()))
  head = [text for _, text in rows[0]]
  assert head[:7] == ["encoding", "d_model", "seq_len", "seeds", "loss", "loss_by_length [32]",
                      "loss_by_length [64]"]
  losses = np.array([loss_of("rope", 8, 64, s) for s in range(3)])
  half = scipy.stats.t.ppf(0.975, 2) * losses.std(ddof=1) / math.sqrt(3)
  row = next(r for r in rows if [x for _, x in r[:3]] == ["rope", "8", "64"])
  assert row[3][1] == "3" and row[4][1] == f"{losses.mean():.4g} ± {half:.2g}"
  assert row[6][1].startswith(f"{2 * losses.mean():.4g} ± ")
  # Of the first setting's three seeds one diverged and one was out of memory.
  row = next(r for r in rows if [x for _, x in r[:3]] == ["rope", "8", "32"])
  assert row[3] == ("bad", "1 of 3 (1 diverged, 1 oom)")
  assert row[4] == ("bad", f"{loss_of('rope', 8, 32, 2):.4g}")


def test_bold_is_the_best_of_each_panel_in_the_metrics_direction():
  results = sweeps.Results(made_up(failed=False).records, goal={"accuracy": "max", "loss": "min"})
  rows = rows_of(tables.results_table(results))
  for name in ("accuracy", "loss"):
    index = [text for _, text in rows[0]].index(name)
    best = [[text for _, text in row[:3]] for row in rows[1:] if row[index][0] == "best"]
    assert best == [["rope", d, n] for d in ("8", "16") for n in ("32", "64")]
  unknown = tables.results_table(made_up(failed=False))
  assert "No direction is known of accuracy" in unknown and "loss lowest" in unknown


def test_failed_cells_say_what_became_of_them():
  rows = rows_of(tables.failures(sweep_results.grid_results()))
  texts = [[text for _, text in row] for row in rows]
  assert texts[0] == ["encoding", "d_model", "seq_len", "seed", "status", "first bad step",
                      "attempts", "what"]
  assert ["learned", "32", "32", "0", "diverged", "17", "1", "metrics/loss: nan"] in texts
  assert ["none", "64", "64", "1", "oom", "", "1", "RESOURCE_EXHAUSTED: 2 GB wanted"] in texts
  assert len(texts) == 1 + 5 and tables.failures(made_up(failed=False)) == ""


def test_plan_wall_time_and_command():
  results = sweep_results.grid_results()
  rows = rows_of(tables.plan_table(results))
  assert [text for _, text in rows[1]][1:] == [
    "encoding sinusoidal; d_model 32, 64; seq_len 32; seed 0, 1, 2", "6", "12.5",
    "padded: one compile in place of two"]
  assert len(rows) == 1 + 12
  assert tables.wall_time(results).startswith(
    "150 s of training in 12 groups, 161 s of lowering and compiling 6 programs. run 1 from 2026")
  assert tables.command(results) == (
    "python -m experiments.compare --seq_len=32,64 '--out=runs/my run'")
  # A lane's seconds are its share of the group's: three lanes of six in 12.5 s.
  row = next(r for r in rows_of(tables.results_table(results))[1:])
  assert row[-1][1] == f"{3 * 12.5 / 6:.3g}"


def test_parameters_are_a_column_where_they_are_known():
  records = [{**r, "parameters": 12_345} for r in made_up(failed=False)]
  rows = rows_of(tables.results_table(sweeps.Results(tuple(records))))
  assert rows[0][-1][1] == "parameters" and rows[1][-1][1] == "12,345"


def test_curves_are_means_over_seeds_on_their_own_axis():
  charts = {c.title: c for c in views.series_charts(made_up(failed=False))}
  curve = charts["loss against step"].panels[0].lines[0]
  losses = np.array([loss_of("rope", 8, 32, s) for s in range(3)])
  assert curve.points.at == (0.5, 2.5, 4.5) and curve.group == "rope"
  np.testing.assert_allclose(curve.points.mean, np.array([4, 2, 0]) + losses.mean())
  assert curve.points.error[0] == pytest.approx(losses.std(ddof=1) / math.sqrt(3))
  assert charts["loss_by_length against length"].panels[0].lines[0].points.at == (32.0, 64.0)
  assert [p.title for p in charts["loss against step"].panels] == [
    f"d_model {d}, seq_len {n}" for d in (8, 16) for n in (32, 64)]


def test_smoothing_is_lane_by_lane_and_keeps_the_ends():
  results = sweep_results.grid_results()
  chart = views.series_chart(results, "loss_by_position")
  line = chart.panels[0].lines[0]
  lanes = np.array([r["series"]["loss_by_position"] for r in results.records[:3]])
  half = (chart.window - 1) // 2
  assert half == 3
  wanted = np.array([[lane[i - k:i + k + 1].mean() for i in range(64)
                      for k in [min(half, i, 63 - i)]] for lane in lanes])
  np.testing.assert_allclose(line.smooth.mean, wanted.mean(axis=0), rtol=1e-12)
  np.testing.assert_allclose(line.smooth.error, wanted.std(axis=0, ddof=1) / 3**0.5, rtol=1e-9)
  np.testing.assert_allclose(line.points.mean, lanes.mean(axis=0), rtol=1e-12)
  assert line.smooth.mean[0] == pytest.approx(lanes[:, 0].mean())
  assert [p.mark for p in chart.panels] == [32.0, 64.0, 32.0, 64.0]  # The training lengths.


def test_what_the_page_draws_are_these_numbers():
  results = sweep_results.grid_results()
  names = [g.name for g in groups.groups_of(results)]
  chart = views.series_chart(results, "loss_by_multiple")
  data = payload.chart_data(chart, names)
  lines = data["panels"][3]["lines"]
  assert [names[line["g"]] for line in lines] == list(sweep_results.ENCODINGS)
  line = lines[names.index("none")]["raw"]  # One of its three seeds ran out of memory.
  vector = next(v for v in results.mean("loss_by_multiple") if v.settings["encoding"] == "none"
                and (v.settings["d_model"], v.settings["seq_len"]) == (64, 64))
  np.testing.assert_allclose(line["m"], vector.mean, rtol=1e-4)
  assert line["l"] == line["h"] == [None] * 4  # An interval of two would fill the panel.
  whole = lines[names.index("alibi")]["raw"]
  vector = next(v for v in results.mean("loss_by_multiple") if v.settings["encoding"] == "alibi"
                and (v.settings["d_model"], v.settings["seq_len"]) == (64, 64))
  np.testing.assert_allclose([whole["l"], whole["h"]], np.transpose(vector.interval), rtol=1e-4)
  assert (line["n"], line["c"], line["t"][0]) == (3, [2] * 4, "1 oom")
  assert chart.gone == ("encoding learned, d_model 32, seq_len 32 (3 diverged)",)
  pairs = payload.paired_data(results, groups.groups_of(results))
  a, b, _, mean, low, high, count, lanes = next(
    p for p in pairs["panels"][0] if [names[i] for i in p[:2]] == ["rotary", "alibi"])
  wanted = next(d for d in results.paired(against="rotary") if d.second == "alibi"
                and (d.settings["d_model"], d.settings["seq_len"]) == (32, 32))
  assert (mean, low, high) == pytest.approx((wanted.mean, *wanted.interval), rel=1e-4)
  assert count == lanes == 3 and pairs["bases"] == list(range(6))


def test_eighty_methods_stand_by_rank_and_ten_are_in_colour():
  results = sweep_results.many_results()
  found = groups.groups_of(results)
  means = {s.settings["encoding"]: s.mean for s in results.mean("loss")}
  assert [g.name for g in found] == sorted(means, key=means.get)
  assert [g.on for g in found] == [True] * 10 + [False] * 70
  assert len({(g.colour, g.dash) for g in found[:40]}) == 40
  few = groups.groups_of(sweep_results.grid_results())
  assert [g.name for g in few] == list(sweep_results.ENCODINGS) and all(g.on for g in few)


def test_ranks_are_among_the_settings_of_a_panel():
  records = []
  for cell in sweeps.grid(encoding=["a", "b"], d_model=[8, 16], seed=[0]):
    # b wins both panels by little; a's mean over all would be lower.
    loss = {("a", 8): 1.0, ("b", 8): 0.9, ("a", 16): 5.0, ("b", 16): 4.9}[
      cell["encoding"], cell["d_model"]]
    records.append({"id": cell.id, "cell": dict(cell), "status": "ok", "metrics": {"loss": loss},
                    "series": {}, "axes": {}, "nonfinite": {}})
  results = sweeps.Results(tuple(records))
  assert groups.ranks(results, views.roles_of(results)) == {"a": 1.0, "b": 0.0}


def test_loss_against_length_has_a_line_for_each_other_setting():
  chart, = [c for c in views.setting_charts(made_up(failed=False), "loss")
            if c.title == "loss against seq_len"]
  assert [(p.title, line.group) for p in chart.panels for line in p.lines] == [
    (f"d_model {w}", e) for w in (8, 16) for e in ("rope", "alibi")]
  assert chart.lines[0].points.at == (32.0, 64.0)


def test_a_setting_of_its_own_is_an_axis_and_lines():
  """A sweep over learning rates and nothing else has a plot against them."""
  records = [{"id": str(i), "cell": {"lr": lr, "seed": s}, "status": "ok", "metrics": {"loss": lr},
              "series": {}, "axes": {}, "nonfinite": {}}
             for i, (lr, s) in enumerate((lr, s) for lr in (0.1, 0.01) for s in (0, 1))]
  chart, = views.setting_charts(sweeps.Results(tuple(records)), "loss")
  assert chart.title == "loss against lr" and chart.lines[0].points.mean == (0.01, 0.1)


def test_heat_maps_are_width_by_length_for_each_encoding():
  maps = heats.size_maps(made_up(failed=False), "loss")
  assert [h.title for h in maps.heats] == ["encoding rope", "encoding alibi"]
  assert (maps.heats[0].row, maps.heats[0].column) == ("d_model", "seq_len")
  wanted = [[np.mean([loss_of("alibi", w, n, s) for s in range(3)]) for n in (32, 64)]
            for w in (8, 16)]
  np.testing.assert_allclose([[s.mean for s in row] for row in maps.heats[1].fields], wanted)


def test_a_drawn_heat_map_says_what_its_numbers_are():
  pytest.importorskip("matplotlib")
  maps = heats.size_maps(made_up(failed=False), "loss")
  assert figures.maps_figure(maps, "min").get_suptitle() == "loss by d_model and seq_len"
  alone = heats.size_maps(made_up(failed=False, encodings=("rope",)), "loss")
  drawn = figures.maps_figure(alone, "min")
  assert [a.get_title() for a in drawn.axes] == ["loss"] and drawn.get_suptitle() == ""
  lost = heats.size_maps(made_up(encodings=("rope",)), "loss")
  assert "*: some seeds" in figures.maps_figure(lost, "min").get_suptitle()


def test_heat_maps_take_lengths_from_a_series_if_no_setting_has_them():
  records = tuple(r for r in made_up(failed=False) if r["cell"]["seq_len"] == 32)
  maps = heats.size_maps(sweeps.Results(records), "loss")
  heat = maps.heats[0]
  assert heat.column == "length" and heat.columns == ("32", "64")
  loss = np.mean([loss_of("rope", 8, 32, s) for s in range(3)])
  np.testing.assert_allclose([s.mean for s in heat.fields[0]], [loss, 2 * loss])


def test_methods_have_a_map_of_every_length():
  maps = heats.method_maps(sweep_results.grid_results())
  assert len(maps.heats) == 4 and maps.heats[0].rows == sweep_results.ENCODINGS
  lost = maps.heats[0].fields[1]
  assert [s.told for s in lost] == ["3 diverged"] * 4


def test_unfinished_and_empty_sweeps_have_a_report():
  cell = sweeps.Cell(lr=0.1)
  empty = sweeps.Results((), (cell,))
  for make in (interactive, static):
    text = make(empty, "t")
    assert "<p>0 cells, 1 not run yet.</p>" in text and "No results yet" in text
    oom = sweeps.Results(made_up(seeds=1).records[1:2])
    assert "1 cell: 1 oom" in make(oom, "t") and sweeps.main_metric(oom) is None


def test_csv_holds_all_cells_and_no_formula():
  results = made_up(("=cmd|'/c calc'!A0", "-rope"))
  rows = list(csv.DictReader(table.to_csv(results).splitlines()))
  assert len(rows) == len(results)
  for row, record in zip(rows, results, strict=True):
    assert row["encoding"] == "'" + record["cell"]["encoding"] and row["id"] == record["id"]
    assert int(row["d_model"]) == record["cell"]["d_model"] and row["status"] == record["status"]
    wanted = record["metrics"].get("loss")
    assert row["loss"] == "" if wanted is None else float(row["loss"]) == wanted
  for text in ("=1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"):
    assert table.safe(text) == "'" + text
  assert table.safe(-1) == -1 and table.safe("a=1") == "a=1"


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
  sources = python_sources("posenc_jax")
  setup = configparser.ConfigParser(interpolation=None)
  setup.read(ROOT / "setup.cfg")
  for pattern in setup["options.package_data"]["posenc_jax"].split():
    sources |= {str(path.relative_to(ROOT)): path.read_text()
                for path in (ROOT / "posenc_jax").glob(pattern)}
  for name, text in sources.items():
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
  assert '"name":"a"' in (tmp_path / "both" / "report.html").read_text()


def test_what_differs_between_compared_sweeps_is_told(two_sweeps, tmp_path, capsys):
  """Fault A2, of compared sweeps: 3 and 6 steps side by side, and nothing said so."""
  argv = [str(two_sweeps / "a"), str(two_sweeps / "b"), "--out", str(tmp_path / "both")]
  assert report_module.main(argv) == 0
  told = "run b: settings.steps: was 3, now 6 (run a was first)"
  assert f"note: {told}" in capsys.readouterr().err
  for name in ("report.html", "report_static.html"):
    assert told in (tmp_path / "both" / name).read_text()


def test_different_sweeps_are_not_merged(two_sweeps, tmp_path, capsys):
  """Fault A2: 3 and 6 steps were averaged as seeds, with exit status 0."""
  a, b = str(two_sweeps / "a"), str(two_sweeps / "b")
  with pytest.raises(sweeps.SettingsChanged, match="settings.steps: was 3, now 6"):
    sweeps.load(a, b)
  with pytest.raises(SystemExit) as stop:
    report_module.main([a, b, "--merge", "--out", str(tmp_path / "both")])
  assert stop.value.code == 2 and not (tmp_path / "both").exists()
  assert "wanted shares of one sweep" in capsys.readouterr().err
  assert len(sweeps.load(a, a)) == 4


def test_the_command_is_one_that_runs(two_sweeps, tmp_path):
  """Faults A7 and C1: the path of the script stood there in place of ``python -m module``."""
  argv = ["-m", "posenc_jax.sweeps", str(two_sweeps / "a"), str(two_sweeps / "b"), "--out",
          str(tmp_path / "both two")]
  subprocess.run([sys.executable, *argv], cwd=ROOT, check=True, capture_output=True, timeout=300)
  text = (tmp_path / "both two" / "report_static.html").read_text()
  command = html.unescape(re.search("made it</h2><pre>(.*?)</pre>", text)[1])
  assert command == shlex.join(["python", *argv])
  bin_ = pathlib.Path(sys.executable).parent
  done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, timeout=300,
                        env={**os.environ, "PATH": f"{bin_}:{os.environ['PATH']}"})
  assert done.returncode == 0, done.stderr


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


def test_intervals_of_two_seeds_are_told_and_not_drawn():
  two, three = (Summary({}, n, 0, 1.0, 0.1) for n in (2, 3))
  assert two.drawn is None and three.drawn == three.interval
  np.testing.assert_allclose(two.interval, (1 - 1.27062, 1 + 1.27062), rtol=1e-5)


def test_the_report_says_first_what_is_best_and_whether_the_seeds_tell():
  results = made_up(failed=False)  # alibi is rope + 1 in every seed
  lines = headline.headline(results)
  assert lines[0].startswith("d_model 8, seq_len 32: lowest loss: rope, ") and len(lines) == 4
  assert "alibi - rope, seed by seed: 1 [1, 1]." in lines[0]
  assert "".join(lines[0].split())[:30] in "".join(page.summary_html(results, "t").split())
  noisy = [{"id": f"{e}{s}", "cell": {"encoding": e, "seed": s}, "status": "ok",
            "metrics": {"loss": x}} for e, s, x in (("a", 0, 1.0), ("a", 1, 2.0), ("b", 0, 3.0),
                                                    ("b", 1, 1.0))]
  told, = headline.headline(sweeps.Results(tuple(noisy)))
  assert told.startswith("Lowest loss: a, 1.5. Next: b, 2; b - a, seed by seed: 0.5 [")
  assert told.endswith("which does not tell them apart.")
  one = sweeps.Results(tuple(noisy[::2]))
  assert headline.headline(one)[0].endswith("One seed says nothing about how certain that is.")
  assert "no order is certain" in page.averages(one)
  assert "no order" not in page.averages(results)


def test_many_settings_are_counted_in_the_first_line():
  records = [{"id": f"{e}{d}", "cell": {"encoding": e, "d_model": d, "seed": 0}, "status": "ok",
              "metrics": {"loss": d + (e == ("a" if d > 8 else "b"))}}
             for e in "ab" for d in (8, 16, 24, 32, 40, 48, 56)]
  assert headline.headline(sweeps.Results(tuple(records))) == [
    "Lowest loss, of 7 settings: b in 6, a in 1."]

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The interactive report in a browser: what it draws, what a click does, that names are inert."""

import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.show.page import to_html
from tests.support import browser as driver
from tests.support import sweep_results
from tests.sweeps.test_report import HOSTILE, made_up

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(driver.CHROMIUM is None, reason=driver.WITHOUT)]

LINES = "document.querySelectorAll('.plot')[1].querySelectorAll('.mark-line path').length"
DRAWN = "document.querySelectorAll('.plot:not([data-drawn])').length === 0"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
  with driver.Browser(tmp_path_factory.mktemp("profile") / "chromium") as found:
    yield found


def show(browser, path, text, **size):
  browser.messages.clear()
  browser.requests.clear()
  path.write_text(text)
  browser.open(path, **size)
  browser.resize(size.get("width", 1300), 9000)  # So that every panel comes near the window.
  browser.wait("document.querySelectorAll('.plot').length > 0")
  browser.wait(DRAWN)


@pytest.mark.parametrize("width", [1300, 420])
@pytest.mark.parametrize("make", [sweep_results.grid_results, sweep_results.many_results])
def test_every_panel_is_drawn_without_a_word_from_the_console(browser, tmp_path, make, width):
  show(browser, tmp_path / "report.html", to_html(make(), "t"), width=width)
  assert browser.messages == []
  assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []
  # Nothing sticks out of the window; wide tables scroll in their boxes.
  assert browser.evaluate("document.documentElement.scrollWidth") == width
  sizes = browser.evaluate(
    "[...document.querySelectorAll('.plot svg, .plot canvas')].map((e) => "
    "[e.getBoundingClientRect().width, e.closest('.plot').clientWidth])")
  assert sizes and all(0 < inner <= outer + 1 for inner, outer in sizes)


def test_a_click_on_the_legend_hides_a_line_and_another_brings_it_back(browser, tmp_path):
  show(browser, tmp_path / "report.html", to_html(sweep_results.grid_results(), "t"))
  top = "plots[1].view.scale('y').domain()[1]"
  assert browser.evaluate(LINES) == 6 and 4.3 < browser.evaluate(top) < 4.6
  pressed = "document.querySelectorAll('#legend button')[1].ariaPressed"
  browser.click("#legend button", 1)
  browser.wait(f"{LINES} === 5")
  assert browser.evaluate(pressed) == "false"
  browser.wait(f"{top} < 3.8")  # The axis is that of the lines that are left.
  browser.click("#legend button", 1)
  browser.wait(f"{LINES} === 6")
  assert browser.evaluate(pressed) == "true" and browser.messages == []


def test_tooltips_tell_mean_interval_and_seeds(browser, tmp_path):
  results = sweep_results.grid_results()
  show(browser, tmp_path / "report.html", to_html(results, "t"))
  x, y = browser.evaluate(
    "(() => {const e = document.querySelectorAll('.plot')[3].querySelectorAll('.mark-symbol path');"
    "const b = e[e.length - 1].getBoundingClientRect(); return [b.x + b.width / 2, "
    "b.y + b.height / 2]; })()")
  browser.move(x - 1, y)
  browser.move(x, y)
  browser.wait("!document.getElementById('tip').hidden")
  texts = browser.evaluate("[...document.querySelectorAll('#tip td')].map((e) => e.textContent)")
  vector = next(v for v in results.mean("loss_by_multiple") if v.settings["encoding"] == "none"
                and (v.settings["d_model"], v.settings["seq_len"]) == (64, 64))
  last = vector.entries[-1]
  assert texts[:3] == ["none", "8", f"{last.mean:.4g}"] and texts[4] == "2 of 3 (1 oom)"
  low, high = (float(part) for part in texts[3].split(" to "))
  assert (low, high) == pytest.approx(last.interval, rel=1e-3)


def test_tables_are_sorted_and_filtered(browser, tmp_path):
  show(browser, tmp_path / "report.html", to_html(sweep_results.grid_results(), "t"))
  column = ("[...document.querySelectorAll('table.sortable')[0].tBodies[0].rows].filter((r) => "
            "!r.hidden).map((r) => r.cells[4].dataset.by)")
  browser.click("table.sortable th", 4)
  found = [float(x) for x in browser.evaluate(column) if x is not None]
  assert found == sorted(found) and len(found) == 23
  browser.click("table.sortable th", 4)
  found = [float(x) for x in browser.evaluate(column) if x is not None]
  assert found == sorted(found, reverse=True)
  browser.evaluate("(() => {const f = document.querySelector('.filter'); f.value = 'ROTARY 64';"
                   "f.dispatchEvent(new Event('input')); })()")
  assert len(browser.evaluate(column)) == 3  # Both widths at length 64, and width 64 at 32.


def test_differences_to_another_method(browser, tmp_path):
  results = sweep_results.grid_results()
  show(browser, tmp_path / "report.html", to_html(results, "t"))
  browser.evaluate("(() => {const s = document.querySelector('.control select'); s.value = '2';"
                   "s.dispatchEvent(new Event('change')); })()")
  last = "plots.filter((p) => p.chart.kind === 'paired').pop()"
  browser.wait(f"{last}.view.data('panel').every((r) => r.name !== 'rotary')")
  rows = browser.evaluate(f"{last}.view.data('panel').map((r) => [r.name, r.y, r.lo, r.hi])")
  wanted = {d.second: d for d in results.paired(against="rotary")
            if (d.settings["d_model"], d.settings["seq_len"]) == (64, 64)}
  assert {name for name, *_ in rows} == set(wanted)
  for name, *numbers in rows:
    assert numbers == pytest.approx([wanted[name].mean, *wanted[name].interval], rel=1e-3)


@pytest.mark.parametrize("width", [1300, 420])
def test_long_names_stay_in_the_window_and_dashes_are_explained(browser, tmp_path, width):
  records = [sweep_results.made_up_record(cell, good=0.1, far=0.2) for cell in sweeps.grid(
    encoding=["rotary", "x" * 300], d_model=[32, 64], seq_len=[32, 64],
    learning_rate=[0.003, 0.03], seed=range(2))]
  show(browser, tmp_path / "report.html", to_html(sweeps.Results(tuple(records)), "x" * 300),
       width=width)
  assert browser.messages == []
  assert browser.evaluate("document.documentElement.scrollWidth") == width
  assert browser.evaluate("document.querySelector('.dashes').textContent").split("learning") == [
    " ", "_rate 0.003 ", "_rate 0.03"]
  assert browser.evaluate(LINES) == 4


def test_hostile_names_are_inert(browser, tmp_path, monkeypatch):
  results = made_up((HOSTILE, "alibi"), name=HOSTILE)
  path = tmp_path / "report.html"
  show(browser, path, to_html(results, HOSTILE))
  assert browser.evaluate("document.title").startswith("</title></pre><script>")
  assert browser.messages == [] and browser.evaluate("document.querySelectorAll('img').length") == 0
  legend = browser.evaluate("document.querySelector('#legend button').textContent")
  assert legend.startswith("</title></pre><script>")  # Shown, as text.
  # Without the escaping and the policy the same names would run: this test can fail.
  monkeypatch.setattr("posenc_jax.sweeps.show.tables.text", str)
  monkeypatch.setattr("posenc_jax.sweeps.show.page.text", str)
  monkeypatch.setattr("posenc_jax.sweeps.html.text", str)
  text = to_html(results, HOSTILE)
  assert 'http-equiv="Content-Security-Policy"' in text
  path.write_text(text.replace('http-equiv="Content-Security-Policy"', ""))
  browser.open(path)
  assert browser.evaluate("document.title") == "pwned"

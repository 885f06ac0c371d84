# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The site: code of its pages runs, each method has a card, each public name a place.

The build itself, without warnings, is a step of `.ci/run`; the slow test here builds it as well and
looks at it in a browser.
"""

import doctest
import importlib.util
import os
import re
import subprocess
import sys

import jax
import pytest

import posenc_jax as px
from docs._site import api, cards, costs, docstrings, other_pages, pictures
from posenc_jax.base import CLAIMS, HOOKS
from posenc_jax.methods import METHODS, living
from tests.repository.test_docs import blocks, run
from tests.support.browser import CHROMIUM, WITHOUT, Browser
from tests.support.repository import ROOT, repository_files

DOCS = ROOT / "docs"
QUICK = ("index", "quick_start", "idea", "long_context")
LONG = ("recipes", "accelerators", "coming_from")


def page(name):
  return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [
  *QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in LONG)])
def test_code_of_the_page_runs(name):
  assert blocks(page(name))
  run(blocks(page(name)))


def unrun(pages, tests):
  """Pages with code that no test names."""
  return sorted(name for name, text in pages.items()
                if "```python" in text and f"{name}.md" not in tests
                and name not in (*QUICK, *LONG))


def test_every_page_with_code_is_run_by_some_test():
  pages = {name[5:-3]: page(name[5:-3]) for name in repository_files()
           if re.fullmatch(r"docs/\w+\.md", name)}
  tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
  assert {"index", "recipes", "your_model"} <= set(pages)
  assert unrun(pages, tests) == []
  new = "```python\n1 / 0\n```"
  assert unrun({"new_page": new, "index": new, "your_model": new}, tests) == ["new_page"]


def test_numbers_of_the_choice_are_those_of_the_default_run():
  chosen = re.findall(r"^\| `([\w-]+)` \| (\d.*) \|$", page("choose"), re.MULTILINE)
  rows = re.findall(r"^\| 64 \| ([\w-]+) \| 64 \| (.*) \| 3 \|$", page("compare"), re.MULTILINE)
  assert len(chosen) == 6 and dict(chosen) == dict(rows)


def test_names_in_the_pages_exist():
  for name in ("choose", "coming_from", "recipes", "long_context", "accelerators", "glossary",
               "idea", "quick_start"):
    found = set(re.findall(r"\bpx\.(?!functions|interop)([A-Za-z_]\w*)", page(name)))
    assert [n for n in sorted(found) if not hasattr(px, n)] == [], name
    found = set(re.findall(r"px\.functions\.(\w+)", page(name)))
    assert [n for n in sorted(found) if not hasattr(px.functions, n)] == [], name
  ticked = set(re.findall(r"`([A-Z]\w+)`", page("choose")))
  assert [n for n in sorted(ticked) if not hasattr(px, n)] == []


@pytest.mark.slow  # the site is built on every change, with all its cards
def test_every_method_has_a_card():
  found = cards.cards()
  assert [card.title for card in found] == ["no position encoding", *(m.title for m in METHODS)]
  of = lambda cls: next(c for c in found if c.method and c.method.cls == cls)
  text = cards.page(of("Alibi"), "A picture.")
  for part in ("# ALiBi (2021)", "pictures/alibi-2021.svg", "A picture.",
               "autoclass:: posenc_jax.Alibi", "autofunction:: posenc_jax.functions.alibi_slopes",
               "float64 loops", "2108.12409",
               "without more training", "2.095 ± 0.005, 2.093", "a segment mask alone packs",
               "transformers `BloomModel.build_alibi_tensor`; x-transformers `alibi_pos_bias=True`",
               "*N (T + S)*", "| **Numbers to train** | none |",
               "128 + 128 bytes a token and head, as without it; positions: 4 bytes a token"):
    assert part in text, part
  assert "alibi-2021.svg" not in cards.page(found[0], None)
  assert "In other packages" not in cards.page(of("HardAlibi"), None)


@pytest.mark.parametrize("cls, parameters, keys, positions, state", [
  ("T5Bias", 32 * 4, 128, 4, 0), ("Rotary", 0, 128, 4, 0), ("SSMax", 4, 128, 0, 0),
  ("Pope", 4 * 64, 128, 4, 0), ("Learned", 1024 * 256, 128, 4, 0)])
def test_costs_are_those_of_the_formulas(cls, parameters, keys, positions, state):
  """T5: a number for each of 32 buckets and 4 heads; PoPE: a phase a dim, its cache unturned."""
  found = costs.cost(next(m for m in METHODS if m.cls == cls))
  assert found == costs.Cost(parameters, keys, 128, positions, state)


def test_a_state_and_wider_keys_are_told(monkeypatch):
  fox = next(m for m in METHODS if m.cls == "Fox")
  told = costs.cells(fox, ("layer", "bias"))
  assert "a state of" in told["In a cache, keys + values in bfloat16"]
  assert told["Numbers to train"] == f"{256 * 4 + 4:,} in a layer"
  monkeypatch.setattr(costs, "cost", lambda method: costs.Cost(0, 256, 128, 0, 0))
  told = costs.cells(fox, ("bias", "bias_columns"))
  assert told["In a cache, keys + values in bfloat16"] == (
    "256 + 128 bytes a token and head; 128 + 128 without it; no positions")
  assert "*N (T + S)*" in told["Work, beside the *N T S H* of attention"]
  assert "*N T S*" not in told["Work, beside the *N T S H* of attention"]
  assert set(HOOKS) <= set(costs.WORK) <= {*HOOKS, *CLAIMS}


def test_losses_beyond_the_training_length_come_from_the_page_of_results():
  """Two training lengths, a length that is missing, an encoding that diverged."""
  made = "\n".join([
    "# Train short, test long", "", "| encoding | 1 L |", "| --- | --- |", "| rotary | 9.9 |", "",
    "## Nats per character, trained at L 64", "",
    "| encoding | 1 L | 2 L | 4 L | 8 L | seeds |", "| --- | --- | --- | --- | --- | --- |",
    "| alibi | 2.101 ± 0.004 | 2.090 ± 0.003 | 2.080 | 2.070 | 5 |", "| none | - | - | - | - | 0 |",
    "", "## Nats per character, trained at L 128", "", "| encoding | 1 L | 2 L | seeds |",
    "| --- | --- | --- | --- |", "| alibi | 2.0 | 1.9 | 5 |", "", "## How", "", "text"])
  assert other_pages.extrapolation(made) == {
    "alibi": "trained at 64: 2.101 ± 0.004 there, 2.090 ± 0.003 at 128, 2.070 at 512; "
             "trained at 128: 2.0 there, 1.9 at 256"}
  assert other_pages.extrapolation("") == {}
  real = other_pages.extrapolation(other_pages.read(other_pages.EXTRAPOLATION))
  assert {"alibi", "rotary", "none"} <= set(real)  # else every card would lack its line
  assert other_pages.read("results/nothing.md") == ""


def test_a_card_shows_the_losses_of_the_page_of_results(monkeypatch):
  read = other_pages.read
  made = ("## Nats per character, trained at L 64\n\n| encoding | 1 L | 2 L |\n"
          "| --- | --- | --- |\n| none | 2.5 | 2.6 |\n")
  card = cards.Card(next(living.rows()), None)
  for text, told in ((made, True), ("", False)):
    monkeypatch.setattr(other_pages, "read", lambda name, text=text: text if name ==
                        other_pages.EXTRAPOLATION else read(name))
    found = cards.facts(card)
    line = ("| **[Extrapolation](../../results/extrapolation.md), nats per character** "
            "| trained at 64: 2.5 there, 2.6 at 128 |")
    assert (line in found) == told == ("Extrapolation" in found)


def test_every_public_name_has_a_place(monkeypatch):
  assert api.left_out() == set()
  assert "autofunction:: posenc_jax.attend" in api.core_page()
  assert "| `rotate` |" in api.methods_page()
  monkeypatch.setitem(api.CORE, "Attention", ("attend",))
  assert {"explain", "config"} <= api.left_out()
  with pytest.raises(ValueError, match="CORE: got none of .*'explain'"):
    api.pages()


def test_docstrings_become_markup():
  for module in (docstrings, cards, costs, other_pages):
    found = doctest.testmod(module)
    assert found.failed == 0 < found.attempted, module
  lines = ["Adds |x| to ``a|b", "c`` and", ">>> a | b", "", "x, **options: as y_"]
  assert docstrings.escaped_lines(lines) == [
    r"Adds \|x\| to ``a|b", "c`` and", ">>> a | b", "", r"x, \*\*options: as y\_"]


def method(cls):
  return next(i for i, m in enumerate(METHODS) if m.cls == cls)


@pytest.mark.parametrize("cls, plot", [
  ("Alibi", "bias"), ("Rotary", "similarity"), ("Sinusoidal", "table"), ("HardAlibi", "pattern"),
  ("Fox", "attention"), ("Cope", "pattern")])
def test_the_picture_shows_most_of_the_method(cls, plot):
  case = pictures.case_of(METHODS[method(cls)], jax.random.key(0))
  assert pictures.chosen(METHODS[method(cls)], case.encoding) == plot


def test_a_picture_is_written(tmp_path):
  assert pictures.write(method("Alibi"), tmp_path / "a.svg") == pictures.CAPTIONS["bias"]
  assert (tmp_path / "a.svg").read_text(encoding="utf-8").count("<path") > 10
  nothing = next(i for i, m in enumerate(METHODS) if not m.cases and not m.builds)
  assert pictures.write(nothing, tmp_path / "b.svg") is None
  assert not (tmp_path / "b.svg").exists()


# What sticks out of the window, but for what scrolls by itself.
WIDER = """[...document.querySelectorAll('article *')].filter(e => {
  const r = e.getBoundingClientRect();
  return r.width && r.right > innerWidth + 1 && !e.closest('pre, .table-wrapper, .highlight');
}).slice(0, 5).map(e => e.outerHTML.slice(0, 200))"""


# Words of cards that are cut at the end of a line: of a label, two lines of one word.
SPLIT = """[...document.querySelectorAll('.card td strong')].flatMap(e => {
  const text = e.firstChild, found = [];
  for (const word of (text.data || '').matchAll(/[A-Za-z]+/g)) {
    const range = document.createRange();
    range.setStart(text, word.index);
    range.setEnd(text, word.index + word[0].length);
    if (range.getClientRects().length > 1) found.push(word[0]);
  }
  return found;
})"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("sphinx") is None, reason="no extra [docs]")
@pytest.mark.skipif(CHROMIUM is None, reason=WITHOUT)
def test_the_site_is_built_and_fits_its_window(tmp_path):
  built = os.environ.get("POSENC_JAX_SITE")  # one that was built before, to save the minutes
  site = tmp_path / "site" if built is None else ROOT / built
  if built is None:
    subprocess.run([sys.executable, "-m", "sphinx", "-W", "-q", "-j", "auto", "docs", str(site)],
                   cwd=ROOT, check=True)
  with Browser(tmp_path / "profile") as browser:
    for width in (1300, 420):
      for name in ("index", "generated/cards/alibi-2021", "generated/cards/yarn-both-ramps-2023",
                   "generated/gallery", "generated/api/core", "choose", "idea", "coming_from"):
        browser.open(site / f"{name}.html", width=width)
        wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, (name, width, browser.evaluate(WIDER))
        assert browser.evaluate("[...document.images].every(i => i.naturalWidth > 0)"), name
        assert browser.evaluate(SPLIT) == [], (name, width)
    assert browser.messages == []

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Verdicts against scipy and by hand; pages made twice are equal."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from experiments import findings
from experiments.findings import claims, forest, page, statistics, verdict
from posenc_jax import sweeps

RNG = np.random.default_rng(0)
EIGHT = dict(enumerate(RNG.normal(0.6, 1.0, 8).tolist()))
OTHER = dict(enumerate(RNG.normal(0.0, 1.0, 8).tolist()))


def test_intervals_and_p_values_are_those_of_scipy():
  for n in (2, 3, 5, 8):
    values = list(EIGHT.values())[:n]
    found, wanted = statistics.interval_of(values), stats.ttest_1samp(values, 0.0)
    ends = wanted.confidence_interval(0.95)
    np.testing.assert_allclose([found.low, found.high], [ends.low, ends.high], rtol=1e-12)
    np.testing.assert_allclose(statistics.p_value(values), wanted.pvalue, rtol=1e-10)
  paired = stats.ttest_rel(list(EIGHT.values()), list(OTHER.values()))
  claim = findings.less(EIGHT, OTHER, "a - b")
  np.testing.assert_allclose(statistics.p_value(list(claim.values.values())), paired.pvalue)


def test_values_without_spread_and_single_values():
  assert statistics.p_value([1.0]) is None and statistics.interval_of([1.0]).low is None
  np.testing.assert_allclose(statistics.p_value([1.0] * 5), stats.binomtest(5, 5).pvalue)
  assert statistics.p_value([2.0, 2.0]) == 0.5 and statistics.p_value([0.0, 0.0]) == 1.0
  with pytest.raises(ValueError, match=r"values: got \[1.0, nan\], wanted finite numbers"):
    statistics.interval_of([1.0, float("nan")])
  with pytest.raises(ValueError, match=r"values: got \[\]"):
    statistics.interval_of([])


def test_holm_by_hand():
  """Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never falling: 0.02, 0.03, 0.06, 0.06."""
  np.testing.assert_allclose(statistics.holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
  assert statistics.holm([0.5, 0.9]) == [1.0, 1.0] and statistics.holm([]) == []


@pytest.mark.parametrize("x, told", [(0.0, "0"), (0.98765, "0.988"), (-0.0123, "-0.0123"),
                                     (99.96, "100"), (4.2e-5, "4.20e-05"), (2345.6, "2346"),
                                     (0.009996, "0.0100"), (-9.996, "-10.0"), (0.99951, "1.00"),
                                     (999.6, "1000"), (9.99e-4, "9.99e-04"), (9.996e-4, "0.00100"),
                                     (0.001, "0.00100"), (float("nan"), "nan")])
def test_numbers_have_three_digits(x, told):
  assert statistics.number(x) == told


def shifted(by):
  return {seed: value + by for seed, value in OTHER.items()}


def expectation(*found):
  return findings.Expectation("q", "p", "s", lambda results: found)


def verdicts(*found):
  return [v.verdict for v in findings.judge([expectation(*found)], None)]


def test_each_verdict():
  noise = dict(enumerate(RNG.normal(0, 0.1, 8).tolist()))
  apart = {seed: OTHER[seed] + 1 + noise[seed] for seed in OTHER}
  assert verdicts(findings.less(OTHER, apart, "a - b")) == ["agrees"]
  assert verdicts(findings.less(apart, OTHER, "a - b")) == ["disagrees"]
  assert verdicts(findings.greater(apart, OTHER, "a - b")) == ["agrees"]
  assert verdicts(findings.greater(apart, OTHER, "a - b", by=2.0)) == ["disagrees"]
  wide = {seed: OTHER[seed] + (-1) ** seed for seed in OTHER}
  assert verdicts(findings.less(wide, OTHER, "a - b")) == ["no claim"]
  assert verdicts(findings.less({0: 1.0}, {0: 2.0}, "one seed")) == ["no claim"]
  assert verdicts(findings.less({0: 1.0}, {1: 2.0}, "no pair")) == ["not tested"]
  assert verdicts(findings.below(apart, 5.0, "a"), findings.above(apart, 5.0, "a")) == ["disagrees"]
  assert verdicts(*findings.close(apart, shifted(1.0), 0.5, "a - b")) == ["agrees"]
  assert verdicts(*findings.close(apart, OTHER, 0.5, "a - b")) == ["disagrees"]
  assert verdicts(findings.exact(3, 2, "x", sign=1)) == ["agrees"]
  assert verdicts(findings.exact(3, 2, "x", sign=-1)) == ["disagrees"]


def test_many_claims_on_a_page_are_adjusted_together():
  """A p-value of 0.02 is a claim alone, and none beside nineteen others."""
  values = {0: 1.0, 1: 1.3, 2: 0.7, 3: 1.9, 4: 0.3}
  assert 0.01 < statistics.p_value(list(values.values())) < 0.05
  found = findings.judge([expectation(findings.above(values, 0.0, "a"))] * 2, None)
  alone, = findings.judge([expectation(findings.above(values, 0.0, "a"))], None)
  many = findings.judge([expectation(findings.above(values, 0.0, f"a{i}")) for i in range(20)],
                        None)
  assert alone.verdict == "agrees" and alone.seeds == 5
  assert {v.verdict for v in many} == {"no claim"}
  assert found[0].claims[0].p == pytest.approx(2 * alone.claims[0].p)


def test_what_a_run_lacks_is_told():
  def lacks(results):
    raise findings.Missing("no result of encoding=t5")

  found, = findings.judge([findings.Expectation("q", "p", "s", lacks)], None)
  assert (found.verdict, found.why) == (verdict.NOT_TESTED, "no result of encoding=t5")


@pytest.mark.parametrize("make, message", [
  (lambda: claims.Claim("a", {0: 1.0}, 0), "sign: got 0, wanted 1 or -1"),
  (lambda: claims.Claim("a", {}, 1, exact=True), "values: got 0 values of an exact claim"),
  (lambda: claims.close({}, {}, 0, "a"), "margin: got 0, wanted above 0"),
  (lambda: page.Table("t", ("a",), (("1", "2"),)), r"rows: got \[2\], wanted rows of 1 texts"),
  (lambda: page.Picture("A b", "c", None), "name: got 'A b', wanted small letters"),
])
def test_errors(make, message):
  with pytest.raises(ValueError, match=message):
    make()


def record(encoding, seed, loss, status="ok"):
  return {"id": f"{encoding}{seed}", "cell": {"encoding": encoding, "seed": seed, "width": 8},
          "status": status, "metrics": {"loss": loss},
          "series": {"by": [loss, loss and 2 * loss, None]},
          "axes": {"by": {"label": "multiple", "values": [1, 4, 8]}}}


def test_numbers_by_seed():
  results = sweeps.Results((record("a", 0, 1.0), record("a", 1, 3.0), record("b", 0, 5.0),
                            record("b", 1, None, "diverged")))
  assert findings.by_seed(results, "loss", encoding="a") == {0: 1.0, 1: 3.0}
  assert findings.by_seed(results, "by", at=4, encoding="a") == {0: 2.0, 1: 6.0}
  assert findings.by_seed(results, "by", at=(1, 4), encoding="a") == {0: 1.5, 1: 4.5}
  assert findings.by_seed(results, "loss", encoding="b") == {0: 5.0}
  for match, ask in (("no result of encoding=c", dict(encoding="c")),
                     ("no lane of encoding=a, width=8 ended well",
                      dict(encoding="a", width=8, at=8, metric="by")),
                     ("by has no entry at 3", dict(encoding="a", at=3, metric="by"))):
    with pytest.raises(findings.Missing, match=match):
      findings.by_seed(results, ask.pop("metric", "loss"), **ask)
  with pytest.raises(ValueError, match="cell: got width=8, wanted settings that only one cell"):
    findings.by_seed(results, "loss", width=8)


def sample_page():
  from matplotlib.figure import Figure

  figure = Figure(figsize=(2, 1))
  figure.subplots().plot([0, 1], [1, 0])
  found = findings.judge([expectation(findings.less(OTHER, shifted(1.0), "a | b"),
                                      findings.exact(3, 2, "x", sign=1))], None)
  return findings.Page("sample", "A sample", "What is it?", "No training.", tuple(found),
                       (findings.Table("Values", ("a", "b"), (("1", "2"),)),),
                       (findings.Picture("line", "A line. It falls.", figure),),
                       (("the rest", "it has no numbers"),))


MADE = findings.Made("python -m experiments.sample", "2026-01-31", 61.0, "a machine")


def test_pages_made_twice_are_equal(tmp_path):
  for name in ("one", "two"):
    findings.write(sample_page(), tmp_path / name, MADE)
    findings.index(tmp_path / name)
  files = sorted(p.name for p in (tmp_path / "one").iterdir())
  assert files == ["README.md", "sample-intervals.png", "sample-line.png", "sample.json",
                   "sample.md"]
  for name in files:
    assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
  text = (tmp_path / "one" / "sample.md").read_text()
  for part in ("# A sample", "    python -m experiments.sample\n", "in 1 min 1 s", "a machine",
               "1 statements: agrees 1. From papers 0: none.", "a \\| b: -1.00 [-1.00, -1.00]",
               "exact", "![A line](sample-line.png)", "- the rest: it has no numbers", "| 1 | 2 |"):
    assert part in text, part


def test_the_picture_has_a_row_for_each_interval_on_the_side_where_it_lies():
  claim = lambda values, sign, limit=0.0: claims.Claim("x", dict(enumerate(values)), sign, limit)
  given = [claim([3.0, 3.1, 3.2], -1, 4.0), claim([3.0, 3.1, 3.2], 1, 4.0),
           claim([-1.0, 1.0, 0.5], 1), claims.exact(1.0, 0.0, "x", sign=1)]
  judged = verdict.judge([verdict.Expectation("q", "p", "s", lambda _: given)], None)
  figure = forest.forest(judged)
  lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 2]
  sides = [np.sign(line.get_xdata()).tolist() for line in lines if line.get_ydata()[0] in (0, 1, 2)]
  assert sides[:3] == [[-1, 1], [-1, -1], [1, 1]]  # from below: the exact one has no row
  assert forest.forest(verdict.judge([verdict.Expectation("q", "p", "s", lambda _: given[3])],
                                     None)) is None


def test_rows_of_the_picture_say_a_limit_that_is_not_zero():
  """A margin is two claims of one name, told apart by their limits."""
  near = {0: 0.01, 1: 0.02, 2: 0.015}
  given = (*findings.close(near, dict.fromkeys(near, 0.0), 0.1, "a - b"),
           findings.above(near, 0, "c"))
  figure = forest.forest(verdict.judge([expectation(*given)], None))
  assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == [
    "c", "a - b, wanted > -0.1", "a - b, wanted < 0.1"]


def test_the_index_has_every_verdict_and_command(tmp_path):
  findings.write(sample_page(), tmp_path, MADE)
  other = dataclasses.replace(sample_page(), name="another", verdicts=(
    verdict.Verdict("why?", "so", "arXiv 1", verdict.NOT_TESTED, why="no GPU"),))
  findings.write(other, tmp_path, MADE)
  text = findings.index(tmp_path).read_text()
  for part in ("[sample](sample.md)", "[another](another.md)", "2 statements: agrees "
               "1, not tested 1. From papers 1: not tested 1.", "no GPU",
               "`python -m experiments.sample`", "1 min 1 s"):
    assert part in text, part
  assert json.loads((tmp_path / "sample.json").read_text())["made"]["machine"] == "a machine"


def test_an_index_needs_pages(tmp_path):
  with pytest.raises(ValueError, match="directory: got .* wanted a directory with pages"):
    findings.index(tmp_path)

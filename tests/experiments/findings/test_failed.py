# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Pages of runs in which lanes diverged or failed: what is left is shown, what is not is told."""

import dataclasses
import types

import pytest

from experiments import algorithmic, claims, encodings, extrapolation, findings, masked_lm
from experiments.findings import pictures
from posenc_jax import sweeps

SERIES_OF_PROBLEMS = ("accuracy_by_multiple", "tokens_by_multiple", "accuracy")
ENCODINGS = ("none", "sinusoidal", "alibi", "learned")


def record(encoding, seed, status="ok", *, seq_len=32, d_model=16, broken=False):
  """Of a language model, a masked one and a probed one at once; failed lanes have no series."""
  ok = status == "ok"
  loss = 2.0 + 0.1 * seed + 0.01 * ENCODINGS.index(encoding)
  bins = [(i + 0.5) / 4 for i in range(64)]
  series = {"loss": [3.0, loss], "loss_by_multiple": [loss, loss + 0.1, loss + 0.3],
            "loss_by_position": [loss] * 64, "position_r2": [0.9, 0.8]}
  axes = {"loss_by_multiple": {"values": [1, 2, 16]}, "loss_by_position": {"values": bins},
          "position_r2": {"values": [0, 1]}}
  gone = status == "failed"
  return {"id": f"{encoding} {seed} {seq_len} {d_model}", "status": status,
          "cell": {"encoding": encoding, "seed": seed, "seq_len": seq_len, "d_model": d_model},
          "metrics": {"loss": loss, "unigram": 2.9, "gain": loss - 2.9} if ok else {},
          "series": {} if gone else series if ok else {k: [None] * len(x) for k, x in
                                                       series.items()},
          "axes": {} if gone else axes}


def results(lost=(), status="diverged", **settings):
  """Five seeds of each encoding; those of ``lost`` have a status."""
  return sweeps.Results(tuple(
    record(e, seed, status if e in lost else "ok", **settings)
    for e in ENCODINGS for seed in range(5)))


def page_of(module, found):
  config = module.Config(encodings=ENCODINGS, seq_len=(32,), eval_multiples=(1, 2, 16),
                         eval_characters=4096) if module is extrapolation else (
             module.Config(encodings=ENCODINGS, seq_len=(32,)))
  assert not config.faults()
  return module.page(config, found)


@pytest.mark.parametrize("status", ["diverged", "failed"])
@pytest.mark.parametrize("module", [extrapolation, masked_lm])
@pytest.mark.parametrize("lost", [("alibi",), ENCODINGS[:1], ENCODINGS])
def test_encodings_of_which_no_lane_ended_well_are_failed(module, lost, status):
  page = page_of(module, results(lost, status))
  rows = {row[0]: row for row in page.tables[0].rows}
  assert list(rows) == list(ENCODINGS)
  for name, row in rows.items():
    assert ("failed" in row or len(row) == 2) == (name in lost)
  told = {v.why for v in page.verdicts if v.verdict == "not tested"}
  for name in lost:
    assert f"no lane of encoding={name}, seq_len=32 ended well" in told
  if set(lost) == set(ENCODINGS):
    assert {v.verdict for v in page.verdicts} == {"not tested"}
    texts = [t.get_text() for p in page.pictures for ax in p.figure.axes for t in ax.texts]
    assert texts and set(texts) == {pictures.NOTHING}


def test_losses_by_position_are_taken_from_those_of_an_encoding_that_ended_well():
  shown = {p.name: p for p in page_of(extrapolation, results(["alibi"])).pictures}
  assert "less that of none at" in shown["position"].caption
  names = [t.get_text() for t in shown["position"].figure.legends[0].get_texts()]
  assert names == ["none", "sinusoidal", "learned"]
  records = list(results().records)
  records[10] = record("alibi", 0, "diverged")  # differences from it would lack a seed
  assert extrapolation.base_of(extrapolation.Config(encodings=ENCODINGS),
                               sweeps.Results(tuple(records))) == "none"
  assert extrapolation.base_of(extrapolation.Config(encodings=ENCODINGS), results()) == "alibi"


@pytest.mark.parametrize("lost", [("learned",), ENCODINGS])
def test_claims_show_what_ended_well(lost):
  config = claims.Config(d_model=(16, 32), seq_len=(32,), layers=(1,), head_dim=(16,),
                         eval_multiples=(1, 16), eval_characters=4096)
  both = [*results(), *results(lost, d_model=32)]
  powers = [(float(n), float(n)) for n in claims.LENGTHS]
  found = claims.Found(config, sweeps.Results(tuple(both)), powers, powers, powers, 10_240_000,
                       1024, 1e-8, 1e-2)
  page = claims.page(config, {"models": found.results, "found": found})
  narrow, wide = page.tables[0].rows
  assert "failed" not in narrow
  assert [x == "failed" for x in wide[1:]] == [e in lost for e in claims.NEEDED for _ in range(2)]
  by = {v.question: v for v in page.verdicts}
  lacks = by["Do learned positions generalise to longer sequences?"]
  assert (lacks.verdict, lacks.why) == ("not tested",
                                        "no lane of encoding=learned, d_model=32 ended well")


def test_the_seeds_of_a_table_are_those_that_count():
  some = [dataclasses.replace(results()).records[i] for i in range(20)]
  some[10] = record("alibi", 0, "diverged")
  rows = pictures.table("t", sweeps.Results(tuple(some)), "loss_by_multiple").rows
  assert [row[-1] for row in rows] == ["5", "5", "4 of 5", "5"]
  with pytest.raises(ValueError, match="mean: metric: got"):
    pictures.table("t", results(), "nothing")


def test_numbers_of_tables():
  given = results(["alibi"])
  assert findings.shown(given, "loss", encoding="none") == "2.20 [2.00, 2.40]"
  assert findings.shown(given, "loss", scale=10, encoding="none") == "22.0 [20.0, 24.0]"
  assert findings.shown(given, "loss_by_multiple", at=1, encoding="none") == "2.20 [2.00, 2.40]"
  assert findings.shown(given, "loss", encoding="alibi") == "failed"
  assert findings.shown(given, "loss", encoding="fire") == "-"
  assert findings.ended(given) == ["none", "sinusoidal", "learned"]


@pytest.mark.parametrize("module", [extrapolation, masked_lm])
def test_encodings_are_found_whatever_the_spelling_of_their_numbers(module):
  config = module.Config(encodings=("rotary(base=5e5)", "none"), seq_len=(32,))
  assert config.labels == ("rotary(base=500000.0)", "none")
  kept = [{**r, "cell": {**r["cell"], "encoding": config.labels[0]}} if
          r["cell"]["encoding"] == "alibi" else r for r in results()
          if r["cell"]["encoding"] in ("none", "alibi")]
  page = module.page(config, sweeps.Results(tuple(kept)))
  assert {row[0] for row in page.tables[0].rows} == set(config.labels)
  assert not any("failed" in row or "-" in row for row in page.tables[0].rows)
  names = [t.get_text() for t in page.pictures[0].figure.legends[0].get_texts()]
  assert sorted(names) == sorted(config.labels)


def test_pages_name_the_text_that_was_used():
  for data, told in (("web", "World English Bible"), ("kjv", "King James Version"),
                     ("bbe", "Bible in Basic English")):
    page = masked_lm.page(masked_lm.Config(data=data, encodings=ENCODINGS, seq_len=(32,)),
                          results())
    assert f"windows of the {told}" in page.setup
  make = lambda **how: extrapolation.page(
    extrapolation.Config(encodings=ENCODINGS, seq_len=(32,), **how), results()).setup
  assert "windows from the Bible in Basic English" in make(data="bbe")
  assert "windows from the text file poems.txt" in make(data_file="some/poems.txt")
  corpus = types.SimpleNamespace(name="kjv")
  assert "windows from the King James Version" in make(corpus=corpus)


def test_pictures_of_many_encodings_say_what_they_leave_out():
  names = [*extrapolation.CHOSEN]
  kept = tuple({**r, "cell": {**r["cell"], "encoding": e}} for e in names
               for r in results() if r["cell"]["encoding"] == "none")
  config = extrapolation.Config(encodings=tuple(names), seq_len=(32,))
  picture = extrapolation.page(config, sweeps.Results(kept)).pictures[0]
  drawn = [t.get_text() for t in picture.figure.legends[0].get_texts()]
  left = [e for e in names if e not in drawn]
  assert len(drawn) == extrapolation.MOST_DRAWN and set(extrapolation.DRAWN) <= set(drawn)
  assert picture.caption.endswith(f"The table has the others: {', '.join(left)}.")
  few = extrapolation.page(dataclasses.replace(config, encodings=("xpos", "pope")),
                           sweeps.Results(kept)).pictures[0]
  assert [t.get_text() for t in few.figure.legends[0].get_texts()] == ["xpos", "pope"]
  assert "The table" not in few.caption and set(names) <= set(encodings.ENCODINGS)


def test_claims_need_the_encodings_that_the_texts_speak_of():
  faults = claims.Config(encodings=("sinusoidal",)).faults()
  assert faults == ["--encodings: got sinusoidal, wanted sinusoidal and learned among them, of "
                    "which the texts speak. Add learned."]


def test_problems_know_their_encodings_whatever_the_spelling():
  config = algorithmic.Config(tasks=("copy",), encodings=("t5( )", "alibi()", "fire"))
  assert not config.faults() and config.encodings_of("copy") == ("t5( )", "alibi()")


@pytest.mark.parametrize("lost", [("none",), ENCODINGS])
def test_problems_show_what_ended_well(lost):
  config = algorithmic.Config(tasks=("copy",), encodings=ENCODINGS, every=True)
  given = [{**r, "series": {name: r["series"]["loss_by_multiple"] for name in SERIES_OF_PROBLEMS
                            if r["status"] == "ok"}} for r in results(lost, "failed")]
  page = algorithmic.page(config, {"copy": sweeps.Results(tuple(given))})
  assert [("0 of 5" in row) for row in page.tables[0].rows] == [e in lost for e in ENCODINGS]

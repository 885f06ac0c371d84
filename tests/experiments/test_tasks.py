# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Data of classify and forecast against what can be looked up, their pages, missing packages."""

import sys
import types

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import pythonbible
from flax import nnx

import posenc_jax as px
from experiments import (
  chorales,
  classify,
  encodings,
  forecast,
  labelled,
  masked_lm,
  pairs,
  script,
  series,
  spoken,
  training,
  translate,
)
from posenc_jax import nn, sweeps
from tests.support.bibles import verse_text

QUIET = sweeps.Options(progress=False, report=False)


def words_of(found, which, label):
  """Id sequences of a part with a label, as a set of tuples."""
  ids, labels = getattr(found, which)
  return {tuple(row[row != 0]) for row in ids[labels == label]}


@pytest.mark.slow
def test_translations_are_told_by_their_own_verses():
  found = labelled.load("translation", 40)
  assert found.classes == 2 and found.grid == ()
  for name, label in (("kjv", 0), ("web", 1)):  # ids differ, which are equal does not
    text = verse_text(name, pythonbible.Book.GENESIS, 1, 2)[:40]
    pattern = [text.index(c) for c in text]
    same = [row for row in words_of(found, "train", label)
            if len(row) == 40 and [row.index(i) for i in row] == pattern]
    assert len(same) == 1, name
  assert abs(found.train[1].mean() - 0.5) < 0.01 and 0.05 < len(found.valid[1]) / len(
    found.train[1]) < 0.2


@pytest.mark.slow
def test_what_follows_follows():
  """Half of the pairs are verse and successor, and each half is cut to the same length."""
  found = labelled.load("follows", 41)
  ids, labels = found.train
  assert 0.45 < labels.mean() < 0.55 and (ids == 2).sum(1).max() == 1
  again = labelled.load("follows", 41)
  assert again.sha256 == found.sha256
  assert labelled.load("follows", 41, seed=1).sha256 != found.sha256


def test_labels_and_cuts(monkeypatch):
  """On eight made-up verses: labels, ids, the split, and the break between two verses."""
  web = {1_001_001 + i: f"verse {chr(97 + i)} of one" for i in range(6)}
  web |= {3_001_001: "law a", 3_001_002: "law b"}
  monkeypatch.setattr(labelled.texts, "bible_verses", lambda name: (
    web if name == "web" else {k: v.upper() for k, v in web.items()}))
  found = labelled.load("translation", 7)
  assert found.train[0].shape == (12, 7) and found.valid[0].shape == (4, 7)
  assert found.train[1].tolist() == [0] * 6 + [1] * 6  # King James first
  assert not (found.train[0][6:, :5] == found.train[0][:6, :5]).any()  # upper case is other ids
  assert (found.valid[0][:, 5:] == 0).all()  # "law a" has five characters
  pairs = labelled.load("follows", 9)
  ids, labels = pairs.train
  assert ids.shape == (5, 9) and (ids[:, 4] == 2).all()  # four characters, break, four
  books = labelled.load("book", 5)
  assert books.classes == 66 and books.train[1].tolist() == [0] * 6 + [2] * 2


def digits():
  return pytest.importorskip("sklearn.datasets").load_digits()


def test_digits_are_scikit_learns():
  images = digits()
  found = labelled.load("digits", 64)
  np.testing.assert_array_equal(found.train[0][7].reshape(8, 8), images.images[7] + 1)
  assert found.train[1][7] == images.target[7] and len(found.valid[1]) == 1797 // 5
  assert found.grid == (8, 8) and found.vocabulary == 18
  shuffled = labelled.load("permuted-digits", 64)
  row, other = found.train[0][7], shuffled.train[0][7]
  assert sorted(row) == sorted(other) and (row != other).any()
  order = np.random.default_rng(0).permutation(64)
  np.testing.assert_array_equal(shuffled.valid[0], found.valid[0][:, order])


@pytest.mark.parametrize("package, call, message", [
  ("sklearn.datasets", lambda: labelled.load("digits", 64), "scikit-learn is not installed"),
  ("statsmodels.datasets", lambda: series.load("co2"), "statsmodels is not installed"),
  ("sacrebleu", lambda: translate.chrf(["a"], ["a"]), "an environment without sacrebleu"),
  ("music21", lambda: chorales.load(), "no music21, whose scores they are"),
  ("espeakng_loader", lambda: spoken.load(), "no espeakng-loader, whose synthesiser speaks them"),
])
def test_missing_packages_are_told(monkeypatch, package, call, message):
  monkeypatch.setitem(sys.modules, package, None)
  monkeypatch.setitem(sys.modules, package.split(".")[0], None)
  with pytest.raises(ImportError, match=message + r", wanted .* Run: pip install -e '\.\[tasks\]'"):
    call()


def wave(count=120, period=12.0):
  times = np.arange(count, dtype=float)[np.arange(count) % 7 != 3]  # gaps
  return series.Series("wave", times, np.sin(2 * np.pi * times / period) + 0.01 * times, period)


def parts_of(found, context, ahead, dropped=0.0, seed=0):
  """What is left, and the real windows of both parts as NumPy."""
  @jax.jit
  def both(seed):
    observed = series.observe(found, dropped, seed)
    windows = series.parts(found, observed, context, ahead)
    return observed, windows, series.baselines(*windows)

  observed, windows, known = both(seed)
  real = lambda w: [np.asarray(x, np.float64)[np.asarray(w.real)] for x in w]
  return observed, [real(w) for w in windows], {k: float(x) for k, x in known.items()}


@pytest.mark.parametrize("dropped", [0.0, 0.3])
def test_windows_by_loops(dropped):
  found, context, ahead = wave(), 6, 2
  observed, got, _ = parts_of(found, context, ahead, dropped, seed=3)
  times = np.asarray(observed.times, np.float64)
  values = {t: y for t, y in zip(found.times, found.values, strict=True)}  # times are exact
  assert len(times) == len(found.times) - round(dropped * len(found.times))
  border = found.times[0] + 0.7 * (found.times[-1] - found.times[0])
  wanted = []
  for start in range(len(times) - context - ahead + 1):
    at = times[start:start + context]
    last, target = at[-1], times[start + context - 1 + ahead]
    train = target <= border
    if not train and at[0] <= border:
      continue  # sees the border
    before = target - 12 * max(1, np.ceil((target - last) / 12))
    nearest = min((t for t in times if t <= last), key=lambda t: abs(t - before))
    changes = [values[t] - values[last] for t in (*at, target, nearest)]
    wanted.append((train, [*(at - at[0]), target - at[0]], changes))
  scale = np.std([c[-2] for train, _, c in wanted if train])
  for train, one in zip((True, False), got, strict=True):
    mine = [(t, c) for which, t, c in wanted if which == train]
    np.testing.assert_allclose(one[1], [t for t, _ in mine])
    told = np.concatenate([one[0], one[2][:, None], one[3][:, None]], axis=1)
    np.testing.assert_allclose(told * scale, [c for _, c in mine], atol=2e-6)


def test_baselines():
  """A pure season is known from the season before; a line by the normal equations in float64."""
  times = np.arange(120.0)
  of = lambda values: parts_of(series.Series("s", times, values, 12.0), 24, 5)[1:]
  _, found = of(np.sin(2 * np.pi * times / 12))
  assert found["seasonal-naive"] < 1e-10 < found["last"]
  (train, valid), found = of(3 * times + np.random.default_rng(0).normal(size=120))
  rows = lambda w: np.c_[w[0], w[1][:, -1] - w[1][:, -2], np.ones(len(w[0]))]
  x = rows(train)
  weights = np.linalg.solve(x.T @ x + 1e-3 * len(x) * np.eye(x.shape[1]), x.T @ train[2])
  wanted = np.mean((rows(valid) @ weights - valid[2]) ** 2)
  assert found["linear"] == pytest.approx(wanted, rel=1e-3) and wanted < 0.1 * found["last"]


def test_a_seed_decides_the_gaps():
  """Lanes of one program have gaps of their own, the same by both clocks, and learn from them."""
  tasks = [forecast.Forecast(wave(), clock, 6, 2, 0.5) for clock in forecast.CLOCKS]
  shape = training.Shape(None, (16,), (6,), 1, 8, 200, 1)

  @jax.jit
  @jax.vmap
  def lane(seed):
    batches = [t.batch(shape, {"seed": seed}, jax.random.key(9))[0] for t in tasks]
    return tasks[0].parts(seed)[0].values, *batches

  known, *batches = (np.asarray(x).tolist() for x in lane(jnp.arange(3)))
  assert batches[0] == batches[1]
  rows = lambda windows: {tuple(row) for row in windows}
  for seed in range(3):
    assert rows(batches[0][seed]) <= rows(known[seed])
    assert len(rows(batches[0][seed]) & rows(known[(seed + 1) % 3])) < 5


def test_series_without_windows_are_told_by_their_flag(monkeypatch):
  monkeypatch.setattr(series, "load", lambda name: wave(period=series.PERIODS[name]))
  some = dict(series=("co2",), dropped=0.0, seeds=(0,))
  assert forecast.Config(**some, seq_len=(6,), ahead=25).load()
  for wrong, message in ((dict(seq_len=(6,), ahead=26), "--ahead: got 26, wanted at most 25, for"),
                         (dict(seq_len=(31,)), "--seq_len: got 31, wanted at most 30, for co2")):
    with pytest.raises(ValueError, match=message):
      forecast.run(forecast.Config(**some, **wrong, dry_run=True))


def test_clocks():
  times = np.array([[0, 2.5, 7]], np.float32)
  assert series.positions_of("time", times) is times
  np.testing.assert_array_equal(series.positions_of("index", times), [[0, 1, 2]])


def test_faults():
  found = classify.Config(eval_rows=0, data=("digit",)).faults()
  assert [x.split(":")[0] for x in found] == ["--data", "--eval_rows"]
  found = translate.Config(eval_rows=8, written_rows=9).faults()
  assert found == ["--written_rows: got 9, wanted at most --eval_rows=8. Lower it."]
  found = forecast.Config(seq_len=(8, 16), d_model=(32, 64)).faults()
  assert [x.split(":")[0] for x in found] == ["--d_model", "--seq_len"]


def test_greedy_writing_equals_full_forwards():
  """Token by token with a cache writes what the whole model finds likeliest."""
  model = nn.Seq2SeqTransformer(12, 8, 1, 2, encoding=px.Sinusoidal(8), rngs=nnx.Rngs(3))
  sources = jnp.array([[5, 6, 7, 0], [8, 9, 10, 11]])
  written = jax.jit(lambda s: translate.greedy(model, s, 2, 5, nnx.Rngs()))(sources)
  assert written.shape == (2, 5)
  whole = jax.jit(lambda target: model(sources, target, source_mask=sources != 0))
  target = np.full((2, 6), 2)  # what stands behind a token changes nothing before it
  for i in range(5):
    target[:, i + 1] = whole(jnp.asarray(target))[:, i].argmax(-1)
    np.testing.assert_array_equal(written[:, i], target[:, i + 1])


def test_translation_counts_each_target_character_once(text_file):
  """Loss, by hand: the mean over characters and END, padding left out; texts as they were."""
  lines = "\n".join(f"{'ab' * (1 + i % 3)}\tx{'yz' * (i % 4)}" for i in range(40))
  found = pairs.load_pairs(text_file(lines), longest=8)
  task = translate.Translate(found, "none", 4, 2)
  assert [task.text_of(row[1:]) for row in found.valid[1]] == [
    line.split("\t")[1] for line in lines.split("\n")[36:]]
  uniform = lambda sources, targets, **how: jnp.zeros((*targets.shape, len(found.vocabulary)))
  each, counts = task._each(uniform, tuple(map(jnp.asarray, found.valid)), True, nnx.Rngs())
  characters = [len(line.split("\t")[1]) + 1 for line in lines.split("\n")[36:]]
  assert counts.tolist() == characters
  np.testing.assert_allclose(each, np.log(len(found.vocabulary)) * np.array(characters), rtol=1e-5)


def test_a_length_that_digits_do_not_have_is_refused():
  """Also if it is that of a preset: the command line says which flags were given."""
  only = ["x", "--data=digits,permuted-digits"]
  for length in (96, 128, 256):
    with pytest.raises(script.Faults, match=rf"--seq_len: got \({length},\), wanted 64, the pix"):
      script.from_flags(classify.Config, [*only, f"--seq_len={length}"])
  for words in ([*only, "--seq_len=64"], only, [*only, "--preset=large"],
                ["x", "--data=digits,book", "--seq_len=128"]):
    config = script.from_flags(classify.Config, words)
    assert config.part("digits").faults() == [] and config.part("digits").seq_len == (64,)


CROSS = {"t5": "all later tokens look alike", "learned": "which answers inputs",
         "fox": "which answers layer", "shape": "which answers positions",
         "rotary()": "which is there already", "rotari": "Did you mean"}


def test_what_cannot_stand_across_is_refused_before_anything_runs():
  found = translate.Config(seeds=(0,), cross=("rotary", "alibi", "none", *CROSS)).faults()
  assert len(found) == len(CROSS), found
  for text, (name, told) in zip(found, CROSS.items(), strict=True):
    assert text.startswith("--cross: got ") and name in text and told in text and "\n" not in text


class Zeros:
  """A classifier that is always of the first class."""

  encoder = types.SimpleNamespace(stack=types.SimpleNamespace(encodings=types.SimpleNamespace(
    encodings=lambda: [])))

  def __call__(self, ids, *rest, **how):
    return jnp.stack([jnp.ones(len(ids)), jnp.zeros(len(ids))], axis=1)


def test_all_rows_that_were_asked_for_are_evaluated():
  """The last batch is not whole: its rows count, what fills it up does not."""
  labels = np.array([0, 1, 1, 1, 0, 1, 1], np.int32)
  part = np.ones((7, 5), np.int32), labels
  found = labelled.Labelled("seven", part, part, 3, 2, (), "")
  shape = training.Shape(encodings.parse("none"), (16,), (5,), 1, 8, 4, 1)
  lane = {"seed": jnp.int32(0), "seq_len": jnp.int32(5)}
  for asked, wanted in ((7, 2 / 7), (9, 2 / 7)):
    task = classify.Classify(found, asked)
    got = task.evaluate(shape, Zeros(), lane)
    assert float(got["accuracy"]) == pytest.approx(wanted) and task.settings["eval_rows"] == 7
    assert float(got["commonest"]) == pytest.approx(5 / 7)


@pytest.mark.slow
@pytest.mark.parametrize("module, needs", [
  (classify, "sklearn"), (forecast, "statsmodels"), (translate, "sacrebleu")])
def test_the_pages(tmp_path, module, needs):
  pytest.importorskip(needs)
  config = module.Config(**{**module.Config.PRESETS["smoke"], "pages": str(tmp_path), "out": None,
                            "options": QUIET})
  assert module.main(config) == 0
  name = module.__name__.rsplit(".", 1)[1]
  text = (tmp_path / f"{name}.md").read_text(encoding="utf-8")
  assert "## Verdicts" in text and "| none |" in text


@pytest.mark.parametrize("script", [classify, forecast, masked_lm, translate])
def test_encodings_of_one_direction_are_refused_before_anything_runs(script):
  """The default once had one: its cells failed after all others had been trained."""
  assert script.Config(seeds=(0,)).faults() == []
  found = script.Config(seeds=(0,), encodings=("rotary", "t5", "rotary+t5")).faults()
  assert len(found) == 2 and all(x.startswith("--encodings: got ") for x in found)
  assert "to which all later tokens look alike" in found[0] and "t5(bidirectional=True)" in found[0]


def test_positions_across_that_nothing_reads_are_refused():
  found, = translate.Config(cross=("none", "randomized")).faults()
  assert found.startswith("--cross: got 'randomized', which cannot be used there (cr")

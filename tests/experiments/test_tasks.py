# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Data of classify and forecast against what can be looked up, their pages, missing packages."""

import sys

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
  forecast,
  labelled,
  masked_lm,
  pairs,
  series,
  spoken,
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


def test_windows_by_loops():
  found, context, ahead = wave(), 6, 2
  got = series.windows_of(found, context, ahead)
  border = found.times[0] + 0.7 * (found.times[-1] - found.times[0])
  wanted = []
  for start in range(len(found.times) - context - ahead + 1):
    last, target = start + context - 1, start + context - 1 + ahead
    train = found.times[target] <= border
    if not train and found.times[start] <= border:
      continue  # sees the border
    wanted.append((train, found.times[start:start + context] - found.times[start],
                   found.times[target] - found.times[start],
                   found.values[start:start + context] - found.values[last],
                   found.values[target] - found.values[last]))
  assert got.train.tolist() == [w[0] for w in wanted]
  scale = np.std([w[4] for w in wanted if w[0]])
  np.testing.assert_allclose(got.times[:, :-1], [w[1] for w in wanted])
  np.testing.assert_allclose(got.times[:, -1], [w[2] for w in wanted])
  np.testing.assert_allclose(got.values * scale, [w[3] for w in wanted], atol=1e-6)
  np.testing.assert_allclose(got.targets * scale, [w[4] for w in wanted], atol=1e-6)
  assert got.scale == pytest.approx(scale)


def test_baselines():
  """A pure season is known from the season before; a straight line by least squares."""
  times = np.arange(120.0)
  season = series.Series("s", times, np.sin(2 * np.pi * times / 12), 12.0)
  errors = series.baselines(series.windows_of(season, 24, 5))
  assert errors["seasonal-naive"] < 1e-10 < errors["last"]
  line = series.Series("l", times, 3 * times + np.sin(times), 12.0)
  errors = series.baselines(series.windows_of(line, 24, 5))
  assert errors["linear"] < 0.1 * errors["last"]


def test_clocks():
  times = np.array([[0, 2.5, 7]], np.float32)
  assert series.positions_of("time", times) is times
  np.testing.assert_array_equal(series.positions_of("index", times), [[0, 1, 2]])
  with pytest.raises(ValueError, match="seq_len: got 120, wanted at most"):
    series.windows_of(wave(), 120, 2)


def test_faults():
  found = classify.Config(batch_size=(64,), eval_rows=32, data=("digit",)).faults()
  assert [x.split(":")[0] for x in found] == ["--data", "--eval_rows"]
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
  assert found.startswith("--cross: got 'randomized', which changes positions that nothing reads")

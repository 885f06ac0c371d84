# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The worked examples give the numbers that can be worked out by hand."""

import math

import jax
import numpy as np

from experiments import worked_examples as examples
from tests import oracles


def test_small_tables():
  """What is printed, the truth, and what the texts' own formulas give, each by its oracle."""
  tables = examples.small_tables()
  assert list(tables) == ["zeros", "true", "doubled_exponent", "growing_angle"]
  assert not tables["zeros"].any() and tables["true"].any(), "one source prints zeros"
  for name, wanted in (("true", oracles.sinusoidal), ("doubled_exponent", oracles.doubled_exponent),
                       ("growing_angle", oracles.growing_sine)):
    np.testing.assert_allclose(tables[name], wanted(range(5), 8), atol=1e-6)
  np.testing.assert_allclose(tables["true"][1, :4], [math.sin(1), math.cos(1), math.sin(0.1),
                                                     math.cos(0.1)], atol=1e-6)


def test_three_tokens():
  """q = k = v = 2 V: score_ts = 4 V_t . V_s / sqrt(3), by hand for the first token."""
  got = examples.three_tokens()
  scores = [4 * x / math.sqrt(3) for x in (0.14, 0.32, 0.50)]  # V_0 . V_s
  powers = [math.exp(s) for s in scores]
  weights = [p / sum(powers) for p in powers]
  np.testing.assert_allclose(got["weights"][0], weights, atol=1e-6)
  np.testing.assert_allclose(got["output"][0], np.array(weights) @ (2 * examples.EMBEDDINGS),
                             atol=1e-6)
  np.testing.assert_allclose(got["weights"].sum(-1), 1, atol=1e-6)
  assert (got["weights"] > 0).all()


def test_texts_are_phrases_that_a_reader_could_know():
  """After the first token all is settled: every token has one successor, in all texts."""
  texts = np.asarray(examples.draw_texts(jax.random.key(1), 300, 64))
  others = np.asarray(examples.draw_texts(jax.random.key(2), 300, 64))
  assert texts.shape == (300, 17) and texts.min() >= 0 and texts.max() < 64
  successor = {}
  for text in np.concatenate([texts, others]):
    for a, b in zip(text[:-1], text[1:], strict=True):
      assert successor.setdefault(int(a), int(b)) == b
  assert (texts[:, 0] == texts[:, 16]).all() and len(set(texts[:, 0])) > 16
  assert not np.array_equal(texts, others)


def test_the_other_language_is_a_dictionary():
  """Each token has one translation and no two have the same; what is read is what is asked."""
  words = np.asarray(examples.translate(jax.numpy.arange(64), 64))
  assert sorted(words) == list(range(64)) and (words != np.arange(64)).any()
  config = examples.Config(model="seq2seq", vocabulary=64)
  texts = examples.draw_texts(jax.random.key(1), 3, 64)
  seen = []
  model = lambda source, target, **how: seen.append((source, target, how))
  _, wanted = examples.logits_of(config, model, texts, deterministic=True)
  source, target, how = seen[0]
  np.testing.assert_array_equal(source, texts[:, :16])
  np.testing.assert_array_equal(wanted, words[np.asarray(texts[:, :16])])
  np.testing.assert_array_equal(target[:, 1:], wanted[:, :-1])
  assert (np.asarray(target[:, 0]) == 64).all() and how == {"deterministic": True}


def test_the_encoder_decoder_learns():
  config = examples.Config(model="seq2seq", out=None, epochs=3, texts=256, batch_size=16,
                           vocabulary=64, d_model=16, num_layers=1, learning_rate=1e-2)
  losses = examples.train(config)
  assert losses["loss"][0] < math.log(65) + 1 and losses["held_out"][-1] < 0.5 * losses["loss"][0]


def test_run(tmp_path):
  """All four examples; a small run learns, and the picture is a PNG of the whole table."""
  told = []
  config = examples.Config(out=str(tmp_path / "deep" / "er"), epochs=3, texts=256, batch_size=16,
                           vocabulary=64, d_model=16, num_layers=1, learning_rate=1e-2)
  results = examples.run(config, lambda *row: told.append(row))
  assert set(results) == {"small_tables", "three_tokens", "large_table", "training"}
  assert results["large_table"].shape == (768, 512)
  last = oracles.sinusoidal([511], 768)
  np.testing.assert_allclose(results["large_table"][:, 511:].T, last, atol=1e-6)
  losses = results["training"]
  assert losses["loss"][0] < math.log(64) + 1 and losses["held_out"][-1] < 0.5 * losses["loss"][0]
  assert told == [(i + 1, losses["loss"][i], losses["held_out"][i]) for i in range(3)]
  picture = (tmp_path / "deep" / "er" / examples.PICTURE).read_bytes()
  assert picture.startswith(b"\x89PNG") and len(picture) > 10_000


def test_main_prints_what_is_true_beside_what_was_printed(capsys, monkeypatch):
  monkeypatch.setattr(examples, "train", lambda config, tell: tell(1, 8.0, 7.0))
  assert examples.main(examples.Config(out=None)) == 0
  out = capsys.readouterr().out
  assert "0.8415   0.5403   0.0998   0.9950" in out and "0.0000   0.0000   0.0000" in out
  assert "0.8415   0.5403   0.0100   0.9999" in out and "0.8415  -0.0155" in out
  assert "768 x 512 is D x T in the source" in out and "--model=decoder" in out
  assert "8.000     7.000    2.34" in out and "Picture: none" in out


def test_faults(tmp_path):
  file = tmp_path / "file"
  file.write_text("")
  found = examples.Config(texts=10, batch_size=16, out=str(file)).faults()
  assert [f.split(":")[0] for f in found] == ["--texts", "--out"]
  assert examples.Config().faults() == []

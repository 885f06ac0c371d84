# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Spoken digits: frames, rows of digits and scores by hand; the synthesiser where there is one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import encodings, speech, spoken, synthesiser
from experiments.training import Shape
from posenc_jax import sweeps

SHAPE = Shape(encodings.parse("none"), (16,), (60,), 1, 8, 32, 2)


def made_by_hand():
  """Every frame of a digit says in all bands which digit, voice and recording it is of."""
  parts = []
  for voices in (3, 2):
    digit, way = np.arange(10)[None, :, None], np.arange(4)[None, None, :]
    lengths = np.broadcast_to(5 + digit + way, (voices, 10, 4)).astype(np.int32)
    frames = np.full((voices, 10, 4, spoken.LONGEST, spoken.BANDS), -9, np.float16)
    for v, d, w in np.ndindex(*lengths.shape):
      frames[v, d, w, :lengths[v, d, w]] = 100 * v + 10 * w + d
    parts.append(spoken.Recordings(frames, lengths))
  return spoken.Spoken(parts[0], parts[1], np.full(spoken.BANDS, -1, np.float32), "by hand")


def test_a_tone_is_in_its_band_and_at_its_time():
  rate, hop = 8000, 160
  corners = np.linspace(2595 * np.log10(1 + 80 / 700), 2595 * np.log10(1 + 4000 / 700),
                        spoken.BANDS + 2)
  for band in (4, 15, 21):
    hertz = 700 * (10 ** (corners[band + 1] / 2595) - 1)
    sound = np.zeros(10 * hop)
    sound[4 * hop:] = np.sin(2 * np.pi * hertz * np.arange(6 * hop) / rate)
    found = spoken.log_mels(sound, rate)
    assert found.shape == (10, spoken.BANDS)
    np.testing.assert_allclose(found[:3], spoken.LOUDNESS, atol=1e-6)  # 25 ms from 60 ms on: none
    assert found[3].max() > spoken.LOUDNESS + 0.1  # 60 to 85 ms holds the first 5 ms
    assert set(found[5:9].argmax(axis=1)) == {band}
  assert spoken.log_mels(np.zeros(hop + 1), rate).shape[0] == 2


def test_rows_of_digits_by_loops():
  found, K, T = made_by_hand(), 4, 60
  rng = np.random.default_rng(0)
  for count in (1, 2, 4):
    digits, ways = rng.integers(0, 10, K), rng.integers(0, 4, K)
    gaps = rng.integers(1, 9, K)
    frames, lengths = found.train.frames[1, digits, ways], found.train.lengths[1, digits, ways]
    wanted = []
    for k in range(count):
      wanted += [(spoken.SILENCE, K, -1.0)] * gaps[k]
      wanted += [(digits[k], k, 100.0 + 10 * ways[k] + digits[k])] * lengths[k]
    wanted += [(spoken.SILENCE, K, -1.0)] * gaps[0]
    wanted = (wanted + [(spoken.PADDING, K, -1.0)] * T)[:T]
    got, labels, which = spoken.utterance(frames, lengths, gaps, digits, count, found.silence, T)
    assert labels.tolist() == [w[0] for w in wanted]
    assert which.tolist() == [w[1] for w in wanted]
    np.testing.assert_array_equal(got, np.array([[w[2]] * spoken.BANDS for w in wanted]))


def test_a_batch_is_of_one_voice_a_row_and_says_its_labels():
  task = speech.Speech(made_by_hand(), 3, (1, 3, 5), 16, 0.0)
  frames, labels = task.batch(SHAPE, {"seq_len": 60}, jax.random.key(0))
  frames, labels = np.asarray(frames), np.asarray(labels)
  assert frames.shape == (32, 60, spoken.BANDS) and labels.shape == (32, 60)
  inside = labels < spoken.SILENCE
  assert (frames[inside][:, 0] % 10 == labels[inside]).all() and (frames[~inside] == -1).all()
  voices = [set(row[real] // 100) for row, real in zip(frames[..., 0], inside, strict=True)]
  assert all(len(v) == 1 for v in voices) and len(set.union(*voices)) == 3
  assert task.longest(60) == 100 and task.longest(61) == 102
  noisy = speech.Speech(made_by_hand(), 3, (1,), 16, 0.5).batch(SHAPE, {}, jax.random.key(0))[0]
  assert abs(np.std(np.asarray(noisy) - frames) - 0.5) < 0.02


def test_scores_by_loops():
  rng = np.random.default_rng(1)
  logits = rng.normal(size=(3, 12, spoken.LABELS)).astype(np.float32)
  labels = np.array([[10, 3, 3, 3, 10, 7, 7, 10, 11, 11, 11, 11],
                     [10, 10, 5, 5, 5, 10, 10, 11, 11, 11, 11, 11],
                     [1, 1, 10, 1, 1, 10, 1, 1, 1, 1, 10, 11]])
  which = np.array([[2, 0, 0, 0, 2, 1, 1, 2, 2, 2, 2, 2], [2, 2, 0, 0, 0, 2, 2, 2, 2, 2, 2, 2],
                    [0, 0, 2, 1, 1, 2, 2, 2, 2, 2, 2, 2]])
  logits[0, 1:4, 3] += 5
  log_p = logits - np.log(np.exp(logits.astype(np.float64)).sum(-1, keepdims=True))
  wanted = []
  for b in range(3):
    said = [k for k in range(2) if (which[b] == k).any()]
    right = sum(int(log_p[b, which[b] == k, :10].sum(0).argmax()
                    == labels[b, which[b] == k][0]) for k in said)
    real = [t for t in range(12) if labels[b, t] != spoken.PADDING]
    wanted.append((right, len(said), -sum(log_p[b, t, labels[b, t]] for t in real), len(real)))
  got = spoken.scores(jnp.asarray(logits), jnp.asarray(labels), jnp.asarray(which), 2)
  np.testing.assert_allclose(np.stack(got, axis=1), wanted, rtol=1e-5)
  assert wanted[0][0] >= 1


def test_evaluation_of_a_model_that_hears_everything():
  """It reads the digit off the frame; one that hears five for nine loses the nines."""
  task = speech.Speech(made_by_hand(), 2, (1, 2, 4), 16, 0.0)

  def ear(frames, mask=None, rngs=None):
    digit = jnp.where(frames[..., 0] < 0, spoken.SILENCE, frames[..., 0] % 10)
    return 50.0 * jax.nn.one_hot(digit.astype(jnp.int32), spoken.LABELS)

  found = task.evaluate(SHAPE, ear, {"seed": 0})
  np.testing.assert_allclose(found["accuracy_by_digits"], 100)
  assert float(found["loss"]) < 1e-5 and float(found["accuracy"]) == 100

  def deaf(frames, **how):
    digit = jnp.where(frames[..., 0] < 0, spoken.SILENCE, frames[..., 0] % 10)
    return 50.0 * jax.nn.one_hot(jnp.where(digit == 9, 5, digit).astype(jnp.int32), spoken.LABELS)

  less = task.evaluate(SHAPE, deaf, {"seed": 0})
  assert 80 < float(less["accuracy_by_digits"][2]) < 97 and float(less["loss"]) > 0.5


def test_as_many_utterances_count_as_were_asked_for(monkeypatch):
  """They are heard 16 at once; of those that fill up the last 16, none counts."""
  at = jnp.arange(16, dtype=jnp.float32)
  monkeypatch.setattr(spoken, "scores", lambda *args: (at, at + 1, 2 * at, at + 1))
  task = speech.Speech(made_by_hand(), 2, (1, 2), 19, 0.0)
  found = task.evaluate(SHAPE, lambda frames, **how: frames, {"seed": 0})
  right, digits = sum(range(16)) + sum(range(3)), sum(range(17)) + sum(range(4))
  np.testing.assert_allclose(found["accuracy_by_digits"], 100 * right / digits, rtol=1e-6)
  np.testing.assert_allclose(found["loss"], 2 * right / digits, rtol=1e-6)


def test_faults():
  found = speech.Config(seq_len=(40, 80), d_model=(32, 64), eval_digits=(3, 4)).faults()
  assert [x.split(":")[0] for x in found] == ["--d_model", "--seq_len", "--eval_digits"]


def test_the_synthesiser():
  """It says the same again, slower is longer, and voices that there are not are refused."""
  pytest.importorskip("espeakng_loader")
  wanted = [("en+m1", "seven", 130, 50), ("en+m1", "seven", 200, 50), ("en+linda", "two", 160, 35)]
  (rate, first), (_, again) = synthesiser.say(wanted), synthesiser.say(wanted)
  for one, other in zip(first, again, strict=True):
    np.testing.assert_array_equal(one, other)
  assert 0.2 * rate < len(first[1]) < len(first[0]) < 1.5 * rate and 0.05 < first[0].max() <= 1
  with pytest.raises(ValueError, match="voice: got 'xx-nowhere', wanted one that eSpeak NG has"):
    synthesiser.say([("xx-nowhere", "one", 160, 50)])


def test_a_broken_library_is_told(monkeypatch, tmp_path):
  loader = pytest.importorskip("espeakng_loader")
  monkeypatch.setattr(loader, "get_library_path", lambda: str(tmp_path / "none.so"))
  with pytest.raises(ImportError, match="an eSpeak NG that does not start: .*none.so"):
    synthesiser.say([("en", "one", 160, 50)])


@pytest.mark.slow
def test_the_page(tmp_path):
  pytest.importorskip("espeakng_loader")
  config = speech.Config(**{**speech.Config.PRESETS["smoke"], "pages": str(tmp_path), "out": None,
                            "options": sweeps.Options(progress=False, report=False)})
  assert speech.main(config) == 0
  text = (tmp_path / "speech.md").read_text(encoding="utf-8")
  assert "## Verdicts" in text and "| none |" in text

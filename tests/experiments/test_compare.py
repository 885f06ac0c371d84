# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The main job in the small: lanes equal solo runs, text of any script, losses as defined."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from experiments import compare, data, encodings, figures, language, optimizer, script, training
from posenc_jax import sweeps

SENTENCES = "今天天气很好，我们去河边走走。\n桥上的人很多，水里的鱼也很多。\n"
TINY = compare.Config(
  encodings=("alibi",), d_model=(16,), seq_len=(4, 8), eval_multiples=(1, 2), seeds=(0, 1),
  steps=12, layers=1, head_dim=8, batch_size=4, eval_characters=128, out=None,
  learning_rate=(1e-2,), options=sweeps.Options(progress=False))


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
  path = tmp_path_factory.mktemp("text") / "诗.txt"
  path.write_text(SENTENCES * 60, encoding="utf-8")
  return str(path)


@pytest.fixture(scope="module")
def packed(chinese):
  return compare.run(dataclasses.replace(TINY, data_file=chinese))


def test_lanes_equal_solo_runs(chinese, packed):
  """Seeds and lengths in one program equal programs of their own."""
  alone = compare.run(dataclasses.replace(
    TINY, data_file=chinese, seq_len=(4,), seeds=(1,),
    options=sweeps.Options(progress=False, batching="single")))
  solo, = alone
  lane = packed[sweeps.Cell(solo["cell"])]
  for name in ("loss", "loss_by_multiple"):
    np.testing.assert_allclose(lane["series"][name], solo["series"][name], rtol=1e-5)


def test_chinese_text_is_learned(packed):
  for record in packed:
    curve = record["series"]["loss"]
    assert all(math.isfinite(x) for x in curve)
    assert curve[-1] < curve[0] - 0.1
    assert len(record["series"]["loss_by_multiple"]) == 2


def test_table_and_figure(packed, tmp_path):
  text = compare.table(packed)
  assert text.splitlines()[0].split()[:2] == ["d_model", "encoding"]
  assert text.count("+-") == 2 * 2
  figure = figures.loss_against_length(packed)
  axes, = figure.axes
  assert [bars.get_label() for bars in axes.containers] == ["4", "8"]
  assert figure.legends[0].get_title().get_text() == "seq_len"
  paths = figures.save(figure, tmp_path, "loss")
  assert paths[0].read_bytes()[:4] == b"\x89PNG" and paths[0].stat().st_size > 10_000


def test_the_table_is_mean_and_standard_error_over_seeds(packed):
  losses = [r["series"]["loss_by_multiple"][1] for r in packed if r["cell"]["seq_len"] == 8]
  row, = [line for line in compare.table(packed).splitlines() if line.split()[3:4] == ["8"]]
  error = np.std(losses, ddof=1) / 2**0.5
  assert row.endswith(f"{np.mean(losses):.3f} +- {error:.3f}  2")


def _task(multiples=(1, 2), characters=128, count=700):
  rng = np.random.default_rng(0)
  ids = rng.integers(0, 5, count).astype(np.int32)
  corpus = data.Corpus("random", ids[:300], ids[300:], tuple("abcde"), "0", count)
  return language.Language(corpus, multiples, characters)


def _shape(name="none", widths=(16,), lengths=(4,)):
  return training.Shape(encodings.parse(name), widths, lengths, 1, 8, 2, 4)


def _traced(length, rate=1e-2):
  settings = training.Settings()
  numbers = {n: jnp.float32(getattr(settings, n)) for n in training.TRACED}
  return {**numbers, "learning_rate": jnp.float32(rate), "seed": jnp.int32(3),
          "d_model": jnp.int32(16), "seq_len": jnp.int32(length)}


def test_evaluation_predicts_the_same_characters_at_every_length():
  """Whatever the lengths: one that cannot is refused, told what could."""
  task = _task(characters=8 * 48)
  windows = {n: task.evaluation_windows(n) for n in (4, 6, 8, 12, 16, 24, 48)}
  for n, found in windows.items():
    np.testing.assert_array_equal(found[..., 1:].reshape(-1), windows[4][..., 1:].reshape(-1), n)
  assert windows[4][..., 1:].size == 8 * 48
  with pytest.raises(ValueError, match="got 384, wanted a multiple of 8 x 10, .* Use 400"):
    task.evaluation_windows(10)


def test_token_losses_are_cross_entropies():
  logits = np.random.default_rng(0).standard_normal((2, 3, 5))
  windows = np.array([[0, 1, 2, 3], [4, 0, 1, 2]])
  model = lambda tokens, **_: jnp.asarray(logits, jnp.float32)
  got = training.token_losses(model, jnp.asarray(windows), jax.random.key(0))
  p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  wanted = -np.log([[p[b, t, windows[b, t + 1]] for t in range(3)] for b in range(2)])
  np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_evaluation_reports_the_losses_of_its_windows():
  """Loss at each multiple and by position, against means over windows cut outside."""
  task = _task((1, 2, 4), 256)
  table = np.random.default_rng(1).standard_normal((16, 5, 5))

  def model(tokens, positions=None, segments=None, **_):
    at = jnp.arange(tokens.shape[1]) if positions is None else positions
    assert segments is None or segments.shape == tokens.shape
    return jnp.asarray(table, jnp.float32)[at[None], tokens]

  def losses(length):  # [windows, length], by loops
    logits = lambda t, token: table[t, token] - np.log(np.exp(table[t, token]).sum())
    windows = task.evaluation_windows(length).reshape(-1, length + 1)
    return np.array([[-logits(t, w[t])[w[t + 1]] for t in range(length)] for w in windows])

  wanted = [losses(length).mean() for length in (4, 8, 16)]
  # Also in a program for a shorter and a longer lane: this lane's own multiples are picked.
  for lengths in ((4,), (2, 4), (1, 4)):
    found = task.evaluate(_shape(lengths=lengths), model, _traced(4))
    np.testing.assert_allclose(found["loss_by_multiple"], wanted, rtol=1e-5)
    np.testing.assert_allclose(found["loss"], wanted[0], rtol=1e-5)
    each = np.repeat(losses(16).mean(axis=0), 4)  # 64 bins of 16 positions
    np.testing.assert_allclose(found["loss_by_position"], each, rtol=1e-5)


@pytest.mark.parametrize("count", [256, 160, 64, 24])
def test_positions_are_binned_and_labelled_by_the_middle_of_each_bin(count):
  losses = np.random.default_rng(2).standard_normal(count)
  found = language.position_bins(jnp.asarray(losses, jnp.float32))
  # By loops: position p is in bin floor(64 p / n); an empty bin has the position that it is in.
  members = [[p for p in range(count) if 64 * p // count == i] or [i * count // 64]
             for i in range(64)]
  np.testing.assert_allclose(found, [losses[m].mean() for m in members], rtol=1e-5, atol=1e-6)
  label, middles = _task((1, 2, 4)).axes["loss_by_position"]
  assert label == "position / training length" and len(middles) == 64
  np.testing.assert_allclose(middles, (np.arange(64) + 0.5) / 64 * 4)


def test_a_shorter_length_masks_the_rest():
  """The loss of a lane of length 4 in a program of length 8 is that of the first 4 characters."""
  task = _task()
  train = training.Trained(task).make_train(_shape(lengths=(4, 8)))
  state = jax.jit(train.init)(_traced(4), jax.random.key(0))
  step = jax.jit(train.step)
  short, long = (float(step(state, _traced(n), jnp.int32(0))[1]["loss"]) for n in (4, 8))
  model = nnx.merge(state["graph"], state["params"], state["rest"])
  key = jax.random.fold_in(jax.random.key(3), 1)
  for n, got in ((4, short), (8, long)):
    batch = data.sample_windows(jnp.asarray(task.train_ids), 8, 2, key, counted=n)
    each = training.token_losses(model, batch, key)
    np.testing.assert_allclose(got, each[:, :n].mean(), rtol=1e-5)


def test_windows_are_pieces_of_the_text():
  e = _task()
  text = bytes(e.train_ids.tolist())
  drawn = np.asarray(data.sample_windows(
    jnp.asarray(e.train_ids), 8, 64, jax.random.key(1), counted=4))
  for row in drawn:
    assert bytes(row[:5].tolist()) in text
  other = np.asarray(data.sample_windows(
    jnp.asarray(e.train_ids), 16, 64, jax.random.key(1), counted=4))
  np.testing.assert_array_equal(other[:, :5], drawn[:, :5])


def test_schedule():
  rates = [float(optimizer.schedule(jnp.int32(i), 100)) for i in range(100)]
  assert rates[0] == pytest.approx(0.2) and max(rates) == pytest.approx(1.0)
  assert rates[5] == pytest.approx(1.0) and rates[-1] < 0.01
  assert all(a > b for a, b in zip(rates[5:], rates[6:], strict=False))
  warm = [float(optimizer.schedule(jnp.int32(i), 100, 0.07)) for i in range(8)]
  np.testing.assert_allclose(warm[:7], np.arange(1, 8) / 7, rtol=1e-6)
  assert float(optimizer.schedule(jnp.int32(0), 100, 0.0)) == 1.0


@pytest.mark.parametrize("clip", [1.0, 0.0])
def test_adam_with_clipping_and_decay_against_numpy(clip):
  """Three steps of AdamW by its definition, on gradients clipped to norm 1 or not at all."""
  p = {"w": jnp.array([[1.0, -2.0]]), "b": jnp.array([0.5])}
  adam = optax.scale_by_adam().init(p)
  w, m, v = np.array([1.0, -2.0, 0.5]), 0.0, 0.0
  decayed = np.array([1.0, 1.0, 0.0])  # a bias is not
  for t in range(1, 4):
    g = 3 * w
    p, adam = optimizer.descend(p, adam, jax.tree.map(lambda x: 3 * x, p), jnp.float32(0.1),
                                clip=jnp.float32(clip), decay=jnp.float32(0.5), betas=(0.8, 0.99),
                                epsilon=1e-3)
    g = g * min(1, 1 / np.linalg.norm(g)) if clip else g
    m, v = 0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g * g
    w = w - 0.1 * ((m / (1 - 0.8**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-3) + 0.5 * decayed * w)
  np.testing.assert_allclose(np.concatenate([p["w"][0], p["b"]]), w, rtol=1e-5)


# Names whose training reads each hook in turn; the slow suite trains all of them for real too.
TRACED = {"none", "sinusoidal", "randomized", "rotary", "alibi", "t5", "fire", "shaw", "cope",
          "fox", "dape", "ssmax", "selective-rotary", "sinusoidal+alibi"}


@pytest.mark.parametrize("name", [
  pytest.param(name, marks=() if name in TRACED else pytest.mark.slow)
  for name in (*encodings.ENCODINGS, "sinusoidal+alibi")])
def test_every_named_encoding_can_be_trained(name):
  train = training.Trained(_task()).make_train(_shape(name))
  traced = _traced(4)

  def two_steps():
    state = train.init(traced, jax.random.key(0))
    state, first = train.step(state, traced, jnp.int32(0))
    state, second = train.step(state, traced, jnp.int32(1))
    return first["loss"], second["loss"], train.finish(state, traced)["loss_by_multiple"]

  assert [x.shape for x in jax.eval_shape(two_steps)] == [(), (), (2,)]


@pytest.mark.parametrize("change, message", [
  ({"seeds": ()}, r"--seeds: got no values, so the grid is empty"),
  ({"encodings": ("rotary", "rotary")}, r"--encodings: .*each value once"),
  ({"d_model": (12,)}, r"--d_model: got 12, wanted a multiple of --head_dim=8. Use 8"),
  ({"encodings": ("alibbi",)}, r"Did you mean 'alibi'"),
  ({"eval_multiples": (1, 4)}, r"--eval_characters: got 128, wanted 8 stretches .* Use 256"),
  ({"seq_len": (4, 6)}, r"--eval_characters: got 128, .*: 4, 6, 8, 12. Use 192"),
  ({"seeds": 3}, r"--seeds: got 3, wanted a tuple of values"),
  ({"head_dim": 0}, r"--head_dim: got 0, wanted a whole number, at least 1"),
  ({"learning_rate": (-1.0,)}, r"--learning_rate: got -1.0"),
  ({"d_model": (16.0,)}, r"--d_model: got 16.0, wanted a whole number, at least 1. Write 16"),
  ({"eval_multiples": (1.5,)}, r"--eval_multiples: got 1.5, wanted a whole number"),
  ({"base": (1e40,)}, r"--base: got 1e\+40"),
  ({"base": (-1.0,)}, r"--base: got -1.0"),
  ({"batch_size": 0}, r"--batch_size: got 0"),
  ({"layers": (100_000,)}, r"--layers: got 100000"),
  ({"encodings": "rotary"}, r"--encodings: got 'rotary', wanted a tuple .* Write \('rotary',\)"),
  ({"seeds": (2**31,)}, r"--seeds: got 2147483648"),
  # What would have been passed over without a word.
  ({"encodings": ("rotary(base=5e5, base=2e5)",)}, r"--encodings: .* name=value, each once"),
  ({"encodings": ("alibi",), "base": (50.0,)}, r"--base: got \(50.0,\), wanted an encoding whose"),
  ({"encodings": ("rotary(base=5e5)",), "base": (50.0,)}, r"--base: .* drop the other base"),
  ({"encodings": ("rotary",), "base": (50.0,), "vary": {"rotary.base": 9}}, r"--base: .* other"),
  ({"encodings": ("randomized(maximum=99)",)}, r"--encodings: got 'randomized.maximum=99.', which "
   r"changes positions that nothing reads, .* Write randomized.maximum=99.\+rotary"),
  ({"encodings": ("randomized+randomized(maximum=99)",)}, r"positions that nothing reads"),
  ({"steps": (2**31,)}, r"--steps: got 2147483648, wanted at most 2147483647"),
  ({"options": sweeps.Options(evaluate_only=True), "dry_run": True, "out": "x"},
   r"--evaluate_only: got True, wanted either that or --dry_run"),
  ({"data": "kjv", "data_file": "mine.txt"}, r"--data: got 'kjv', wanted either that or --data_f"),
  ({"corpus": "text"}, r"--corpus: got 'text', wanted a data.Corpus or None"),
  ({"options": {"batching": "single"}}, r"--options: got dict, wanted a sweeps.Options"),
  ({"options": sweeps.Options(devices=99)}, r"--devices: got 99, wanted at most"),
])
def test_configs_that_make_no_sense(change, message):
  with pytest.raises(script.Faults, match=message):
    compare.run(dataclasses.replace(TINY, **change))
  assert len(dataclasses.replace(TINY, **change).faults()) == 1  # and nothing spurious


@pytest.mark.parametrize("given", [
  iter([4, 8]), {4: 0, 8: 0}.keys(), np.array([4, 8]), jnp.array([4, 8]), range(4, 9, 4), [4, 8]])
def test_iterators_and_arrays_are_lists_as_well(given):
  """An iterator was used up by the check: "the grid is empty"."""
  config = dataclasses.replace(TINY, seeds=given, learning_rate=(jnp.float32(0.5), 1))
  assert config.faults() == [] and config.seeds == (4, 8)
  assert len(config.cells()) == 4 * len(config.encodings) * len(config.seq_len)


def test_the_quick_preset_is_small():
  config = compare.Config.preset("quick", out=None, dry_run=True)
  assert config.faults() == [] and len(config.cells()) == 3
  assert compare.Config.preset("default") == compare.Config()
  assert compare.Config.preset("large").faults() == []

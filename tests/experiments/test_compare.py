# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The main job in the small: lanes equal solo runs, text of any script, losses as defined."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import compare, data, encodings, figures, flags, language
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


def _experiment(**changes):
  settings = language.Settings(layers=1, head_dim=8, batch=2, steps=4, eval_multiples=(1, 2),
                               eval_characters=128)
  rng = np.random.default_rng(0)
  ids = rng.integers(0, 5, 700).astype(np.int32)
  corpus = language.data_lib.Corpus("random", ids[:300], ids[300:], tuple("abcde"), "0", 700)
  return language.LanguageModel(corpus, dataclasses.replace(settings, **changes))


def test_evaluation_predicts_the_same_characters_at_every_length():
  e = _experiment()
  sets = [e.evaluation_windows(n)[..., 1:].reshape(-1) for n in (4, 8, 16)]
  np.testing.assert_array_equal(sets[0], sets[1])
  np.testing.assert_array_equal(sets[0], sets[2])
  assert len(sets[0]) == 128


def test_token_losses_are_cross_entropies():
  logits = np.random.default_rng(0).standard_normal((2, 3, 5))
  windows = np.array([[0, 1, 2, 3], [4, 0, 1, 2]])
  model = lambda tokens, rngs: jnp.asarray(logits, jnp.float32)
  got = language.token_losses(model, jnp.asarray(windows), jax.random.key(0))
  p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
  wanted = -np.log([[p[b, t, windows[b, t + 1]] for t in range(3)] for b in range(2)])
  np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_evaluation_reports_the_losses_of_its_windows():
  """Loss at each multiple and by position, against means over windows cut outside."""
  e = _experiment(eval_multiples=(1, 2, 4), eval_characters=256)
  table = np.random.default_rng(1).standard_normal((16, 5, 5))

  def model(tokens, rngs):
    del rngs
    return jnp.asarray(table, jnp.float32)[jnp.arange(tokens.shape[1])[None], tokens]

  def losses(length):  # [windows, length], by loops
    logits = lambda t, token: table[t, token] - np.log(np.exp(table[t, token]).sum())
    windows = e.evaluation_windows(length).reshape(-1, length + 1)
    return np.array([[-logits(t, w[t])[w[t + 1]] for t in range(length)] for w in windows])

  found = e._evaluate(model, (4, 8, 16), {"seq_len": jnp.int32(4)})
  wanted = [losses(length).mean() for length in (4, 8, 16)]
  np.testing.assert_allclose(found["loss_by_multiple"], wanted, rtol=1e-5)
  np.testing.assert_allclose(found["loss"], wanted[0], rtol=1e-5)
  np.testing.assert_allclose(found["loss_by_position"], losses(16).mean(axis=0), rtol=1e-5)
  # A program for two training lengths: this lane's own multiples are picked.
  found = e._evaluate(model, (2, 4, 8, 16), {"seq_len": jnp.int32(4)})
  np.testing.assert_allclose(found["loss_by_multiple"], wanted, rtol=1e-5)


def test_positions_are_binned_and_labelled_by_the_middle_of_each_bin():
  e = _experiment(eval_multiples=(1,), eval_characters=8 * 256)
  rng = np.random.default_rng(2)
  e.corpus = dataclasses.replace(e.corpus, valid=rng.integers(0, 5, 3000).astype(np.int32))
  # The model is sure of token 0 by as much as the position says, so that bins are not alike.
  model = lambda tokens, rngs: jnp.broadcast_to(
    (jnp.arange(256.0) / 64)[None, :, None] * jax.nn.one_hot(0, 5)[None, None],
    (*tokens.shape, 5))
  found = e._evaluate(model, (256,), {"seq_len": jnp.int32(256)})["loss_by_position"]
  targets = e.evaluation_windows(256).reshape(-1, 257)[:, 1:]
  sure = np.arange(256) / 64
  each = np.log(np.exp(sure) + 4) - sure * (targets == 0).mean(axis=0)
  np.testing.assert_allclose(found, each.reshape(64, 4).mean(axis=1), rtol=1e-5)
  train = _experiment(eval_multiples=(1,)).make_train(language.Shape("none", (16,), (256,)))
  label, centres = train.axes["loss_by_position"]
  assert label == "position"
  np.testing.assert_allclose(centres, np.arange(256).reshape(64, 4).mean(axis=1))
  assert language._bin_centres(16) == list(range(16))


def test_a_shorter_length_masks_the_rest():
  """The loss of a lane of length 4 in a program of length 8 is that of the first 4 characters."""
  e = _experiment()
  shape = language.Shape("none", (16,), (4, 8))
  train = e.make_train(shape)
  lane = lambda n: {"seed": jnp.int32(3), "learning_rate": jnp.float32(0), "d_model": jnp.int32(16),
                    "seq_len": jnp.int32(n)}
  state = jax.jit(train.init)(lane(4), jax.random.key(0))
  step = jax.jit(train.step)
  short, long = (float(step(state, lane(n), jnp.int32(0))[1]["loss"]) for n in (4, 8))
  model = language.nnx.merge(state["graph"], state["params"], state["rest"])
  key = jax.random.fold_in(jax.random.key(3), 1)
  for n, got in ((4, short), (8, long)):
    batch = data.sample_windows(jnp.asarray(e.train_ids), 8, 2, key, counted=n)
    each = language.token_losses(model, batch, key)
    np.testing.assert_allclose(got, each[:, :n].mean(), rtol=1e-5)


def test_windows_are_pieces_of_the_text():
  e = _experiment()
  text = bytes(e.train_ids.tolist())
  drawn = np.asarray(data.sample_windows(
    jnp.asarray(e.train_ids), 8, 64, jax.random.key(1), counted=4))
  for row in drawn:
    assert bytes(row[:5].tolist()) in text
  other = np.asarray(data.sample_windows(
    jnp.asarray(e.train_ids), 16, 64, jax.random.key(1), counted=4))
  np.testing.assert_array_equal(other[:, :5], drawn[:, :5])


def test_schedule():
  rates = [float(language.schedule(jnp.int32(i), 100)) for i in range(100)]
  assert rates[0] == pytest.approx(0.2) and max(rates) == pytest.approx(1.0)
  assert rates[5] == pytest.approx(1.0) and rates[-1] < 0.01
  assert all(a > b for a, b in zip(rates[5:], rates[6:], strict=False))


def test_adam_with_clipping_against_numpy():
  """Three steps of Adam by its definition, on gradients clipped to norm 1."""
  p = {"w": jnp.array([1.0, -2.0])}
  adam = language.optax.scale_by_adam().init(p)
  w, m, v = np.array([1.0, -2.0]), 0.0, 0.0
  for t in range(1, 4):
    g = 3 * w
    p, adam = language.descend(p, adam, {"w": 3 * p["w"]}, jnp.float32(0.1))
    g = g * min(1, 1 / np.linalg.norm(g))
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
  np.testing.assert_allclose(p["w"], w, rtol=1e-5)


@pytest.mark.parametrize("name", [*encodings.ENCODINGS, "sinusoidal+alibi"])
def test_every_named_encoding_can_be_trained(name):
  e = _experiment()
  train = e.make_train(language.Shape(name, (16,), (4,)))
  traced = {"seed": jnp.int32(0), "learning_rate": jnp.float32(1e-2), "d_model": jnp.int32(16),
            "seq_len": jnp.int32(4)}

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
  ({"eval_multiples": (1, 4)}, r"--eval_characters: got 128, wanted 256 .* longest evaluation, 32"),
])
def test_configs_that_make_no_sense(change, message):
  with pytest.raises(flags.Faults, match=message):
    compare.run(dataclasses.replace(TINY, **change))

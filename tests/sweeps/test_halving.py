# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Successive halving: survivors are trained as if nobody had been dropped; kills change nothing."""

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from posenc_jax import sweeps
from posenc_jax.sweeps.records import payload
from posenc_jax.sweeps.rounds.continued import from_words, to_words
from tests.support.sweep_toy import Toy

QUIET = {"progress": False, "report": False}
CELLS = sweeps.grid(width=[3, 5], lr=[0.3, 0.03, 0.003], seed=[0, 1])


@pytest.fixture(scope="module")
def rungs():
  return sweeps.halving(Toy(), CELLS, (10, 20, 40), keep_share=0.5, batching="padded", **QUIET)


@pytest.fixture(scope="module")
def whole():
  return sweeps.run(Toy(), CELLS, batching="padded", **QUIET)


def test_survivors_are_trained_as_if_nobody_had_been_dropped(rungs, whole):
  assert [len(r) for r in rungs] == [12, 6, 4]
  for record in rungs[-1]:
    alone = whole[record["cell"]]
    np.testing.assert_allclose(record["metrics"]["loss"], alone["metrics"]["loss"], rtol=2e-5)
    np.testing.assert_allclose(record["series"]["loss"], alone["series"]["loss"][20:], rtol=2e-5)


def test_the_best_means_over_seeds_survive(rungs, whole):
  for before, after, steps in zip(rungs, rungs[1:], (10, 20), strict=False):
    losses = {}
    for record in before:
      losses.setdefault((record["cell"]["width"], record["cell"]["lr"]), []).append(
        record["metrics"]["loss"])
      # At a rung the state is that of the whole training in its middle.
      np.testing.assert_allclose(record["series"]["loss"][-1],
                                 whole[record["cell"]]["series"]["loss"][steps - 1], rtol=2e-5)
    best = sorted(losses, key=lambda s: sum(losses[s]))[:-(-len(losses) // 2)]
    kept = {(r["cell"]["width"], r["cell"]["lr"]) for r in after}
    assert kept == set(best) and len(after) == 2 * len(best)


def test_a_killed_halving_goes_on(tmp_path, rungs):
  part = sweeps.halving(Toy(), CELLS, (10, 20), tmp_path, keep_share=0.5, batching="padded",
                        **QUIET)  # As if it had been killed before the third rung.
  assert [len(r) for r in part] == [12, 6]
  again = sweeps.halving(Toy(), CELLS, (10, 20, 40), tmp_path, keep_share=0.5, batching="padded",
                         **QUIET)
  plain = lambda r: {k: v for k, v in payload(r).items() if k not in ("state", "code")}
  assert [plain(r) for r in again[-1]] == [plain(r) for r in rungs[-1]]
  with pytest.raises(sweeps.SettingsChanged, match=r"settings\.start: was 10, now 5"):
    sweeps.halving(Toy(), CELLS, (5, 20), tmp_path, keep_share=0.5, batching="padded", **QUIET)


def test_other_survivors_than_in_an_earlier_call(tmp_path):
  """The rung after had cells whose states nobody had asked for: a KeyError."""
  call = lambda cells, share: sweeps.halving(Toy(), cells, (4, 8), tmp_path, keep_share=share,
                                             batching="padded", **QUIET)
  first = call(CELLS, 0.5)
  assert [len(r) for r in call(CELLS, 0.2)] == [12, 4]
  grown = call((*CELLS, *sweeps.grid(width=[3], lr=[0.2, 0.1], seed=[0, 1])), 0.5)
  assert [len(r) for r in grown] == [16, 8]
  assert [r for r in grown[1] if r["cell"] in [x["cell"] for x in first[1]]] != []
  with pytest.raises(ValueError, match="rungs: got step 400"):
    sweeps.halving(Toy(), CELLS, (4, 400), tmp_path / "late", **QUIET)
  assert not (tmp_path / "late").exists()


def test_a_setting_with_a_bad_lane_is_not_kept_however_good_the_others():
  def make_train(static):
    def step(w, traced, index):
      bad = (traced["seed"] == 1) & (traced["lr"] > 0.4)
      return w - traced["lr"] * w, {"loss": jnp.where(bad, jnp.nan, w * w)}
    return sweeps.Train(lambda traced, key: jnp.float32(1.0), step, steps=4)

  found = sweeps.halving(sweeps.simple(make_train), sweeps.grid(lr=[0.1, 0.2, 0.5], seed=[0, 1]),
                         (2, 4), **QUIET)
  assert {r["cell"]["lr"] for r in found[1]} == {0.2}
  found = sweeps.halving(sweeps.simple(make_train), sweeps.grid(lr=[0.5, 0.6], seed=[0, 1]),
                         (2, 4), **QUIET)
  assert len(found) == 1  # All settings had one; so nothing goes on.


@pytest.mark.parametrize("x", [
  np.float32([[1.5, -0.0, np.nan]]), np.float32(3.0), np.array([2**31 + 5, 7], np.uint32),
  np.array([-4, 2**40], np.int64), np.array([1e-300, np.inf]), np.array([True, False]),
  np.array([0.1, -3.0], ml_dtypes.bfloat16), np.float16([1e-7]), np.int8([-128, 127]),
  np.array(2**52 + 1, np.uint64)], ids=lambda x: f"{x.dtype}{x.shape}")
def test_words_keep_every_bit(x, x64):
  words = to_words(x)
  assert words.dtype == np.int32
  back = np.asarray(from_words(jnp.asarray(words), x.dtype))
  assert back.dtype == x.dtype and back.shape == x.shape and back.tobytes() == x.tobytes()


def toy(*rungs, **kwargs):
  return sweeps.halving(Toy(), CELLS[:2], rungs, **kwargs, **QUIET)


@pytest.mark.parametrize("call, error, message", [
  (lambda: toy(), TypeError, r"halving: rungs: got \(\), wanted rising numbers"),
  (lambda: toy(4, 4), ValueError, r"halving: rungs: got \(4, 4\), wanted numbers of steps that ri"),
  (lambda: toy(0, 4), ValueError, "halving: rungs: got 0, wanted ints, at least 1"),
  (lambda: toy(4, 41), ValueError, "halving: rungs: got step 41 of a training of 40"),
  (lambda: toy(4, keep_share=1), ValueError, "halving: keep_share: got 1, wanted a number betw"),
  (lambda: toy(4, direction="up"), ValueError, "halving: direction: got 'up'"),
  (lambda: toy(4, shard=(0, 2)), ValueError, "halving: options: got shard"),
  (lambda: toy(4, metric="accuracy"), ValueError, "halving: metric: got 'accuracy', wanted one of"),
  (lambda: sweeps.halving(sweeps.simple(lambda static: lambda traced, key: {"loss": traced["x"]}),
                          [{"x": 1.0}], (2,), **QUIET), ValueError,
   "rungs: got an experiment whose make_train returns a function"),
])
def test_errors(call, error, message):
  with pytest.raises(error, match=message):
    call()


def test_random_keys_and_small_floats_in_a_state_go_on():
  def make_train(static):
    def init(traced, key):
      return {"key": key, "w": jnp.bfloat16(1.0), "n": jnp.int32(0)}

    def step(state, traced, index):
      key, draw = jax.random.split(state["key"])
      noise = jax.random.normal(draw)
      w = state["w"] - (traced["lr"] * noise).astype(jnp.bfloat16)
      return {"key": key, "w": w, "n": state["n"] + 1}, {"loss": noise, "w": w, "n": index}
    return sweeps.Train(init, step, steps=6)

  walk, cells = sweeps.simple(make_train), sweeps.grid(lr=[0.1, 0.2], seed=[0])
  last = sweeps.halving(walk, cells, (2, 6), keep_share=0.5, **QUIET)[-1]
  record, = last
  alone = sweeps.run(walk, cells, **QUIET)[record["cell"]]
  for name in ("loss", "w", "n"):
    assert record["series"][name] == alone["series"][name][2:]

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Costs against counts by hand, the probe against least squares, and the script's page."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import posenc_jax as px
from experiments import claims, costs, probes
from posenc_jax import functions, nn, sweeps
from tests.oracles import exact


def test_counts_of_a_product():
  """A product of [n, n] matrices has 2 n^3 operations and n^2 results."""
  shape = lambda n: jax.ShapeDtypeStruct((n, n), jnp.float32)
  found = [costs.counted(lambda x: x @ x, shape(n)) for n in (16, 32)]
  assert found[0][0] == pytest.approx(2 * 16**3, rel=0.01) and found[0][1] >= 4 * 16**2
  assert costs.exponent((16, 32), [f for f, _ in found]) == pytest.approx(3, abs=0.01)


def test_storage():
  table, kept = costs.storage(8, 10)
  assert table == 8 * 10 * 4 and kept == 4 * 3 * 4 + 4  # three words a frequency, and the scale


def test_sines_at_far_positions():
  assert costs.farthest_error(16) < 1e-6 and costs.farthest_error(7) < 1e-6
  assert abs(exact.difference(exact.quotient(exact.TWO_PI, 2), costs.PI)) < 1e-49


@pytest.mark.parametrize("off", [
  lambda at: jnp.where(at > 2**20, at - 7, at), lambda at: jnp.where(at > 2**30, at - 1, at)])
def test_a_table_that_is_off_by_a_position_far_out_is_seen(off, monkeypatch):
  """Its rows fit each other by the sum formula all the same."""
  right = functions.sinusoidal
  monkeypatch.setattr(functions, "sinusoidal", lambda at, d_model: right(off(at), d_model))
  assert costs.farthest_error(16) > 0.5


def test_a_table_with_one_wrong_frequency_is_seen(monkeypatch):
  """The slowest frequency is off by a part in 2^24, as float32 has it: 0.02 radians at 2^31."""
  right = functions.sinusoidal

  def table(at, d_model):
    slow = np.float32(10_000.0 ** (2 / d_model - 1))
    angle = np.asarray(at, np.float64) * slow
    found = np.array(right(at, d_model))
    found[..., -2], found[..., -1] = np.sin(angle), np.cos(angle)
    return jnp.asarray(found)

  monkeypatch.setattr(functions, "sinusoidal", table)
  assert costs.farthest_error(16) > 1e-3


def test_the_probe_is_a_ridge_regression(rng):
  """A position hidden in two columns is found, noise is not; what does not count is not seen."""
  count, length = 8, 12
  targets = np.arange(length) / length
  states = rng.standard_normal((count, length, 5)).astype(np.float32)
  weights = (np.arange(length) < 10).astype(np.float32)
  noise = float(probes.linear_r2(jnp.asarray(states), jnp.asarray(targets, jnp.float32),
                                 jnp.asarray(weights)))
  assert noise < 0.3
  states[..., 1] += 3 * states[..., 2] + 5 * targets
  states[:, 10:] = 1e3
  got = float(probes.linear_r2(jnp.asarray(states), jnp.asarray(targets, jnp.float32),
                               jnp.asarray(weights), ridge=1e-6))
  x = np.concatenate([states, np.ones((count, length, 1))], -1)[:, :10].astype(np.float64)
  half = count // 2
  y = np.tile(targets[:10], half)
  w, *_ = np.linalg.lstsq(x[:half].reshape(-1, 6), y, rcond=None)
  left = x[half:].reshape(-1, 6) @ w - y
  wanted = 1 - (left**2).sum() / (half * ((targets[:10] - targets[:10].mean())**2).sum())
  assert got == pytest.approx(wanted, abs=1e-3) and got > noise


def test_states_are_those_of_the_model():
  """The last layer's states, normalised, times the table are the model's logits."""
  model = nn.TransformerLM(11, 16, 2, 2, encoding=px.chain(px.Sinusoidal(16), px.Rotary(8)),
                           rngs=nnx.Rngs(0))
  tokens = jnp.array([[1, 2, 3, 4]])
  states = probes.states_of(model, tokens)
  assert len(states) == 3
  logits = model.embedding.logits(model.stack.norm(states[-1], model.stack.count))
  np.testing.assert_allclose(logits, model(tokens), atol=1e-5)
  embedded = px.Sinusoidal(16).inputs(model.embedding(tokens, 16), jnp.arange(4)[None])
  np.testing.assert_allclose(states[0], embedded, atol=1e-6)


def test_faults():
  found = claims.Config(layers=(1, 2), d_model=(32,), eval_multiples=(2, 4)).faults()
  assert [x.split(":")[0] for x in found if "eval_characters" not in x] == [
    "--layers", "--d_model", "--eval_multiples"]


@pytest.mark.slow
def test_the_page(tmp_path):
  config = claims.Config(**{**claims.Config.PRESETS["smoke"], "pages": str(tmp_path), "out": None,
                            "options": sweeps.Options(progress=False, report=False)})
  assert claims.main(config) == 0
  text = (tmp_path / "claims.md").read_text(encoding="utf-8")
  assert "Does BERT use relative positions?" in text and text.count("**disagrees**") >= 1
  assert text.count("**agrees**") >= 4
  by_rows = next(line for line in text.splitlines() if line.startswith("| attention by rows |"))
  assert by_rows.count("- /") == len(claims.LENGTHS)  # the compiler counts one turn of a loop


def test_memory_by_rows_is_linear_and_dense_is_not():
  lengths = (16384, 32768)
  grown = {name: costs.exponent(lengths, [size for _, size in costs.of_attention(lengths, 8, name)])
           for name in ("rows", "reference")}
  assert grown["rows"] < 1.1 and grown["reference"] > 1.9

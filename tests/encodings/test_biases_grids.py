# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Biases on grids: functions against oracles and other packages, and through attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import oracles
from tests.goldens import load
from tests.oracles import alibi_2d, beit, cosine_scores, dynamic_grid, levit, log_cpb, swin
from tests.support import jitted as jx

KEY = jax.random.key(0)
N = 2
GOLD = load("biases")


def _grid(height, width, stride=1):
  """Rows and columns, ``[T, 2]``, row by row."""
  return np.stack(np.meshgrid(np.arange(0, height, stride), np.arange(0, width, stride),
                              indexing="ij"), -1).reshape(-1, 2)


GRID = _grid(3, 4)
WITH_CLS = np.concatenate([[[-1, -1]], _grid(2, 4)])


def _params(e):
  return {n: None if getattr(e, n) is None else np.asarray(getattr(e, n), np.float64)
          for n in e._leaf_fields}


def _bias(e, q, k):
  return e.bias(px.Tile(q_positions=jnp.asarray(q), k_positions=jnp.asarray(k)))


CASES = {
  "alibi-2d": (px.Alibi2D(N), GRID, alibi_2d.alibi_2d_bias),
  "swin": (px.SwinTable.init(KEY, N, (2, 3), stddev=1.0), GRID, swin.swin_bias),
  "beit": (px.BeitTable.init(KEY, N, (2, 4), stddev=1.0), WITH_CLS, beit.beit_bias),
  "levit": (px.LevitTable.init(KEY, N, (2, 4), stddev=1.0), GRID, levit.levit_bias),
  "log-cpb": (px.LogCPB.init(KEY, N, (2, 5), hidden=6), GRID, log_cpb.log_cpb_bias),
  "dynamic": (px.DynamicGrid.init(KEY, N, hidden=6), GRID, dynamic_grid.dynamic_grid_bias),
}


@pytest.mark.parametrize("name", CASES)
def test_bias_is_the_oracle(name):
  e, at, oracle = CASES[name]
  more = {"window": e.window} if name == "log-cpb" else {}
  wanted = oracle(at, at, **_params(e), **more)
  # LayerNorm of raw offsets divides small differences of small layers: a few more roundings.
  tolerance = 2e-5 if name == "dynamic" else 2e-6
  np.testing.assert_allclose(_bias(e, at, at), wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CASES)
def test_attention_is_the_oracle(name, rng):
  e, at, _ = CASES[name]
  shapes = ((4, N, 4), (len(at), 1, 4), (len(at), 1, 4))
  q, k, v = (rng.standard_normal(s).astype(np.float32) for s in shapes)
  bias = np.asarray(_bias(e, at[:4], at), np.float64)
  wanted = oracles.attention(q, k, v, bias=bias)
  for implementation in ("reference", "rows"):
    got = jx.attend(q, k, v, e, q_positions=at[:4], k_positions=at, implementation=implementation)
    np.testing.assert_allclose(got, wanted, rtol=5e-6, atol=5e-6)


def test_swins_table_is_transformers():
  table = GOLD["swin_table"].reshape(5, 7, 3)
  np.testing.assert_array_equal(_bias(px.SwinTable(table), GRID, GRID), GOLD["swin"][0])


@pytest.mark.parametrize("name, window", [("beit", (3, 3)), ("timm_beit", (2, 4))])
def test_beits_table_is_transformers_and_timms(name, window):
  flat, (height, width) = GOLD[f"{name}_table"], window
  e = px.BeitTable(flat[:-3].reshape(2 * height - 1, 2 * width - 1, 2), flat[-3:])
  at = np.concatenate([[[-1, -1]], _grid(*window)])
  np.testing.assert_allclose(_bias(e, at, at), GOLD[name], rtol=1e-6)


def test_levits_table_is_transformers_also_subsampled():
  at = _grid(3, 3)
  e = px.LevitTable(GOLD["levit_table"].T.reshape(3, 3, 2))
  np.testing.assert_array_equal(_bias(e, at, at), GOLD["levit"])
  e = px.LevitTable(GOLD["levit_half_table"].T.reshape(5, 5, 2))
  np.testing.assert_array_equal(_bias(e, _grid(5, 5, 2), _grid(5, 5)), GOLD["levit_half"])


@pytest.mark.parametrize("name, window", [("cpb", (3, 4)), ("cpb_trained", (6, 5))])
def test_log_cpb_is_timms(name, window):
  weight = lambda layer, part: GOLD[f"{name}.mlp.{layer}.{part}"]
  e = px.LogCPB(weight("fc1", "weight").T, weight("fc1", "bias"), weight("fc2", "weight").T, window)
  np.testing.assert_allclose(_bias(e, GRID, GRID), GOLD[name], rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("scale", [None, 1.0])
def test_swin_v2_is_transformers(scale):
  """Cosines with a temperature beyond its limit, and the bias: the whole attention."""
  at = _grid(3, 2)
  e = px.chain(px.LogCPB(GOLD["v2_w_in"].T, GOLD["v2_b_in"], GOLD["v2_w_out"].T, (3, 2)),
               px.CosineScores(GOLD["v2_t"], scale=scale))
  got = jx.attend(GOLD["v2_q"], GOLD["v2_k"], GOLD["v2_v"], e, q_positions=at, k_positions=at,
                  scale=scale)
  np.testing.assert_allclose(got, GOLD["v2_out"], rtol=2e-5, atol=2e-5)


def test_cosine_scores_are_the_oracle(rng):
  q, k, v = (rng.standard_normal(s).astype(np.float32) for s in ((5, 4, 4), (5, 2, 4), (5, 2, 4)))
  t = np.float32([0.5, 1.0, 4.0, 6.0])
  for limit in (None, 2.0):
    z = cosine_scores.cosine_scores(q.astype(float), k.astype(float), t, limit=limit)
    got = jx.attend(q, k, v, px.CosineScores(t, limit=limit), causal=True)
    mask = oracles.visible(range(5), range(5), causal=True)
    wanted = oracles.attention(q, k, v, score=z, mask=mask)
    np.testing.assert_allclose(got, wanted, rtol=1e-4 if limit is None else 5e-6, atol=1e-4)


def test_a_zero_vector_has_no_direction_and_a_finite_gradient():
  unit = px.functions.unit_vectors
  assert unit(jnp.zeros(3)).tolist() == [0.0] * 3
  assert np.isfinite(jax.grad(lambda x: jnp.sum(unit(x)))(jnp.zeros(3))).all()


def test_mirrored_offsets_share_an_entry_in_levit_but_not_in_swin():
  there, back = jnp.array([[1, -2]]), jnp.array([[-1, 2]])
  levits, swins = (cls.init(KEY, N, (3, 3), stddev=1.0) for cls in (px.LevitTable, px.SwinTable))
  np.testing.assert_array_equal(levits.distance_bias(there), levits.distance_bias(back))
  assert (swins.distance_bias(there) != swins.distance_bias(back)).all()


def test_a_network_reads_between_the_cells():
  """Continuous biases take real positions, so that a grid of another size can be laid over one."""
  for name in ("alibi-2d", "log-cpb", "dynamic"):
    e = CASES[name][0]
    half = np.float32(GRID) / 2
    np.testing.assert_allclose(_bias(e, half[5:6], half), _bias(e, 0.5 + half[5:6], half + 0.5),
                               rtol=1e-5, atol=1e-6)


ERRORS = {
  "even table": (lambda: px.SwinTable(np.ones((2, 3, 1))), r"table: got shape \(2, 3, 1\), wanted"),
  "window": (lambda: px.SwinTable.init(KEY, 2, 7), r"window: got 7, wanted \(height, width\)"),
  "thin window": (lambda: px.LogCPB.init(KEY, 2, (1, 4)), r"window: got 1, wanted an int, at lea"),
  "one axis": (lambda: px.functions.swin_bias(np.arange(3), np.ones((3, 3, 1))),
               r"distance: got shape \(3,\), wanted \[\.\.\., 2\], rows and columns"),
  "floats": (lambda: px.functions.levit_bias(np.ones((1, 2), np.float32), np.ones((2, 2, 1))),
             r"table: got float64|distance: got float32, wanted integers"),
  "cls": (lambda: px.BeitTable(np.ones((3, 3, 2)), np.ones((2, 2))),
          r"cls: got shape \(2, 2\), wanted \[3, N\]"),
  "no cls": (lambda: px.BeitTable(np.ones((3, 3, 2))), r"cls: got None, wanted a float array"),
  "depth": (lambda: px.DynamicGrid(np.ones((2, 4)), np.ones(4), np.ones((3, 4)), np.ones((3, 4)),
                                   np.ones((1, 4, 4)), np.ones((1, 4)), np.ones((4, 2))),
            r"gain, w: got shapes \(3, 4\) and \(1, 4, 4\), wanted \[L, W\] and \[L - 1, W, W\]"),
  "cpb": (lambda: px.LogCPB(np.ones((3, 4)), np.ones(4), np.ones((4, 2))),
          r"w_in: got shape \(3, 4\), wanted \[2, W\]"),
  "cosine heads": (lambda: jx.attend(*[jnp.ones((3, 2, 4))] * 3, px.CosineScores.init(KEY, 4)),
                   r"t: got shape \(4,\), wanted \[N\], N = 2"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_messages(name):
  call, message = ERRORS[name]
  with pytest.raises((TypeError, ValueError), match=message):
    call()

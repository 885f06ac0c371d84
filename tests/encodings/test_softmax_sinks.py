# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Temperatures, sinks, stick-breaking and visibility against their oracles and what others made."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import functions as f
from tests import goldens, oracles
from tests.oracles import (
  affine_temperature,
  constant_temperature,
  driven_sink,
  meta_tokens,
  sink,
  softmax_one,
  stepped_temperature,
  stick_breaking,
)

KEY = jax.random.key(0)
T, N, K, H, D = 6, 4, 2, 8, 5
CAUSAL = np.tril(np.ones((T, T), bool))


@pytest.fixture
def qkv(rng):
  return [rng.standard_normal((T, n, H)).astype(np.float32) for n in (N, K, K)]


def close(got, want, tolerance=2e-6):
  np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def run(e, qkv, **options):
  return px.attend(*qkv, e, causal=True, **options)


def wide(qkv):
  return [x.astype(np.float64) for x in qkv]


POSITIONS = np.array([0, 1, 2, 3, 7, 8, 12_345, 2**31 - 1], np.int32)


@pytest.mark.parametrize("shift", [0, 1])
def test_stepped_temperature(shift, qkv):
  got = px.stepped_temperature(POSITIONS[:7], 0.7, 4, shift)
  close(got, [stepped_temperature.stepped_temperature(int(m), 0.7, 4, shift)
              for m in POSITIONS[:7]])
  steps = (2**31 - 1 + shift) // 8192
  close(px.stepped_temperature(POSITIONS[7:], 0.1, 8192, shift), [1 + 0.1 * np.log1p(steps)])
  assert px.stepped_temperature(np.array([-3, -9000]), 0.1, 8192).tolist() == [1, 1]
  q, k, v = wide(qkv)
  factors = [stepped_temperature.stepped_temperature(m, 0.7, 2, shift) for m in range(T)]
  want = oracles.attention(q * np.array(factors)[:, None, None], k, v, mask=CAUSAL)
  close(run(px.SteppedTemperature(0.7, 2, shift), qkv), want)


def test_affine_temperature(qkv):
  s, b = np.float32([0.5, -0.2, 1.0, 0.0]), np.float32([1.0, 0.3, 0.0, 2.0])
  want = np.array([affine_temperature.affine_temperature(m, s, b) for m in range(T)])
  close(px.affine_temperature(np.arange(T), s, b), want)
  q, k, v = wide(qkv)
  want = oracles.attention(q * want[..., None], k, v, mask=CAUSAL)
  close(run(px.AffineTemperature(s, b), qkv), want)
  close(run(px.AffineTemperature.init(KEY, N), qkv), run(None, qkv))  # s = 0, b = 1


def test_constant_temperatures(qkv):
  assert f.drope_temperature(8.0) == pytest.approx(constant_temperature.drope_temperature(8.0))
  assert f.yarn_temperature(8.0) == pytest.approx(constant_temperature.yarn_temperature(8.0))
  assert f.drope_temperature(0.5) == f.yarn_temperature(0.5) == 1
  factor = f.yarn_temperature(16.0)
  close(run(px.ConstantTemperature(factor), qkv), run(None, qkv, scale=factor * H**-0.5))
  scaled = px.Rotary(H, attention_scaling=f.yarn_attention_scaling(16.0))
  close(run(scaled, qkv), run(px.chain(px.Rotary(H), px.ConstantTemperature(factor)), qkv))


def test_sinks(qkv, rng):
  logit = rng.standard_normal(N).astype(np.float32)
  q, k, v = wide(qkv)
  want = sink.sink_attention(q, k, v, lambda n, t: float(logit[n]), mask=CAUSAL)
  close(run(px.Sink(logit), qkv), want)
  want = sink.sink_attention(q, k, v, lambda n, t: 0.0, mask=CAUSAL)
  close(run(px.SoftmaxOne(), qkv), want)
  row = rng.standard_normal(5).astype(np.float32)
  close(px.SoftmaxOne().weights(row[None, None], px.Tile())[0, 0], softmax_one.softmax_one(row))


def test_a_sink_of_any_size_is_safe():
  """Neither large scores nor a large sink leave the range, and a row that sees nothing is zero."""
  z = jnp.array([[[200.0, 0.0], [-200.0, -200.0]]])
  close(px.sink_weights(z, None, jnp.array([0.0])), [[[1, 0], [0, 0]]])
  assert not np.asarray(px.sink_weights(z, None, jnp.array([300.0]))).any()
  hidden = jnp.zeros((1, 2, 2), bool)
  slope = jax.grad(lambda z: px.sink_weights(z, hidden, 0.0).sum())(z)
  assert not np.asarray(px.sink_weights(z, hidden, 0.0)).any() and not np.asarray(slope).any()


def test_driven_sinks(qkv, rng):
  x, w = rng.standard_normal((T, D)).astype(np.float32), rng.standard_normal((D, N))
  e = px.DrivenSink(w.astype(np.float32), np.float32([0.1, 0.2, 0.3, 0.4]))
  _, at, _ = e.layer(x, np.arange(T))
  logits = driven_sink.driven_sinks(x.astype(np.float64), w, [0.1, 0.2, 0.3, 0.4])
  close(at, logits)
  want = sink.sink_attention(*wide(qkv), lambda n, t: logits[t][n], mask=CAUSAL)
  close(run(e, qkv, q_positions=at, k_positions=at, q_order=np.arange(T), k_order=np.arange(T),
            applied=("layer",)), want)


@pytest.mark.parametrize("remainder", [True, False])
@pytest.mark.parametrize("attend_self", [True, False])
def test_stick_breaking(qkv, remainder, attend_self):
  q, k, v = wide(qkv)
  settings = {"remainder": remainder, "attend_self": attend_self}
  weights = stick_breaking.stick_breaking_weights(oracles.scores(q, k), range(T), **settings)
  close(run(px.StickBreaking(**settings), qkv), sink.weigh(weights, v))
  if remainder:
    close(weights.sum(-1), 1)


def test_stick_breaking_skips_hidden_keys_and_decodes(qkv, rng):
  q, k, v = wide(qkv)
  mask = CAUSAL & (rng.random((T, T)) < 0.6) | np.eye(T, dtype=bool)
  weights = stick_breaking.stick_breaking_weights(oracles.scores(q, k), range(T), mask=mask)
  close(px.attend(*qkv, px.StickBreaking(), mask=mask[None]), sink.weigh(weights, v))
  last = px.attend(qkv[0][-2:], *qkv[1:], px.StickBreaking(), q_positions=np.arange(T - 2, T),
                   k_positions=np.arange(T), causal=True)
  close(last, run(px.StickBreaking(), qkv)[-2:])
  assert np.isfinite(px.stick_breaking_weights(1e4 * jnp.ones((1, 3, 3)), None)).all()


@pytest.mark.parametrize("e, visible", [
  (px.MetaTokens(2, 1), lambda m, n: meta_tokens.meta_visible(m, n, 2, 1)),
  (px.MetaTokens(0, 2), lambda m, n: meta_tokens.meta_visible(m, n, 0, 2)),
])
def test_visibility(e, visible, qkv):
  mask = np.array([[visible(m, n) for n in range(T)] for m in range(T)])
  close(run(e, qkv), oracles.attention(*wide(qkv), mask=mask))
  # SSMax counts what is visible, which a bias of -inf would not tell it.
  s = px.SSMax.init(KEY, N)
  want = oracles.ssmax_attention(*wide(qkv), np.asarray(s.s, np.float64), mask=mask)
  close(run(px.chain(e, s), qkv), want)


def test_goldens():
  """gpt-oss, Ministral 3, Mistral Large 4 and Llama 4 of transformers, in float64."""
  g = goldens.load("content_and_softmax")
  q, k, v = (g[f"sink_{n}"][0].swapaxes(0, 1).astype(np.float32) for n in "qkv")
  close(run(px.Sink(g["sink_logit"].astype(np.float32)), (q, k, v)), g["sink_out"][0])
  want = g["ministral"]
  close(px.stepped_temperature(g["positions"], 0.1, 4, 0), want)
  s, b = (g[f"affine_{n}"].astype(np.float32) for n in "sb")
  # The model takes the logarithm in float32.
  close(px.affine_temperature(g["positions"], s, b).T, g["affine"], 1e-5)
  q, k = (g[f"llama4_{n}"][0][:, None].astype(np.float32) for n in "qk")
  got = px.attention_weights(q, k, px.SteppedTemperature(0.7, 3), causal=True)
  close(got, g["llama4_weights"][0])


Z = jnp.ones((2, 3, 3))
ERRORS = {
  "stepped length": (lambda: px.SteppedTemperature(0.1, 0), "length: got 0, wanted an int, at"),
  "stepped beta": (lambda: px.SteppedTemperature("a"), "beta: got 'a', wanted a number"),
  "affine": (lambda: px.AffineTemperature(np.ones(2), np.ones(3)), r"s, b: got shapes \(2,\) and"),
  "affine heads": (lambda: run(px.AffineTemperature(np.ones(3), np.ones(3)),
                               [jnp.ones((2, 2, 4))] * 3), "s: got 3 heads, wanted the 2 of q"),
  "constant": (lambda: px.ConstantTemperature(0.0), "factor: got 0.0, wanted a positive"),
  "drope": (lambda: f.drope_temperature(-1.0), "factor: got -1.0"),
  "sink number": (lambda: px.Sink(3), r"logit: got 3, wanted \[N\].*Sink\.init\(key"),
  "sink heads": (lambda: px.sink_weights(Z, None, jnp.ones(3)), r"sink: got shape \(3,\), wanted "
                 r"\[N\], N = 2"),
  "sink mask": (lambda: px.sink_weights(Z, np.ones((2, 3, 3)), 0.0), "mask: got float64"),
  "driven width": (lambda: px.driven_sinks(jnp.ones((2, 3)), jnp.ones((4, 2))),
                   "x: got width 3, wanted the sinks' width 4"),
  "driven shapes": (lambda: px.DrivenSink(np.ones((4, 2)), np.ones(3)), "weight, bias: got shapes"),
  "driven undriven": (lambda: run(px.DrivenSink(np.ones((4, 2))), [jnp.ones((3, 2, 4))] * 3,
                                  applied=("layer",), q_positions=np.arange(3),
                                  k_positions=np.arange(3)),
                      r"got shape \(3,\), wanted driven positions \[\.\.\., T, 2\]"),
  "stick": (lambda: px.StickBreaking(remainder=1), "remainder: got 1, wanted True or False"),
  "meta": (lambda: px.MetaTokens(-1, 2), "num_meta: got -1, wanted an int, at least 0"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
  call, message = ERRORS[case]
  with pytest.raises((ValueError, TypeError), match=message):
    call()

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Stick-breaking, Wall, token sinks, one more key, rotary values and PoPE beside other packages."""

import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import goldens

AT = np.arange(7, dtype=np.int32)


@pytest.fixture(scope="module")
def g():
  return goldens.load("content_and_softmax")


def qkv(g, name, letters="qkv"):
  """[T, N, H] each, float32."""
  return [jnp.asarray(g[f"{name}_{x}"][0], jnp.float32) for x in letters]


def close(got, want):
  np.testing.assert_allclose(np.asarray(got), want, rtol=0, atol=2e-6)


def test_stick_breaking_beside_fla(g):
  q, k, v = qkv(g, "stick")
  out, rest = g["stick_out"][0], g["stick_rest"][0]
  own = np.repeat(np.asarray(v), 2, axis=1)
  run = lambda **settings: px.attend(q, k, v, px.StickBreaking(**settings), causal=True)
  close(run(remainder=False), out)
  close(run(), out + rest[..., None] * own)
  close(run(remainder=False, attend_self=True), g["stick_own"][0])


def test_wall_beside_fla(g):
  q, k, v = qkv(g, "stick")
  gates = jnp.asarray(g["wall_gates"][0], jnp.float32)
  sums = px.forget_positions(gates)[..., None, :]  # [T, 2, 1, H]
  e = px.Wall(jnp.zeros((1, 1, 8)), jnp.zeros((1, 8)))
  close(px.attend(q, k, v, e, q_positions=sums, k_positions=sums, q_order=AT, k_order=AT,
                  causal=True, applied=("layer",)), g["wall_out"][0])


def test_token_sinks_beside_transformers(g):
  q, k, v = (jnp.swapaxes(x, 0, 1) for x in qkv(g, "token_sink"))
  e = px.DrivenSink(g["token_sink_weight"].astype(np.float32))
  _, sinks, _ = e.layer(jnp.asarray(g["token_sink_x"][0], jnp.float32), AT[:5])
  out = px.attend(q, k, v, e, q_positions=sinks, k_positions=sinks, q_order=AT[:5],
                  k_order=AT[:5], causal=True, applied=("layer",))
  close(out, g["token_sink_out"][0])


def test_one_more_key_beside_torch(g):
  q, k, v = (jnp.asarray(g[f"one_{x}"], jnp.float32).reshape(-1, 2, 8) for x in "qkv")
  close(px.attend(q, k, v, px.SoftmaxOne()).reshape(5, 16), g["one_out"])


def test_rotary_values_beside_roformer(g):
  e = px.chain(px.Rotary(8, pairing="interleaved"), px.RotaryValues(8, pairing="interleaved"))
  close(px.attend(*qkv(g, "values"), e, causal=True), g["values_out"][0])


def test_pope_beside_its_own_package(g):
  q, k = (jnp.swapaxes(x, 0, 1) for x in qkv(g, "pope", "qk"))
  e = px.Pope(g["pope_bias"])
  q, k = e.expand(*e.qk(q, k, AT[:6], AT[:6]), AT[:6], AT[:6])
  got = jnp.einsum("tnh,snh->nts", q, k)
  np.testing.assert_allclose(got, g["pope_scores"][0], rtol=2e-5, atol=2e-5)

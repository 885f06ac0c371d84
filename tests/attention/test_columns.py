# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Biases as columns of q and k: exact digits, the same softmax, gradients through them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.attention.api import make_call
from posenc_jax.attention.bias.columns import columns, split, widen
from tests import oracles


def test_digits_hold_every_bit():
  numbers = np.concatenate([np.arange(-70, 70), [257, 1023, 16777215, 1 / 3, 2**-7.5, 1e9, 3e-9]])
  x = jnp.asarray(numbers, jnp.float32)
  parts = jax.jit(lambda x: split(x, 3))(x)
  for p in parts:
    np.testing.assert_array_equal(p, p.astype(jnp.bfloat16).astype(jnp.float32))
  total = sum(np.asarray(p, np.float64) for p in parts)
  np.testing.assert_array_equal(total, np.asarray(x, np.float64))


def _product(q, k):
  """The scores of a matmul that multiplies bfloat16 exactly and adds exactly."""
  wide = lambda x: np.asarray(x.astype(jnp.float32), np.float64)
  return np.einsum("btnh,bsnh->bnts", wide(q), wide(k))


@pytest.mark.parametrize("offset", [0, 65_000])
def test_alibi_columns_give_the_causal_bias_up_to_a_term_of_the_row(offset):
  """Positions beyond 256, which one bfloat16 cannot count, and slopes that are no power of two."""
  slopes = np.asarray([0.5, 1 / 3, 0.7, 2**-8], np.float32)
  at = np.arange(offset, offset + 300, 7, dtype=np.int32)
  x = jnp.zeros((1, len(at), 4, 8), jnp.bfloat16)
  call = make_call(x, x, x, px.Alibi(slopes=slopes), q_positions=at, k_positions=at, causal=True)
  q, k = widen(call.queries.x, call.keys.x, *columns(call.one_batch()), 0.25)
  assert q.dtype == k.dtype == jnp.bfloat16 and q.shape[-1] == 8 + 6
  scores = 0.25 * _product(q, k)[0]
  scores -= np.diagonal(scores, axis1=1, axis2=2)[..., None]
  wanted = oracles.alibi_bias(at, at, slopes.astype(np.float64))
  np.testing.assert_allclose(scores, wanted, atol=at[-1] * 2.0**-22)


def test_fox_columns_are_the_cumulated_gates(rng):
  gates = -rng.random((9, 3))
  c = px.forget_positions(jnp.asarray(gates, jnp.float32))
  fox = px.Fox(jnp.ones((5, 3)), jnp.ones(3))
  a, b = fox.bias_columns(c[None], c[None])
  product = np.einsum("btnr,bsnr->bnts", np.broadcast_to(a, b.shape), b)[0]
  product -= np.diagonal(product, axis1=1, axis2=2)[..., None]
  np.testing.assert_allclose(product, oracles.fox_bias(gates, 9), atol=1e-6)


def _attention(q, k, v, scale):
  """Causal attention in float32 that knows no bias."""
  z = jnp.einsum("btnh,bsnh->bnts", q, k, preferred_element_type=jnp.float32) * scale
  seen = np.tril(np.ones(z.shape[-2:], bool))[None, None]
  return jnp.einsum("bnts,bsnh->btnh", jax.nn.softmax(z, where=seen, axis=-1), v)


def test_gradients_come_back_through_the_columns(rng):
  q, k, v, g = (jnp.asarray(rng.standard_normal((2, 40, 4, 8)), jnp.float32) for _ in range(4))
  slopes = jnp.asarray([0.5, 1 / 3, 0.7, 0.01])

  def total(kind, q, k, v, slopes):
    encoding = px.Alibi(slopes=slopes)
    if kind == "attend":
      out = px.attend(q, k, v, encoding, causal=True, implementation="reference", scale=0.3)
    else:
      call = make_call(q, k, v, encoding, causal=True)
      out = _attention(*widen(q, k, *columns(call.one_batch()), 0.3), v, 0.3)
    return jnp.vdot(out, g)

  wanted, got = (jax.grad(total, argnums=(1, 2, 3, 4))(kind, q, k, v, slopes)
                 for kind in ("attend", "columns"))
  for w, x in zip(wanted, got, strict=True):
    np.testing.assert_allclose(x, w, atol=2e-5 * (1 + float(jnp.abs(w).max())))


def test_chains_join_columns(rng):
  at = jnp.arange(6)[None]
  slopes = jnp.asarray([0.5, 0.1])
  both = px.chain(px.Alibi(slopes=slopes), px.Rotary(4), px.Alibi(slopes=2 * slopes))
  assert both.has("bias_columns")
  assert not px.chain(px.Alibi(2), px.T5Bias(jnp.ones((8, 2)), False, 16)).has("bias_columns")
  a, b = both.bias_columns(at, at)
  assert a.shape == (1, 1, 2, 2) and b.shape == (1, 6, 1, 2)
  product = np.einsum("nr,sr->ns", a[0, 0], b[0, :, 0])
  np.testing.assert_allclose(product, 3 * np.asarray(slopes)[:, None] * np.arange(-5, 1), rtol=1e-6)
  assert px.Encoding().bias_columns(at, at) is None


@pytest.mark.parametrize("options", [
  {},                                                              # both directions
  {"causal": True, "q_order": jnp.arange(5), "traced": True},      # an order that is not known
  {"causal": True, "positions": np.array([0, 1, 5, 2, 3])},        # a later position is visible
])
def test_columns_are_refused_where_they_would_be_wrong(options):
  options = dict(options)
  found = []

  def trace(order):
    kwargs = {"causal": options.get("causal", False)}
    if "positions" in options:
      kwargs |= {n: options["positions"] for n in ("q_positions", "k_positions")}
    order = order if options.get("traced") else np.arange(5)
    call = make_call(x, x, x, px.Alibi(2), q_order=order, k_order=order, **kwargs)
    found.append(columns(call.one_batch()))

  x = jnp.zeros((1, 5, 2, 4))
  jax.eval_shape(trace, jnp.arange(5))
  assert found == [None]

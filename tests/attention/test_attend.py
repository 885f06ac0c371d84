# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What attend means: against float64 loops, and what it says of arguments that do not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from tests import oracles
from tests.goldens import load

IMPLEMENTATIONS = ("reference", "rows")


def _draw(rng, *shape):
  return rng.standard_normal(shape).astype(np.float32)


def _qkv(rng, t=6, s=6, n=4, k=2, h=8):
  return _draw(rng, t, n, h), _draw(rng, s, k, h), _draw(rng, s, k, h)


def _attend(implementation, *args, **kwargs):
  options = {"tile": 4} if implementation == "rows" else {}
  return px.attend(*map(jnp.asarray, args[:3]), *args[3:], implementation=implementation,
                   **options, **kwargs)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("window", [None, 2, (3, 0), (0, 1)])
def test_order_and_window(rng, implementation, causal, window):
  q, k, v = _qkv(rng)
  got = _attend(implementation, q, k, v, causal=causal, window=window)
  left, right = (99, 99) if window is None else (window, window) if window == 2 else window
  behind = np.arange(6)[:, None] - np.arange(6)
  mask = (behind <= left) & (behind >= -right) & ((behind >= 0) | (not causal))
  np.testing.assert_allclose(got, oracles.attention(q, k, v, mask=mask), atol=2e-6)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_segments_masks_and_rows_that_see_nothing(rng, implementation):
  q, k, v = _qkv(rng, t=5, s=7)
  q_segments, k_segments = np.array([1, 1, 2, 2, 9]), np.array([1, 1, 1, 2, 2, 3, 3])
  mask = rng.random((4, 5, 7)) < 0.7
  got = _attend(implementation, q, k, v, mask=jnp.asarray(mask),
                segments=(jnp.asarray(q_segments), jnp.asarray(k_segments)))
  whole = mask & (q_segments[:, None] == k_segments)[None]
  np.testing.assert_allclose(got, oracles.attention(q, k, v, mask=whole), atol=2e-6)
  assert (np.asarray(got[4]) == 0).all()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_a_row_that_sees_nothing_has_finite_gradients(rng, implementation):
  q, k, v = _qkv(rng)
  mask = np.ones((1, 6, 6), bool)
  mask[:, 2] = False

  def total(q, k, v, e):
    return jnp.sum(_attend(implementation, q, k, v, e, mask=jnp.asarray(mask)) ** 2)

  gradients = jax.grad(total, argnums=(0, 1, 2, 3))(*map(jnp.asarray, (q, k, v)), px.Alibi(4))
  for g in jax.tree.leaves(gradients):
    assert np.isfinite(np.asarray(g)).all()
  assert (np.asarray(gradients[0][2]) == 0).all()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_explicit_positions_and_order(rng, implementation):
  """Two queries against a cache whose slots are out of order, and one slot that holds nothing."""
  q, k, v = _qkv(rng, t=2, s=5)
  q_at, k_at = np.array([7, 3]), np.array([3, 0, 7, 5, 99])
  got = _attend(implementation, q, k, v, px.Alibi(4), causal=True, q_positions=jnp.asarray(q_at),
                k_positions=jnp.asarray(k_at))
  bias = oracles.alibi_bias(q_at, k_at, oracles.alibi_slopes(4))
  mask = q_at[:, None] >= k_at
  np.testing.assert_allclose(got, oracles.attention(q, k, v, bias=bias, mask=mask), atol=2e-6)
  order = _attend(implementation, q, k, v, px.Alibi(4), causal=True, q_positions=jnp.asarray(q_at),
                  k_positions=jnp.asarray(k_at), q_order=np.array([4, 4]), k_order=np.arange(5))
  bias = oracles.alibi_bias(q_at, k_at, oracles.alibi_slopes(4), symmetric=True)
  np.testing.assert_allclose(order, oracles.attention(q, k, v, bias=bias), atol=2e-6)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize("t, s", [(1, 1), (1, 9), (7, 7), (9, 2), (0, 3), (3, 0), (0, 0)])
def test_odd_lengths(rng, implementation, t, s):
  q, k, v = _qkv(rng, t=t, s=s)
  at = lambda n: jnp.arange(n)
  got = _attend(implementation, q, k, v, px.Rotary(8), causal=True, q_positions=at(t),
                k_positions=at(s))
  assert got.shape == (t, 4, 8)
  if t and s:
    wanted = oracles.rotary_attention(q, k, v, range(t), range(s), oracles.rotary_frequencies(8),
                                      mask=np.arange(t)[:, None] >= np.arange(s))
    np.testing.assert_allclose(got, wanted, atol=3e-6)
  else:
    assert (np.asarray(got) == 0).all()


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_batch_axes_scale_and_another_value_width(rng, implementation):
  q, k, v = _draw(rng, 2, 3, 5, 2, 4), _draw(rng, 2, 3, 5, 1, 4), _draw(rng, 2, 3, 5, 1, 6)
  got = _attend(implementation, q, k, v, scale=0.3)
  assert got.shape == (2, 3, 5, 2, 6)
  wanted = oracles.attention(q[1, 2], k[1, 2], v[1, 2], scale=0.3)
  np.testing.assert_allclose(got[1, 2], wanted, atol=2e-6)


@pytest.mark.parametrize("name", ["plain", "causal"])
@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_against_torch_with_gradients(x64, implementation, name):
  g = load("torch_attention")
  q, k, v, cotangent = (jnp.asarray(np.swapaxes(g[f"{name}_{x}"], 1, 2))
                        for x in ("q", "k", "v", "cotangent"))
  assert q.dtype == jnp.float64
  out, pull = jax.vjp(lambda *a: _attend(implementation, *a, causal=name == "causal"), q, k, v)
  assert out.dtype == jnp.float64
  np.testing.assert_allclose(np.swapaxes(out, 1, 2), g[f"{name}_out"], atol=1e-12)
  for x, got in zip("qkv", pull(cotangent), strict=True):
    np.testing.assert_allclose(np.swapaxes(got, 1, 2), g[f"{name}_d{x}"], atol=1e-12)


def test_jax_nn_means_the_same(rng):
  """The same arguments in jax.nn.dot_product_attention, where it has them."""
  q, k, v = (x[None] for x in _qkv(rng))
  for options in ({"is_causal": True}, {"local_window_size": (2, 1)}):
    wanted = jax.nn.dot_product_attention(q, k, v, implementation="xla", **options)
    got = _attend("rows", q, k, v, causal="is_causal" in options,
                  window=options.get("local_window_size"))
    np.testing.assert_allclose(got, wanted, atol=2e-6)


Q, K = jnp.ones((2, 3, 4, 8)), jnp.ones((2, 5, 2, 8))
ARANGE = jnp.arange(3), jnp.arange(5)


def _call(q=Q, k=K, v=K, e=None, **kwargs):
  return lambda: px.attend(q, k, v, e, **kwargs)


@pytest.mark.parametrize("call, message", [
  (_call(q=jnp.ones((2, 3, 3, 8))), r"q, k: got 3 query heads and 2 key heads.*multiple"),
  (_call(q=jnp.ones((2, 3, 4, 6))), r"q, k: got head dims 6 and 8, wanted equal"),
  (_call(q=jnp.ones((3, 8))), r"q, k, v: got q \(3, 8\).*of one rank"),
  (_call(q=jnp.ones((1, 3, 4, 8))), r"q, k, v: .*equal batch axes"),
  (_call(v=jnp.ones((2, 4, 2, 8))), r"q, k, v: .*equal batch axes and lengths"),
  (_call(causal=True), r"q_order, k_order: got None with T=3, S=5"),
  (_call(e=px.Alibi(4)), r"q_positions, k_positions: got None with T=3, S=5"),
  (_call(e=px.Alibi(4), q_positions=ARANGE[0]), r"q_positions, k_positions: got one of them"),
  (_call(q_order=ARANGE[0]), r"q_order, k_order: got one of them"),
  (_call(segments=ARANGE[0]), r"segments: got one array, wanted a pair, as T=3 and S=5"),
  (_call(segments=(ARANGE[0], ARANGE[0])), r"k_segments: got shape \(3,\), wanted .* T = 5"),
  (_call(mask=jnp.ones((3, 5), bool)), r"mask: got shape \(3, 5\), wanted .*1 or 4, 3, 5\]"),
  (_call(mask=jnp.ones((2, 1, 3, 4), bool)), r"mask: got shape \(2, 1, 3, 4\)"),
  (_call(window=-1), r"window: got -1, wanted None, an integer >= 0 or a pair"),
  (_call(window=(1, 2, 3)), r"window: got \(1, 2, 3\)"),
  (_call(implementation="row"), r"implementation: got 'row'.*Did you mean 'rows'"),
])
def test_values_that_do_not_fit(call, message):
  with pytest.raises(ValueError, match=message):
    call()


@pytest.mark.parametrize("call, message", [
  (_call(mask=jnp.ones((2, 1, 3, 5))), r"mask: got float32, wanted bool"),
  (_call(q=Q.astype(jnp.bfloat16)), r"q, k, v: got bfloat16, float32, float32, wanted one"),
  (_call(e="rope"), r"encoding: got 'rope', wanted an encoding"),
  (_call(segments=(jnp.ones(3), jnp.ones(5))), r"q_segments: got float32, wanted integers"),
])
def test_types_that_do_not_fit(call, message):
  with pytest.raises(TypeError, match=message):
    call()


def test_errors_come_while_tracing():
  with pytest.raises(ValueError, match="multiple"):
    jax.eval_shape(lambda q: px.attend(q, K, K), jnp.ones((2, 3, 3, 8)))

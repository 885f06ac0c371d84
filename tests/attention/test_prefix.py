# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Prefix-LM: the first so many keys in order are visible to all, against float64 loops."""

import json
import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh

import posenc_jax as px
from tests import oracles

T, N, K, H = 7, 4, 2, 4
AT = np.arange(T)
IMPLEMENTATIONS = ("reference", "rows")


def _draw(rng, t, s):
  return [rng.standard_normal((2, *x)).astype(np.float32)
          for x in ((t, N, H), (s, K, H), (s, K, H))]


def _seen(q_order, k_order, prefix, *, causal=True, window=None, ids=None, real=None):
  """Which keys are seen, by the definition: the keys of the `prefix` smallest orders, and the rest
  by causal and window; then documents and padding."""
  first = sorted(set(k_order))[:prefix]
  out = np.zeros((len(q_order), len(k_order)), bool)
  for i, m in enumerate(q_order):
    for j, n in enumerate(k_order):
      near = window is None or -window[1] <= m - n <= window[0]
      out[i, j] = n in first or (near and (n <= m or not causal))
      if ids is not None:
        out[i, j] &= ids[i] == ids[j]
      if real is not None:
        out[i, j] &= i < real and j < real
  return out


def _context(q, k, v, e=None, **options):
  mesh = Mesh(jax.devices()[:1], ("tokens",))
  return px.context_attend(q, k, v, e, mesh=mesh, axis="tokens", **options)


WAYS = {
    "reference": lambda *a, **o: px.attend(*a, implementation="reference", **o),
    "rows": lambda *a, **o: px.attend(*a, implementation="rows", tile=2, **o),
    "rows-jit": lambda q, k, v, e, prefix, **o: jax.jit(lambda q, k, v, prefix: px.attend(
        q, k, v, e, implementation="rows", tile=3, prefix=prefix, **o))(q, k, v, prefix),
    "ring": lambda *a, **o: _context(*a, collective="ring", tile=3, **o),
}


def _check(way, q, k, v, e, masks, bias=None, **options):
  got = WAYS[way](q, k, v, e, **options)
  for i, mask in enumerate(masks):
    wanted = oracles.attention(q[i], k[i], v[i], bias=bias, mask=mask)
    np.testing.assert_allclose(np.asarray(got[i], np.float64), wanted, atol=3e-6)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("causal, window", [
    (True, None), (True, 1), (False, (1, 0)), (True, (0, 0))])
def test_prefix_with_causal_and_window(rng, way, causal, window):
  q, k, v = _draw(rng, T, T)
  pair = (window, window) if isinstance(window, int) else window
  masks = [_seen(AT, AT, p, causal=causal, window=pair) for p in (3, 0)]
  _check(way, q, k, v, None, masks, prefix=np.array([3, 0]), causal=causal, window=window)


@pytest.mark.parametrize("way", WAYS)
def test_the_bias_of_later_keys_of_the_prefix(rng, way):
  """Columns stand for a bias of the past alone: a prefix shows the future."""
  q, k, v = _draw(rng, T, T)
  bias = oracles.alibi_bias(AT, AT, oracles.alibi_slopes(N), symmetric=True)
  masks = [_seen(AT, AT, p) for p in (5, 7)]
  _check(way, q, k, v, px.Alibi(N), masks, bias, prefix=np.array([5, 7]), causal=True)


@pytest.mark.parametrize("way", WAYS)
def test_documents_inside_the_prefix_stay_apart(rng, way):
  q, k, v = _draw(rng, T, T)
  ids = np.array([[0, 0, 0, 1, 1, 1, 1], [0, 1, 2, 3, 4, 5, 6]])
  masks = [_seen(AT, AT, 5, ids=one) for one in ids]
  _check(way, q, k, v, None, masks, prefix=5, causal=True, segments=ids)


@pytest.mark.parametrize("way", ["reference", "rows", "rows-jit"])
def test_padding_inside_the_prefix_stays_hidden(rng, way):
  q, k, v = _draw(rng, T, T)
  masks = [_seen(AT, AT, 6, real=n) for n in (4, 7)]
  _check(way, q, k, v, None, masks, prefix=np.array([6, 6]), causal=True, lengths=[4, 7])


@pytest.mark.parametrize("way", ["reference", "rows", "rows-jit"])
@pytest.mark.parametrize("k_order", [
    AT + 1000, AT * 7 - 20, AT[::-1], np.array([0, 1, 2, 0, 1, 2, 3]),
    np.array([-(2**31), 1, 2, 3, 4, 5, 2**31 - 1])],
    ids=["offset", "gaps", "reversed", "repeated", "ends-of-int32"])
def test_orders_begin_anywhere_and_have_gaps(rng, way, k_order):
  """A decode step: two queries, whose orders are those of the last keys."""
  q, k, v = _draw(rng, 2, T)
  q_order = np.sort(k_order)[-2:]
  masks = [_seen(q_order.tolist(), k_order.tolist(), p) for p in (3, 6)]
  _check(way, q, k, v, None, masks, prefix=np.array([3, 6]), causal=True, q_order=q_order,
         k_order=k_order)


def test_real_positions_with_gaps_count_tokens(rng):
  q, k, v = _draw(rng, T, T)
  at = np.cumsum(rng.uniform(0.5, 3, T)).astype(np.float32)
  masks = [_seen(AT, AT, 3)] * 2
  for way in ("reference", "rows"):
    got = WAYS[way](q, k, v, px.chain(px.Encoding(), px.SSMax(np.ones(N, np.float32))), prefix=3,
                    causal=True, q_positions=at, k_positions=at)
    for i, mask in enumerate(masks):
      wanted = oracles.ssmax_attention(q[i], k[i], v[i], np.ones(N), mask=mask)
      np.testing.assert_allclose(np.asarray(got[i], np.float64), wanted, atol=3e-6)


def test_gradients_of_tiles_are_those_of_the_dense_way(rng):
  q, k, v = map(jnp.asarray, _draw(rng, T, T))
  prefix = np.array([5, 2])
  def loss(way):
    return lambda q, k, v, e: jnp.sum(WAYS[way](q, k, v, e, prefix=prefix, causal=True) ** 2)
  tiles, dense = (jax.grad(loss(way), (0, 1, 2, 3))(q, k, v, px.Alibi(N))
                  for way in ("rows", "reference"))
  for a, b in zip(jax.tree.leaves(tiles), jax.tree.leaves(dense), strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("platform, name", [("gpu", "cudnn"), ("tpu", "splash"), ("tpu", "strip")])
def test_fused_kernels_name_the_prefix_as_their_obstacle(platform, name):
  x = jax.ShapeDtypeStruct((1, 256, 4, 64), jnp.bfloat16)
  assert px.explain(x, x, x, causal=True, platform=platform).obstacles[name] is None
  found = px.explain(x, x, x, causal=True, prefix=3, platform=platform)
  assert found.obstacles[name] == "it knows no prefix" and found.chosen == "rows"


_SCRIPT = """
import json, jax, numpy as np, posenc_jax as px
from jax.sharding import Mesh
rng = np.random.default_rng(0)
q, k, v = (rng.standard_normal((2, 32, n, 4)).astype(np.float32) for n in (4, 2, 2))
mesh, found = Mesh(np.array(jax.devices()), ("tokens",)), {}
prefix, e = np.array([13, 0]), px.Alibi(4)
wanted = px.attend(q, k, v, e, causal=True, prefix=prefix, implementation="reference")
for layout in ("contiguous", "zigzag"):
  into = (lambda x: px.zigzag(x, 8, axis=1)) if layout == "zigzag" else (lambda x: x)
  for collective in ("ring", "gather"):
    got = px.context_attend(*map(into, (q, k, v)), e, mesh=mesh, axis="tokens", causal=True,
                            prefix=prefix, layout=layout, collective=collective)
    got = px.unzigzag(got, 8, axis=1) if layout == "zigzag" else got
    found[f"{layout} {collective}"] = float(abs(got - wanted).max())

# CoPE takes whole rows, in the order of tokens: with documents, a mask and a prefix.
e = px.Cope(rng.standard_normal((9, 4)).astype(np.float32))
ids, mask = np.sort(rng.integers(0, 3, (2, 32))), rng.random((2, 1, 32, 32)) < 0.8
wanted = px.attend(q, k, v, e, causal=True, prefix=5, segments=ids, mask=mask,
                   implementation="reference")
for layout in ("contiguous", "zigzag"):
  into = (lambda x, axis: px.zigzag(x, 8, axis=axis)) if layout == "zigzag" else lambda x, axis: x
  got = px.context_attend(*(into(x, 1) for x in (q, k, v)), e, mesh=mesh, axis="tokens",
                          causal=True, prefix=5, segments=into(ids, 1),
                          mask=into(into(mask, 2), 3), layout=layout)
  got = px.unzigzag(got, 8, axis=1) if layout == "zigzag" else got
  found[f"whole rows {layout}"] = float(abs(got - wanted).max())
print(json.dumps(found))
"""


def test_eight_devices_equal_one():
  settings = dict(JAX_NUM_CPU_DEVICES="8", JAX_PLATFORMS="cpu", JAX_DISABLE_MOST_OPTIMIZATIONS="1")
  done = subprocess.run([sys.executable, "-c", _SCRIPT], cwd=pathlib.Path(__file__).parents[2],
                        env=os.environ | settings, capture_output=True, text=True, check=False)
  assert done.returncode == 0, done.stderr[-3000:]
  errors = json.loads(done.stdout)
  assert len(errors) == 6 and all(x < 2e-6 for x in errors.values()), errors

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Orders of rows: converted weights give the same scores, and every conversion has its inverse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax.interop import convert_pairing, join_qkv, roll_dims, split_qkv


def scores(w_q, w_k, x, e, heads):
  """q k^T of every head, turned by e."""
  q, k = ((x @ w.T).reshape(*x.shape[:-1], heads, -1) for w in (w_q, w_k))
  q, k = e.qk(jnp.asarray(q), jnp.asarray(k), jnp.arange(5), jnp.arange(5))
  return np.einsum("tnh,snh->nts", q, k)


@pytest.mark.parametrize("dims", [None, 4])
@pytest.mark.parametrize("to", ["half", "interleaved"])
def test_another_pairing_gives_the_same_scores(rng, dims, to):
  w_q, w_k = (rng.standard_normal((3 * 8, 10)).astype(np.float32) for _ in "qk")
  x = rng.standard_normal((5, 10)).astype(np.float32)
  other = {"half": "interleaved", "interleaved": "half"}[to]
  wanted = scores(w_q, w_k, x, px.Rotary(dims or 8, pairing=other), 3)
  new = [convert_pairing(w, heads=3, to=to, dims=dims) for w in (w_q, w_k)]
  np.testing.assert_allclose(scores(*new, x, px.Rotary(dims or 8, pairing=to), 3), wanted,
                             atol=1e-4)
  assert np.abs(scores(w_q, w_k, x, px.Rotary(dims or 8, pairing=to), 3) - wanted).max() > 0.1
  back = convert_pairing(new[0], heads=3, to=other, dims=dims)
  np.testing.assert_array_equal(back, w_q)


def test_the_part_that_turns_moves_to_the_front(rng):
  w_q, w_k = (rng.standard_normal((2 * 8, 10)).astype(np.float32) for _ in "qk")
  x = rng.standard_normal((5, 10)).astype(np.float32)
  wanted = scores(w_q, w_k, x, px.on_dims(slice(4, 8), px.Rotary(4)), 2)
  new = [roll_dims(w, heads=2, dims=4, to="leading") for w in (w_q, w_k)]
  np.testing.assert_allclose(scores(*new, x, px.Rotary(4), 2), wanted, atol=1e-4)
  back = roll_dims(new[0], heads=2, dims=4, to="trailing")
  np.testing.assert_array_equal(back, w_q)


@pytest.mark.parametrize("layout, heads, kv_heads", [
    ("heads", 4, None), ("groups", 4, 2), ("groups", 4, 1), ("groups", 4, 4), ("blocks", 4, 2)])
@pytest.mark.parametrize("axis", [0, -1])
def test_fused_projections_come_apart_and_together(rng, layout, heads, kv_heads, axis):
  rows = (heads + 2 * (kv_heads or heads)) * 3
  w = rng.standard_normal((rows, 5) if axis == 0 else (5, rows))
  parts = split_qkv(w, heads=heads, kv_heads=kv_heads, layout=layout, axis=axis)
  assert [p.shape[axis] for p in parts] == [heads * 3, (kv_heads or heads) * 3] + [
      (kv_heads or heads) * 3]
  again = join_qkv(*parts, heads=heads, kv_heads=kv_heads, layout=layout, axis=axis)
  np.testing.assert_array_equal(again, w)


def test_fused_layouts_are_those_of_the_models():
  """The views that GPT-NeoX, Falcon and Phi-3 take of the output of their projection."""
  out = np.arange(2 * 3 * 5)  # two heads of width 5
  neox = out.reshape(2, 3, 5)
  for part, wanted in zip(split_qkv(out, heads=2, layout="heads"), neox.transpose(1, 0, 2),
                          strict=True):
    np.testing.assert_array_equal(part, wanted.ravel())
  out = np.arange(2 * 4 * 5)  # two groups of two queries, one key and one value
  falcon = out.reshape(2, 4, 5)
  q, k, v = split_qkv(out, heads=4, kv_heads=2, layout="groups")
  np.testing.assert_array_equal(q, falcon[:, :2].ravel())
  np.testing.assert_array_equal(k, falcon[:, 2].ravel())
  np.testing.assert_array_equal(v, falcon[:, 3].ravel())
  q, k, v = split_qkv(out, heads=4, kv_heads=2, layout="blocks")
  assert q.tolist() + k.tolist() + v.tolist() == out.tolist()


def test_arrays_of_jax_stay_so():
  w = jax.random.normal(jax.random.key(0), (12, 3))
  assert isinstance(convert_pairing(w, heads=3, to="half"), jax.Array)
  q, k, v = split_qkv(w, heads=2, layout="heads")
  np.testing.assert_array_equal(join_qkv(q, k, v, heads=2, layout="heads"), w)


W = np.zeros((12, 2))


@pytest.mark.parametrize("call, message", [
    (lambda: convert_pairing(W, heads=5, to="half"), "heads: got 5, wanted a divisor of the 12"),
    (lambda: convert_pairing(W, heads=3, to="halves"), "to: .*Did you mean 'half'"),
    (lambda: convert_pairing(W, heads=3, to="half", dims=3), "dims: got 3, wanted an even number"),
    (lambda: convert_pairing(W, heads=3, to="half", dims=6), "dims: got 6, wanted .* at most 4"),
    (lambda: roll_dims(W, heads=3, dims=5, to="leading"), "dims: got 5, wanted at most 4"),
    (lambda: roll_dims(W, heads=3, dims=2, to="front"), "to: got 'front', wanted one of leading"),
    (lambda: split_qkv(W, heads=2, layout="fused"), "layout: got 'fused'"),
    (lambda: split_qkv(W, heads=2, kv_heads=1, layout="heads"), "kv_heads: got 1, wanted 2"),
    (lambda: split_qkv(W, heads=4, kv_heads=3, layout="blocks"), "kv_heads: got 3, wanted a div"),
    (lambda: split_qkv(W, heads=3, layout="blocks"), "w: got 12 rows, wanted a multiple of 9"),
    (lambda: join_qkv(W, W, W, heads=2, kv_heads=1, layout="blocks"), "q, k, v: got .* rows"),
])
def test_refusals(call, message):
  with pytest.raises(ValueError, match=message):
    call()


def test_wrong_types():
  with pytest.raises(TypeError, match="w: got list, wanted an array"):
    convert_pairing([1, 2], heads=1, to="half")

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The TPU strip kernel: in the TPU interpreter against float64 NumPy, and lowered for TPUs."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.pallas import tpu as pltpu

import posenc_jax as px
from posenc_jax.attention.strip.attention import strip_attention
from posenc_jax.attention.strip.geometry import LANES, Geometry, make_line

NAMES = ("out", "dq", "dk", "dv", "dvector")


def oracle(q, k, v, vector, do, *, causal, window, offset, segments=None):
  """Values and the four gradients, dense, in float64; the bias gradient pair by pair."""
  q, k, v, vector, do = (np.asarray(x, np.float64) for x in (q, k, v, vector, do))
  (b, t, n, h), (_, s, heads, _) = q.shape, k.shape
  group, scale = n // heads, h ** -0.5
  behind = np.arange(t)[:, None] + offset - np.arange(s)[None, :]
  seen = np.ones((t, s), bool)
  if causal:
    seen &= behind >= 0
  if window is not None:
    left, right = window
    seen &= (behind <= left) & (behind >= -right)
  seen = np.broadcast_to(seen, (b, t, s))
  if segments is not None:
    seen = seen & (segments[0][:, :, None] == segments[1][:, None, :])
  index = np.arange(t)[:, None] - np.arange(s)[None, :] + s - 1
  out, dq, dk, dv = np.zeros_like(do), np.zeros_like(q), np.zeros_like(k), np.zeros_like(v)
  dvector = np.zeros_like(vector)
  for i in range(b):
    for head in range(n):
      kh, vh = k[i, :, head // group], v[i, :, head // group]
      z = np.where(seen[i], scale * q[i, :, head] @ kh.T + vector[head][index], -np.inf)
      top = z.max(axis=1, keepdims=True)
      e = np.exp(z - np.where(np.isfinite(top), top, 0))
      total = e.sum(axis=1, keepdims=True)
      p = e / np.where(total == 0, 1, total)
      out[i, :, head] = p @ vh
      dp = do[i, :, head] @ vh.T
      ds = p * (dp - (p * dp).sum(axis=1, keepdims=True))
      dq[i, :, head] = scale * ds @ kh
      dk[i, :, head // group] += scale * ds.T @ q[i, :, head]
      dv[i, :, head // group] += p.T @ do[i, :, head]
      np.add.at(dvector[head], index, ds)
  return out, dq, dk, dv, dvector


def draw(rng, b, t, s, n, heads, h, wide, dtype=np.float32):
  shapes = (b, t, n, h), (b, s, heads, h), (b, s, heads, wide), (n, t + s - 1), (b, t, n, wide)
  arrays = [jnp.asarray(rng.standard_normal(x), jnp.float32) for x in shapes]
  return [x if i == 3 else x.astype(dtype) for i, x in enumerate(arrays)]


def value_and_gradients(q, k, v, vector, do, **options):
  out, pull = jax.vjp(functools.partial(strip_attention, **options), q, k, v, vector)
  return out, *pull(do)


def compare(got, want, tolerance):
  for name, a, b in zip(NAMES, got, want, strict=True):
    a = np.asarray(a.astype(jnp.float32), np.float64)
    np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * max(1, np.abs(b).max()), err_msg=name)


# b, t, s, n, heads, h, wide; options.
RACES = [
    # Two blocks each way, grouped heads, a skipped block above the diagonal.
    ((1, 256, 256, 2, 1, 16, 16), dict(causal=True, window=None, offset=0)),
    # Lengths off the blocks, T < S, wider values, a window that leaves blocks out on both sides.
    pytest.param((2, 200, 330, 1, 1, 16, 24), dict(causal=True, window=(90, 0), offset=130),
                 marks=pytest.mark.slow),
]


@pytest.mark.parametrize("shape,options", RACES)
def test_equals_float64_oracle_without_races(shape, options, rng, capfd):
  arrays = draw(rng, *shape)
  interpret = pltpu.InterpretParams(detect_races=True)
  f = jax.jit(functools.partial(value_and_gradients, interpret=interpret, **options))
  compare(f(*arrays), oracle(*arrays, **options), 2e-6)
  # Newer releases raise at a race; older ones print.
  assert "RACE" not in capfd.readouterr().out


@pytest.mark.parametrize("shape,blocks,options", [
    # Tall tiles, bias diagonals of several lanes; queries before every key, which see nothing.
    ((2, 600, 300, 2, 1, 16, 16), (512, 256), dict(causal=True, window=None, offset=-140)),
    # Wide tiles, keys on both sides.
    ((1, 140, 400, 2, 2, 16, 16), (128, 256), dict(causal=False, window=(70, 40), offset=200)),
])
def test_blocks_of_any_shape(shape, blocks, options, rng):
  arrays = draw(rng, *shape)
  f = jax.jit(functools.partial(value_and_gradients, interpret=True, block_q=blocks[0],
                                block_k=blocks[1], **options))
  compare(f(*arrays), oracle(*arrays, **options), 2e-6)


@pytest.fixture(scope="module")
def small():
  """One compiled function that several tests share: T 130, S 128, causal."""
  options = dict(causal=True, window=None, offset=0)
  return jax.jit(functools.partial(value_and_gradients, interpret=True, **options)), options


def test_bfloat16_inputs_keep_float32_sums_and_their_dtype(small, rng):
  f, options = small
  arrays = draw(rng, 1, 130, 128, 2, 1, 16, 16, jnp.bfloat16)
  got = f(*arrays)
  assert [x.dtype.name for x in got] == ["bfloat16"] * 4 + ["float32"]
  compare(got, oracle(*arrays, **options), 1.5e-2)


def test_gradient_reaches_the_encoding_and_repeats_bit_by_bit(small, rng):
  f, _ = small
  q, k, v, _, do = draw(rng, 1, 130, 128, 2, 1, 16, 16)
  encoding = px.Alibi(2)
  vector, pull = jax.vjp(lambda e: e.distance_bias(jnp.arange(1 - 128, 130)), encoding)
  got = f(q, k, v, vector, do)
  (slopes,) = pull(got[4])
  again = f(q, k, v, vector, do)
  for a, b in zip(got, again, strict=True):
    np.testing.assert_array_equal(a, b)

  def dense(q, k, v, e):
    return px.attend(q, k, v, e, q_positions=jnp.arange(130), k_positions=jnp.arange(128),
                     causal=True, implementation="reference")

  out, pull = jax.vjp(dense, q, k, v, encoding)
  want = pull(do)
  np.testing.assert_allclose(got[0], out, rtol=0, atol=2e-6)
  np.testing.assert_allclose(slopes.slopes, want[3].slopes, rtol=2e-5)


def test_hidden_scores_may_be_anything(small, rng):
  f, options = small
  q, k, v, vector, do = draw(rng, 1, 130, 128, 2, 1, 16, 16)
  wanted = oracle(q, k, v, vector, do, **options)
  k, vector = k.at[:, 100].set(jnp.nan).at[:, 101].set(jnp.inf), vector.at[:, :128 - 1].set(jnp.nan)
  out, *_, dvector = f(q, k, v, vector, do.at[:, 100:].set(0))
  np.testing.assert_allclose(out[:, :100], wanted[0][:, :100], rtol=0, atol=2e-6)
  assert not dvector[:, :128 - 1].any()


def test_vmap_over_the_bias_alone_is_a_loop(rng):
  q, k, v, _, _ = draw(rng, 1, 128, 128, 1, 1, 8, 8)
  vectors = jnp.asarray(rng.standard_normal((2, 1, 255)), jnp.float32)
  f = jax.jit(lambda x: strip_attention(q, k, v, x, interpret=True))
  got = jax.jit(jax.vmap(lambda x: strip_attention(q, k, v, x, interpret=True)))(vectors)
  np.testing.assert_allclose(got, jnp.stack([f(x) for x in vectors]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape,options", [
    ((1, 0, 3, 2, 1, 8, 4), {}),
    ((1, 3, 0, 2, 1, 8, 4), {}),
    ((1, 3, 3, 2, 1, 8, 4), dict(causal=True, offset=-9)),
])
def test_nothing_to_see_is_zero(shape, options, rng):
  b, t, s, n, heads, h, wide = shape
  q, k, v = jnp.ones((b, t, n, h)), jnp.ones((b, s, heads, h)), jnp.ones((b, s, heads, wide))
  out = strip_attention(q, k, v, jnp.ones((n, t + s - 1)), **options)
  assert out.shape == (b, t, n, wide) and not out.any()


@pytest.mark.parametrize("t,s,block_q,block_k,low,high", [
    (300, 300, 128, 128, -299, 0), (500, 900, 256, 128, -100, 333),
    (900, 400, 128, 256, -899, -450), (400, 650, 256, 256, 380, 649),
    (130, 700, 384, 256, -129, 699)])
def test_plan_visits_every_visible_tile_and_reads_its_bias(t, s, block_q, block_k, low, high, rng):
  geometry = Geometry(t, s, block_q, block_k, low, high, 1.0, True)
  rows, columns = geometry.rows * block_q, geometry.columns * block_k
  e = np.arange(columns)[None, :] - np.arange(rows)[:, None]
  shape = geometry.rows, block_q, geometry.columns, block_k
  tiles = ((e >= low) & (e <= high)).reshape(shape).any((1, 3))
  visited = np.zeros_like(tiles)
  by_columns = np.zeros_like(tiles)
  for i in range(geometry.rows):
    first, last = geometry.key_blocks(i)
    assert last - first + 1 <= geometry.key_steps
    visited[i, first:last + 1] = True
  for j in range(geometry.columns):
    first, last = geometry.query_blocks(j)
    assert last - first + 1 <= geometry.query_steps
    by_columns[first:last + 1, j] = True
  np.testing.assert_array_equal(visited, tiles)
  np.testing.assert_array_equal(by_columns, tiles)
  vector = rng.standard_normal((1, t + s - 1)).astype(np.float32)
  line = np.asarray(make_line(jnp.asarray(vector), geometry))[0, 0]
  for i, j in np.argwhere(tiles):
    at = geometry.piece(int(i), int(j)) * geometry.unit
    assert at + geometry.pieces * geometry.unit <= len(line)
    window = np.stack([line[at + LANES - 1 - r:][:geometry.window] for r in range(LANES)])
    assert window.shape[1] == geometry.window
    for r in range(0, block_q, 37):
      start = block_q - LANES * (r // LANES + 1)
      for c in range(0, block_k, 41):
        q_row, k_row = i * block_q + r, j * block_k + c
        if q_row < t and k_row < s:
          assert window[r % LANES, start + c] == vector[0, q_row - k_row + s - 1]


@pytest.mark.parametrize("h", [64, 128])
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_lowers_for_tpus(h, dtype):
  def shape(*x, dtype=dtype):
    return jax.ShapeDtypeStruct(x, dtype)

  f = functools.partial(value_and_gradients, causal=True, block_q=256, block_k=256)
  args = (shape(1, 2048, 8, h), shape(1, 2048, 2, h), shape(1, 2048, 2, h),
          shape(8, 4095, dtype="float32"), shape(1, 2048, 8, h))
  text = jax.jit(f).trace(*args).lower(lowering_platforms=("tpu",)).as_text()
  # Forward, dq, dk with dv, and the bias: four kernels, none of them replaced by plain XLA.
  assert text.count("stablehlo.custom_call @tpu_custom_call") == 4


Q = np.zeros((1, 4, 2, 8), np.float32)
VECTOR = np.zeros((2, 7), np.float32)


@pytest.mark.parametrize("error,match,changes", [
    (ValueError, r"q, k, v: got q \(4, 2, 8\)", dict(q=Q[0])),
    (ValueError, "Fold all batch axes", dict(k=np.zeros((1, 4, 3, 8), np.float32))),
    (ValueError, "N a multiple of K", dict(k=Q[:, :, :0], v=Q[:, :, :0])),
    (TypeError, 'implementation="rows"', dict(q=Q.astype(np.float16), k=Q.astype(np.float16),
                                              v=Q.astype(np.float16))),
    (ValueError, r"vector: got shape \(2, 8\), wanted \[N, T\+S-1\] = \[2, 7\]",
     dict(vector=np.zeros((2, 8), np.float32))),
    (TypeError, "vector: got int32", dict(vector=VECTOR.astype(np.int32))),
    (TypeError, "scale: got ArrayImpl", dict(scale=jnp.float32(1))),
    (TypeError, "offset: got float", dict(offset=1.0)),
    (ValueError, "block_q: got 64, wanted a multiple of 128", dict(block_q=64)),
    (ValueError, "block_k: got 200", dict(block_k=200)),
    (ValueError, "window: got -1", dict(window=-1)),
    (ValueError, r"segments: got shapes \(1, 4\), \(1, 3\), wanted a pair of shapes \[1 or 1, 4\]",
     dict(segments=(np.zeros((1, 4), int), np.zeros((1, 3), int)))),
    (ValueError, r"segments: got shapes \(1, 4\), wanted a pair",
     dict(segments=(np.zeros((1, 4), int),))),
    (TypeError, "segments: got float32", dict(segments=(VECTOR[:1, :4], VECTOR[:1, :4]))),
])
def test_mistakes_are_named(error, match, changes):
  arguments = dict(q=Q, k=Q, v=Q, vector=VECTOR) | changes
  with pytest.raises(error, match=match):
    strip_attention(**arguments)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Segments in the TPU strip kernel: in the TPU interpreter against float64 NumPy."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.pallas import tpu as pltpu

import posenc_jax as px
from posenc_jax.attention.api import make_call
from posenc_jax.attention.fused import strip as tpu_strip
from posenc_jax.attention.strip.attention import strip_attention
from posenc_jax.attention.strip.geometry import Geometry
from posenc_jax.attention.strip.segments import id_arrays, pad_ids
from tests.attention.test_strip import NAMES, compare, draw, oracle, value_and_gradients

FREE = dict(causal=False, window=None, offset=0)


def documents(*rows):
  """Ids ``[B, T]`` from (id, length) pairs."""
  return np.stack([np.concatenate([np.full(n, i, np.int32) for i, n in row]) for row in rows])


# Examples with documents of their own, one of which begins at a block: that tile is left out.
PACKED = documents([(3, 100), (4, 90), (9, 66)], [(5, 128), (7, 128)])
# Ids that go up and down and come again, negative ones too.
MIXED = documents([(5, 60), (-2, 80), (5, 30), (0, 100), (2**31 - 1, 30)])
# Keys of ids that no query has, queries of ids that no key has, whole blocks of both.
APART = (documents([(1, 140), (8, 160)], [(2, 30), (1, 270)]),
         documents([(8, 20), (0, 150), (1, 30)], [(2, 60), (1, 100), (6, 40)]))


@pytest.mark.parametrize("shape,options,segments", [
    # Grouped heads, two blocks each way.
    ((2, 256, 256, 2, 1, 16, 16), dict(causal=True, window=None, offset=0), (PACKED, PACKED)),
    # Both ways in a window, lengths off the blocks, one array of ids for both examples.
    pytest.param((2, 300, 300, 1, 1, 16, 24), FREE | dict(window=(100, 40)), (MIXED, MIXED),
                 marks=pytest.mark.slow),
])
def test_equals_float64_oracle_without_races(shape, options, segments, rng, capfd):
  arrays = draw(rng, *shape)
  interpret = pltpu.InterpretParams(detect_races=True)
  f = jax.jit(functools.partial(value_and_gradients, interpret=interpret, **options))
  compare(f(*arrays, segments=segments), oracle(*arrays, segments=segments, **options), 2e-6)
  # Newer releases raise at a race; older ones print.
  assert "RACE" not in capfd.readouterr().out


@pytest.mark.parametrize("shape,blocks,options,segments", [
    # Ids out of order, a window both ways, T no multiple of the block.
    ((1, 300, 300, 1, 1, 16, 16), (128, 128), FREE | dict(window=(100, 40)), (MIXED, MIXED)),
    # T > S, wide tiles; some rows see nothing, some keys are seen by none.
    ((2, 300, 200, 2, 2, 16, 24), (128, 256), FREE, APART),
    # T < S, tall tiles, bias diagonals of several lanes, grouped heads, causal from an offset.
    ((2, 200, 300, 4, 2, 16, 16), (512, 256), dict(causal=True, window=None, offset=100),
     APART[::-1]),
])
def test_documents_of_any_order(shape, blocks, options, segments, rng):
  arrays = draw(rng, *shape)
  f = jax.jit(functools.partial(value_and_gradients, interpret=True, block_q=blocks[0],
                                block_k=blocks[1], **options))
  wanted = oracle(*arrays, segments=segments, **options)
  got = f(*arrays, segments=segments)
  compare(got, wanted, 2e-6)
  for name, g, w in zip(NAMES, got, wanted, strict=True):
    assert not np.asarray(g)[w == 0].any(), name  # zero where nothing is seen, not nearly


@pytest.mark.parametrize("options,segments", [
    ({"causal": True, "lengths": [0, 130, 77]}, None),
    ({"lengths": ([0, 130, 40], [150, 0, 129])}, None),
    ({"causal": True, "lengths": [130, 100, 7]}, documents([(4, 50), (2, 80)])),
], ids=["causal", "pair", "documents"])
def test_padding_sees_nothing(rng, options, segments):
  s = 150 if isinstance(options["lengths"], tuple) else 130
  q, k, v, _, do = draw(rng, 3, 130, s, 4, 2, 16, 16)
  encoding = px.T5Bias(np.linspace(-1, 1, 128, dtype=np.float32).reshape(32, 4), True, 100)
  options |= {"q_positions": np.arange(130), "k_positions": np.arange(s), "segments": segments}
  if options.get("causal"):
    options |= {"q_order": np.arange(130), "k_order": np.arange(s)}
  assert tpu_strip.obstacle(make_call(q, k, v, encoding, **options)) is None

  def both(run):
    def f(q, k, v, encoding):
      if run:
        return tpu_strip.run(make_call(q, k, v, encoding, **options), interpret=True)
      return px.attend(q, k, v, encoding, implementation="reference", **options)
    out, pull = jax.vjp(f, q, k, v, encoding)
    return out, *pull(do)

  wanted, got = (jax.jit(functools.partial(both, run))() for run in (False, True))
  jax.tree.map(lambda w, g: np.testing.assert_allclose(
      g, w, rtol=0, atol=5e-6 * max(1, np.abs(w).max())), wanted, got)
  lengths = options["lengths"]
  q_lengths, k_lengths = lengths if isinstance(lengths, tuple) else (lengths, lengths)
  for i, (real, keys) in enumerate(zip(q_lengths, k_lengths, strict=True)):
    real, keys = (real, keys) if real and keys else (0, 0)
    for x, rest in zip(got[:4], (real, real, keys, keys), strict=True):
      assert not x[i, rest:].any()


def test_tiles_without_a_common_id_are_not_computed(rng):
  """What is not a number in another document's blocks reaches nothing, as nothing reads it."""
  ids = documents([(7, 128), (2, 128), (9, 128)])
  q, k, v, vector, do = draw(rng, 1, 384, 384, 1, 1, 16, 16)
  broken = [x.at[:, 128:256].set(jnp.nan) for x in (q, k, v, do)]
  f = jax.jit(functools.partial(value_and_gradients, interpret=True))
  got = f(*broken[:3], vector, broken[3], segments=(ids, ids))
  wanted = oracle(q, k, v, vector, do, segments=(ids, ids), **FREE)
  for g, w in zip(got[:4], wanted[:4], strict=True):
    g = np.array(g)
    assert np.isnan(g[:, 128:256]).all()
    g[:, 128:256] = w[:, 128:256]
    np.testing.assert_allclose(g, w, rtol=0, atol=2e-6 * max(1, np.abs(w).max()))


def test_bounds_are_those_of_the_block(rng):
  geometry = Geometry(300, 200, 128, 256, -299, 199, 1.0, True, True)
  queries, keys = rng.integers(-9, 9, (2, 300)), rng.integers(-9, 9, (1, 200))
  ids = pad_ids(queries, keys, 2, geometry)
  assert ids.queries.shape == (2, 1, 384) and ids.keys.shape == (2, 1, 256)
  for whole, blocks in ((geometry, 3), (geometry.square(), 3)):
    _, _, of_queries, of_keys = id_arrays(ids, whole)
    parts = [queries[:, i * whole.block_q:(i + 1) * whole.block_q] for i in range(blocks)]
    wanted = np.stack([f(axis=1) for x in parts for f in (x.min, x.max)], axis=1)
    np.testing.assert_array_equal(of_queries[:, 0], wanted)
    assert of_keys.shape == (2, 1, 2 * whole.columns)


def test_vmap_over_ids(rng):
  q, k, v, vector, do = draw(rng, 1, 256, 256, 1, 1, 8, 8)
  f = functools.partial(value_and_gradients, q, k, v, vector, do, causal=True, interpret=True)
  got = jax.jit(jax.vmap(lambda x: f(segments=(x, x))))(jnp.asarray(PACKED)[:, None])
  for i in range(2):
    ids = PACKED[i:i + 1]
    wanted = oracle(q, k, v, vector, do, causal=True, window=None, offset=0, segments=(ids, ids))
    compare([x[i] for x in got], wanted, 2e-6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_lowers_for_tpus(dtype):
  q = jax.ShapeDtypeStruct((2, 1024, 4, 64), dtype)
  vector = jax.ShapeDtypeStruct((4, 2047), jnp.float32)
  ids = jax.ShapeDtypeStruct((1, 1024), jnp.int32)

  def f(q, k, v, vector, do, ids):
    return value_and_gradients(q, k, v, vector, do, segments=(ids, ids), causal=True, block_q=512,
                               block_k=512)

  text = jax.jit(f).trace(q, q, q, vector, q, ids).lower(lowering_platforms=("tpu",)).as_text()
  assert text.count("stablehlo.custom_call @tpu_custom_call") == 4


def test_bfloat16_equals_float32_in_its_rounding(rng):
  arrays = draw(rng, 1, 130, 130, 2, 1, 16, 16, jnp.bfloat16)
  ids = documents([(3, 50), (1, 80)])
  f = jax.jit(functools.partial(value_and_gradients, causal=True, interpret=True))
  got = f(*arrays, segments=(ids, ids))
  assert [x.dtype.name for x in got] == ["bfloat16"] * 4 + ["float32"]
  compare(got, oracle(*arrays, causal=True, window=None, offset=0, segments=(ids, ids)), 1.5e-2)


def test_nothing_to_see_needs_no_kernel():
  x, ids = jnp.ones((1, 3, 2, 8)), np.zeros((1, 3), np.int32)
  out = strip_attention(x, x, x, jnp.ones((2, 5)), causal=True, offset=-9, segments=(ids, ids))
  assert out.shape == x.shape and not out.any()


@pytest.mark.parametrize("hide", ["lengths", "segments", "none"])
def test_a_symbolic_batch_is_exported(hide):
  # Pallas takes numbers alone in its estimate of the cost.
  b, = jax.export.symbolic_shape("b")
  x = jax.ShapeDtypeStruct((b, 256, 2, 64), jnp.float32)
  ids = jax.ShapeDtypeStruct({"lengths": (b,)}.get(hide, (b, 256)), jnp.int32)
  encoding = px.T5Bias(np.zeros((32, 2), np.float32))

  def f(x, ids):
    return px.attend(x, x, x, encoding, causal=True, **({} if hide == "none" else {hide: ids}))

  with px.config(platform="tpu"):
    exported = jax.export.export(jax.jit(f), platforms=["tpu"])(x, ids)
  assert "tpu_custom_call" in exported.mlir_module()


@pytest.mark.parametrize("segments, wanted", [
  (5, "got int, wanted a pair of shapes"),
  (([0] * 8, [0] * 8), "as a tuple of arrays"),
  ((np.zeros((1, 8), np.int64), np.zeros((1, 8), np.int32)), "got int64, wanted integers of 32"),
  ((np.zeros((1, 8), np.float32), np.zeros((1, 8), np.int32)), "got float32, wanted integers"),
])
def test_segments_that_do_not_fit_are_refused(segments, wanted):
  x = jnp.ones((1, 8, 1, 16))
  with pytest.raises((TypeError, ValueError), match=wanted):
    strip_attention(x, x, x, jnp.zeros((1, 15)), segments=segments)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Which implementation runs where, what a refusal says, and the wiring of the fused kernels.

No GPU or TPU is needed: decisions are asked for by platform; what goes to cuDNN is computed by
jax.nn's plain implementation of the same arguments; the TPU kernels run in their interpreter and
are lowered for TPUs.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import _compat
from posenc_jax.attention import explain
from posenc_jax.attention.api import make_call
from posenc_jax.attention.fused import cudnn, splash
from posenc_jax.attention.fused import strip as tpu_strip


def _shape(dtype="bfloat16", t=512, n=8, h=64):
  return jax.ShapeDtypeStruct((2, t, n, h), dtype)


T5 = px.T5Bias(np.zeros((32, 8), np.float32), False, 128)


@pytest.mark.parametrize("platform, encoding, options, chosen", [
  ("cpu", None, {"causal": True}, "rows"),
  ("cpu", T5, {}, "rows"),
  ("gpu", None, {"causal": True}, "cudnn"),
  ("gpu", px.Rotary(64), {"causal": True, "window": 32}, "cudnn"),
  ("gpu", px.Alibi(8), {"causal": True}, "cudnn"),
  ("gpu", px.Alibi(8), {}, "rows"),
  ("gpu", T5, {"causal": True}, "rows"),
  ("gpu", None, {"lengths": np.array([7, 9])}, "cudnn"),
  ("tpu", px.Rotary(64), {"causal": True}, "splash"),
  ("tpu", px.Alibi(8), {"causal": True}, "splash"),
  ("tpu", T5, {"causal": True}, "strip"),
  ("tpu", px.Alibi(8), {}, "strip"),
  ("tpu", T5, {"causal": True, "q_positions": np.arange(7, 519), "k_positions": np.arange(512)},
   "strip"),
  ("tpu", T5, {"causal": True, "segments": np.arange(512) // 200}, "strip"),
  ("tpu", T5, {"lengths": np.array([0, 9])}, "strip"),
  ("tpu", px.Rotary(64), {"causal": True, "lengths": np.array([7, 9])}, "strip"),
  ("tpu", px.Rotary(64), {"causal": True, "segments": np.arange(512) // 200}, "splash"),
  ("tpu", T5, {"causal": True, "mask": np.ones((1, 512, 512), bool)}, "rows"),
])
def test_auto_chooses_by_platform(platform, encoding, options, chosen):
  x = _shape()
  found = explain(x, x, x, encoding, platform=platform, **options)
  assert found.chosen == chosen and found.obstacles[chosen] is None
  assert str(found).startswith(f"{chosen}: ")


@pytest.mark.parametrize("t, encoding, chosen", [
  (16, None, "reference"), (64, None, "rows"), (64, px.Cope.init(jax.random.key(0), num_positions=8,
                                                                 head_dim=64), "reference"),
])
def test_few_scores_are_dense(t, encoding, chosen):
  x = _shape("float32", t)
  assert explain(x, x, x, encoding, causal=True, platform="cpu").chosen == chosen


@pytest.mark.parametrize("name, platform, shape, encoding, options, reason", [
  ("cudnn", "cpu", {}, None, {}, "runs on NVIDIA GPUs, and this is a cpu"),
  ("cudnn", "gpu", {"dtype": "float32"}, None, {}, "takes bfloat16 and float16, not float32"),
  # Where a GPU is at hand, its generation decides: Hopper's take 256 head dims.
  pytest.param("cudnn", "gpu", {"h": 136}, None, {}, "head dims up to 128 here, and this needs 136",
               marks=pytest.mark.cpu),
  pytest.param("cudnn", "gpu", {"h": 124}, px.Alibi(8), {"causal": True}, "this needs 136",
               marks=pytest.mark.cpu),
  ("cudnn", "gpu", {}, T5, {"causal": True}, "takes no bias, and the encoding's has no bias_col"),
  ("cudnn", "gpu", {}, px.Alibi(8), {}, "columns need causal=True"),
  ("cudnn", "gpu", {"dtype": "float16"}, px.Alibi(8), {"causal": True}, "range of bfloat16"),
  ("cudnn", "gpu", {}, None, {"segments": np.zeros(512, int)}, "knows no segments; lengths="),
  ("cudnn", "gpu", {}, None, {"window": 3}, "windows under a causal mask only"),
  ("cudnn", "gpu", {}, None, {"mask": np.ones((1, 1, 512), bool)}, "mask= as a T x S array"),
  ("cudnn", "gpu", {"t": 0}, None, {}, "no empty arrays"),
  ("cudnn", "gpu", {}, px.Shaw.init(jax.random.key(0), 64), {}, "value_bias hook needs whole rows"),
  ("cudnn", "gpu", {}, None, {"causal": True, "q_order": np.arange(5, 517),
                              "k_order": np.arange(512)}, "stand 5 tokens further than keys"),
  ("splash", "gpu", {}, None, {}, "runs on TPUs, and this is a gpu"),
  ("splash", "tpu", {"t": 500}, None, {}, "multiples of 128, not T=500 and S=500"),
  ("splash", "tpu", {"dtype": "float16"}, None, {}, "takes bfloat16 and float32, not float16"),
  ("splash", "tpu", {}, None, {"lengths": 5}, "rows that see nothing"),
  ("strip", "cpu", {}, T5, {}, "runs on TPUs"),
  ("strip", "tpu", {}, px.Cope.init(jax.random.key(0), num_positions=8, head_dim=64), {},
   "is not one by distance|needs whole rows"),
  ("strip", "tpu", {}, T5, {"q_positions": np.arange(512)[::-1],
                            "k_positions": np.arange(512)}, "positions must count up by one"),
])
def test_a_refusal_says_why_and_who_can(name, platform, shape, encoding, options, reason):
  x = _shape(**shape)
  with pytest.raises(ValueError, match=rf"implementation: got '{name}', wanted one that can serve "
                                       rf"this call: reference, rows.*({reason})"):
    explain(x, x, x, encoding, implementation=name, platform=platform, **options)
  found = explain(x, x, x, encoding, platform=platform, **options)
  assert found.chosen != name and found.obstacles[name]


def test_order_and_scale_that_are_traced():
  x, order = _shape(), jax.ShapeDtypeStruct((512,), jnp.int32)
  found = explain(x, x, x, causal=True, q_order=order, k_order=order, platform="gpu")
  assert "known on the host" in found.obstacles["cudnn"] and found.chosen == "rows"
  scale = jax.ShapeDtypeStruct((), jnp.float32)
  found = explain(x, x, x, scale=scale, platform="tpu")
  assert "scale is traced" in found.obstacles["splash"]


def test_grouped_heads_that_need_different_columns():
  q, k = _shape(), _shape(n=2)
  c = jax.ShapeDtypeStruct((512, 2, 8), jnp.float32)
  fox = px.Fox(np.ones((5, 8), np.float32), np.ones(8, np.float32))
  found = explain(q, k, k, fox, q_positions=c, k_positions=c, causal=True, platform="gpu",
                  applied="layer")
  assert "need different columns" in found.obstacles["cudnn"]
  assert explain(q, q, q, fox, q_positions=c, k_positions=c, causal=True,
                 platform="gpu", applied="layer").chosen == "cudnn"


@pytest.mark.cpu
def test_attend_refuses_as_explain_does():
  x = jnp.ones((1, 4, 2, 8))
  with pytest.raises(ValueError, match="cudnn cannot: it runs on NVIDIA GPUs"):
    px.attend(x, x, x, implementation="cudnn")
  with pytest.raises(ValueError, match="platform: got 'cuda', wanted one of cpu, gpu, tpu"):
    explain(x, x, x, platform="cuda")
  with pytest.raises(ValueError, match="tile: got 0, wanted None or a number of rows"):
    px.attend(x, x, x, tile=0)


def _numbers(rng, dtype, *, t=128, n=4, k=2, h=16, v=12):
  draw = lambda *shape: jnp.asarray(rng.standard_normal(shape), dtype)
  return draw(2, t, n, h), draw(2, t, k, h), draw(2, t, k, v)


def _plain(*args, implementation, **kwargs):
  """jax.nn's attention of the arguments that were meant for cuDNN; rows of padding are garbage."""
  assert implementation == "cudnn"
  out = jax.nn.dot_product_attention(*args, implementation="xla", **kwargs)
  lengths = kwargs["query_seq_lengths"]
  if lengths is None:
    return out
  real = np.arange(out.shape[1]) < np.asarray(lengths)[:, None]
  return jnp.where(real[..., None, None], out, jnp.nan)


SLOPES = np.asarray([0.3, 0.7, 0.01, 0.5], np.float32)
WIRED = [
  (None, {"causal": True}),
  (None, {}),
  (px.Rotary(16), {"causal": True, "window": (9, 4)}),
  (px.Alibi(slopes=SLOPES), {"causal": True}),
  (px.chain(px.Rotary(16), px.Alibi(slopes=SLOPES)), {"causal": True, "scale": 0.5}),
]


def _near(got, wanted, tolerance):
  got, wanted = (np.asarray(x.astype(jnp.float32)) for x in (got, wanted))
  np.testing.assert_allclose(got, wanted, atol=tolerance * max(1, np.abs(wanted).max()))


@pytest.mark.parametrize("encoding, options", [
  *WIRED, (None, {"lengths": np.array([128, 77])}),
  (None, {"lengths": (np.array([128, 5]), np.array([9, 100]))}),
  (px.Alibi(slopes=SLOPES), {"causal": True, "lengths": (np.array([5, 128]), np.array([9, 128]))}),
])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-5), ("bfloat16", 0.04)])
def test_what_cudnn_is_given(rng, encoding, options, dtype, tolerance):
  q, k, v = _numbers(rng, dtype)
  call = make_call(q, k, v, encoding, **options)
  got = cudnn.run(call, _plain)
  assert got.dtype == q.dtype
  _near(got, px.attend(q, k, v, encoding, implementation="reference", **options), tolerance)


def _served(run, encoding, options):
  def total(q, k, v, encoding):
    call = make_call(q, k, v, encoding, **options)
    out = px.attend(q, k, v, encoding, implementation="reference", **options) if run is None \
        else run(call)
    return jnp.sum(jnp.sin(out.astype(jnp.float32)))
  return total


@pytest.mark.parametrize("encoding, options", [
  *WIRED[:4], (None, {"causal": True, "segments": np.repeat([1, 2], [50, 78])}),
])
def test_splash_in_its_interpreter(rng, encoding, options):
  q, k, v = _numbers(rng, "float32")
  assert splash.obstacle(make_call(q, k, v, encoding, **options)) is None
  run = functools.partial(splash.run, interpret=True)
  wanted, got = (jax.jit(jax.value_and_grad(_served(f, encoding, options), argnums=(0, 1, 2)))(
      q, k, v, encoding) for f in (None, run))
  jax.tree.map(lambda w, g: _near(g, w, 1e-4), wanted, got)


@pytest.mark.parametrize("encoding, options", [
  (px.T5Bias(np.linspace(-1, 1, 128, dtype=np.float32).reshape(32, 4), True, 100), {}),
  (px.Alibi(slopes=SLOPES), {"causal": True, "window": (9, 0)}),
  (px.T5Bias(np.linspace(-1, 1, 128, dtype=np.float32).reshape(32, 4), False, 100),
   {"causal": True, "q_positions": np.arange(7, 135), "k_positions": np.arange(128)}),
  (None, {"causal": True}),
])
def test_strip_in_its_interpreter(rng, encoding, options):
  q, k, v = _numbers(rng, "float32")
  assert tpu_strip.obstacle(make_call(q, k, v, encoding, **options)) is None
  run = functools.partial(tpu_strip.run, interpret=True)
  wanted, got = (jax.jit(jax.value_and_grad(_served(f, encoding, options), argnums=(0, 1, 2, 3)))(
      q, k, v, encoding) for f in (None, run))
  jax.tree.map(lambda w, g: _near(g, w, 2e-4), wanted, got)


# The kinds of parameters that a bias by distance has, each through the kernel's vector.
@pytest.mark.parametrize("encoding", [
  px.learn(px.Alibi(slopes=SLOPES), "slopes"), px.KerpleLog.init(jax.random.key(0), 4),
  px.DistanceTable.init(jax.random.key(0), 4),
  px.DynamicPosition.init(jax.random.key(0), 4, hidden=4),
], ids=["slopes", "kerple", "table", "network"])
def test_gradients_of_a_bias_by_distance_through_the_strip(encoding):
  numbers = np.random.default_rng(3)
  q, k, v = _numbers(numbers, "float32", t=130, n=4, k=4)
  do = jnp.asarray(numbers.standard_normal(v.shape), jnp.float32)
  parameters, rest = px.partition(encoding)

  def served(run, q, k, v, do):
    def f(parameters):
      options = {"causal": True, "window": (90, 0)}
      whole = px.combine(parameters, rest)
      return run(make_call(q, k, v, whole, **options)) if run else px.attend(
          q, k, v, whole, implementation="reference", **options)
    return jax.vjp(f, parameters)[1](do)[0]

  got = jax.jit(functools.partial(served, functools.partial(tpu_strip.run, interpret=True)))(
      q, k, v, do)
  with _compat.enable_x64():
    wanted = served(None, *(jnp.asarray(x, jnp.float64) for x in (q, k, v, do)))
  leaves = list(zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True))
  assert any(np.abs(w).max() > 1e-3 for _, w in leaves)
  for g, w in leaves:
    np.testing.assert_allclose(g, w, rtol=0, atol=2e-5 * max(1, np.abs(w).max()))


@pytest.mark.parametrize("run", [splash.run, tpu_strip.run], ids=["splash", "strip"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_tpu_kernels_lower_for_tpus(rng, run, dtype):
  q, k, v = (x.astype(dtype) for x in _numbers(rng, "float32", t=256))
  total = _served(run, px.Alibi(slopes=SLOPES), {"causal": True})
  gradient = jax.jit(jax.grad(total, argnums=(0, 1, 2)))
  lowered = gradient.trace(q, k, v, px.Alibi(slopes=SLOPES)).lower(lowering_platforms=("tpu",))
  assert "tpu_custom_call" in lowered.as_text()


def test_asking_about_many_tokens_needs_no_memory_for_their_pairs():
  resource = pytest.importorskip("resource")
  before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  x = jax.ShapeDtypeStruct((1, 2**16, 4, 8), jnp.float32)
  for e in (px.T5Bias.init(jax.random.key(0), 4), px.chain(px.Rotary(8), px.Alibi(4))):
    assert px.explain(x, x, x, e, causal=True, platform="tpu").chosen in ("strip", "splash")
  grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
  assert grown < 2**20, f"{grown} KiB; the pairs alone are 2^22"


def test_explain_notes_a_table_of_the_past_where_the_future_is_seen():
  x = jax.ShapeDtypeStruct((1, 4, 2, 8), jnp.float32)
  past = px.chain(px.Rotary(8), px.T5Bias.init(jax.random.key(0), 2))
  told = px.explain(x, x, x, past)
  assert len(told.notes) == 1 and "to T5Bias all keys after the query look alike" in str(told)
  assert not px.explain(x, x, x, past, causal=True).notes
  both = px.T5Bias.init(jax.random.key(0), 2, bidirectional=True)
  assert not px.explain(x, x, x, both).notes and "note" not in str(px.explain(x, x, x, both))

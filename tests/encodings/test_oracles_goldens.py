# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The oracles against independent packages: two sources that share no code must agree."""

import math

import numpy as np
import pytest

from tests import goldens, oracles

# The makers form angles in float32, so their error grows with the position.
_FLOAT32 = {"rtol": 0, "atol": 1e-6}


def _heads_last(x):
  """[1, N, T, H] as [T, N, H]."""
  return x[0].transpose(1, 0, 2)


@pytest.mark.parametrize("maker, pairing", [("llama", "half"), ("gptj", "interleaved")])
@pytest.mark.parametrize("name", ["q", "k"])
def test_rotate_agrees_with_transformers(maker, pairing, name):
  golden = goldens.load("hf_rotary")
  positions = golden["positions"][0]
  rotated = oracles.rotate(_heads_last(golden[name]), positions, oracles.rotary_frequencies(16),
                           pairing=pairing)
  want = _heads_last(golden[f"{maker}_{name}"])
  near = positions <= 31
  np.testing.assert_allclose(rotated[near], want[near], rtol=0, atol=1e-5)
  np.testing.assert_allclose(rotated, want, rtol=0, atol=2e-3)


def test_rotary_tables_agree_with_transformers():
  golden = goldens.load("hf_rotary")
  frequencies = oracles.rotary_frequencies(16)
  for row, position in enumerate(golden["positions"][0]):
    atol = 1e-6 + 1e-7 * position
    for column in range(16):
      f = frequencies[column % 8]
      np.testing.assert_allclose(golden["llama_cos"][0, row, column],
                                 oracles.exact.cos(position, f), rtol=0, atol=atol)
      np.testing.assert_allclose(golden["llama_sin"][0, row, column],
                                 oracles.exact.sin(position, f), rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["q", "k"])
def test_partial_rotate_agrees_with_transformers(name):
  golden = goldens.load("hf_rotary")
  positions = golden["positions"][0]
  rotated = oracles.rotate(_heads_last(golden[name]), positions, oracles.rotary_frequencies(4))
  np.testing.assert_allclose(rotated, _heads_last(golden[f"neox_{name}"]), rtol=0, atol=2e-3)
  near = positions <= 31
  np.testing.assert_allclose(rotated[near], _heads_last(golden[f"neox_{name}"])[near],
                             rtol=0, atol=1e-5)


@pytest.mark.parametrize("maker, interleaved", [("qwen2_vl", False), ("qwen3_vl", True)])
def test_mrope_agrees_with_transformers(maker, interleaved):
  golden = goldens.load("hf_rotary")
  rotated = oracles.mrope_rotate(
      _heads_last(golden["mrope_q"]), golden["grid"], oracles.rotary_frequencies(24),
      golden[f"{maker}_sections"].tolist(), interleaved=interleaved)
  np.testing.assert_allclose(rotated, _heads_last(golden[f"{maker}_q"]), **_FLOAT32)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("buckets, furthest", [(32, 128), (64, 256), (16, 64), (20, 100)])
def test_t5_bucket_agrees_with_transformers(bidirectional, buckets, furthest):
  golden = goldens.load("hf_t5")
  want = golden[f"{'both' if bidirectional else 'causal'}_{buckets}_{furthest}"]
  for distance, bucket in zip(golden["distances"], want, strict=True):
    assert bucket == oracles.t5_bucket(distance, bidirectional=bidirectional, num_buckets=buckets,
                                       max_distance=furthest), distance


@pytest.mark.parametrize("name, first_query", [("encoder", 0), ("decoder", 20)])
def test_t5_bias_agrees_with_transformers(name, first_query):
  golden = goldens.load("hf_t5")
  bias = oracles.t5_bias(range(first_query, first_query + 5), range(30), golden[f"{name}_table"],
                         bidirectional=name == "encoder", max_distance=20)
  np.testing.assert_array_equal(bias, golden[f"{name}_bias"])


@pytest.mark.parametrize("name", ["causal", "both"])
def test_t5_bias_agrees_with_x_transformers(name):
  golden = goldens.load("x_transformers_encodings")
  bias = oracles.t5_bias(range(26, 30), range(30), golden[f"t5_{name}_table"],
                         bidirectional=name == "both", max_distance=20)
  np.testing.assert_allclose(golden[f"t5_{name}"], 2.0 * bias, rtol=1e-12)


@pytest.mark.parametrize("size, furthest", [(256, 512), (32, 128), (8, 100)])
def test_deberta_bucket_agrees_with_transformers(size, furthest):
  golden = goldens.load("hf_deberta")
  got = [oracles.deberta_bucket(r, bucket_size=size, max_position=furthest)
         for r in golden["distances"]]
  np.testing.assert_array_equal(got, golden[f"bucket_{size}_{furthest}"])


@pytest.mark.parametrize("maker", ["bloom", "mpt", "x_transformers"])
def test_alibi_slopes_agree_with_three_packages(maker):
  table = goldens.load("alibi_slopes")[maker]
  for heads in range(1, 34):
    np.testing.assert_allclose(table[heads - 1, :heads], oracles.alibi_slopes(heads), rtol=1e-6)


def test_alibi_bias_agrees_with_x_transformers():
  bias = oracles.alibi_bias(range(3, 7), range(7), oracles.alibi_slopes(6), symmetric=True)
  np.testing.assert_allclose(goldens.load("alibi_slopes")["x_transformers_bias"], bias, rtol=1e-6)


def test_shaw_agrees_with_transformers():
  golden = goldens.load("hf_relative")
  q, k, v, table = (golden[f"shaw_{name}"] for name in ("q", "k", "v", "table"))
  positions = range(9)
  out = oracles.shaw_attention(q, k, v, positions, positions, table)
  want = np.einsum("nts,snh->tnh", golden["shaw_weights"], v)
  np.testing.assert_allclose(out, want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name, causal", [("both", False), ("causal", True)])
def test_transformer_xl_agrees_with_transformers(name, causal):
  golden = goldens.load("hf_relative")
  q, k, v, u, w, w_r = (golden[f"xl_{part}"] for part in ("q", "k", "v", "u", "w", "projection"))
  mask = oracles.visible(range(7), range(7), causal=causal)
  out = oracles.transformer_xl_attention(q, k, v, range(7), range(7), u, w, w_r, mask=mask)
  np.testing.assert_allclose(out, golden[f"xl_out_{name}"], **_FLOAT32)


def test_sinusoidal_halves_agree_with_x_transformers():
  golden = goldens.load("x_transformers_encodings")
  table = oracles.sinusoidal(golden["sinusoid_positions"], 12, layout="halves")
  np.testing.assert_allclose(golden["sinusoid"] / golden["sinusoid_scale"], table, rtol=0,
                             atol=1e-5)


def test_rotate_interleaved_agrees_with_x_transformers():
  golden = goldens.load("x_transformers_encodings")
  rotated = oracles.rotate(_heads_last(golden["q"]), range(9), oracles.rotary_frequencies(8),
                           pairing="interleaved")
  np.testing.assert_allclose(rotated, _heads_last(golden["rotary_q"]), **_FLOAT32)


def test_cope_agrees_with_x_transformers():
  golden = goldens.load("x_transformers_encodings")
  q, k, table = _heads_last(golden["q"]), _heads_last(golden["k"]), golden["cope_table"]
  mask = oracles.visible(range(9), range(9), causal=True)
  bias = oracles.cope_bias(q, k, table, mask=mask)
  np.testing.assert_allclose(np.where(mask, bias, 0), np.where(mask, golden["cope_bias"][0], 0),
                             rtol=0, atol=1e-12)
  v = np.random.default_rng(0).normal(size=q.shape)
  out = oracles.cope_attention(q, k, v, mask, table, position_scaled=False)
  want = np.einsum("nts,snh->tnh", golden["cope_weights"][0], v)
  np.testing.assert_allclose(out, want, rtol=0, atol=1e-12)


def test_pope_agrees_with_x_transformers():
  golden = goldens.load("x_transformers_encodings")
  q, k = _heads_last(golden["q"]), _heads_last(golden["k"])
  v = np.random.default_rng(0).normal(size=q.shape)
  out = oracles.pope_attention(q, k, v, range(9), range(9), golden["pope_delta"], clamp=True)
  want = oracles.attention(q, k, v, score=golden["pope_scores"][0] / math.sqrt(8))
  np.testing.assert_allclose(out, want, rtol=0, atol=1e-5)


def test_fox_agrees_with_x_transformers():
  golden = goldens.load("x_transformers_encodings")
  x = golden["fox_x"][0]
  q, k, v = ((x @ golden[f"fox_{name}"].T).reshape(9, 2, 4) for name in ("to_q", "to_k", "to_v"))
  gates = oracles.log_forget_gates(x, golden["fox_gate_weight"].T, golden["fox_gate_bias"])
  mask = oracles.visible(range(9), range(9), causal=True)
  out = oracles.fox_attention(q, k, v, gates, mask=mask).reshape(9, 8) @ golden["fox_to_out"].T
  np.testing.assert_allclose(out, golden["fox_out"][0], **_FLOAT32)  # its softmax is float32


@pytest.mark.parametrize("name", ["plain", "causal", "bias", "gqa", "gqa_bias"])
def test_attention_agrees_with_torch(name):
  golden = goldens.load("torch_attention")
  q, k, v = (_heads_last(golden[f"{name}_{part}"]) for part in "qkv")
  bias = golden.get(f"{name}_bias")
  bias = None if bias is None else bias[0]
  causal = name in ("causal", "gqa")
  mask = oracles.visible(range(q.shape[0]), range(k.shape[0]), causal=causal)
  out = oracles.attention(q, k, v, bias=bias, mask=mask)
  np.testing.assert_allclose(out, _heads_last(golden[f"{name}_out"]), rtol=0, atol=1e-13)

  # torch's gradients are the slopes of the oracle along a random direction of all inputs.
  cotangent = _heads_last(golden[f"{name}_cotangent"])
  rng = np.random.default_rng(1)
  parts = [q, k, v] + ([] if bias is None else [bias])
  slopes = [_heads_last(golden[f"{name}_d{part}"]) for part in "qkv"]
  slopes += [] if bias is None else [golden[f"{name}_dbias"][0]]
  for index, slope in enumerate(slopes):
    direction = rng.normal(size=slope.shape)
    values = []
    for step in (1e-5, -1e-5):
      moved = [p + step * direction if i == index else p for i, p in enumerate(parts)]
      shifted = moved[3] if bias is not None else None
      values.append((oracles.attention(*moved[:3], bias=shifted, mask=mask) * cotangent).sum())
    np.testing.assert_allclose((values[0] - values[1]) / 2e-5, (slope * direction).sum(),
                               rtol=1e-6, atol=1e-8)


def test_goldens_say_what_made_them():
  for name in ("hf_rotary", "hf_t5", "hf_deberta", "alibi_slopes", "hf_relative",
               "x_transformers_encodings", "torch_attention", "hf_rope_scaling",
               "content_and_softmax"):
    golden = goldens.load(name)
    made_by = " ".join(golden["versions"].tolist())
    assert "torch 2" in made_by and "transformers 5" in made_by and golden["seed"] > 0

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The table of model types against what transformers' own modules did (goldens, made once)."""

import collections
import json

import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import interop
from posenc_jax.interop.table import FAMILIES
from tests.goldens import load
from tests.support import released


@pytest.fixture(scope="module")
def verdicts():
  return released.verdicts()


def test_no_type_is_wrong(verdicts):
  wrong = {name: [(c["config"], str(e)) for c, v, e in rows if v == "wrong"]
           for name, rows in verdicts.items()}
  assert {name: w for name, w in wrong.items() if w} == {}


def test_most_types_are_right(verdicts):
  right = {name for name, rows in verdicts.items() if any(v == "right" for _, v, _ in rows)}
  assert len(right) >= 180
  counts = collections.Counter(v for rows in verdicts.values() for _, v, _ in rows)
  assert counts["right"] >= 1000


# Rows that no case holds: their rotation is no module of its own there, or their code is remote.
READ = {"bloom", "chatglm", "codegen", "gptj", "internlm", "internlm2", "jamba", "kimi_k2",
        "minicpm", "mpt", "nemotron_h", "qwen2_5_vl", "qwen2_vl", "wav2vec2-bert",
        "wav2vec2-conformer", "zamba"}


def test_every_row_is_measured_or_named_here(verdicts):
  rows = {name for name, family in FAMILIES.items() if family.kind != "refused"}
  right = {name for name, v in verdicts.items() if any(x == "right" for _, x, _ in v)}
  assert rows - right == READ


def test_a_wrong_encoding_is_seen():
  """Each judgement can fail: another pairing, base, scaling or number of dims is wrong."""
  case = next(c for c in released.cases() if c["config"]["model_type"] == "llama")
  e = px.from_hf(case["config"])
  error = lambda e: np.abs(released.logits_of(case, e) - case["logits"]).max()
  assert error(e) < 1e-3
  for other in (e.replace(pairing="interleaved"), px.Rotary(case["width"], base=10_100.0),
                px.Rotary(case["width"], attention_scaling=1.01),
                px.Rotary(case["width"] - 2), None):
    assert error(other) > 3e-3


@pytest.mark.slow
def test_the_page_is_what_the_script_writes():
  assert released.PAGE.read_text(encoding="utf-8") == released.page()
  assert " wrong in " not in released.page()


LAYERS = json.loads(str(load("hf_layers")["cases"]))
DESCRIBED = sorted(name for name in LAYERS if name in FAMILIES and FAMILIES[name].scores)


def test_many_families_have_their_layers_described():
  assert len(DESCRIBED) >= 50


@pytest.mark.parametrize("name", DESCRIBED)
def test_layers(name):
  case = LAYERS[name]
  layers = interop.layers_from_hf(case["config"])
  assert len(layers) == len(case["layers"])
  positions = load("hf_layers")["positions"]
  for layer, told in zip(layers, case["layers"], strict=True):
    scale = len(told["q"]) ** -0.5 if told["scale"] is None else told["scale"]
    np.testing.assert_allclose(layer.softmax_scale, scale, rtol=1e-6)
    before = told["window"] and told["window"] - 1
    after = before if FAMILIES[name].scores.both else 0
    assert layer.window == ((before, after) if told["window"] else None)
    assert layer.soft_cap == (told["cap"] or None) and layer.sinks == told["sinks"]
    if FAMILIES[name].head != "qk_rope_head_dim":  # those were noted in an order of their own
      np.testing.assert_allclose(products(layer, told, positions), told["products"], atol=1e-4)


def products(layer, told, positions):
  """q k^T of the layer, where q and k are those of position 0 at all positions."""
  q, k = (np.tile(told[n], (len(positions), 1)) for n in "qk")
  size = np.sqrt((q[0] @ q[0]) * (k[0] @ k[0]))
  if layer.encoding is not None:
    angle = positions[:, None] * layer.encoding.frequencies.radians
    q, k = (released._turn(x, angle, layer.encoding.pairing) for x in (q, k))
  if layer.temperature is not None:
    t = layer.temperature
    # Llama 4 counts tokens here, not positions.
    at = np.arange(len(positions)) if layer.chunk is None and t.shift else positions
    q = q * (1 + t.beta * np.log1p(np.floor((at + t.shift) / t.length)))[:, None]
  return q @ k.T / size


def test_layers_of_llama4_smollm3_and_deepseek():
  layers = interop.layers_from_hf(LAYERS["llama4_text"]["config"])
  assert [x.chunk for x in layers] == [64, 64, 64, None, 64, 64]
  assert [x.encoding is None for x in layers] == [False] * 3 + [True] + [False] * 2
  assert layers[3].temperature == interop.layers.Temperature(0.1, 4.0, 1.0)
  layers = interop.layers_from_hf({"model_type": "deepseek_v3", "num_hidden_layers": 1,
                                   "rope_scaling": {"type": "yarn", "factor": 40, "mscale": 1.0,
                                                    "mscale_all_dim": 1.0, "beta_fast": 32,
                                                    "beta_slow": 1,
                                                    "original_max_position_embeddings": 4096}})
  np.testing.assert_allclose(layers[0].softmax_scale, 192**-0.5 * 1.3688879454113936**2)


@pytest.mark.parametrize("config, message", [
    ({"model_type": "esm"}, "model_type: got 'esm', wanted a type whose layers are described"),
    ({"model_type": "bert"}, "px.Learned"),
    ({"model_type": "smollm3", "use_sliding_window": True}, r"\['use_sliding_window'\] switched"),
])
def test_layers_that_are_not_described_are_refused(config, message):
  with pytest.raises(ValueError, match=message):
    interop.layers_from_hf(config)

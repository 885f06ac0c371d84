# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Released models: logits of transformers, of tiny random models (tests/goldens/make_models.py)."""

import json
import re
import runpy

import numpy as np
import pytest

import posenc_jax as px
from posenc_jax import nn
from tests.goldens import load
from tests.support.nn_models import call
from tests.support.repository import ROOT

GOLDEN = load("models")
NAMES = GOLDEN["names"].tolist()
CLOSE = 1e-4


def parts(name):
  """(config, weights) of one case."""
  start = f"{name}/weights/"
  weights = {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}
  return json.loads(str(GOLDEN[f"{name}/config"])), weights


# Between them: ALiBi, a learned table, both pairings, windows, sinks, experts, scaled rotations.
FAST = {"bloom", "gemma3", "gpt2", "gpt_oss", "llama_yarn"}


@pytest.mark.parametrize("name", [
  pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in NAMES])
def test_logits_equal_those_of_transformers(name):
  """A full call; rows padded on either side; with a cache, a prompt and then one by one."""
  model = nn.load_hf(*parts(name))
  assert abs(call(model, GOLDEN["tokens"]) - GOLDEN[f"{name}/full"]).max() < CLOSE
  tokens, mask = GOLDEN["padded_tokens"], GOLDEN["mask"]
  wanted = np.stack([GOLDEN[f"{name}/full"][0], GOLDEN[f"{name}/padded"]])
  assert abs(call(model, tokens, mask=mask) - wanted)[mask].max() < CLOSE
  right, seen = GOLDEN["right_tokens"], GOLDEN["right_mask"]
  after = call(model, right, mask=seen)
  assert abs(after[0] - wanted[0]).max() < CLOSE
  assert abs(after[1][seen[1]] - GOLDEN[f"{name}/right"]).max() < CLOSE
  cache, found, start = model.init_cache(2, tokens.shape[1]), [], int(GOLDEN["start"])
  ends = [0, start, *range(start + 1, tokens.shape[1] + 1)]
  for a, b in zip(ends[:-1], ends[1:], strict=True):
    logits, cache = call(model, tokens[:, a:b], mask=mask[:, a:b], cache=cache)
    found.append(logits)
  assert abs(np.concatenate(found, 1) - wanted)[mask].max() < CLOSE


@pytest.mark.parametrize("name", GOLDEN["long_names"].tolist())
def test_past_the_trained_length(name):
  """Scaled rotations at 24 tokens of models made for 8, some of which ask for the length."""
  config, weights = parts(name)
  tokens, wanted = GOLDEN["long_tokens"], GOLDEN[f"{name}/full"]
  length = tokens.shape[1] if name in ("dynamic", "longrope") else None
  model = nn.load_hf(config, weights, length=length)
  assert abs(call(model, tokens) - wanted).max() < CLOSE
  plain = {k: v for k, v in config.items() if k != "rope_parameters"}
  unscaled = nn.with_encoding(model, px.from_hf(plain | dict(rope_theta=100.0)))
  assert abs(call(unscaled, tokens) - wanted).max() > 100 * CLOSE


@pytest.mark.parametrize("name", GOLDEN["both_names"].tolist())
def test_encoder_decoders(name):
  """The same with the source padded on either side."""
  model = nn.load_hf(*parts(name))
  source, target = GOLDEN["tokens"], GOLDEN["tokens"][:, ::-1]
  assert abs(call(model, source, target) - GOLDEN[f"{name}/full"]).max() < CLOSE
  padded, mask = GOLDEN["padded_tokens"], GOLDEN["mask"]
  wanted = np.stack([GOLDEN[f"{name}/full"][0], GOLDEN[f"{name}/padded"]])
  assert abs(call(model, padded, target, source_mask=mask) - wanted).max() < CLOSE
  after = call(model, GOLDEN["right_tokens"], target, source_mask=GOLDEN["right_mask"])
  assert abs(after[1] - GOLDEN[f"{name}/right"]).max() < CLOSE
  memory = call(model, padded, mask=mask, method="encode")
  cache = model.init_cache(memory, target.shape[1])
  start, found = int(GOLDEN["start"]), []
  ends = [0, start, *range(start + 1, target.shape[1] + 1)]
  for a, b in zip(ends[:-1], ends[1:], strict=True):
    logits, cache = call(model, target[:, a:b], cache=cache, method="decode")
    found.append(logits)
  assert abs(np.concatenate(found, 1) - wanted).max() < CLOSE


@pytest.mark.parametrize("name", GOLDEN["encoder_names"].tolist())
def test_encoders(name):
  model = nn.load_hf(*parts(name))
  assert abs(call(model, GOLDEN["tokens"]) - GOLDEN[f"{name}/full"]).max() < CLOSE
  wanted = np.stack([GOLDEN[f"{name}/full"][0], GOLDEN[f"{name}/padded"]])
  got = call(model, GOLDEN["padded_tokens"], mask=GOLDEN["mask"])
  assert abs(got - wanted)[GOLDEN["mask"]].max() < CLOSE
  seen = GOLDEN["right_mask"]
  after = call(model, GOLDEN["right_tokens"], mask=seen)
  assert abs(after[1][seen[1]] - GOLDEN[f"{name}/right"]).max() < CLOSE
  typed = call(model, GOLDEN["tokens"], token_types=GOLDEN["types"])
  assert abs(typed - GOLDEN[f"{name}/typed"]).max() < CLOSE


def test_a_released_model_writes_on():
  """Greedy tokens of generate are those of the logits, padded prompts included."""
  model = nn.load_hf(*parts("gemma2"))
  tokens, mask = GOLDEN["padded_tokens"][:, :6], GOLDEN["mask"][:, :6]
  made = np.asarray(nn.generate(model, tokens, 3, mask=mask, temperature=0.0).tokens)
  so_far, seen = tokens, mask
  for _ in range(3):
    following = np.asarray(call(model, so_far, mask=seen))[:, -1].argmax(-1).astype(np.int32)
    so_far = np.concatenate([so_far, following[:, None]], 1)
    seen = np.pad(seen, ((0, 0), (0, 1)), constant_values=True)
  assert made[:, -3:].tolist() == so_far[:, -3:].tolist()


def test_the_page_on_released_models_runs(tmp_path):
  """Its blocks of Python, one after the other, on the files of a tiny Llama."""
  save = pytest.importorskip("safetensors.numpy").save_file
  config, weights = parts("llama3")
  (tmp_path / "config.json").write_text(json.dumps(config))
  save(weights, tmp_path / "model.safetensors")
  page = (ROOT / "docs" / "released_models.md").read_text(encoding="utf-8")
  blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
  assert len(blocks) == 3
  (tmp_path / "page.py").write_text("\n".join(blocks))
  assert runpy.run_path(str(tmp_path / "page.py"), {"folder": str(tmp_path)})["losses"]

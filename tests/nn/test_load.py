# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Released models: logits of transformers, of tiny random models (tests/goldens/make_models.py)."""

import json

import numpy as np
import pytest

from posenc_jax import nn
from tests.goldens import load
from tests.support.nn_models import call

GOLDEN = load("models")
NAMES = GOLDEN["names"].tolist()
CLOSE = 1e-4


def parts(name):
  """(config, weights) of one case."""
  start = f"{name}/weights/"
  weights = {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}
  return json.loads(str(GOLDEN[f"{name}/config"])), weights


@pytest.mark.parametrize("name", NAMES)
def test_logits_equal_those_of_transformers(name):
  """A full call; rows padded on the left; the same with a cache, a prompt and then one by one."""
  model = nn.load_hf(*parts(name))
  assert abs(call(model, GOLDEN["tokens"]) - GOLDEN[f"{name}/full"]).max() < CLOSE
  tokens, mask = GOLDEN["padded_tokens"], GOLDEN["mask"]
  wanted = np.stack([GOLDEN[f"{name}/full"][0], GOLDEN[f"{name}/padded"]])
  assert abs(call(model, tokens, mask=mask) - wanted)[mask].max() < CLOSE
  cache, found, start = model.init_cache(2, tokens.shape[1]), [], int(GOLDEN["start"])
  ends = [0, start, *range(start + 1, tokens.shape[1] + 1)]
  for a, b in zip(ends[:-1], ends[1:], strict=True):
    logits, cache = call(model, tokens[:, a:b], mask=mask[:, a:b], cache=cache)
    found.append(logits)
  assert abs(np.concatenate(found, 1) - wanted)[mask].max() < CLOSE

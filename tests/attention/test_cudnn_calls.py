# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What cuDNN is called with in a program lowered for CUDA: shapes, layouts and flags, no GPU."""

import importlib
import json
import re

import jax
import numpy as np
import pytest

import posenc_jax as px

B, T, N, K, H = 2, 256, 8, 2, 64
HEADS_FIRST = "dense<[3, 1, 2, 0]>"  # of an array [B, N, T, H] that lies in memory as [B, T, N, H]


@pytest.fixture(autouse=True)
def with_cudnn(monkeypatch):
  """A host on which JAX finds cuDNN."""
  module = importlib.import_module("jax._src.cudnn.fused_attention_stablehlo")
  monkeypatch.setattr(module, "check_cudnn_version", lambda: 91000)


def _calls(encoding, **options):
  """(line, flags) of the calls into cuDNN that both passes make."""
  q, k = (jax.ShapeDtypeStruct((B, T, n, H), "bfloat16") for n in (N, K))

  def both(q, k, v):
    out, pull = jax.vjp(lambda *x: px.attend(*x, encoding, **options), q, k, v)
    return pull(out)

  with px.config(platform="gpu"):
    text = jax.jit(both).trace(q, k, k).lower(lowering_platforms=("cuda",)).as_text()
  lines = [line for line in text.splitlines() if "custom_call @__cudnn$" in line]
  flags = [re.search(r'backend_config = "(.*?)", operand', line) for line in lines]
  assert None not in flags
  return [(line, json.loads(found[1].replace("\\22", '"'))["cudnn_fmha_backend_config"])
          for line, found in zip(lines, flags, strict=True)]


@pytest.mark.parametrize("encoding, options, mask, window, width", [
  (None, {}, "NO_MASK", 0, H),
  (px.Rotary(H), {"causal": True}, "CAUSAL", 0, H),
  # A window of 33 keys behind is 34 with the token itself. Six columns of ALiBi are padded to 8.
  (px.Alibi(N), {"causal": True, "window": (33, 0)}, "CAUSAL", 34, H + 8),
  (None, {"causal": True, "lengths": np.array([T, 77])}, "PADDING_CAUSAL", 0, H),
])
def test_shapes_layouts_and_flags(encoding, options, mask, window, width):
  (forward, flags), (backward, flags_back) = _calls(encoding, **options)
  assert "@__cudnn$fmhaSoftmax(" in forward and "@__cudnn$fmhaSoftmaxBackward(" in backward
  for one in (flags, flags_back):
    assert one["mask_type"] == mask and one["sliding_window_length"] == window
    assert one["is_flash_attention"] and one["dropout_rate"] == 0
    assert one["fmha_scale"] == H**-0.5  # of the head dim without the columns
    assert one["intermediate_tensor_shape"]["dimensions"] == [str(x) for x in (B, N, T, T)]
  q, k = (f"tensor<{B}x{T}x{n}x{width}xbf16>" for n in (N, K))
  given = forward.rsplit(" : (", 1)[1].split(") -> ")[0].split(", ")
  # Keys keep their own heads, and there is neither a bias nor a mask: lengths are two small arrays.
  assert given[:3] == [q, k, k] and given[3:] == [f"tensor<{B}xi32>"] * (2 * ("lengths" in options))
  assert f"tensor<{T}x{T}" not in forward + backward
  assert f"result_layouts = [{HEADS_FIRST}" in forward
  assert backward.split("result_layouts = ")[1].count(HEADS_FIRST) == 3  # dq, dk, dv

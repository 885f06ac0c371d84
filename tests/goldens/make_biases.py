# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes biases.npz: biases of distances and of grids, as independent packages compute them.

  python tests/goldens/make_biases.py

Run by hand, in an environment with torch, transformers, timm, x-transformers and attn-gym, as
``make_goldens.py``. Weights of linear layers keep torch's layout, outputs before inputs.
"""

import pathlib
from importlib.metadata import version

import numpy as np
import timm.layers
import torch
import transformers
import x_transformers.x_transformers as xt
from attn_gym.mods import sandwich
from transformers.models.beit import modeling_beit
from transformers.models.bloom import modeling_bloom
from transformers.models.deberta_v2 import modeling_deberta_v2
from transformers.models.levit import modeling_levit
from transformers.models.swin import modeling_swin
from transformers.models.swinv2 import modeling_swinv2

SEED = 20170612
PACKAGES = ("numpy", "torch", "transformers", "timm", "x-transformers", "attn-gym")


def fill(module):
  """Sets every parameter to random numbers, in float64: initial values would hide mistakes."""
  module.double()
  module.eval()  # LeViT's returns None
  with torch.no_grad():
    for parameter in module.parameters():
      parameter.copy_(torch.randn(parameter.shape, dtype=parameter.dtype))
  return module


def score_mod(mod, heads, queries, keys):
  """What a score modification adds to zero, ``[N, T, S]``."""
  at = torch.arange
  h, q, k = torch.meshgrid(at(heads), at(queries), at(keys), indexing="ij")
  return mod(torch.zeros(h.shape), torch.zeros_like(h), h, q, k)


def on_one_axis():
  """Slopes times key positions (BLOOM), Sandwich, the dynamic bias, DeBERTa's clipped buckets."""
  mask = torch.tensor([[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]])
  out = {"bloom_mask": mask,
         "bloom": modeling_bloom.build_alibi_tensor(mask, 6, torch.float32).view(2, 6, 5),
         "sandwich": score_mod(sandwich.generate_sandwich_bias(4, 40), 4, 40, 40)[:, ::13],
         "alibi_symmetric": xt.AlibiPositionalBias(heads=6)(5, 5)}
  for name, depth, log in (("dynamic", 3, False), ("dynamic_log", 2, True)):
    dynamic = xt.DynamicPositionBias(4, heads=2, depth=depth, log_distance=log, norm=False)
    # The layers hold None where a norm would be; Sequential cannot call it.
    dynamic.mlp = torch.nn.ModuleList(
        torch.nn.Sequential(*[part for part in layer if part is not None])
        if isinstance(layer, torch.nn.Sequential) else layer for layer in dynamic.mlp)
    fill(dynamic).float()
    out |= {f"{name}.{key}": value for key, value in dynamic.named_parameters()}
    out[name] = dynamic(4, 7)
  size, furthest = 8, 20
  r = modeling_deberta_v2.build_relative_position(
      torch.zeros(1, 6, 1), torch.zeros(1, 40, 1), bucket_size=size, max_position=furthest)[0]
  out["deberta_row"] = torch.clamp(r + size, 0, 2 * size - 1)
  return out


def on_grids():
  """Tables of Swin, BEiT and LeViT; log-CPB, and Swin v2's whole attention."""
  config = transformers.SwinConfig(embed_dim=6, num_heads=[3], depths=[1])
  swin = fill(modeling_swin.SwinRelativePositionBias(3, (3, 4)))
  out = {"swin_table": swin.relative_position_bias_table, "swin": swin()}

  config = transformers.BeitConfig(image_size=9, patch_size=3, num_attention_heads=2)
  beit = fill(modeling_beit.BeitRelativePositionBias(config))
  out |= {"beit_table": beit.relative_position_bias_table, "beit": beit((3, 3))[0]}
  relative = fill(timm.layers.RelPosBias((2, 4), 2, prefix_tokens=1))
  out |= {"timm_beit_table": relative.relative_position_bias_table,
          "timm_beit": relative.get_bias()[0]}

  levit = fill(modeling_levit.LevitAttention(4, 2, 2, 1, 3))
  out |= {"levit_table": levit.attention_biases, "levit": levit.get_attention_biases("cpu")}
  levit = fill(modeling_levit.LevitAttentionSubsample(4, 4, 2, 2, 1, 2, 5, 3))
  out |= {"levit_half_table": levit.attention_biases,
          "levit_half": levit.get_attention_biases("cpu")}

  for name, trained in (("cpb", (0, 0)), ("cpb_trained", (6, 5))):
    network = fill(timm.layers.RelPosMlp((3, 4), 2, hidden_dim=5, mode="swin",
                                         pretrained_window_size=trained))
    network.rel_coords_log = network.rel_coords_log.double()
    out |= {f"{name}.{key}": value for key, value in network.named_parameters()}
    out[name] = network.get_bias()[0]

  config = transformers.Swinv2Config(qkv_bias=False, attention_probs_dropout_prob=0.0)
  layer = fill(modeling_swinv2.Swinv2SelfAttention(config, 8, 2, (3, 2)))
  layer.relative_coords_table = layer.relative_coords_table.double()
  with torch.no_grad():
    layer.logit_scale.copy_(torch.tensor([1.5, 9.0])[:, None, None])
  x = torch.randn(1, 6, 8, dtype=torch.float64)
  heads = lambda linear: linear(x).view(6, 2, 4)
  first, _, last = layer.continuous_position_bias_mlp
  context, weights = layer(x, output_attentions=True)
  out |= {"v2_q": heads(layer.query), "v2_k": heads(layer.key), "v2_v": heads(layer.value),
          "v2_t": layer.logit_scale[:, 0, 0], "v2_w_in": first.weight, "v2_b_in": first.bias,
          "v2_w_out": last.weight, "v2_weights": weights[0], "v2_out": context[0].view(6, 2, 4)}
  return out


def main():
  """Writes the file."""
  torch.manual_seed(SEED)
  arrays = {key: np.asarray(value.detach() if isinstance(value, torch.Tensor) else value)
            for key, value in (on_one_axis() | on_grids()).items()}
  arrays = {key: a.astype(np.float32) if a.dtype == np.float64 else a for key, a in arrays.items()}
  path = pathlib.Path(__file__).parent / "biases.npz"
  versions = np.array([f"{name} {version(name)}" for name in PACKAGES])
  np.savez_compressed(path, allow_pickle=False, versions=versions, seed=np.array(SEED), **arrays)
  print(path.name, path.stat().st_size)


if __name__ == "__main__":
  main()

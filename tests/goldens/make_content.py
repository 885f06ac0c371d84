# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes content_and_softmax.npz: what others compute of sinks, temperatures, content and weights.

  python tests/goldens/make_content.py

Run by hand, in an environment with torch, transformers, fla-core and PoPE-pytorch; the tests read
the file only. Arrays keep their maker's layout. fla-core's references are plain torch files, loaded
by path, as the package itself asks for a GPU's compiler; its sums along the sequence, which need
one, are torch's here.
"""

import importlib.util
import math
import pathlib
import sys
import types
from importlib.metadata import distribution, version

import numpy as np
import torch
import transformers
from PoPE_pytorch.pope import PoPE
from transformers.models.deberta_v2 import modeling_deberta_v2
from transformers.models.gpt_oss import modeling_gpt_oss
from transformers.models.inkling import modeling_inkling
from transformers.models.inkling2 import modeling_inkling2
from transformers.models.llama4 import modeling_llama4
from transformers.models.ministral3 import modeling_ministral3
from transformers.models.mistral_large4 import modeling_mistral_large4
from transformers.models.roformer import modeling_roformer

SEED = 20260117
FOLDER = pathlib.Path(__file__).parent


def normal(*shape):
  return torch.randn(shape, dtype=torch.float64)


def fla(path, name):
  """A function of a file of fla-core."""
  file = distribution("fla-core").locate_file(path)
  spec = importlib.util.spec_from_file_location("fla_file", file)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return getattr(module, name)


def causal(length):
  hidden = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
  return torch.zeros(1, 1, length, length, dtype=torch.float64).masked_fill(hidden, float("-inf"))


def sinks():
  q, k, v = normal(1, 4, 5, 8), normal(1, 2, 5, 8), normal(1, 2, 5, 8)
  module = types.SimpleNamespace(sinks=normal(4), num_key_value_groups=2, training=False)
  out, _ = modeling_gpt_oss.eager_attention_forward(module, q, k, v, causal(5), scaling=8**-0.5)
  return {"sink_q": q, "sink_k": k, "sink_v": v, "sink_logit": module.sinks, "sink_out": out}


def temperatures():
  positions = torch.tensor([[0, 1, 2, 3, 6, 7, 8, 500, 8191, 8192, 100_000]])
  steps = modeling_ministral3.get_llama_4_attn_scale(positions, 0.1, 4)[0, 0, :, 0]
  scaling = modeling_mistral_large4.MistralLarge4TextSoftmaxScaling(3).double()
  with torch.no_grad():
    scaling.scale.copy_(normal(3))
    scaling.bias.copy_(normal(3))
    q = torch.ones(1, 3, positions.shape[1], 1, dtype=torch.float64)
    affine = scaling(q, positions, head_dim_first=True)[0, :, :, 0]
  return {"positions": positions[0], "ministral": steps, "affine_s": scaling.scale,
          "affine_b": scaling.bias, "affine": affine} | llama_4()


def llama_4():
  """A layer without rotary whose queries are ones: what reaches the scores is the temperature."""
  config = transformers.Llama4TextConfig(
      hidden_size=4, num_attention_heads=1, num_key_value_heads=1, head_dim=4, floor_scale=3,
      attn_scale=0.7, num_hidden_layers=1, no_rope_layers=[0], attn_temperature_tuning=True,
      use_qk_norm=False, attention_bias=False)
  config._attn_implementation = "eager"
  layer = modeling_llama4.Llama4TextAttention(config, layer_idx=0).double().eval()
  x, length = normal(1, 9, 4), 9
  with torch.no_grad():
    for p in layer.parameters():
      p.copy_(torch.randn(p.shape, dtype=torch.float64))
    _, weights = layer(x, (None, None), causal(length), position_ids=torch.arange(length)[None])
    q, k = layer.q_proj(x), layer.k_proj(x)
  return {"llama4_q": q, "llama4_k": k, "llama4_weights": weights}


def deberta():
  out = {}
  for name, buckets in (("plain", -1), ("log", 4)):
    config = transformers.DebertaV2Config(
        hidden_size=16, num_attention_heads=2, relative_attention=True, pos_att_type=["c2p", "p2c"],
        share_att_key=True, position_buckets=buckets, max_position_embeddings=32,
        max_relative_positions=4 if buckets < 0 else 9)
    layer = modeling_deberta_v2.DisentangledSelfAttention(config).double().eval()
    span, length = layer.pos_ebd_size, 7
    q, k, table = normal(2, length, 8), normal(2, length, 8), normal(2 * span, 16)
    with torch.no_grad():
      for p in layer.parameters():
        p.copy_(0.5 * torch.randn(p.shape, dtype=torch.float64))
      bias = layer.disentangled_attention_bias(q, k, None, table, 3)
      heads = lambda x: x.view(-1, 2, 8)
      out |= {f"deberta_{name}_q": q, f"deberta_{name}_k": k, f"deberta_{name}_bias": bias,
              f"deberta_{name}_key_table": heads(layer.key_proj(table)),
              f"deberta_{name}_query_table": heads(layer.query_proj(table))}
  return out


def inkling():
  module = modeling_inkling.InklingRelativeLogits(3, 4).double()
  r = normal(1, 2, 4, 3)
  with torch.no_grad():
    module.proj.copy_(normal(3, 4))
    bias = module(r, torch.tensor([5, 6]), torch.arange(9))
  return {"inkling_r": r, "inkling_profiles": module.proj, "inkling_bias": bias}


def path_and_fox():
  q, k, v = normal(1, 9, 4, 8), normal(1, 9, 2, 8), normal(1, 9, 2, 8)
  w = torch.nn.functional.normalize(normal(1, 9, 2, 8), dim=-1)
  beta, g = 2 * torch.sigmoid(normal(1, 9, 2)), torch.nn.functional.logsigmoid(normal(1, 9, 4))
  path = fla("fla/ops/path_attn/naive.py", "naive_path_attn")
  fox = fla("fla/ops/forgetting_attn/naive.py", "naive_forgetting_attn")
  zero = torch.zeros_like(g)
  # Zero gates: the reference multiplies the gates' part by the scale, which the layer does not.
  return {"path_q": q, "path_k": k, "path_v": v, "path_w": w, "path_beta": beta,
          "path_out": path(q, k, v, w, beta, zero, 8**-0.5, chunk_size=4),
          "fox_gates": g, "fox_out": fox(q, k, v, g)}


def stick_and_wall():
  q, k, v = normal(1, 7, 4, 8), normal(1, 7, 2, 8), normal(1, 7, 2, 8)
  out, rest = fla("fla/ops/stickbreaking_attn/naive.py", "naive_stickbreaking_attn")(q, k, v)
  own, _ = fla("fla/ops/stickbreaking_attn/naive.py", "naive_stickbreaking_attn")(
    q, k, v, attend_current=True)
  names = ("fla", "fla.ops", "fla.ops.utils", "fla.ops.utils.constant", "fla.ops.utils.cumsum")
  sys.modules |= {name: types.ModuleType(name) for name in names}
  sys.modules[names[3]].RCP_LN2 = 1 / math.log(2)
  sys.modules[names[4]].chunk_global_cumsum = lambda g, cu_seqlens, scale: g.cumsum(1) * scale
  g = torch.nn.functional.logsigmoid(normal(1, 7, 1, 8)).expand(1, 7, 4, 8)
  wall = fla("fla/ops/wall_attn/naive.py", "naive_wall_attn")(q, k, v, g, scale=8**-0.5)
  return {"stick_q": q, "stick_k": k, "stick_v": v, "stick_out": out, "stick_rest": rest,
          "stick_own": own, "wall_gates": g[:, :, 0], "wall_out": wall}


def turned_values():
  config = transformers.RoFormerConfig(hidden_size=16, num_attention_heads=2, rotary_value=True)
  layer = modeling_roformer.RoFormerSelfAttention(config).double().eval()
  x = normal(1, 6, 16)
  table = modeling_roformer.RoFormerSinusoidalPositionalEmbedding(9, 8)
  table.weight = torch.nn.Parameter(table.create_weight().double(), requires_grad=False)
  out, _ = layer(x, sinusoidal_pos=table(x.shape[:2])[None, None], attention_mask=causal(6))
  heads = lambda y: y.view(1, 6, 2, 8)
  return {"values_q": heads(layer.query(x)), "values_k": heads(layer.key(x)),
          "values_v": heads(layer.value(x)), "values_out": heads(out)}


def token_sinks():
  x, weight = normal(1, 5, 6), normal(6, 4)
  q, k, v = normal(1, 4, 5, 8), normal(1, 2, 5, 8), normal(1, 2, 5, 8)
  module = types.SimpleNamespace(num_key_value_groups=2, training=False)
  out, _ = modeling_inkling2.eager_attention_forward(
    module, q, k, v, causal(5), 8**-0.5, sinks=(x @ weight).transpose(1, 2).unsqueeze(-1))
  return {"token_sink_x": x, "token_sink_weight": weight, "token_sink_q": q, "token_sink_k": k,
          "token_sink_v": v, "token_sink_out": out}


def one_more():
  """A key and a value of zeros: softmax with one more in the denominator."""
  module = torch.nn.MultiheadAttention(16, 2, bias=False, add_zero_attn=True).double()
  q, k, v = normal(5, 16), normal(7, 16), normal(7, 16)
  with torch.no_grad():
    module.in_proj_weight.copy_(torch.eye(16, dtype=torch.float64).repeat(3, 1))
    module.out_proj.weight.copy_(torch.eye(16))
    out, _ = module(q, k, v)
  return {"one_q": q, "one_k": k, "one_v": v, "one_out": out}


def polar():
  pope = PoPE(8, heads=2, bias_uniform_init=False)
  with torch.no_grad():
    pope.bias.copy_(-6 * torch.rand(2, 8))
  q, k = normal(1, 2, 6, 8).float(), normal(1, 2, 6, 8).float()
  turned = pope.apply_pope_to_qk(pope(6), q, k)
  return {"pope_q": q, "pope_k": k, "pope_bias": pope.bias,
          "pope_scores": turned[0] @ turned[1].transpose(-1, -2)}


def main():
  torch.manual_seed(SEED)
  arrays = {}
  for make in (sinks, temperatures, deberta, inkling, path_and_fox, stick_and_wall, turned_values,
               token_sinks, one_more, polar):
    arrays |= {n: np.asarray(torch.as_tensor(a).detach()) for n, a in make().items()}
  versions = [f"{p} {version(p)}" for p in ("numpy", "torch", "transformers", "fla-core",
                                           "PoPE-pytorch")]
  np.savez_compressed(FOLDER / "content_and_softmax.npz", seed=SEED, versions=versions, **arrays)


if __name__ == "__main__":
  main()

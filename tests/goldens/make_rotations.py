# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes rotations_axes.npz: rotations of several axes and xPos, by independent packages.

  python tests/goldens/make_rotations.py

Run by hand, in an environment with torch, transformers, timm, diffusers and torchscale. Arrays of
queries are [T, N, H].
"""

import json
import pathlib
import types
from importlib.metadata import version

import numpy as np
import torch
from diffusers.models.embeddings import apply_rotary_emb
from diffusers.models.transformers import (
  transformer_cosmos,
  transformer_flux,
  transformer_kandinsky,
  transformer_ltx2,
  transformer_minimax_h3,
  transformer_mochi,
  transformer_wan,
)
from timm.layers import pos_embed_sincos
from torchscale.component.xpos_relative_position import XPOS
from transformers import DINOv3ViTConfig, MistralLarge4TextConfig, PixtralVisionConfig
from transformers.models.dinov3_vit import modeling_dinov3_vit
from transformers.models.esmfold2 import modeling_esmfold2
from transformers.models.mistral_large4 import modeling_mistral_large4
from transformers.models.pixtral import modeling_pixtral
from transformers.models.vjepa2 import modeling_vjepa2

SEED = 20240319


def normal(*shape):
  return torch.randn(shape, dtype=torch.float32)


def by_timm(x, embed, half):
  """x [T, N, H] turned by timm's [T, 2H] table."""
  return pos_embed_sincos.apply_rot_embed_cat(x.transpose(0, 1), embed, half=half).transpose(0, 1)


def half_split(x, cos, sin):
  cos, sin = cos[:, None], sin[:, None]
  a, b = x.chunk(2, -1)
  return x * cos + torch.cat([-b, a], -1) * sin


def interleaved(x, cos, sin):
  return apply_rotary_emb(x.transpose(0, 1)[None], (cos, sin))[0].transpose(0, 1)


def vision():
  x = normal(12, 2, 16)
  out = {"vision_x": x}
  axial = pos_embed_sincos.RotaryEmbeddingCat(16, in_pixels=False, temperature=100.0,
                                              feat_shape=[3, 4])
  out["timm_axial"] = by_timm(x, axial.get_embed(), False)
  mixed = pos_embed_sincos.RotaryEmbeddingMixed(32, 1, 2, feat_shape=[3, 4])
  out["mixed_directions"] = mixed.freqs[:, 0]
  out["timm_mixed"] = pos_embed_sincos.apply_rot_embed_cat(
      x.transpose(0, 1), mixed.get_embed()[0]).transpose(0, 1)
  for normalize in ("separate", "max", "min"):
    dino = pos_embed_sincos.RotaryEmbeddingDinoV3(16, feat_shape=[3, 4],
                                                  normalize_coords=normalize)
    out[f"timm_dino_{normalize}"] = by_timm(x, dino.get_embed(), True)
  torch.manual_seed(1)
  out["timm_dino_coordinates"] = pos_embed_sincos.make_coords_dinov3(3, 4)
  config = DINOv3ViTConfig(hidden_size=32, num_attention_heads=2, patch_size=4)
  cos, sin = modeling_dinov3_vit.DINOv3ViTRopePositionEmbedding(config).eval()(
      torch.zeros(1, 3, 12, 16))
  out["hf_dino"] = half_split(x, cos, sin)
  config = PixtralVisionConfig(hidden_size=32, num_attention_heads=2)
  ids = torch.cartesian_prod(torch.arange(3), torch.arange(4))
  cos, sin = modeling_pixtral.PixtralVisionRotaryEmbedding(config)(x, ids)
  out["hf_pixtral"] = half_split(x, cos, sin)
  ids = torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(3))
  turned = [modeling_vjepa2.rotate_queries_or_keys(x[None, ..., 4 * a:4 * a + 4].transpose(1, 2),
                                                   ids[:, a].float())[0].transpose(0, 1)
            for a in range(3)]
  out["hf_vjepa2"] = torch.cat([*turned, x[..., 12:]], -1)
  return out


def lerope():
  config = MistralLarge4TextConfig(
      hidden_size=32, num_attention_heads=2,
      rope_parameters={"rope_type": "default", "rope_theta": 10_000.0})
  rope = modeling_mistral_large4.MistralLarge4TextRotaryEmbedding(config)
  rope.alpha.copy_(0.3 * torch.randn(rope.alpha.shape))
  x, at = normal(6, 1, 2 * len(rope.alpha)), torch.tensor([[0, 1, 2, 7, 31, 100]])
  cos, sin = rope(x, at)
  return {"lerope_x": x, "lerope_at": at[0], "lerope_alpha": rope.alpha,
          "lerope": half_split(x, cos[0], sin[0])}


def atoms():
  x, at = normal(5, 1, 36), normal(5, 3) * 4
  ids = torch.tensor([0, 0, 1, 1, 7])
  config = types.SimpleNamespace(num_spatial_rope_pairs_per_axis=2, num_uid_rope_pairs=10,
                                 spatial_rope_base_frequency=20.0, uid_rope_base_frequency=10_000.0,
                                 head_dim=36)
  cos, sin = modeling_esmfold2.EsmFold2RotaryEmbedding(config)(at, ids, torch.float32)
  return {"atoms_x": x, "atoms_at": torch.cat([at, ids[:, None].float()], -1),
          "hf_atoms": half_split(x, cos, sin)}


def diffusion():
  x = normal(12, 1, 128)
  ids = torch.cartesian_prod(torch.arange(2), torch.arange(2), torch.arange(3))
  out = {"diffusion_x": x, "diffusion_ids": ids}
  for name, theta, dims in (("flux", 10_000, [16, 56, 56]), ("z_image", 256, [32, 48, 48])):
    out[name] = interleaved(x, *transformer_flux.FluxPosEmbed(theta, dims)(ids))
  grid = torch.zeros(1, 1, 2, 2, 3)
  cos, sin = transformer_wan.WanRotaryPosEmbed(128, (1, 1, 1), 16)(grid)
  out["wan"] = interleaved(x, cos[0, :, 0], sin[0, :, 0])
  cos, sin = transformer_cosmos.CosmosRotaryPosEmbed(128, patch_size=(1, 1, 1))(grid, fps=12)
  out["cosmos"] = apply_rotary_emb(x.transpose(0, 1)[None], (cos, sin), use_real_unbind_dim=-2
                                   )[0].transpose(0, 1)
  cos, sin = transformer_minimax_h3.MiniMaxH3RotaryPosEmbed()(ids.float())
  out["minimax_h3"] = torch.cat([half_split(x[..., :96], cos, sin), x[..., 96:]], -1)
  rope = transformer_kandinsky.Kandinsky5RoPE3D((16, 24, 24))(
      (1, 2, 2, 3), [torch.arange(2), torch.arange(2), torch.arange(3)], (1.0, 2.0, 2.0))
  pairs = x[..., :64].reshape(12, 1, 32, 1, 2)
  out["kandinsky5"] = (rope.reshape(12, 1, 32, 2, 2) * pairs).sum(-1).reshape(12, 1, 64)
  directions = normal(3, 2, 4)
  mochi = transformer_mochi.MochiRoPE()
  cos, sin = mochi(directions, 2, 2, 3, dtype=torch.float32)
  x = normal(12, 2, 8)
  a, b = x[..., 0::2], x[..., 1::2]
  out |= {"mochi_x": x, "mochi_directions": directions,
          "mochi_at": mochi._get_positions(2, 2, 3, dtype=torch.float32),
          "mochi": torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)}
  for kind in ("interleaved", "split"):
    rope = transformer_ltx2.LTX2AudioVideoRotaryPosEmbed(20, rope_type=kind, num_attention_heads=2)
    coordinates = rope.prepare_video_coords(1, 2, 2, 3, torch.device("cpu"))
    tables = rope(coordinates)
    x = normal(12, 2, 10)
    turn = (transformer_ltx2.apply_interleaved_rotary_emb if kind == "interleaved"
            else transformer_ltx2.apply_split_rotary_emb)
    out |= {f"ltx_{kind}_x": x,
            f"ltx_{kind}": turn(x.reshape(1, 12, 20), tables).reshape(12, 2, 10)}
  out["ltx_middles"] = coordinates[0].mean(-1).T
  return out


def xpos():
  q, k = normal(1, 9, 16), normal(1, 9, 16)
  turn = XPOS(16)
  scores = torch.einsum("btd,bsd->bts", turn(q, 0, False), turn(k, 0, True))[0]
  return {"xpos_q": q[0], "xpos_k": k[0], "xpos_scores": scores}


def main():
  torch.manual_seed(SEED)
  arrays = vision() | atoms() | diffusion() | xpos() | lerope()
  arrays = {n: a.detach().numpy() for n, a in arrays.items()}
  packages = ("torch", "transformers", "timm", "diffusers", "torchscale")
  path = pathlib.Path(__file__).parent / "rotations_axes.npz"
  np.savez_compressed(path, seed=SEED, versions=json.dumps({p: version(p) for p in packages}),
                      **arrays)
  print(path.name, path.stat().st_size)


if __name__ == "__main__":
  main()

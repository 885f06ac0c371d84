# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes rotations_groups.npz: rotations as published code computes them, in torch.

  python tests/goldens/make_rotations_groups.py

transformers is run as it is (DeepSeek-V4). The other projects are no packages, so their rules are
written down again here, in float64, as their files state them:

  LieRE     StanfordMIMI/LieRE, models/rope_vit.py at 657fc51c: matrix_exp of positions times the
            skew matrices of upper triangles
  ComRoPE   Longin-Yu/ComRoPE, model.py at d6e0fbed: matrix_exp of sum_a p_a A_a
  GRAPE     model-architectures/GRAPE, model/llama-mha-grape-m-nonctx.py at 135ee30e and
            model/llama-mha-grape-m-ctx.py at 73b22316: frequencies exp(l), opposite sign, softplus
  selective timurcarstensen/selective-rope, src/selective_rope/modules/rotary.py at 9d06c336
  PRoPE     the authors' transforms of q, k, v and the output (arXiv 2507.10496)
"""

import pathlib
from importlib.metadata import version

import numpy as np
import torch
import torch.nn.functional as F
from transformers.models.deepseek_v4 import modeling_deepseek_v4

SEED = 20240613
OUT = {}


def normal(*shape):
  return torch.randn(shape, dtype=torch.float64)


def save(**arrays):
  for name, x in arrays.items():
    OUT[name] = np.asarray(x, np.float32)


def halves(x, cos, sin):
  a, b = x.chunk(2, dim=-1)
  return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def blocks(x, logs):
  """x [T, N, H], logs [T, K, G, b, b]."""
  turn = torch.matrix_exp(logs)
  turn = turn.repeat_interleave(x.shape[1] // turn.shape[1], dim=1)
  parts = x.reshape(*x.shape[:2], turn.shape[2], turn.shape[3], 1)
  return (turn @ parts).reshape(x.shape)


def make_blocks():
  x, at = normal(5, 2, 8), torch.rand(5, 2, dtype=torch.float64) * 2
  save(block_q=x, block_at=at)
  raw = torch.rand(2, 1, 2, 4, 4, dtype=torch.float64) * 6.28
  upper = torch.triu(raw, diagonal=1) - 0.5  # the half cancels
  bases = upper - upper.transpose(-1, -2)
  save(liere_raw=raw, liere_turned=blocks(x, torch.einsum("ta,akgij->tkgij", at, bases)))
  raw, rates = normal(2, 2, 4, 4), normal(2, 2)
  skew = raw - raw.transpose(-1, -2)
  logs = torch.einsum("ta,ag,kgij->tkgij", at, rates, skew)
  save(comrope_ld_raw=raw, comrope_ld_rates=rates, comrope_ld_turned=blocks(x, logs))
  raw = normal(2, 4, 2, 2)
  mask = torch.tensor([[1.0, 0, 1, 0], [0, 1, 0, 1]], dtype=torch.float64)
  logs = torch.einsum("ta,ag,kgij->tkgij", at, mask, raw - raw.transpose(-1, -2))
  save(comrope_ap_raw=raw, comrope_ap_turned=blocks(x, logs))


def make_grape():
  q = normal(6, 2, 8)
  theta = torch.exp((1 / 10_000 ** (torch.arange(0, 8, 2, dtype=torch.float64) / 8)).log())
  turn = lambda phase: halves(q, torch.cos(phase * theta)[:, None],
                              -torch.sin(phase * theta)[:, None])
  norm = lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)
  save(grape_q=q, grape_turned=norm(turn(torch.arange(6)[:, None])))
  x, weight, bias = normal(6, 12), normal(12, 1), normal(1)
  omega = F.softplus(x @ weight + bias)
  save(ctx_x=x, ctx_weight=weight, ctx_bias=bias,
       ctx_turned=norm(turn(torch.cumsum(omega, dim=0) - omega)))


def make_selective():
  tokens, heads, pairs, width = 7, 2, 4, 12
  x, q = normal(tokens, width), normal(tokens, heads, 2 * pairs)
  down, up = normal(width, 3), normal(3, heads, pairs)
  kernel, gate, gate_bias = normal(4, heads, pairs), normal(width, heads), normal(heads)
  split = x.reshape(tokens, heads, -1)
  split = (split * torch.rsqrt(split.pow(2).sum(-1, keepdim=True) + 1e-6)).reshape(tokens, -1)
  phi = split @ down @ up.reshape(3, -1)
  weights = kernel.flip(0).reshape(4, -1).T[:, None]  # the last tap is the token itself
  phi = F.conv1d(F.pad(phi.T[None], (3, 0)), weights, groups=heads * pairs)[0].T
  phi = phi.reshape(tokens, heads, pairs) * torch.sigmoid(split @ gate + gate_bias)[..., None]
  temperature = 1 / 500.0 ** (torch.arange(0, 2 * pairs, 2, dtype=torch.float64) / (2 * pairs))
  angle = temperature * torch.cumsum(phi, dim=0)
  save(selective_x=x, selective_q=q, selective_down=down, selective_up=up,
       selective_kernel=kernel, selective_gate=gate, selective_gate_bias=gate_bias,
       selective_turned=halves(q, torch.cos(angle), torch.sin(angle)))


def make_prope():
  """Heads before tokens, as there; two cameras of 2 x 3 patches, images of 48 x 32 pixels."""
  turns = torch.linalg.qr(normal(2, 3, 3))[0]
  views = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
  views[:, :3, :3], views[:, :3, 3] = turns, normal(2, 3)
  k = torch.tensor([[40.0, 0, 20], [0, 30, 18], [0, 0, 1]], dtype=torch.float64).repeat(2, 1, 1)
  lift = torch.eye(4, dtype=torch.float64).repeat(2, 1, 1)
  lift[:, 0, 0], lift[:, 1, 1] = k[:, 0, 0] / 48, k[:, 1, 1] / 32
  lift[:, 0, 2], lift[:, 1, 2] = k[:, 0, 2] / 48 - 0.5, k[:, 1, 2] / 32 - 0.5
  camera = (lift @ views).repeat_interleave(6, dim=0)
  place = {0: torch.tile(torch.arange(3), (4,)),
           1: torch.tile(torch.repeat_interleave(torch.arange(2), 3), (2,))}
  theta = 100.0 ** (-torch.arange(2, dtype=torch.float64) / 2)

  def apply(x, matrix, sign):
    parts = [torch.einsum("tij,htpj->htpi", matrix, x[..., :8].reshape(2, 12, 2, 4)).flatten(-2)]
    for axis in range(2):
      angle = place[axis][:, None] * theta
      piece = x[..., 8 + 4 * axis:12 + 4 * axis]
      parts.append(halves(piece, torch.cos(angle), sign * torch.sin(angle)))
    return torch.cat(parts, dim=-1)

  q, key, v = (normal(2, 12, 16) for _ in range(3))
  back = torch.linalg.inv(camera)
  out = F.scaled_dot_product_attention(apply(q, camera.transpose(-1, -2), -1),
                                       apply(key, back, -1), apply(v, back, -1))
  save(prope_views=views, prope_k=k, prope_q=q, prope_key=key, prope_v=v,
       prope_out=apply(out, camera, 1))


def make_deepseek():
  q, at = torch.randn(5, 2, 16), torch.tensor([0, 1, 5, 77, 300])
  angles = at[:, None].float() / 10_000 ** (torch.arange(0, 8, 2).float() / 8)
  turned = modeling_deepseek_v4.apply_rotary_pos_emb(q, angles.cos(), angles.sin())
  save(v4_q=q, v4_at=at, v4_turned=turned)


if __name__ == "__main__":
  torch.manual_seed(SEED)
  for make in (make_blocks, make_grape, make_selective, make_prope, make_deepseek):
    make()
  versions = [f"{name} {version(name)}" for name in ("torch", "transformers", "numpy")]
  np.savez_compressed(pathlib.Path(__file__).parent / "rotations_groups.npz", **OUT,
                      versions=np.array(versions), seed=SEED)

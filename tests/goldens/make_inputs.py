# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Writes inputs.npz beside it: what independent packages add to embeddings.

  python tests/goldens/make_inputs.py

Run by hand, in an environment with torch, transformers, timm, positional-encodings,
learnable-fourier-positional-encoding and torch-geometric; the tests read the file only.
"""

import pathlib
from importlib.metadata import version

import numpy as np
import torch
from learnable_fourier_positional_encoding import LearnableFourierPositionalEncoding
from positional_encodings import torch_encodings
from timm.layers.pos_embed_sincos import build_sincos2d_pos_embed
from torch_geometric.data import Data
from torch_geometric.transforms import AddLaplacianEigenvectorPE, AddRandomWalkPE
from transformers.models.m2m_100 import modeling_m2m_100
from transformers.models.marian import modeling_marian
from transformers.models.opt import modeling_opt
from transformers.models.roberta import modeling_roberta
from transformers.models.vit_mae import modeling_vit_mae
from transformers.models.xlm import modeling_xlm

SEED = 20170612
FOLDER = pathlib.Path(__file__).parent
PACKAGES = ("numpy", "torch", "transformers", "timm", "positional-encodings",
            "learnable-fourier-positional-encoding", "torch-geometric")


def one_axis():
  """Tables of positions 0 to 31: three of the four conventions of sinusoids."""
  interleaved = torch.zeros(32, 16)
  interleaved = modeling_xlm.create_sinusoidal_embeddings(32, 16, torch.nn.Parameter(interleaved))
  halves = modeling_marian.MarianSinusoidalPositionalEmbedding(32, 16)
  halves.weight = torch.nn.Parameter(halves.create_weight(), requires_grad=False)
  last = modeling_m2m_100.M2M100SinusoidalPositionalEmbedding.get_embedding(32, 16)
  return {"xlm": interleaved, "marian": halves.weight, "m2m_100": last}


def grids():
  """Tables of grids of 3 by 4 and of 2 by 3 by 4, flattened in row-major order."""
  flat = lambda table: table.reshape(-1, table.shape[-1])
  return {
    "multidim_2d": flat(torch_encodings.PositionalEncoding2D(10)(torch.zeros(1, 3, 4, 10))),
    "multidim_3d": flat(torch_encodings.PositionalEncoding3D(16)(torch.zeros(1, 2, 3, 4, 16))),
    "timm_sines": build_sincos2d_pos_embed([3, 4], 16),
    "timm_halves": build_sincos2d_pos_embed([3, 4], 16, interleave_sin_cos=True),
    "mae": modeling_vit_mae.build_2d_sinusoidal_position_embedding(3, 4, 16)}


def learned():
  """Rows that RoBERTa and OPT take for a left-padded and a right-padded sentence."""
  ids = torch.tensor([[5, 6, 7, 8, 1, 1], [9, 8, 7, 6, 5, 4]])
  roberta = modeling_roberta.RobertaEmbeddings.create_position_ids_from_input_ids(ids, 1)
  opt = modeling_opt.OPTLearnedPositionalEmbedding(16, 6)
  mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
  return {"roberta_rows": roberta, "opt_table": opt.weight, "opt_mask": mask, "opt": opt(mask)}


def fourier():
  """Learnable Fourier features of two groups of three coordinates."""
  module = LearnableFourierPositionalEncoding(G=2, M=3, F_dim=8, H_dim=6, D=10, gamma=2.0)
  x = torch.randn(7, 2, 3)
  names = {"fourier_matrix": module.Wr.weight, "fourier_w1": module.mlp[0].weight.T,
           "fourier_b1": module.mlp[0].bias, "fourier_w2": module.mlp[2].weight.T,
           "fourier_b2": module.mlp[2].bias}
  return {"fourier_x": x, "fourier": module(x), **names}


def graph():
  """A weighted graph of nine nodes and its positions.

  Walks are of the graph without weights: the package divides by weighted degrees but then walks
  along all edges alike.
  """
  a = torch.rand(9, 9) * (torch.rand(9, 9) < 0.5)
  a = torch.triu(a, 1)
  a = a + a.T
  edges = a.nonzero().T
  weights = a[edges[0], edges[1]]
  laplacian = AddLaplacianEigenvectorPE(4, attr_name="pe", is_undirected=True)
  walk = AddRandomWalkPE(5, attr_name="pe")
  weighted = Data(edge_index=edges, edge_weight=weights, num_nodes=9)
  return {"adjacency": a, "laplacian": laplacian(weighted).pe,
          "walk": walk(Data(edge_index=edges, num_nodes=9)).pe}


def main():
  """Writes the file."""
  torch.manual_seed(SEED)
  arrays = {}
  for make in (one_axis, grids, learned, fourier, graph):
    arrays |= {key: value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
               for key, value in make().items()}
  versions = np.array([f"{name} {version(name)}" for name in PACKAGES])
  path = FOLDER / "inputs.npz"
  np.savez_compressed(path, allow_pickle=False, versions=versions, seed=np.array(SEED), **arrays)
  print(path.name, path.stat().st_size)


if __name__ == "__main__":
  main()

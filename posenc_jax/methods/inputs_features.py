# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Rows of encodings that add to embeddings: features of coordinates, of words and of layers."""

import jax.numpy as jnp
import numpy as np

import posenc_jax as px
from posenc_jax.methods.maker import Maker
from posenc_jax.methods.rotations import three_axes
from posenc_jax.methods.row import Method
from posenc_jax.testing import Case


def _rows_of_four(p):
  """Rows and columns of a grid that is four wide."""
  return jnp.stack([p // 4, p % 4], -1)


def _on_ring(nodes):
  """Token p is node p of a graph: a row of its positions."""
  return lambda p: jnp.take(jnp.asarray(nodes), p, axis=0)


def _ring():
  """A ring of eight nodes with one chord, weighted so that no eigenvalue repeats."""
  a = np.zeros((8, 8))
  for i in range(8):
    a[i, (i + 1) % 8] = a[(i + 1) % 8, i] = 1 + 0.25 * i
  a[0, 3] = a[3, 0] = 2
  return a


_BASE = {"base": lambda s: s.base}
_WIDTH = {"d_model": "d_model"}

METHODS = (
  Method(
    "sinusoid with a learned factor, or learned frequencies", "inputs.learned_sinusoid", "",
    "embeddings", {
      "scaled_sinusoidal": ("d_model", "an encoding"),
      "learned_sinusoidal": ("d_model", "an encoding")},
    builds={"scaled-sinusoidal": Maker(px.scaled_sinusoidal, _WIDTH, _BASE),
            "learned-sinusoidal": Maker(px.learned_sinusoidal, _WIDTH, _BASE)},
    arxiv="2202.10447", goldens="x-transformers 2.31.10"),
  Method(
    "sinusoids in 2-D and 3-D, axis order, layout and divisor", "inputs.grid_sinusoidal",
    "GridSinusoidal", "embeddings",
    {"grid_sinusoidal": ("positions ``[..., P]``, d_model", "``[..., d_model]``")},
    cases={
      "grid-sinusoidal": lambda key: Case(
        px.GridSinusoidal(16, divisor="last", order=(1, 0)), make_positions=_rows_of_four),
      "grid-sinusoidal-3d": lambda key: Case(
        px.GridSinusoidal(16, axes=3, layout="interleaved"), make_positions=three_axes)},
    catalogue="sinusoids in 2-D and 3-D",
    goldens="positional-encodings 6.0.4, timm 1.0.31, transformers 5.23.0: ViT-MAE"),
  Method(
    "Fourier features (2020)", "inputs.fourier", "FourierFeatures", "embeddings", {
      "fourier_features": ("positions ``[..., P]``, matrix", "``[..., 2F]``"),
      "cape_matrix": ("d_model", "matrix ``[D / 2, 2]``")},
    builds={"fourier": Maker(px.FourierFeatures.init, _WIDTH,
                             {"sigma": lambda s: 8 / s.train_length}, {"axes": 1})},
    cases={
      "fourier": lambda key: Case(px.FourierFeatures.init(key, 16, sigma=0.1)),
      "fourier-2d": lambda key: Case(
        px.FourierFeatures.init(key, 16, axes=2, sigma=0.1), make_positions=_rows_of_four)},
    catalogue="Fourier features", arxiv="2006.10739"),
  Method(
    "learnable Fourier features (2021)", "inputs.learnable_fourier", "LearnableFourier",
    "embeddings",
    {"learnable_fourier": ("positions ``[..., G M]``, weights", "``[..., D]``")},
    builds={"learnable-fourier": Maker(
      px.LearnableFourier.init, _WIDTH, {"stddev": lambda s: 8 / s.train_length},
      {"axes": 1, "groups": 1})},
    cases={
      "learnable-fourier": lambda key: Case(px.LearnableFourier.init(key, 16, stddev=0.5)),
      "learnable-fourier-2d": lambda key: Case(
        px.LearnableFourier.init(key, 16, axes=2, groups=2, stddev=0.5),
        make_positions=_rows_of_four)},
    catalogue="learnable Fourier features", arxiv="2106.02795",
    goldens="learnable-fourier-positional-encoding 0.0.1"),
  Method(
    "Time2Vec (2019)", "inputs.time2vec", "Time2Vec", "embeddings",
    {"time2vec": ("positions, frequency, phase", "``[..., k + 1]``")},
    builds={"time2vec": Maker(px.Time2Vec.init, _WIDTH, {"stddev": lambda s: 8 / s.train_length})},
    cases={"time2vec": lambda key: Case(px.Time2Vec.init(key, 16, waves=6, stddev=0.5))},
    catalogue="Time2Vec", arxiv="1907.05321"),
  Method(
    "complex-order embeddings (2019)", "inputs.complex_order", "ComplexOrder", "embeddings",
    {"complex_order": ("embeddings, positions", "embeddings")},
    {"complex_frequencies": ("words, channels", "``[V, C]``")},
    builds={"complex-order": Maker(px.ComplexOrder)},
    catalogue="complex-order embeddings", arxiv="1912.12333"),
  Method(
    "CPE, depthwise convolution on the grid (PEG, 2021)", "inputs.cpe", "Cpe", "a layer's input",
    {"conditional": ("x, positions ``[..., T, 2]``, kernel", "x")},
    cases={"cpe": lambda key: Case(px.Cpe.init(key, 16), make_positions=_rows_of_four,
                                   causal=False)},
    catalogue="CPE, PEG", arxiv="2102.10882", directions="bidirectional"),
  Method(
    "LaPE (2022), the progressive chain", "inputs.lape", "Lape", "a layer's input",
    {"lape": ("rows of a table, norms", "``[..., D]``"),
     "lape_layers": ("a table, norms of L layers", "L encodings")},
    cases={"lape": lambda key: Case(px.Lape.init(key, 2, 8, 16, stddev=1.0), far=False)},
    catalogue="LaPE", arxiv="2212.05262"),
  Method(
    "Abacus (2024)", "inputs.abacus", "Abacus", "positions, embeddings",
    {"abacus_positions": ("digits, bool", "places in numbers")},
    cases={"abacus": lambda key: Case(
      px.Abacus.init(key, 4, 16, shift=5), make_positions=lambda p: (p + 1) % 4, key=key,
      far=False)},
    catalogue="Abacus", arxiv="2405.17399"),
  Method(
    "SeqPE (2025), added", "inputs.seqpe", "SeqPE", "embeddings",
    more={"decimal_digits": ("positions, count", "digits ``[..., n]``")},
    builds={"seqpe": Maker(px.SeqPE.init, _WIDTH, {"stddev": lambda s: 0.2}, {"axes": 1})},
    cases={
      "seqpe": lambda key: Case(
        px.SeqPE.init(key, 16, num_digits=4, width=4, heads=2, stddev=0.5), far=False),
      "seqpe-2d": lambda key: Case(
        px.SeqPE.init(key, 16, axes=2, num_digits=4, width=4, layers=1, heads=2, last=False,
                      stddev=0.5), make_positions=_rows_of_four, far=False)},
    catalogue="SeqPE, added", arxiv="2506.13277"),
  Method(
    "eigenvectors of a graph (LapPE, 2020)", "inputs.graph", "LaplacianNodes",
    "positions, embeddings",
    {"laplacian_positions": ("adjacency, size", "positions ``[T, k]``")},
    cases={"laplacian": lambda key: Case(
      px.LaplacianNodes.init(key, 3, 16), key=key, far=False,
      make_positions=_on_ring(px.laplacian_positions(_ring(), 3)))},
    catalogue="LapPE", arxiv="2012.09699", goldens="torch-geometric 2.8.1"),
  Method(
    "random walks on a graph (RWPE, 2021)", "inputs.graph", "WalkNodes", "embeddings",
    {"random_walk_positions": ("adjacency, size", "positions ``[T, k]``")},
    cases={"random-walk": lambda key: Case(
      px.WalkNodes.init(key, 3, 16), far=False,
      make_positions=_on_ring(px.random_walk_positions(_ring(), 3)))},
    catalogue="RWPE", arxiv="2110.07875", goldens="torch-geometric 2.8.1"),
)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Position encodings for transformers, in JAX.

Letter key, used in every docstring, assert and comment:

  B batch, T query length, S key length, N query heads, K key/value heads (N a multiple of K),
  H head dim, D model width, P position axes (1 text, 2 image, 3 video).

Attention:

  attend      attention with any encoding; ``explain`` says how it would run
  attention_weights    what the values are multiplied by, dense, for pictures
  config      implementations that are off; the platform that programs are traced for
  prepare     what a cache holds of new tokens: the hooks ``qk`` and ``values``
  context_attend, zigzag, unzigzag, zigzag_order    attention over a sequence cut across devices

Encodings, by what they change:

  inputs     ``Sinusoidal``, ``Learned``, ``GridSinusoidal``, ``FourierFeatures``,
             ``LearnableFourier``, ``Time2Vec``, ``ComplexOrder``, ``Cpe``, ``Lape``, ``Abacus``,
             ``SeqPE``, ``LaplacianNodes``, ``WalkNodes``
  positions  ``Randomized``, ``Shifted``, ``Cape``, ``Continuous``, ``Skipwise``
  rotations  ``Rotary``, ``VORotary``, ``MRotary``, ``Pope``, ``LeRotary``, ``XPos``, ``Fope``,
             ``RotaryPlusPlus``, ``AxesRotary``, ``MixedRotary``, ``DinoRotary``, ``VJepa2Rotary``,
             ``RotaryValues``, ``Liere``, ``StringCirculant``, ``StringCayley``, ``ComRope``,
             ``GrapeM``, ``GrapePlane``, ``HDRotary``, ``TreePaths``, ``Prope``, ``Geometric``,
             ``CARope``, ``SelectiveRotary``, ``RePo``, ``GrapeContextual``, ``RotaryOnRead``,
             ``SelfExtend``, ``ReRope``, ``DualChunk``, ``ShiftedRotary``, ``StreamingRotary``
  content    ``Wall``, ``Shaw``, ``TransformerXL``, ``Cope``, ``Fox``, ``Dape``,
             ``MusicTransformer``, ``Disentangled``, ``Tupe``, ``Inkling``, ``GrapeA``,
             ``GrapePath``, ``PathAttention``
  biases     ``LocalWindow``, ``LocalChunks``, ``Alibi``, ``T5Bias``, ``Fire``, ``AlibiOffset``,
             ``AlibiSplit``, ``LittleBird``, ``HardAlibi``, ``KerpleLog``, ``KerplePower``,
             ``KerpleProduct``, ``Sandwich``, ``DynamicPosition``, ``Toeplitz``, ``DistanceTable``,
             ``DebertaBias``, ``Alibi2D``, ``SwinTable``, ``BeitTable``, ``LevitTable``, ``LogCPB``,
             ``DynamicGrid``
  softmax    ``CosineScores``, ``LogNTemperature``, ``SSMax``, ``SteppedTemperature``,
             ``AffineTemperature``, ``ConstantTemperature``, ``Sink``, ``SoftmaxOne``,
             ``DrivenSink``, ``StickBreaking``, ``MetaTokens``

Parts of encodings:

  chain, along, on_heads, on_dims, share_heads    several as one, or one on a part of the model
  from_hf, layers_from_hf                         the encodings of a released model
  Frequencies                                     exact radians per position

Encodings of your own: ``encoding`` over a subclass of ``Encoding``, with fields ``static()``,
``parameter()`` or plain. Its hooks are ``positions``, ``inputs``, ``layer``, ``qk``, ``values``,
``expand``, ``visible``, ``bias``, ``scores``, ``weights``, ``value_bias`` and ``outputs``; those of
attention get a ``Tile``. ``posenc_jax.base`` says when each is asked; ``PREPARED`` and ``Each`` are
for callers of hooks.

Training: ``partition``, ``combine``, ``is_parameter``, ``learn`` and ``freeze``.

Modules:

  functions   every function under an encoding, without classes
  positions   where tokens stand: segments, padding, grids, distances
  phases      exact cosines and sines of position times frequency
  interop     rows of released weights: pairings, parts that turn, fused projections
  testing     the contract that every encoding passes: ``check_encoding`` (import it)
  nn          Flax NNX modules with any encoding (import it; needs flax)
  sweeps      many small models in one compiled program (import it)

``precision_report`` says how exact an encoding is at which position; ``selfcheck`` holds every way
of attention that this machine can run against the reference, and times it.

Example:
  >>> import jax, jax.numpy as jnp, posenc_jax as px
  >>> q = k = v = jnp.ones((1, 6, 2, 8))                      # [B, T, N, H]
  >>> px.attend(q, k, v, px.Rotary(8), causal=True).shape
  (1, 6, 2, 8)
"""

from posenc_jax import functions, phases, positions
from posenc_jax._frequencies import Frequencies
from posenc_jax._kinds import combine, freeze, is_parameter, learn, partition
from posenc_jax._tree import parameter, static
from posenc_jax._version import __version__ as __version__
from posenc_jax.attention import (
    attend,
    attention_weights,
    config,
    context_attend,
    explain,
    prepare,
    unzigzag,
    zigzag,
    zigzag_order,
)
from posenc_jax.base import PREPARED, Each, Encoding, Tile, encoding
from posenc_jax.chain import chain
from posenc_jax.combinators import along, on_dims, on_heads, share_heads
from posenc_jax.encodings.biases.alibi import Alibi, alibi_bias, alibi_slopes
from posenc_jax.encodings.biases.alibi_offset import AlibiOffset
from posenc_jax.encodings.biases.alibi_split import AlibiSplit
from posenc_jax.encodings.biases.deberta import deberta_bucket
from posenc_jax.encodings.biases.deberta_bias import DebertaBias
from posenc_jax.encodings.biases.distance_table import DistanceTable
from posenc_jax.encodings.biases.dynamic_position import DynamicPosition
from posenc_jax.encodings.biases.fire import Fire, fire_bias
from posenc_jax.encodings.biases.grids.alibi_2d import Alibi2D
from posenc_jax.encodings.biases.grids.beit import BeitTable
from posenc_jax.encodings.biases.grids.dynamic_grid import DynamicGrid
from posenc_jax.encodings.biases.grids.levit import LevitTable
from posenc_jax.encodings.biases.grids.log_cpb import LogCPB
from posenc_jax.encodings.biases.grids.swin import SwinTable
from posenc_jax.encodings.biases.hard_alibi import HardAlibi
from posenc_jax.encodings.biases.kerple import (
    KerpleLog,
    KerplePower,
    kerple_log_bias,
    kerple_power_bias,
)
from posenc_jax.encodings.biases.kerple_product import KerpleProduct
from posenc_jax.encodings.biases.littlebird import LittleBird
from posenc_jax.encodings.biases.local_chunks import LocalChunks
from posenc_jax.encodings.biases.local_window import LocalWindow
from posenc_jax.encodings.biases.sandwich import Sandwich, sandwich_bias
from posenc_jax.encodings.biases.t5 import T5Bias, t5_bias, t5_bucket
from posenc_jax.encodings.biases.toeplitz import Toeplitz
from posenc_jax.encodings.content.cope import Cope, cope_bias, cope_positions
from posenc_jax.encodings.content.dape import Dape, dape_scores
from posenc_jax.encodings.content.disentangled import Disentangled, disentangled_bias
from posenc_jax.encodings.content.fox import Fox, forget_bias, forget_positions, log_forget_gates
from posenc_jax.encodings.content.grape_additive import GrapeA, grape_bias
from posenc_jax.encodings.content.grape_path import GrapePath, grape_path_bias, grape_path_positions
from posenc_jax.encodings.content.inkling import Inkling, inkling_bias, inkling_positions
from posenc_jax.encodings.content.music_transformer import MusicTransformer, music_transformer_bias
from posenc_jax.encodings.content.path_attention import PathAttention, path_products
from posenc_jax.encodings.content.shaw import Shaw, shaw_bias, shaw_index, shaw_values
from posenc_jax.encodings.content.transformer_xl import TransformerXL, transformer_xl_bias
from posenc_jax.encodings.content.tupe import Tupe, tupe_projections
from posenc_jax.encodings.content.wall import Wall, wall_bias
from posenc_jax.encodings.inputs.abacus import Abacus, abacus_positions
from posenc_jax.encodings.inputs.complex_order import ComplexOrder, complex_order
from posenc_jax.encodings.inputs.cpe import Cpe, conditional
from posenc_jax.encodings.inputs.fourier import FourierFeatures, cape_matrix, fourier_features
from posenc_jax.encodings.inputs.graph import (
    LaplacianNodes,
    WalkNodes,
    laplacian_positions,
    random_walk_positions,
)
from posenc_jax.encodings.inputs.grid_sinusoidal import GridSinusoidal, grid_sinusoidal
from posenc_jax.encodings.inputs.lape import Lape, lape, lape_layers
from posenc_jax.encodings.inputs.learnable_fourier import LearnableFourier, learnable_fourier
from posenc_jax.encodings.inputs.learned import Learned, lookup
from posenc_jax.encodings.inputs.learned_sinusoid import learned_sinusoidal, scaled_sinusoidal
from posenc_jax.encodings.inputs.seqpe import SeqPE
from posenc_jax.encodings.inputs.sinusoidal import (
    Sinusoidal,
    sinusoidal,
    tutorial_doubled_exponent,
    tutorial_growing_angle,
    tutorial_halved_matrix,
    tutorial_one_frequency,
)
from posenc_jax.encodings.inputs.time2vec import Time2Vec, time2vec
from posenc_jax.encodings.positions.bipe import bipe_positions
from posenc_jax.encodings.positions.cape import Cape, cape_positions
from posenc_jax.encodings.positions.continuous import (
    Continuous,
    continuous_grid,
    continuous_positions,
)
from posenc_jax.encodings.positions.coupling import coupled_positions
from posenc_jax.encodings.positions.drope import drope_rotates
from posenc_jax.encodings.positions.randomized import Randomized, randomized_positions
from posenc_jax.encodings.positions.shape import Shifted, random_starts, shifted_positions
from posenc_jax.encodings.positions.skipwise import Skipwise, skipwise_positions
from posenc_jax.encodings.positions.slots import streaming_slots
from posenc_jax.encodings.rotations.axes.axes_rotary import AxesRotary
from posenc_jax.encodings.rotations.axes.dinov3 import DinoRotary
from posenc_jax.encodings.rotations.axes.mixed import MixedRotary
from posenc_jax.encodings.rotations.axes.vjepa2 import VJepa2Rotary
from posenc_jax.encodings.rotations.driven.carope import CARope, carope_steps
from posenc_jax.encodings.rotations.driven.grape_contextual import GrapeContextual, grape_gates
from posenc_jax.encodings.rotations.driven.repo import RePo, content_positions
from posenc_jax.encodings.rotations.driven.selective import SelectiveRotary
from posenc_jax.encodings.rotations.frequencies.fope import Fope
from posenc_jax.encodings.rotations.frequencies.lerope import LeRotary
from posenc_jax.encodings.rotations.frequencies.rope_pp import RotaryPlusPlus
from posenc_jax.encodings.rotations.frequencies.xpos import XPos
from posenc_jax.encodings.rotations.groups.algebraic import TreePaths, path_rotation, tree_paths
from posenc_jax.encodings.rotations.groups.comrope import ComRope, comrope
from posenc_jax.encodings.rotations.groups.geometric import (
    Geometric,
    frame_positions,
    frame_vectors,
)
from posenc_jax.encodings.rotations.groups.grape_m import GrapeM, grape_frequencies
from posenc_jax.encodings.rotations.groups.grape_plane import GrapePlane, plane_rotation
from posenc_jax.encodings.rotations.groups.hd_rotary import HDRotary, hd_rotate
from posenc_jax.encodings.rotations.groups.liere import Liere, liere_rotations
from posenc_jax.encodings.rotations.groups.moebius import moebius_rotary
from posenc_jax.encodings.rotations.groups.prope import Prope, camera_positions, camera_transform
from posenc_jax.encodings.rotations.groups.string_cayley import StringCayley, cayley
from posenc_jax.encodings.rotations.groups.string_circulant import (
    StringCirculant,
    circulant_rotation,
)
from posenc_jax.encodings.rotations.m_rotary import (
    MRotary,
    mrotary_axes,
    mrotary_positions,
    mrotate,
)
from posenc_jax.encodings.rotations.on_read import RotaryOnRead
from posenc_jax.encodings.rotations.pope import Pope, polar_expand, polar_magnitudes
from posenc_jax.encodings.rotations.remaps.dual_chunk import DualChunk
from posenc_jax.encodings.rotations.remaps.rerope import ReRope
from posenc_jax.encodings.rotations.remaps.self_extend import SelfExtend
from posenc_jax.encodings.rotations.remaps.shifted import ShiftedRotary
from posenc_jax.encodings.rotations.remaps.streaming import StreamingRotary
from posenc_jax.encodings.rotations.rotary import Rotary, rotary_frequencies, rotate, rotate_by
from posenc_jax.encodings.rotations.rotary_values import RotaryValues
from posenc_jax.encodings.rotations.vo_rotary import VORotary, unrotate
from posenc_jax.encodings.softmax.affine_temperature import AffineTemperature, affine_temperature
from posenc_jax.encodings.softmax.constant_temperature import ConstantTemperature
from posenc_jax.encodings.softmax.cosine_scores import CosineScores
from posenc_jax.encodings.softmax.driven_sink import DrivenSink, driven_sinks
from posenc_jax.encodings.softmax.meta_tokens import MetaTokens, meta_visible
from posenc_jax.encodings.softmax.sink import Sink, sink_weights
from posenc_jax.encodings.softmax.softmax_one import SoftmaxOne
from posenc_jax.encodings.softmax.stepped_temperature import SteppedTemperature, stepped_temperature
from posenc_jax.encodings.softmax.stick_breaking import StickBreaking, stick_breaking_weights
from posenc_jax.encodings.softmax.temperature import (
    LogNTemperature,
    SSMax,
    log_n_temperature,
    ssmax_scores,
)
from posenc_jax.interop import from_hf, layers_from_hf
from posenc_jax.precision import PrecisionReport, precision_report
from posenc_jax.selfcheck.check import selfcheck

__all__ = [
  "Each", "Encoding", "Frequencies", "PREPARED", "PrecisionReport", "Tile", "along", "attend",
  "attention_weights", "chain", "combine", "config", "context_attend", "encoding", "explain",
  "freeze", "from_hf", "functions", "is_parameter", "layers_from_hf", "learn", "on_dims",
  "on_heads", "parameter", "partition", "phases", "positions", "precision_report", "prepare",
  "selfcheck", "share_heads", "static", "unzigzag", "zigzag", "zigzag_order",
]
# The imports from encodings and these names follow from posenc_jax/methods, by a script.
__all__ += [  # python -m tests.support.follow
  "Sinusoidal", "sinusoidal", "tutorial_growing_angle", "tutorial_doubled_exponent",
  "tutorial_one_frequency", "tutorial_halved_matrix", "Learned", "lookup", "scaled_sinusoidal",
  "learned_sinusoidal", "GridSinusoidal", "grid_sinusoidal", "FourierFeatures", "fourier_features",
  "cape_matrix", "LearnableFourier", "learnable_fourier", "Time2Vec", "time2vec", "ComplexOrder",
  "complex_order", "Cpe", "conditional", "Lape", "lape", "lape_layers", "Abacus",
  "abacus_positions", "SeqPE", "LaplacianNodes", "laplacian_positions", "WalkNodes",
  "random_walk_positions", "Randomized", "randomized_positions", "Shifted", "shifted_positions",
  "random_starts", "Cape", "cape_positions", "Continuous", "continuous_positions",
  "continuous_grid", "Skipwise", "skipwise_positions", "coupled_positions", "bipe_positions",
  "streaming_slots", "drope_rotates", "Rotary", "rotary_frequencies", "rotate", "rotate_by",
  "VORotary", "unrotate", "MRotary", "mrotary_axes", "mrotary_positions", "mrotate", "Pope",
  "polar_magnitudes", "polar_expand", "LeRotary", "XPos", "Fope", "RotaryPlusPlus", "AxesRotary",
  "MixedRotary", "DinoRotary", "VJepa2Rotary", "RotaryValues", "Liere", "liere_rotations",
  "StringCirculant", "circulant_rotation", "StringCayley", "cayley", "ComRope", "comrope", "GrapeM",
  "grape_frequencies", "GrapePlane", "plane_rotation", "moebius_rotary", "HDRotary", "hd_rotate",
  "TreePaths", "tree_paths", "path_rotation", "Prope", "camera_positions", "camera_transform",
  "Geometric", "frame_positions", "frame_vectors", "CARope", "carope_steps", "SelectiveRotary",
  "RePo", "content_positions", "GrapeContextual", "grape_gates", "Wall", "wall_bias",
  "RotaryOnRead", "SelfExtend", "ReRope", "DualChunk", "ShiftedRotary", "StreamingRotary",
  "LocalWindow", "LocalChunks", "Alibi", "alibi_slopes", "alibi_bias", "T5Bias", "t5_bucket",
  "t5_bias", "deberta_bucket", "Fire", "fire_bias", "AlibiOffset", "AlibiSplit", "LittleBird",
  "HardAlibi", "KerpleLog", "kerple_log_bias", "KerplePower", "kerple_power_bias", "KerpleProduct",
  "Sandwich", "sandwich_bias", "DynamicPosition", "Toeplitz", "DistanceTable", "DebertaBias",
  "Alibi2D", "SwinTable", "BeitTable", "LevitTable", "LogCPB", "CosineScores", "DynamicGrid",
  "Shaw", "shaw_index", "shaw_bias", "shaw_values", "TransformerXL", "transformer_xl_bias", "Cope",
  "cope_positions", "cope_bias", "Fox", "log_forget_gates", "forget_positions", "forget_bias",
  "Dape", "dape_scores", "MusicTransformer", "music_transformer_bias", "Disentangled",
  "disentangled_bias", "Tupe", "tupe_projections", "Inkling", "inkling_positions", "inkling_bias",
  "GrapeA", "grape_bias", "GrapePath", "grape_path_positions", "grape_path_bias", "PathAttention",
  "path_products", "LogNTemperature", "log_n_temperature", "SSMax", "ssmax_scores",
  "SteppedTemperature", "stepped_temperature", "AffineTemperature", "affine_temperature",
  "ConstantTemperature", "Sink", "sink_weights", "SoftmaxOne", "DrivenSink", "driven_sinks",
  "StickBreaking", "stick_breaking_weights", "MetaTokens", "meta_visible",
]

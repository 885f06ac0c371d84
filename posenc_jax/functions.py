# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Every pure function in one flat namespace, for research code that keeps its own attention.

The functions hold no state: tables, keys and frequencies are arguments. Shapes are in the letter
key of ``posenc_jax``, with heads before dims: ``[..., T, N, H]``. There is one sign: distance is
the query's position minus the key's, positive in the past. ``t5_bucket`` and ``deberta_bucket``
keep their papers' own sign, the opposite, under the name ``relative_position``.

===========================  ==============================================  =====================
function                     what goes in                                    what comes out
===========================  ==============================================  =====================
``sinusoidal``               positions                                       ``[..., d_model]``
``sinusoidal_frequencies``   d_model, base                                   frequencies
``tutorial_growing_angle``   a length                                        ``[T, d_model]``
``tutorial_doubled_exponent``  a length                                      ``[T, d_model]``
``tutorial_one_frequency``   embeddings                                      embeddings
``tutorial_halved_matrix``   embeddings                                      embeddings
``lookup``                   table, positions                                ``[..., D]``
``scaled_sinusoidal``        d_model                                         an encoding
``learned_sinusoidal``       d_model                                         an encoding
``grid_sinusoidal``          positions ``[..., P]``, d_model                 ``[..., d_model]``
``fourier_features``         positions ``[..., P]``, matrix                  ``[..., 2F]``
``cape_matrix``              d_model                                         matrix ``[D / 2, 2]``
``learnable_fourier``        positions ``[..., G M]``, weights               ``[..., D]``
``time2vec``                 positions, frequency, phase                     ``[..., k + 1]``
``complex_order``            embeddings, positions                           embeddings
``complex_frequencies``      words, channels                                 ``[V, C]``
``conditional``              x, positions ``[..., T, 2]``, kernel            x
``lape``                     rows of a table, norms                          ``[..., D]``
``lape_layers``              a table, norms of L layers                      L encodings
``abacus_positions``         digits, bool                                    places in numbers
``decimal_digits``           positions, count                                digits ``[..., n]``
``laplacian_positions``      adjacency, size                                 positions ``[T, k]``
``random_walk_positions``    adjacency, size                                 positions ``[T, k]``
``randomized_positions``     positions, key                                  positions
``shifted_positions``        positions, key                                  positions
``random_starts``            rows of a table, length                         encoding
``cape_positions``           positions, key                                  positions
``continuous_positions``     positions, key                                  positions
``continuous_grid``          positions, length                               positions
``skipwise_positions``       positions, key                                  positions
``coupled_positions``        digits, which way they are written              ids
``bipe_positions``           separators, bool                                ids ``[..., T, 2]``
``bipe``                     key, sizes                                      an encoding
``bipe_alibi``               key, sizes                                      an encoding
``streaming_slots``          what slots hold, tokens seen                    ids, -1 where evicted
``drope_rotates``            step, steps                                     whether to rotate
``drope``                    a rotary encoding, whether                      a rotary encoding
``rotary_frequencies``       dim, base                                       frequencies
``rotate``                   q or k, its positions, frequencies              q or k
``rotate_by``                q or k, cosines, sines                          q or k
``unrotate``                 outputs, query positions, frequencies           outputs
``mrotary_axes``             sections                                        an axis for each pair
``mrotary_positions``        sizes of texts and grids                        positions ``[T, P]``
``mrotate``                  q or k, its positions, frequencies, axes        q or k
``polar_magnitudes``         q or k                                          magnitudes
``polar_expand``             magnitudes, their positions, frequencies        q or k, ``[..., 2H]``
``partial_rotary``           head_dim, fraction                              an encoding
``trailing_rotary``          head_dim, dim                                   an encoding
``proportional_rotary``      head_dim, proportion                            an encoding
``lerope_rotate``            q or k, its positions, frequencies, alpha       q or k
``learned_rotary``           dim, base                                       an encoding
``xpos_scales``              dim, gamma                                      decays [dim // 2]
``xpos_expand``              q, k, query and key positions, decays           q, k
``hope_rotary``              dim, train_length                               an encoding
``clipped_frequencies``      frequencies, count                              frequencies
``clipped_rotary``           dim, train_length                               an encoding
``fope_cos_sin``             positions, frequencies, matrices                cosines, sines
``quarter_turn``             q, dim                                          q
``helm_rotary``              head_dim                                        an encoding
``axial_rotary``             head_dim, axes                                  an encoding
``pixtral_rotary``           head_dim                                        an encoding
``mixed_rotate``             q or k, its positions, directions               q or k
``golden_directions``        count, axes                                     unit vectors
``golden_rotary``            num_heads, head_dim, axes                       an encoding
``dinov3_positions``         height, width, prefix                           positions ``[T, 3]``
``stretch_coordinates``      key, positions                                  positions
``vjepa2_turn``              q or k, its positions, frequencies              q or k
``diffusion_rotary``         model                                           an encoding
``cosmos_rotary``            head_dim, scales                                an encoding
``centred_positions``        sizes                                           positions ``[T, P]``
``ltx_positions``            frames, height, width                           positions ``[T, 3]``
``ltx_rotary``               num_heads, head_dim                             an encoding
``mochi_positions``          frames, height, width                           positions ``[T, 3]``
``mochi_rotary``             num_heads, head_dim                             an encoding
``atom_rotary``              head_dim                                        an encoding
``omni_positions``           sizes of texts and grids                        positions ``[T, 3]``
``reset_positions``          sizes of texts and grids                        positions ``[T, 3]``
``mh_rotary``                head_dim, sections                              an encoding
``videorope_axes``           sections                                        an axis for each pair
``videorope_positions``      sizes of texts and grids                        positions ``[T, 3]``
``hope_video_rotary``        sections                                        an encoding
``mm_rope_axes``             pairs                                           an axis for each pair
``mm_rope_positions``        sizes of texts and grids                        positions ``[T, 3]``
``circle_grid``              height, width                                   positions ``[T, 3]``
``circle_positions``         sizes of texts and grids                        positions ``[T, 3]``
``v2pe_positions``           sizes of texts and grids                        positions ``[T]``
``tmrope_positions``         video, audio                                    positions, is audio
``liere_rotations``          positions, generators                           rotations
``circulant_rotation``       q or k, its positions, columns                  q or k
``cayley``                   a matrix                                        orthogonal
``comrope``                  q or k, its positions, generators, rates        q or k
``grape_frequencies``        logarithms                                      frequencies
``log_frequencies``          dim, base, scale                                their start
``plane_rotation``           q or k, its positions, a, b                     q or k
``moebius_rotary``           heads and their dims, period                    an encoding
``moebius_frequencies``      dim, period                                     frequencies
``hd_rotate``                q or k, its positions, frequencies              q or k
``tree_paths``               numbers of nodes                                ``[..., T, P]``
``path_rotation``            q or k, paths, generators                       q or k
``camera_positions``         cameras, patches                                ``[C h w, 18]``
``camera_transform``         q or k, its positions, frequencies, part        like it
``frame_positions``          rotations, translations                         ``[..., T, 13]``
``frame_vectors``            vectors, positions                              vectors
``carope_steps``             a layer's input, weights                        radians
``sliced_norm``              a layer's input, slices                         like it
``content_positions``        a layer's input, weights                        ``[..., T, K]``
``grape_gates``              a layer's input, weights                        steps
``wall_bias``                q, k, their sums of log gates                   bias ``[..., N, T, S]``
``linear_frequencies``       dim, factor                                     radians, float64
``ntk_base``                 base, factor, dim                               base
``dynamic_ntk_base``         base, factor, dim, lengths                      base
``dynamic_ntk_rotary``       dim, lengths                                    an encoding
``by_parts_frequencies``     dim, factor, length                             radians, float64
``yarn_frequencies``         dim, factor, length                             radians, float64
``yarn_attention_scaling``   factor                                          a number
``yarn_rotary``              dim, factor, length                             an encoding
``dynamic_yarn_factor``      lengths                                         a number
``dynamic_yarn_rotary``      dim, lengths                                    an encoding
``longrope_frequencies``     dim, factors                                    radians, float64
``longrope_attention_scaling``  factor, length                               a number
``longrope_rotary``          dim, factors, lengths                           an encoding
``longrope_search``          a loss of factors, dim, seed                    factors
``llama3_frequencies``       dim, factors, length                            radians, float64
``mrrope_frequencies``       dim, factor, length                             radians, float64
``resonance_frequencies``    frequencies                                     radians, float64
``proportional_frequencies``  dim, proportion                                radians, float64
``self_extend_positions``    query and key positions, sizes                  positions, who is far
``rerope_distance``          distance, window, slope                         distance
``dual_chunk_positions``     query and key positions, sizes                  positions, who is far
``shifted_distance``         distance, sizes                                 distance
``streaming_positions``      query and key positions, sizes                  positions, who is far
``local_window_visible``     distance, window                                who is seen
``local_chunks_visible``     query and key positions, chunk                  who is seen
``layer_pattern``            layers, encodings                               one entry a layer
``nope_layers``              layers, encoding                                none on every n-th
``rnope_swa_layers``         layers, encoding, window                        the others in a window
``irope_layers``             layers, encoding, chunk                         the others in chunks
``two_base_layers``          layers, dim, window, bases                      two bases
``alibi_slopes``             heads                                           ``[N]``
``alibi_bias``               distance, slopes                                bias ``[N, ...]``
``t5_bucket``                relative_position (key - query)                 buckets
``t5_bias``                  distance, table                                 bias ``[N, ...]``
``t5_thresholds``            buckets, distance                               first distances
``deberta_bucket``           relative_position (key - query)                 signed buckets
``deberta_thresholds``       bucket size, largest position                   first distances
``fire_bias``                query and key positions, weights                bias ``[..., N, T, S]``
``alibi_offset_bias``        distance, slopes                                bias ``[N, ...]``
``alibi_split_visible``      distance, heads                                 bool ``[N, ...]``
``littlebird_bias``          query and key positions, slopes                 bias ``[..., N, T, S]``
``hard_alibi_visible``       distance, heads                                 bool ``[N, ...]``
``kerple_log_bias``          distance, p, a                                  bias ``[N, ...]``
``kerple_power_bias``        distance, a, p                                  bias ``[N, ...]``
``kerple_weight``            distance, a, p                                  factors ``[N, ...]``
``sandwich_bias``            distance, frequencies, gains                    bias ``[N, ...]``
``dynamic_position_bias``    distance, weights                               bias ``[N, ...]``
``toeplitz_bias``            distance, weights, decay                        bias ``[N, ...]``
``distance_table_bias``      distance, table                                 bias ``[N, ...]``
``deberta_bias``             distance, table                                 bias ``[N, ...]``
``alibi_2d_bias``            distance ``[..., P]``, slopes                   bias ``[N, ...]``
``swin_bias``                distance ``[..., 2]``, table                    bias ``[N, ...]``
``beit_bias``                query and key positions ``[..., 2]``, tables    bias ``[..., N, T, S]``
``levit_bias``               distance ``[..., 2]``, table                    bias ``[N, ...]``
``log_cpb_bias``             distance ``[..., 2]``, weights                  bias ``[N, ...]``
``unit_vectors``             q or k                                          unit vectors
``dynamic_grid_bias``        distance ``[..., 2]``, weights                  bias ``[N, ...]``
``shaw_index``               query and key positions                         rows of the tables
``shaw_bias``                q, table, rows                                  bias ``[..., N, T, S]``
``shaw_values``              weights of the softmax, table, rows             added to outputs
``transformer_xl_bias``      q, k, query and key positions, u, v, w_r        bias ``[..., N, T, S]``
``cope_positions``           scores, mask                                    positions of pairs
``cope_bias``                q, positions of pairs, table                    bias ``[..., N, T, S]``
``log_forget_gates``         a layer's input, weights                        log gates
``forget_positions``         log gates                                       ``[..., T, 2, N]``
``forget_bias``              query and key positions, of forget_positions    bias ``[..., N, T, S]``
``dape_scores``              scores, bias, weights, mask                     scores
``music_transformer_bias``   q, table, distances                             bias ``[..., N, T, S]``
``skew``                     q . E, ``[..., T, T]``                          rows moved to keys
``disentangled_bias``        q, k, tables, their rows                        bias ``[..., N, T, S]``
``disentangled_index``       how far behind, span                            rows of the tables
``tupe_projections``         rows of the table, norm, weights                ``[..., N, H]``
``untie_cls``                scores, query and key positions, numbers        scores
``cable``                    weights of Cable                                a ``Fox``
``cable_init``               a key, sizes                                    a ``Fox``
``inkling_positions``        x, positions, weights                           ``[..., T, N R + 2]``
``inkling_bias``             query and key positions, of inkling_positions   bias ``[..., N, T, S]``
``grape_bias``               how far behind, slopes, gates                   bias ``[..., N, T, S]``
``grape_additive_gates``     q or k, directions                              gates
``grape_path_positions``     x, positions, weights                           ``[..., T, 2, N, P]``
``grape_path_bias``          query and key positions, slopes, mask           bias ``[..., N, T, S]``
``path_products``            q, k, w, beta, mask                             in the place of q . k
``log_n_temperature``        query positions                                 factors of q
``ssmax_scores``             scores, mask, s                                 scores
``stepped_temperature``      query positions                                 factors of q
``affine_temperature``       query positions, s, b                           factors of q
``drope_temperature``        a factor of length                              a number
``yarn_temperature``         a factor of length                              a number
``sink_weights``             scores, mask, sinks                             weights
``driven_sinks``             a layer's input, weights                        sinks ``[..., T, N]``
``stick_breaking_weights``   scores, mask                                    weights
``meta_visible``             query and key positions, sizes                  bool ``[..., T, S]``
===========================  ==============================================  =====================

A bias is added to the scores after their scaling. ``positions`` (where tokens stand) and ``phases``
(exact cosines and sines) have functions of their own.

Example:
  >>> import jax.numpy as jnp
  >>> from posenc_jax import functions, positions
  >>> at = jnp.arange(4)
  >>> functions.alibi_bias(positions.distance(at, at), functions.alibi_slopes(2)).shape
  (2, 4, 4)
"""

from posenc_jax.encodings.biases.alibi import alibi_bias, alibi_slopes
from posenc_jax.encodings.biases.alibi_offset import alibi_offset_bias
from posenc_jax.encodings.biases.alibi_split import alibi_split_visible
from posenc_jax.encodings.biases.deberta import deberta_bucket, deberta_thresholds
from posenc_jax.encodings.biases.deberta_bias import deberta_bias
from posenc_jax.encodings.biases.distance_table import distance_table_bias
from posenc_jax.encodings.biases.dynamic_position import dynamic_position_bias
from posenc_jax.encodings.biases.fire import fire_bias
from posenc_jax.encodings.biases.grids.alibi_2d import alibi_2d_bias
from posenc_jax.encodings.biases.grids.beit import beit_bias
from posenc_jax.encodings.biases.grids.dynamic_grid import dynamic_grid_bias
from posenc_jax.encodings.biases.grids.levit import levit_bias
from posenc_jax.encodings.biases.grids.log_cpb import log_cpb_bias
from posenc_jax.encodings.biases.grids.swin import swin_bias
from posenc_jax.encodings.biases.hard_alibi import hard_alibi_visible
from posenc_jax.encodings.biases.kerple import kerple_log_bias, kerple_power_bias
from posenc_jax.encodings.biases.kerple_product import kerple_weight
from posenc_jax.encodings.biases.littlebird import littlebird_bias
from posenc_jax.encodings.biases.local_chunks import local_chunks_visible
from posenc_jax.encodings.biases.local_window import local_window_visible
from posenc_jax.encodings.biases.sandwich import sandwich_bias
from posenc_jax.encodings.biases.t5 import t5_bias, t5_bucket, t5_thresholds
from posenc_jax.encodings.biases.toeplitz import toeplitz_bias
from posenc_jax.encodings.content.cable import cable, cable_init
from posenc_jax.encodings.content.cope import cope_bias, cope_positions
from posenc_jax.encodings.content.dape import dape_scores
from posenc_jax.encodings.content.disentangled import disentangled_bias, disentangled_index
from posenc_jax.encodings.content.fox import forget_bias, forget_positions, log_forget_gates
from posenc_jax.encodings.content.grape_additive import grape_additive_gates, grape_bias
from posenc_jax.encodings.content.grape_path import grape_path_bias, grape_path_positions
from posenc_jax.encodings.content.inkling import inkling_bias, inkling_positions
from posenc_jax.encodings.content.music_transformer import music_transformer_bias, skew
from posenc_jax.encodings.content.path_attention import path_products
from posenc_jax.encodings.content.shaw import shaw_bias, shaw_index, shaw_values
from posenc_jax.encodings.content.transformer_xl import transformer_xl_bias
from posenc_jax.encodings.content.tupe import tupe_projections, untie_cls
from posenc_jax.encodings.content.wall import wall_bias
from posenc_jax.encodings.inputs.abacus import abacus_positions
from posenc_jax.encodings.inputs.complex_order import complex_frequencies, complex_order
from posenc_jax.encodings.inputs.cpe import conditional
from posenc_jax.encodings.inputs.fourier import cape_matrix, fourier_features
from posenc_jax.encodings.inputs.graph import laplacian_positions, random_walk_positions
from posenc_jax.encodings.inputs.grid_sinusoidal import grid_sinusoidal
from posenc_jax.encodings.inputs.lape import lape, lape_layers
from posenc_jax.encodings.inputs.learnable_fourier import learnable_fourier
from posenc_jax.encodings.inputs.learned import lookup
from posenc_jax.encodings.inputs.learned_sinusoid import learned_sinusoidal, scaled_sinusoidal
from posenc_jax.encodings.inputs.seqpe import decimal_digits
from posenc_jax.encodings.inputs.sinusoidal import (
    sinusoidal,
    sinusoidal_frequencies,
    tutorial_doubled_exponent,
    tutorial_growing_angle,
    tutorial_halved_matrix,
    tutorial_one_frequency,
)
from posenc_jax.encodings.inputs.time2vec import time2vec
from posenc_jax.encodings.layers.patterns import (
    irope_layers,
    layer_pattern,
    nope_layers,
    rnope_swa_layers,
    two_base_layers,
)
from posenc_jax.encodings.positions.bipe import bipe, bipe_alibi, bipe_positions
from posenc_jax.encodings.positions.cape import cape_positions
from posenc_jax.encodings.positions.continuous import continuous_grid, continuous_positions
from posenc_jax.encodings.positions.coupling import coupled_positions
from posenc_jax.encodings.positions.drope import drope, drope_rotates
from posenc_jax.encodings.positions.randomized import randomized_positions
from posenc_jax.encodings.positions.shape import random_starts, shifted_positions
from posenc_jax.encodings.positions.skipwise import skipwise_positions
from posenc_jax.encodings.positions.slots import streaming_slots
from posenc_jax.encodings.rotations.axes.atoms import atom_rotary
from posenc_jax.encodings.rotations.axes.axial import axial_rotary, pixtral_rotary
from posenc_jax.encodings.rotations.axes.circle import circle_grid, circle_positions
from posenc_jax.encodings.rotations.axes.diffusion import (
    centred_positions,
    cosmos_rotary,
    diffusion_rotary,
)
from posenc_jax.encodings.rotations.axes.dinov3 import dinov3_positions, stretch_coordinates
from posenc_jax.encodings.rotations.axes.golden import golden_directions, golden_rotary
from posenc_jax.encodings.rotations.axes.heads import mh_rotary
from posenc_jax.encodings.rotations.axes.ltx import ltx_positions, ltx_rotary
from posenc_jax.encodings.rotations.axes.mixed import mixed_rotate
from posenc_jax.encodings.rotations.axes.mm_rope import mm_rope_axes, mm_rope_positions
from posenc_jax.encodings.rotations.axes.mochi import mochi_positions, mochi_rotary
from posenc_jax.encodings.rotations.axes.reset import omni_positions, reset_positions
from posenc_jax.encodings.rotations.axes.tmrope import tmrope_positions
from posenc_jax.encodings.rotations.axes.v2pe import v2pe_positions
from posenc_jax.encodings.rotations.axes.video import (
    hope_video_rotary,
    videorope_axes,
    videorope_positions,
)
from posenc_jax.encodings.rotations.axes.vjepa2 import vjepa2_turn
from posenc_jax.encodings.rotations.driven.carope import carope_steps
from posenc_jax.encodings.rotations.driven.grape_contextual import grape_gates
from posenc_jax.encodings.rotations.driven.repo import content_positions
from posenc_jax.encodings.rotations.driven.selective import sliced_norm
from posenc_jax.encodings.rotations.frequencies.clipped import clipped_frequencies, clipped_rotary
from posenc_jax.encodings.rotations.frequencies.fope import fope_cos_sin
from posenc_jax.encodings.rotations.frequencies.helm import helm_rotary
from posenc_jax.encodings.rotations.frequencies.hope import hope_rotary
from posenc_jax.encodings.rotations.frequencies.lerope import learned_rotary, lerope_rotate
from posenc_jax.encodings.rotations.frequencies.partial import (
    partial_rotary,
    proportional_rotary,
    trailing_rotary,
)
from posenc_jax.encodings.rotations.frequencies.rope_pp import quarter_turn
from posenc_jax.encodings.rotations.frequencies.xpos import xpos_expand, xpos_scales
from posenc_jax.encodings.rotations.groups.algebraic import path_rotation, tree_paths
from posenc_jax.encodings.rotations.groups.comrope import comrope
from posenc_jax.encodings.rotations.groups.geometric import frame_positions, frame_vectors
from posenc_jax.encodings.rotations.groups.grape_m import grape_frequencies, log_frequencies
from posenc_jax.encodings.rotations.groups.grape_plane import plane_rotation
from posenc_jax.encodings.rotations.groups.hd_rotary import hd_rotate
from posenc_jax.encodings.rotations.groups.liere import liere_rotations
from posenc_jax.encodings.rotations.groups.moebius import moebius_frequencies, moebius_rotary
from posenc_jax.encodings.rotations.groups.prope import camera_positions, camera_transform
from posenc_jax.encodings.rotations.groups.string_cayley import cayley
from posenc_jax.encodings.rotations.groups.string_circulant import circulant_rotation
from posenc_jax.encodings.rotations.m_rotary import mrotary_axes, mrotary_positions, mrotate
from posenc_jax.encodings.rotations.pope import polar_expand, polar_magnitudes
from posenc_jax.encodings.rotations.remaps.dual_chunk import dual_chunk_positions
from posenc_jax.encodings.rotations.remaps.rerope import rerope_distance
from posenc_jax.encodings.rotations.remaps.self_extend import self_extend_positions
from posenc_jax.encodings.rotations.remaps.shifted import shifted_distance
from posenc_jax.encodings.rotations.remaps.streaming import streaming_positions
from posenc_jax.encodings.rotations.rotary import rotary_frequencies, rotate, rotate_by
from posenc_jax.encodings.rotations.scaling.by_parts import by_parts_frequencies
from posenc_jax.encodings.rotations.scaling.dynamic_ntk import dynamic_ntk_base, dynamic_ntk_rotary
from posenc_jax.encodings.rotations.scaling.dynamic_yarn import (
    dynamic_yarn_factor,
    dynamic_yarn_rotary,
)
from posenc_jax.encodings.rotations.scaling.linear import linear_frequencies
from posenc_jax.encodings.rotations.scaling.llama3 import llama3_frequencies
from posenc_jax.encodings.rotations.scaling.longrope import (
    longrope_attention_scaling,
    longrope_frequencies,
    longrope_rotary,
)
from posenc_jax.encodings.rotations.scaling.longrope_search import longrope_search
from posenc_jax.encodings.rotations.scaling.mrrope import mrrope_frequencies
from posenc_jax.encodings.rotations.scaling.ntk import ntk_base
from posenc_jax.encodings.rotations.scaling.proportional import proportional_frequencies
from posenc_jax.encodings.rotations.scaling.resonance import resonance_frequencies
from posenc_jax.encodings.rotations.scaling.yarn import (
    yarn_attention_scaling,
    yarn_frequencies,
    yarn_rotary,
)
from posenc_jax.encodings.rotations.vo_rotary import unrotate
from posenc_jax.encodings.softmax.affine_temperature import affine_temperature
from posenc_jax.encodings.softmax.constant_temperature import drope_temperature, yarn_temperature
from posenc_jax.encodings.softmax.cosine_scores import unit_vectors
from posenc_jax.encodings.softmax.driven_sink import driven_sinks
from posenc_jax.encodings.softmax.meta_tokens import meta_visible
from posenc_jax.encodings.softmax.sink import sink_weights
from posenc_jax.encodings.softmax.stepped_temperature import stepped_temperature
from posenc_jax.encodings.softmax.stick_breaking import stick_breaking_weights
from posenc_jax.encodings.softmax.temperature import log_n_temperature, ssmax_scores

__all__ = [
  "abacus_positions", "affine_temperature", "alibi_2d_bias", "alibi_bias", "alibi_offset_bias",
  "alibi_slopes", "alibi_split_visible", "atom_rotary", "axial_rotary", "beit_bias", "bipe",
  "bipe_alibi", "bipe_positions", "by_parts_frequencies", "cable", "cable_init", "camera_positions",
  "camera_transform", "cape_matrix", "cape_positions", "carope_steps", "cayley",
  "centred_positions", "circle_grid", "circle_positions", "circulant_rotation",
  "clipped_frequencies", "clipped_rotary", "complex_frequencies", "complex_order", "comrope",
  "conditional", "content_positions", "continuous_grid", "continuous_positions", "cope_bias",
  "cope_positions", "cosmos_rotary", "coupled_positions", "dape_scores", "deberta_bias",
  "deberta_bucket", "deberta_thresholds", "decimal_digits", "diffusion_rotary", "dinov3_positions",
  "disentangled_bias", "disentangled_index", "distance_table_bias", "driven_sinks", "drope",
  "drope_rotates", "drope_temperature", "dual_chunk_positions", "dynamic_grid_bias",
  "dynamic_ntk_base", "dynamic_ntk_rotary", "dynamic_position_bias", "dynamic_yarn_factor",
  "dynamic_yarn_rotary", "fire_bias", "fope_cos_sin", "forget_bias", "forget_positions",
  "fourier_features", "frame_positions", "frame_vectors", "golden_directions", "golden_rotary",
  "grape_additive_gates", "grape_bias", "grape_frequencies", "grape_gates", "grape_path_bias",
  "grape_path_positions", "grid_sinusoidal", "hard_alibi_visible", "hd_rotate", "helm_rotary",
  "hope_rotary", "hope_video_rotary", "inkling_bias", "inkling_positions", "irope_layers",
  "kerple_log_bias", "kerple_power_bias", "kerple_weight", "lape", "lape_layers",
  "laplacian_positions", "layer_pattern", "learnable_fourier", "learned_rotary",
  "learned_sinusoidal", "lerope_rotate", "levit_bias", "liere_rotations", "linear_frequencies",
  "littlebird_bias", "llama3_frequencies", "local_chunks_visible", "local_window_visible",
  "log_cpb_bias", "log_forget_gates", "log_frequencies", "log_n_temperature",
  "longrope_attention_scaling", "longrope_frequencies", "longrope_rotary", "longrope_search",
  "lookup", "ltx_positions", "ltx_rotary", "meta_visible", "mh_rotary", "mixed_rotate",
  "mm_rope_axes", "mm_rope_positions", "mochi_positions", "mochi_rotary", "moebius_frequencies",
  "moebius_rotary", "mrotary_axes", "mrotary_positions", "mrotate", "mrrope_frequencies",
  "music_transformer_bias", "nope_layers", "ntk_base", "omni_positions", "partial_rotary",
  "path_products", "path_rotation", "pixtral_rotary", "plane_rotation", "polar_expand",
  "polar_magnitudes", "proportional_frequencies", "proportional_rotary", "quarter_turn",
  "random_starts", "random_walk_positions", "randomized_positions", "rerope_distance",
  "reset_positions", "resonance_frequencies", "rnope_swa_layers", "rotary_frequencies", "rotate",
  "rotate_by", "sandwich_bias", "scaled_sinusoidal", "self_extend_positions", "shaw_bias",
  "shaw_index", "shaw_values", "shifted_distance", "shifted_positions", "sink_weights",
  "sinusoidal", "sinusoidal_frequencies", "skew", "skipwise_positions", "sliced_norm",
  "ssmax_scores", "stepped_temperature", "stick_breaking_weights", "streaming_positions",
  "streaming_slots", "stretch_coordinates", "swin_bias", "t5_bias", "t5_bucket", "t5_thresholds",
  "time2vec", "tmrope_positions", "toeplitz_bias", "trailing_rotary", "transformer_xl_bias",
  "tree_paths", "tupe_projections", "tutorial_doubled_exponent", "tutorial_growing_angle",
  "tutorial_halved_matrix", "tutorial_one_frequency", "two_base_layers", "unit_vectors", "unrotate",
  "untie_cls", "v2pe_positions", "videorope_axes", "videorope_positions", "vjepa2_turn",
  "wall_bias", "xpos_expand", "xpos_scales", "yarn_attention_scaling", "yarn_frequencies",
  "yarn_rotary", "yarn_temperature",
]

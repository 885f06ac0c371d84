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
``lookup``                   table, positions                                ``[..., D]``
``randomized_positions``     positions, key                                  positions
``rotary_frequencies``       dim, base                                       frequencies
``rotate``                   q or k, its positions, frequencies              q or k
``rotate_by``                q or k, cosines, sines                          q or k
``ntk_base``                 base, factor, dim                               base
``dynamic_ntk_base``         base, factor, dim, lengths                      base
``yarn_frequencies``         dim, factor, length                             radians, float64
``yarn_attention_scaling``   factor                                          a number
``llama3_frequencies``       dim, factors, length                            radians, float64
``longrope_frequencies``     dim, factors                                    radians, float64
``longrope_attention_scaling``  factor, length                               a number
``proportional_frequencies``  dim, proportion                                radians, float64
``unrotate``                 outputs, query positions, frequencies           outputs
``mrotary_axes``             sections                                        an axis for each pair
``mrotary_positions``        sizes of texts and grids                        positions ``[T, P]``
``mrotate``                  q or k, its positions, frequencies, axes        q or k
``polar_magnitudes``         q or k                                          magnitudes
``polar_expand``             magnitudes, their positions, frequencies        q or k, ``[..., 2H]``
``alibi_slopes``             heads                                           ``[N]``
``alibi_bias``               distance, slopes                                bias ``[N, ...]``
``t5_bucket``                relative_position (key - query)                 buckets
``t5_bias``                  distance, table                                 bias ``[N, ...]``
``t5_thresholds``            buckets, distance                               first distances
``deberta_bucket``           relative_position (key - query)                 signed buckets
``deberta_thresholds``       bucket size, largest position                   first distances
``fire_bias``                query and key positions, weights                bias ``[..., N, T, S]``
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
``disentangled_index``       distances, span                                 rows of the tables
``tupe_projections``         rows of the table, norm, weights                ``[..., N, H]``
``untie_cls``                scores, positions, numbers                      scores
``cable``                    weights of Cable                                a ``Fox``
``cable_init``               a key, sizes                                    a ``Fox``
``inkling_positions``        x, positions, weights                           ``[..., T, N R + 2]``
``inkling_bias``             query and key positions, of inkling_positions   bias ``[..., N, T, S]``
``grape_bias``               distances, slopes, gates                        bias ``[..., N, T, S]``
``grape_gates``              q or k, directions                              gates
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
``chunk_visible``            query and key positions, a length               bool ``[..., T, S]``
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
from posenc_jax.encodings.biases.deberta import deberta_bucket, deberta_thresholds
from posenc_jax.encodings.biases.fire import fire_bias
from posenc_jax.encodings.biases.t5 import t5_bias, t5_bucket, t5_thresholds
from posenc_jax.encodings.content.cable import cable, cable_init
from posenc_jax.encodings.content.cope import cope_bias, cope_positions
from posenc_jax.encodings.content.dape import dape_scores
from posenc_jax.encodings.content.disentangled import disentangled_bias, disentangled_index
from posenc_jax.encodings.content.fox import forget_bias, forget_positions, log_forget_gates
from posenc_jax.encodings.content.grape_additive import grape_bias, grape_gates
from posenc_jax.encodings.content.grape_path import grape_path_bias, grape_path_positions
from posenc_jax.encodings.content.inkling import inkling_bias, inkling_positions
from posenc_jax.encodings.content.music_transformer import music_transformer_bias, skew
from posenc_jax.encodings.content.path_attention import path_products
from posenc_jax.encodings.content.shaw import shaw_bias, shaw_index, shaw_values
from posenc_jax.encodings.content.transformer_xl import transformer_xl_bias
from posenc_jax.encodings.content.tupe import tupe_projections, untie_cls
from posenc_jax.encodings.inputs.learned import lookup
from posenc_jax.encodings.inputs.sinusoidal import (
    sinusoidal,
    sinusoidal_frequencies,
    tutorial_doubled_exponent,
    tutorial_growing_angle,
    tutorial_one_frequency,
)
from posenc_jax.encodings.positions.randomized import randomized_positions
from posenc_jax.encodings.rotations.m_rotary import mrotary_axes, mrotary_positions, mrotate
from posenc_jax.encodings.rotations.pope import polar_expand, polar_magnitudes
from posenc_jax.encodings.rotations.rope_scaling import (
    dynamic_ntk_base,
    llama3_frequencies,
    longrope_attention_scaling,
    longrope_frequencies,
    ntk_base,
    proportional_frequencies,
    yarn_attention_scaling,
    yarn_frequencies,
)
from posenc_jax.encodings.rotations.rotary import rotary_frequencies, rotate, rotate_by
from posenc_jax.encodings.rotations.vo_rotary import unrotate
from posenc_jax.encodings.softmax.affine_temperature import affine_temperature
from posenc_jax.encodings.softmax.chunks import chunk_visible
from posenc_jax.encodings.softmax.constant_temperature import drope_temperature, yarn_temperature
from posenc_jax.encodings.softmax.driven_sink import driven_sinks
from posenc_jax.encodings.softmax.meta_tokens import meta_visible
from posenc_jax.encodings.softmax.sink import sink_weights
from posenc_jax.encodings.softmax.stepped_temperature import stepped_temperature
from posenc_jax.encodings.softmax.stick_breaking import stick_breaking_weights
from posenc_jax.encodings.softmax.temperature import log_n_temperature, ssmax_scores

__all__ = [
  "affine_temperature", "alibi_bias", "alibi_slopes", "cable", "cable_init", "chunk_visible",
  "cope_bias", "cope_positions", "dape_scores", "deberta_bucket", "deberta_thresholds",
  "disentangled_bias", "disentangled_index", "driven_sinks", "drope_temperature",
  "dynamic_ntk_base", "fire_bias", "forget_bias", "forget_positions", "grape_bias", "grape_gates",
  "grape_path_bias", "grape_path_positions", "inkling_bias", "inkling_positions",
  "llama3_frequencies", "log_forget_gates", "log_n_temperature", "longrope_attention_scaling",
  "longrope_frequencies", "lookup", "meta_visible", "mrotary_axes", "mrotary_positions", "mrotate",
  "music_transformer_bias", "ntk_base", "path_products", "polar_expand", "polar_magnitudes",
  "proportional_frequencies", "randomized_positions", "rotary_frequencies", "rotate", "rotate_by",
  "shaw_bias", "shaw_index", "shaw_values", "sink_weights", "sinusoidal", "sinusoidal_frequencies",
  "skew", "ssmax_scores", "stepped_temperature", "stick_breaking_weights", "t5_bias", "t5_bucket",
  "t5_thresholds", "transformer_xl_bias", "tupe_projections", "tutorial_doubled_exponent",
  "tutorial_growing_angle", "tutorial_one_frequency", "unrotate", "untie_cls",
  "yarn_attention_scaling", "yarn_frequencies", "yarn_temperature",
]

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
``streaming_positions``      what slots hold, tokens seen                    ids, -1 where evicted
``drope_rotates``            step, steps                                     whether to rotate
``drope``                    a rotary encoding, whether                      a rotary encoding
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
``log_n_temperature``        query positions                                 factors of q
``ssmax_scores``             scores, mask, s                                 scores
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
from posenc_jax.encodings.content.cope import cope_bias, cope_positions
from posenc_jax.encodings.content.dape import dape_scores
from posenc_jax.encodings.content.fox import forget_bias, forget_positions, log_forget_gates
from posenc_jax.encodings.content.shaw import shaw_bias, shaw_index, shaw_values
from posenc_jax.encodings.content.transformer_xl import transformer_xl_bias
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
    tutorial_one_frequency,
)
from posenc_jax.encodings.inputs.time2vec import time2vec
from posenc_jax.encodings.positions.bipe import bipe, bipe_alibi, bipe_positions
from posenc_jax.encodings.positions.cape import cape_positions
from posenc_jax.encodings.positions.continuous import continuous_grid, continuous_positions
from posenc_jax.encodings.positions.coupling import coupled_positions
from posenc_jax.encodings.positions.drope import drope, drope_rotates
from posenc_jax.encodings.positions.randomized import randomized_positions
from posenc_jax.encodings.positions.shifted import random_starts, shifted_positions
from posenc_jax.encodings.positions.skipwise import skipwise_positions
from posenc_jax.encodings.positions.streaming import streaming_positions
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
from posenc_jax.encodings.softmax.temperature import log_n_temperature, ssmax_scores

__all__ = [
  "abacus_positions", "alibi_bias", "alibi_slopes", "bipe", "bipe_alibi", "bipe_positions",
  "cape_matrix", "cape_positions", "complex_frequencies", "complex_order", "conditional",
  "continuous_grid", "continuous_positions", "cope_bias", "cope_positions", "coupled_positions",
  "dape_scores", "deberta_bucket", "deberta_thresholds", "decimal_digits", "drope", "drope_rotates",
  "dynamic_ntk_base", "fire_bias", "forget_bias", "forget_positions", "fourier_features",
  "grid_sinusoidal", "lape", "lape_layers", "laplacian_positions", "learnable_fourier",
  "learned_sinusoidal", "llama3_frequencies", "log_forget_gates", "log_n_temperature",
  "longrope_attention_scaling", "longrope_frequencies", "lookup", "mrotary_axes",
  "mrotary_positions", "mrotate", "ntk_base", "polar_expand", "polar_magnitudes",
  "proportional_frequencies", "random_starts", "random_walk_positions", "randomized_positions",
  "rotary_frequencies", "rotate", "rotate_by", "scaled_sinusoidal", "shaw_bias", "shaw_index",
  "shaw_values", "shifted_positions", "sinusoidal", "sinusoidal_frequencies", "skipwise_positions",
  "ssmax_scores", "streaming_positions", "t5_bias", "t5_bucket", "t5_thresholds", "time2vec",
  "transformer_xl_bias", "tutorial_doubled_exponent", "tutorial_growing_angle",
  "tutorial_one_frequency", "unrotate", "yarn_attention_scaling", "yarn_frequencies",
]

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
``sinusoidal``               positions                                       ``[..., dim]``
``sinusoidal_frequencies``   dim, base                                       frequencies
``tutorial_growing_angle``   a length                                        ``[T, dim]``
``tutorial_doubled_exponent``  a length                                      ``[T, dim]``
``tutorial_one_frequency``   embeddings                                      embeddings
``lookup``                   table, positions                                ``[..., D]``
``randomized_positions``     positions, key                                  positions
``rotary_frequencies``       dim, base                                       frequencies
``rotate``                   q or k, its positions, frequencies              q or k
``rotate_by``                q or k, cosines, sines                          q or k
``unrotate``                 outputs, query positions, frequencies           outputs
``mrotary_axes``             sections                                        an axis for each pair
``mrotary_positions``        sizes of texts and grids                        positions ``[T, P]``
``mrotate``                  q or k, its positions, frequencies, axes        q or k
``polar_magnitudes``         q or k                                          magnitudes
``polar_expand``             magnitudes, their positions, frequencies        q or k, ``[..., 2H]``
``ntk_base``                 base, factor, dim                               base
``dynamic_ntk_base``         base, factor, dim, lengths                      base
``yarn_frequencies``         dim, factor, length                             radians, float64
``yarn_attention_scaling``   factor                                          a number
``llama3_frequencies``       dim, factors, length                            radians, float64
``longrope_frequencies``     dim, factors                                    radians, float64
``longrope_attention_scaling``  factor, length                               a number
``proportional_frequencies``  dim, proportion                                radians, float64
``alibi_slopes``             heads                                           ``[N]``
``alibi_bias``               distance, slopes                                bias ``[N, ...]``
``t5_thresholds``            buckets, distance                               first distances
``t5_bucket``                relative_position (key - query)                 buckets
``t5_bias``                  distance, table                                 bias ``[N, ...]``
``deberta_thresholds``       bucket size, largest position                   first distances
``deberta_bucket``           relative_position (key - query)                 signed buckets
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

from posenc_jax.encodings.biases.alibi import alibi_bias as alibi_bias
from posenc_jax.encodings.biases.alibi import alibi_slopes as alibi_slopes
from posenc_jax.encodings.biases.deberta import deberta_bucket as deberta_bucket
from posenc_jax.encodings.biases.deberta import deberta_thresholds as deberta_thresholds
from posenc_jax.encodings.biases.fire import fire_bias as fire_bias
from posenc_jax.encodings.biases.t5 import t5_bias as t5_bias
from posenc_jax.encodings.biases.t5 import t5_bucket as t5_bucket
from posenc_jax.encodings.biases.t5 import t5_thresholds as t5_thresholds
from posenc_jax.encodings.content.cope import cope_bias as cope_bias
from posenc_jax.encodings.content.cope import cope_positions as cope_positions
from posenc_jax.encodings.content.dape import dape_scores as dape_scores
from posenc_jax.encodings.content.fox import forget_bias as forget_bias
from posenc_jax.encodings.content.fox import forget_positions as forget_positions
from posenc_jax.encodings.content.fox import log_forget_gates as log_forget_gates
from posenc_jax.encodings.content.shaw import shaw_bias as shaw_bias
from posenc_jax.encodings.content.shaw import shaw_index as shaw_index
from posenc_jax.encodings.content.shaw import shaw_values as shaw_values
from posenc_jax.encodings.content.transformer_xl import transformer_xl_bias as transformer_xl_bias
from posenc_jax.encodings.inputs.learned import lookup as lookup
from posenc_jax.encodings.inputs.sinusoidal import sinusoidal as sinusoidal
from posenc_jax.encodings.inputs.sinusoidal import sinusoidal_frequencies as sinusoidal_frequencies
from posenc_jax.encodings.inputs.sinusoidal import (
    tutorial_doubled_exponent as tutorial_doubled_exponent,
)
from posenc_jax.encodings.inputs.sinusoidal import tutorial_growing_angle as tutorial_growing_angle
from posenc_jax.encodings.inputs.sinusoidal import tutorial_one_frequency as tutorial_one_frequency
from posenc_jax.encodings.positions.randomized import randomized_positions as randomized_positions
from posenc_jax.encodings.rotations.m_rotary import mrotary_axes as mrotary_axes
from posenc_jax.encodings.rotations.m_rotary import mrotary_positions as mrotary_positions
from posenc_jax.encodings.rotations.m_rotary import mrotate as mrotate
from posenc_jax.encodings.rotations.pope import polar_expand as polar_expand
from posenc_jax.encodings.rotations.pope import polar_magnitudes as polar_magnitudes
from posenc_jax.encodings.rotations.rope_scaling import dynamic_ntk_base as dynamic_ntk_base
from posenc_jax.encodings.rotations.rope_scaling import llama3_frequencies as llama3_frequencies
from posenc_jax.encodings.rotations.rope_scaling import (
    longrope_attention_scaling as longrope_attention_scaling,
)
from posenc_jax.encodings.rotations.rope_scaling import longrope_frequencies as longrope_frequencies
from posenc_jax.encodings.rotations.rope_scaling import ntk_base as ntk_base
from posenc_jax.encodings.rotations.rope_scaling import (
    proportional_frequencies as proportional_frequencies,
)
from posenc_jax.encodings.rotations.rope_scaling import (
    yarn_attention_scaling as yarn_attention_scaling,
)
from posenc_jax.encodings.rotations.rope_scaling import yarn_frequencies as yarn_frequencies
from posenc_jax.encodings.rotations.rotary import rotary_frequencies as rotary_frequencies
from posenc_jax.encodings.rotations.rotary import rotate as rotate
from posenc_jax.encodings.rotations.rotary import rotate_by as rotate_by
from posenc_jax.encodings.rotations.vo_rotary import unrotate as unrotate
from posenc_jax.encodings.softmax.temperature import log_n_temperature as log_n_temperature
from posenc_jax.encodings.softmax.temperature import ssmax_scores as ssmax_scores

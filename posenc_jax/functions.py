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
``partial_rotary``           head_dim, fraction                              an encoding
``trailing_rotary``          head_dim, dim                                   an encoding
``proportional_rotary``      head_dim, proportion                            an encoding
``lerope_rotate``            q or k, its positions, frequencies, alpha       q or k
``learned_rotary``           dim, base                                       an encoding
``xpos_scales``              dim, gamma                                      decays [dim // 2]
``xpos_expand``              q, k, positions, decays                         q, k
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
from posenc_jax.encodings.inputs.learned import lookup
from posenc_jax.encodings.inputs.sinusoidal import (
    sinusoidal,
    sinusoidal_frequencies,
    tutorial_doubled_exponent,
    tutorial_growing_angle,
    tutorial_one_frequency,
)
from posenc_jax.encodings.positions.randomized import randomized_positions
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
  "alibi_bias", "alibi_slopes", "atom_rotary", "axial_rotary", "centred_positions", "circle_grid",
  "circle_positions", "clipped_frequencies", "clipped_rotary", "cope_bias", "cope_positions",
  "cosmos_rotary", "dape_scores", "deberta_bucket", "deberta_thresholds", "diffusion_rotary",
  "dinov3_positions", "dynamic_ntk_base", "fire_bias", "fope_cos_sin", "forget_bias",
  "forget_positions", "golden_directions", "golden_rotary", "helm_rotary", "hope_rotary",
  "hope_video_rotary", "learned_rotary", "lerope_rotate", "llama3_frequencies", "log_forget_gates",
  "log_n_temperature", "longrope_attention_scaling", "longrope_frequencies", "lookup",
  "ltx_positions", "ltx_rotary", "mh_rotary", "mixed_rotate", "mm_rope_axes", "mm_rope_positions",
  "mochi_positions", "mochi_rotary", "mrotary_axes", "mrotary_positions", "mrotate", "ntk_base",
  "omni_positions", "partial_rotary", "pixtral_rotary", "polar_expand", "polar_magnitudes",
  "proportional_frequencies", "proportional_rotary", "quarter_turn", "randomized_positions",
  "reset_positions", "rotary_frequencies", "rotate", "rotate_by", "shaw_bias", "shaw_index",
  "shaw_values", "sinusoidal", "sinusoidal_frequencies", "ssmax_scores", "stretch_coordinates",
  "t5_bias", "t5_bucket", "t5_thresholds", "tmrope_positions", "trailing_rotary",
  "transformer_xl_bias", "tutorial_doubled_exponent", "tutorial_growing_angle",
  "tutorial_one_frequency", "unrotate", "v2pe_positions", "videorope_axes", "videorope_positions",
  "vjepa2_turn", "xpos_expand", "xpos_scales", "yarn_attention_scaling", "yarn_frequencies",
]

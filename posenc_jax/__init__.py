# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Position encodings for transformers, in JAX.

Letter key, used in every docstring, assert and comment:

  B batch, T query length, S key length, N query heads, K key/value heads (N a multiple of K),
  H head dim, D model width, P position axes (1 text, 2 image, 3 video).

Example:
  >>> import jax, jax.numpy as jnp, posenc_jax as px
  >>> q = k = v = jnp.ones((1, 6, 2, 8))                      # [B, T, N, H]
  >>> px.attend(q, k, v, px.Rotary(8), causal=True).shape
  (1, 6, 2, 8)
"""

from posenc_jax import functions as functions
from posenc_jax import phases as phases
from posenc_jax import positions as positions
from posenc_jax._frequencies import Frequencies as Frequencies
from posenc_jax._tree import combine as combine
from posenc_jax._tree import freeze as freeze
from posenc_jax._tree import is_parameter as is_parameter
from posenc_jax._tree import learn as learn
from posenc_jax._tree import parameter as parameter
from posenc_jax._tree import partition as partition
from posenc_jax._tree import static as static
from posenc_jax._version import __version__ as __version__
from posenc_jax.attention import attend as attend
from posenc_jax.attention import context_attend as context_attend
from posenc_jax.attention import explain as explain
from posenc_jax.attention import prepare as prepare
from posenc_jax.attention import unzigzag as unzigzag
from posenc_jax.attention import zigzag as zigzag
from posenc_jax.attention import zigzag_order as zigzag_order
from posenc_jax.base import PREPARED as PREPARED
from posenc_jax.base import Each as Each
from posenc_jax.base import Encoding as Encoding
from posenc_jax.base import Tile as Tile
from posenc_jax.base import encoding as encoding
from posenc_jax.chain import chain as chain
from posenc_jax.combinators import along as along
from posenc_jax.combinators import on_dims as on_dims
from posenc_jax.combinators import on_heads as on_heads
from posenc_jax.combinators import share_heads as share_heads
from posenc_jax.encodings.biases.alibi import Alibi as Alibi
from posenc_jax.encodings.biases.alibi import alibi_bias as alibi_bias
from posenc_jax.encodings.biases.alibi import alibi_slopes as alibi_slopes
from posenc_jax.encodings.biases.deberta import deberta_bucket as deberta_bucket
from posenc_jax.encodings.biases.fire import Fire as Fire
from posenc_jax.encodings.biases.fire import fire_bias as fire_bias
from posenc_jax.encodings.biases.t5 import T5Bias as T5Bias
from posenc_jax.encodings.biases.t5 import t5_bias as t5_bias
from posenc_jax.encodings.biases.t5 import t5_bucket as t5_bucket
from posenc_jax.encodings.content.cope import Cope as Cope
from posenc_jax.encodings.content.cope import cope_bias as cope_bias
from posenc_jax.encodings.content.cope import cope_positions as cope_positions
from posenc_jax.encodings.content.dape import Dape as Dape
from posenc_jax.encodings.content.dape import dape_scores as dape_scores
from posenc_jax.encodings.content.fox import Fox as Fox
from posenc_jax.encodings.content.fox import forget_bias as forget_bias
from posenc_jax.encodings.content.fox import forget_positions as forget_positions
from posenc_jax.encodings.content.fox import log_forget_gates as log_forget_gates
from posenc_jax.encodings.content.shaw import Shaw as Shaw
from posenc_jax.encodings.content.shaw import shaw_bias as shaw_bias
from posenc_jax.encodings.content.shaw import shaw_index as shaw_index
from posenc_jax.encodings.content.shaw import shaw_values as shaw_values
from posenc_jax.encodings.content.transformer_xl import TransformerXL as TransformerXL
from posenc_jax.encodings.content.transformer_xl import transformer_xl_bias as transformer_xl_bias
from posenc_jax.encodings.inputs.learned import Learned as Learned
from posenc_jax.encodings.inputs.learned import lookup as lookup
from posenc_jax.encodings.inputs.sinusoidal import Sinusoidal as Sinusoidal
from posenc_jax.encodings.inputs.sinusoidal import sinusoidal as sinusoidal
from posenc_jax.encodings.inputs.sinusoidal import (
    tutorial_doubled_exponent as tutorial_doubled_exponent,
)
from posenc_jax.encodings.inputs.sinusoidal import tutorial_growing_angle as tutorial_growing_angle
from posenc_jax.encodings.inputs.sinusoidal import tutorial_one_frequency as tutorial_one_frequency
from posenc_jax.encodings.positions.randomized import Randomized as Randomized
from posenc_jax.encodings.positions.randomized import randomized_positions as randomized_positions
from posenc_jax.encodings.rotations.m_rotary import MRotary as MRotary
from posenc_jax.encodings.rotations.m_rotary import mrotary_axes as mrotary_axes
from posenc_jax.encodings.rotations.m_rotary import mrotary_positions as mrotary_positions
from posenc_jax.encodings.rotations.m_rotary import mrotate as mrotate
from posenc_jax.encodings.rotations.pope import Pope as Pope
from posenc_jax.encodings.rotations.pope import polar_expand as polar_expand
from posenc_jax.encodings.rotations.pope import polar_magnitudes as polar_magnitudes
from posenc_jax.encodings.rotations.rotary import Rotary as Rotary
from posenc_jax.encodings.rotations.rotary import rotary_frequencies as rotary_frequencies
from posenc_jax.encodings.rotations.rotary import rotate as rotate
from posenc_jax.encodings.rotations.rotary import rotate_by as rotate_by
from posenc_jax.encodings.rotations.vo_rotary import VORotary as VORotary
from posenc_jax.encodings.rotations.vo_rotary import unrotate as unrotate
from posenc_jax.encodings.softmax.temperature import LogNTemperature as LogNTemperature
from posenc_jax.encodings.softmax.temperature import SSMax as SSMax
from posenc_jax.encodings.softmax.temperature import log_n_temperature as log_n_temperature
from posenc_jax.encodings.softmax.temperature import ssmax_scores as ssmax_scores
from posenc_jax.interop import from_hf as from_hf
from posenc_jax.precision import PrecisionReport as PrecisionReport
from posenc_jax.precision import precision_report as precision_report

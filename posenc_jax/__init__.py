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

  inputs     ``Sinusoidal``, ``Learned``
  positions  ``Randomized``
  rotations  ``Rotary``, ``VORotary``, ``MRotary``, ``Pope``
  biases     ``Alibi``, ``T5Bias``, ``Fire``
  content    ``Shaw``, ``TransformerXL``, ``Cope``, ``Fox``, ``Dape``
  softmax    ``LogNTemperature``, ``SSMax``

Parts of encodings:

  chain, along, on_heads, on_dims, share_heads    several as one, or one on a part of the model
  from_hf                                         the rotary encoding of a released model
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
from posenc_jax.encodings.biases.deberta import deberta_bucket
from posenc_jax.encodings.biases.fire import Fire, fire_bias
from posenc_jax.encodings.biases.t5 import T5Bias, t5_bias, t5_bucket
from posenc_jax.encodings.content.cope import Cope, cope_bias, cope_positions
from posenc_jax.encodings.content.dape import Dape, dape_scores
from posenc_jax.encodings.content.fox import Fox, forget_bias, forget_positions, log_forget_gates
from posenc_jax.encodings.content.shaw import Shaw, shaw_bias, shaw_index, shaw_values
from posenc_jax.encodings.content.transformer_xl import TransformerXL, transformer_xl_bias
from posenc_jax.encodings.inputs.learned import Learned, lookup
from posenc_jax.encodings.inputs.sinusoidal import (
    Sinusoidal,
    sinusoidal,
    tutorial_doubled_exponent,
    tutorial_growing_angle,
    tutorial_one_frequency,
)
from posenc_jax.encodings.positions.randomized import Randomized, randomized_positions
from posenc_jax.encodings.rotations.m_rotary import (
    MRotary,
    mrotary_axes,
    mrotary_positions,
    mrotate,
)
from posenc_jax.encodings.rotations.pope import Pope, polar_expand, polar_magnitudes
from posenc_jax.encodings.rotations.rotary import Rotary, rotary_frequencies, rotate, rotate_by
from posenc_jax.encodings.rotations.vo_rotary import VORotary, unrotate
from posenc_jax.encodings.softmax.temperature import (
    LogNTemperature,
    SSMax,
    log_n_temperature,
    ssmax_scores,
)
from posenc_jax.interop import from_hf
from posenc_jax.precision import PrecisionReport, precision_report
from posenc_jax.selfcheck.check import selfcheck

__all__ = [
  "Each", "Encoding", "Frequencies", "PREPARED", "PrecisionReport", "Tile", "along", "attend",
  "attention_weights", "chain", "combine", "config", "context_attend", "encoding", "explain",
  "freeze", "from_hf", "functions", "is_parameter", "learn", "on_dims", "on_heads", "parameter",
  "partition", "phases", "positions", "precision_report", "prepare", "selfcheck", "share_heads",
  "static", "unzigzag", "zigzag", "zigzag_order",
]
# The imports from encodings and these names follow from posenc_jax/methods, by a script.
__all__ += [  # python -m tests.support.follow
  "Sinusoidal", "sinusoidal", "tutorial_growing_angle", "tutorial_doubled_exponent",
  "tutorial_one_frequency", "Learned", "lookup", "Randomized", "randomized_positions", "Rotary",
  "rotary_frequencies", "rotate", "rotate_by", "VORotary", "unrotate", "MRotary", "mrotary_axes",
  "mrotary_positions", "mrotate", "Pope", "polar_magnitudes", "polar_expand", "Alibi",
  "alibi_slopes", "alibi_bias", "T5Bias", "t5_bucket", "t5_bias", "deberta_bucket", "Fire",
  "fire_bias", "Shaw", "shaw_index", "shaw_bias", "shaw_values", "TransformerXL",
  "transformer_xl_bias", "Cope", "cope_positions", "cope_bias", "Fox", "log_forget_gates",
  "forget_positions", "forget_bias", "Dape", "dape_scores", "LogNTemperature", "log_n_temperature",
  "SSMax", "ssmax_scores",
]

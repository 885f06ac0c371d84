# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Learned sinks: a logit of each head that takes weight and has no value (hook ``weights``).

gpt-oss (OpenAI 2025): softmax over [z_m1, .., z_mn, s_h], of which the last weight is dropped.
Granite, DeepSeek-V4 and MiMo-V2 have the same, started at zero.
Differs from the released code: nothing in the numbers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks

_MEND = "Build it for the query heads N: Sink.init(key, num_heads)"


def sink_weights(scores: jax.Array, mask: jax.Array | None, sink: Any) -> jax.Array:
  """exp(z_mn) / (exp(s) + sum over visible keys of exp(z_mt)): rows sum to less than one.

  Args:
    scores: ``[..., N, T, S]``, z.
    mask: None or bool ``[..., 1 or N, T, S]``, True where visible.
    sink: s, a number, ``[N]``, or ``[..., T, N]`` with a logit for each query.

  Returns:
    Like scores; zeros where hidden, in a row that sees nothing too.

  Raises:
    TypeError: a mask that is not bool, a sink without floats.
    ValueError: a sink for another number of heads.

  Example:
    >>> sink_weights(jnp.zeros((1, 1, 3)), None, 0.0).tolist()
    [[[0.25, 0.25, 0.25]]]
  """
  scores = _checks.floats("scores", scores, "[..., N, T, S]", "Pass the scaled scores")
  mask, sink = _checks.mask(mask), jnp.asarray(sink)
  if sink.ndim:
    sizes = {"N": scores.shape[-3]}
    sink = _checks.floats("sink", sink, "[N]" if sink.ndim == 1 else "[..., T, N]", _MEND,
                          sizes=sizes if sink.ndim == 1 else sizes | {"T": scores.shape[-2]})
    sink = sink[:, None] if sink.ndim == 1 else jnp.swapaxes(sink, -1, -2)
  sink = sink.astype(scores.dtype)[..., None]
  sink = sink.reshape((1,) * (scores.ndim - sink.ndim) + sink.shape)
  # The lowest number in place of -inf: debug_infs then finds no infinities but the user's own.
  lowest = jnp.asarray(jnp.finfo(scores.dtype).min, scores.dtype)
  seen = scores if mask is None else jnp.where(mask, scores, lowest)
  top = jnp.maximum(jnp.max(seen, axis=-1, keepdims=True, initial=lowest), sink)
  top = jax.lax.stop_gradient(top)
  e = jnp.exp(seen - top)
  e = e if mask is None else jnp.where(mask, e, 0)
  return e / (jnp.sum(e, axis=-1, keepdims=True) + jnp.exp(sink - top))


@encoding
class Sink(Encoding):
  """Adds one logit of each head to the softmax, without a key or a value.

  Args:
    logit: s, ``[N]``, a parameter.

  Raises:
    TypeError: no float array.

  Example:
    >>> Sink.init(jax.random.key(0), num_heads=2)
    Sink(logit=f32[2])
  """

  logit: jax.Array = parameter()

  relative = True
  position_axes = None

  def __post_init__(self):
    _checks.floats("logit", self.logit, "[N]", _MEND, stacked=True)
    if not np.shape(self.logit):
      raise _errors.value_error("logit", _errors.describe(self.logit), "[N]", _MEND)

  @classmethod
  def init(cls, key, num_heads: int, *, stddev: float = 0.02) -> "Sink":
    """Draws the logits from N(0, stddev^2), as gpt-oss does; 0 starts them as ``SoftmaxOne``."""
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    return cls(jax.random.normal(_checks.key(key), (num_heads,), jnp.float32) * stddev)

  def weights(self, scores, tile):
    return sink_weights(scores, tile.mask, self.logit)

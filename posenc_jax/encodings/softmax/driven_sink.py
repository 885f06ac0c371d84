# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Sinks that the layer's input sets for each query (hooks ``layer`` and ``weights``).

Inkling 2 (2026): the logit of head h for the query at m is (x_m W)_h, beside a softmax over keys.
Differs from the released code: nothing in the numbers; an optional bias b is added.
"""

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.base import Encoding, encoding, parameter
from posenc_jax.encodings import _checks
from posenc_jax.encodings.softmax.sink import sink_weights

_MEND = "Build it with DrivenSink.init(key, d_model, num_heads)"


def driven_sinks(x: jax.Array, weight: jax.Array, bias: jax.Array | None = None) -> jax.Array:
  """x W + b, a logit for each query and head.

  Args:
    x: ``[..., T, D]``, a layer's input.
    weight: ``[D, N]``.
    bias: ``[N]`` or None.

  Returns:
    ``[..., T, N]``, float32, or float64 for float64 x.

  Raises:
    TypeError: arguments without floats.
    ValueError: the width of x is not D.

  Example:
    >>> driven_sinks(jnp.ones((1, 3)), jnp.ones((3, 2)), jnp.array([0.5, 0.0])).tolist()
    [[3.5, 3.0]]
  """
  weight = jnp.asarray(_checks.floats("weight", weight, "[D, N]", _MEND))
  x = jnp.asarray(_checks.floats("x", x, "[..., T, D]", "Pass a layer's input"))
  if x.shape[-1] != weight.shape[0]:
    raise _errors.value_error("x", f"width {x.shape[-1]}", f"the sinks' width {weight.shape[0]}",
                              "Build the sinks for the model width D of the layer's input")
  dtype = _numerics.wide(x)
  out = jnp.einsum("...td,dn->...tn", x.astype(dtype), weight.astype(dtype))
  if bias is None:
    return out
  bias = jnp.asarray(_checks.floats("bias", bias, "[N]", _MEND, sizes={"N": weight.shape[1]}))
  return out + jnp.broadcast_to(bias.astype(dtype), out.shape)


@encoding
class DrivenSink(Encoding):
  """Adds the logit (x_m W + b)_h to the softmax of query m and head h, without a key or a value.

  A layer calls ``layer`` on its input and passes the positions that it returns as this layer's.

  Args:
    weight: ``[D, N]``, a parameter.
    bias: ``[N]``, a parameter, or None.

  Raises:
    TypeError: no float arrays.
    ValueError: shapes that do not fit together.

  Example:
    >>> e = DrivenSink.init(jax.random.key(0), d_model=6, num_heads=2)
    >>> _, logits, _ = e.layer(jnp.ones((5, 6)), jnp.arange(5))
    >>> logits.shape
    (5, 2)
  """

  weight: jax.Array = parameter()
  offset: jax.Array | None = parameter(default=None)

  relative = True
  position_axes = None
  layer_axes = 1

  def __post_init__(self):
    _checks.floats("weight", self.weight, "[D, N]", _MEND, stacked=True)
    shape = np.shape(self.weight)
    offset = shape[-1:] if self.offset is None else np.shape(self.offset)
    if len(shape) < 2 or offset[-1:] != shape[-1:]:
      raise _errors.value_error("weight, bias", f"shapes {shape} and {offset}",
                                "[D, N] and [N]", _MEND)

  @classmethod
  def init(cls, key, d_model: int, num_heads: int, *, stddev: float = 0.02, bias: bool = False
           ) -> "DrivenSink":
    """Draws W from N(0, stddev^2); ``bias`` adds b = 0."""
    d_model = _checks.size("d_model", d_model, "Pass the model width D")
    num_heads = _checks.size("num_heads", num_heads, "Pass the query heads N")
    bias = _errors.check_bool("bias", bias, "The released model has none")
    weight = jax.random.normal(_checks.key(key), (d_model, num_heads), jnp.float32) * stddev
    return cls(weight, jnp.zeros((num_heads,), jnp.float32) if bias else None)

  def align(self, positions, batch, length, argument="positions"):
    heads, shape = np.shape(self.weight)[-1], np.shape(positions)
    if len(shape) < 2 or shape[-1] != heads:
      raise _errors.value_error(argument, f"shape {shape}", f"driven positions [..., T, {heads}]",
                                "Pass what layer(x, positions) returned for these tokens")
    return super().align(positions, batch, length, argument)

  def layer(self, x, positions, *, carry=None, segments=None):
    del positions, segments
    return x, driven_sinks(x, self.weight, self.offset), carry

  def weights(self, scores, tile):
    return sink_weights(scores, tile.mask, tile.q_positions)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A mixture of experts: each token passes few of many feed-forwards, weighted by a router.

Shazeer et al. 2017, arXiv 1701.06538; the weights are a softmax over the chosen experts alone, as
in Mixtral (Jiang et al. 2024, arXiv 2401.04088, section 2.1). Differs from large
implementations: every expert reads every token and those that were not chosen count zero, which
costs E / k times the arithmetic and needs no exchange of tokens. There is no loss that balances
the experts.
"""

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _numerics
from posenc_jax.nn import layers as layers_lib
from posenc_jax.nn import width as width_lib
from posenc_jax.nn.draws import next_key
from posenc_jax.nn.settings import Settings


def routing(logits: jax.Array, chosen: int) -> jax.Array:
  """Weights of all experts: a softmax over the ``chosen`` largest logits, zero for the others.

  Args:
    logits: ``[..., E]``.
    chosen: how many experts a token passes; of equal logits the first ones.

  Returns:
    ``[..., E]`` in float32 at least.

  Example:
    >>> routing(jnp.array([0.0, 1.0, 1.0, -3.0]), 2).tolist()
    [0.0, 0.5, 0.5, 0.0]
  """
  logits = logits.astype(_numerics.wide(logits))
  largest, index = jax.lax.top_k(logits, chosen)
  weights = jax.nn.softmax(largest, axis=-1)
  spots = jax.nn.one_hot(index, logits.shape[-1], dtype=weights.dtype)
  return jnp.einsum("...k,...ke->...e", weights, spots)


class Experts(nnx.Module):
  """sum over experts e of w_e(x) feed_forward_e(x), with w of ``routing(x W_r + b_r)``.

  Args:
    settings: sizes, activation, dtypes, and of the experts.
    rngs: keys of the parameters.
  """

  def __init__(self, settings: Settings, *, rngs: nnx.Rngs):
    assert settings.experts is not None and settings.experts_per_token is not None
    e, d, f, dtype = settings.experts, settings.d_model, settings.d_ff, settings.param_dtype
    self.chosen, self.dtype = settings.experts_per_token, settings.dtype
    self.act = layers_lib.Gate(settings.activation, settings.gated, settings.gate_clip)

    def matrix(rows, columns):
      return nnx.Param(width_lib.draw(next_key(rngs, "params"), (e, rows, columns), rows=2,
                                      dtype=dtype, scale=layers_lib.inverse_root(rows)))

    def bias(size):
      return nnx.Param(jnp.zeros((e, size), dtype)) if settings.feed_forward_bias else None

    self.router = nnx.Param(width_lib.draw(next_key(rngs, "params"), (d, e), dtype=dtype,
                                           scale=layers_lib.inverse_root(d)))
    self.router_bias = (nnx.Param(jnp.zeros((e,), dtype)) if settings.feed_forward_bias else None)
    self.up, self.up_bias = matrix(d, f), bias(f)
    self.down, self.down_bias = matrix(f, d), bias(d)
    self.gate = matrix(d, f) if settings.gated else None
    self.gate_bias = bias(f) if settings.gated else None

  def __call__(self, x: jax.Array) -> jax.Array:
    """x ``[..., T, D]`` to the same."""
    gate = None if self.gate is None else self._affine(x, self.gate, self.gate_bias, "td,edf->tef")
    hidden = self.act(self._affine(x, self.up, self.up_bias, "td,edf->tef"), gate)
    out = self._affine(hidden, self.down, self.down_bias, "tef,efd->ted")
    return jnp.einsum("...te,...ted->...td", self.weights(x).astype(out.dtype), out)

  def weights(self, x: jax.Array) -> jax.Array:
    """The experts' weights of every token, ``[..., T, E]``."""
    logits = layers_lib.times(x, self.router[...].astype(self.dtype))
    if self.router_bias is not None:
      logits = layers_lib.add_row(logits, self.router_bias[...].astype(self.dtype))
    return routing(logits, self.chosen)

  def _affine(self, x, kernel, bias, letters):
    x_letters, rest = letters.split(",")
    y = jnp.einsum(f"...{x_letters},{rest.replace('->', '->...')}", x,
                   kernel[...].astype(self.dtype))
    return y if bias is None else layers_lib.add_row(y, bias[...].astype(self.dtype))

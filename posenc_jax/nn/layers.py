# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The small parts of a Transformer besides attention: embedding, norm, feed-forward, dropout."""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _align, _errors, _numerics
from posenc_jax.nn import width as width_lib
from posenc_jax.nn.held import Hyper
from posenc_jax.nn.settings import ACTIVATIONS, Active, Settings


def layer_norm(x: jax.Array, scale: jax.Array, bias: jax.Array, *, count=None,
               epsilon: float = 1e-6) -> jax.Array:
  """scale * (x - mean) / sqrt(variance + epsilon) + bias over the last axis, in float32 at least.

  Args:
    x: ``[..., D]``.
    scale, bias: ``[D]``.
    count: None, or how many leading columns the mean and variance are taken over; may be traced.
    epsilon: added to the variance.

  Returns:
    Like x. Columns beyond ``count`` are normalized by the same mean and variance; a scale and a
    bias of zero make them zero.

  Example:
    >>> layer_norm(jnp.array([1.0, 3.0, 50.0]), jnp.ones(3), jnp.zeros(3), count=2).tolist()[:2]
    [-1.0, 1.0]

  References:
    Ba et al. 2016, "Layer Normalization", arXiv 1607.06450, equation 3.
  """
  acc = _numerics.wide(x)
  y = x.astype(acc)
  if count is None or (isinstance(count, int) and count == x.shape[-1]):
    y = y - jnp.mean(y, axis=-1, keepdims=True)
    variance = jnp.mean(y * y, axis=-1, keepdims=True)
  else:
    used = jax.lax.broadcasted_iota(jnp.int32, x.shape, x.ndim - 1) < count
    n = jnp.asarray(count, acc)
    y = y - jnp.sum(jnp.where(used, y, 0), axis=-1, keepdims=True) / n
    variance = jnp.sum(jnp.where(used, y * y, 0), axis=-1, keepdims=True) / n
  y = y * jax.lax.rsqrt(variance + jnp.asarray(epsilon, acc))
  lead = (1,) * (x.ndim - 1)
  y = y * scale.reshape(lead + scale.shape).astype(acc)
  return (y + bias.reshape(lead + bias.shape).astype(acc)).astype(x.dtype)


def dropout(x: jax.Array, rate: Any, key: jax.Array) -> jax.Array:
  """Zeroes a share ``rate`` of x and divides the rest by 1 - rate.

  Args:
    x: any array.
    rate: in [0, 1), may be traced.
    key: a PRNG key.

  Returns:
    Like x; its expectation is x.

  Example:
    >>> sorted(set(dropout(jnp.ones(64), 0.5, jax.random.key(0)).tolist()))
    [0.0, 2.0]
  """
  kept = 1 - rate
  scale = kept if isinstance(kept, int | float) else kept.astype(x.dtype)
  return jnp.where(jax.random.bernoulli(key, kept, x.shape), x / scale, jnp.zeros((), x.dtype))


def hold_rate(rate: Any) -> Any:
  """A rate as a module keeps it: a number as it is, a traced one as a variable."""
  return rate if isinstance(rate, int | float) else Hyper(jnp.asarray(rate, jnp.float32))


def maybe_dropout(x: jax.Array, rate: Any, deterministic: bool, rngs: nnx.Rngs | None):
  """``dropout`` with a key of the stream ``dropout``, unless deterministic or the rate is 0."""
  rate = rate[...] if isinstance(rate, Hyper) else rate
  if deterministic or (_numerics.known(rate) is not None and not rate):
    return x
  if rngs is None:
    raise _errors.value_error("rngs", None, "keys for dropout, as deterministic=False or after "
                              "train()", "Pass rngs=nnx.Rngs(dropout=key)")
  return dropout(x, rate, rngs.dropout())


class LayerNorm(nnx.Module):
  """``layer_norm`` with its scale and bias.

  Args:
    settings: sizes and dtypes.
    active: counts in use.
  """

  def __init__(self, settings: Settings, active: Active):
    d, dtype = settings.d_model, settings.param_dtype
    self.scale = nnx.Param(width_lib.keep(jnp.ones((d,), dtype), (active.d_model,)))
    self.bias = nnx.Param(jnp.zeros((d,), dtype))

  def __call__(self, x: jax.Array, count=None) -> jax.Array:
    return layer_norm(x, self.scale[...], self.bias[...], count=count)


class FeedForward(nnx.Module):
  """activation(x W_1 + b_1) W_2 + b_2 (Vaswani et al. 2017, equation 2).

  Args:
    settings: sizes, activation and dtypes.
    active: counts in use.
    rngs: keys of the parameters.
  """

  def __init__(self, settings: Settings, active: Active, *, rngs: nnx.Rngs):
    d, f, dtype = settings.d_model, settings.d_ff, settings.param_dtype
    self.activation, self.dtype = settings.activation, settings.dtype
    self.up = nnx.Param(width_lib.draw(
        rngs.params(), (d, f), scale=inverse_root(active.d_model),
        active=(active.d_model, active.d_ff), dtype=dtype))
    self.up_bias = nnx.Param(jnp.zeros((f,), dtype))
    self.down = nnx.Param(width_lib.draw(
        rngs.params(), (f, d), scale=inverse_root(active.d_ff),
        active=(active.d_ff, active.d_model), dtype=dtype))
    self.down_bias = nnx.Param(jnp.zeros((d,), dtype))

  def __call__(self, x: jax.Array) -> jax.Array:
    up, up_bias, down, down_bias = (
        p[...].astype(self.dtype) for p in (self.up, self.up_bias, self.down, self.down_bias))
    lead = (1,) * (x.ndim - 1)
    hidden = ACTIVATIONS[self.activation](times(x, up) + up_bias.reshape(lead + up_bias.shape))
    return times(hidden, down) + down_bias.reshape(lead + down_bias.shape)


class Embedding(nnx.Module):
  """A row of a table for each token, times sqrt(D) (Vaswani et al. 2017, section 3.4).

  Args:
    vocabulary: V, the number of token ids.
    settings: sizes and dtypes.
    active: counts in use.
    rngs: keys of the parameters.
  """

  def __init__(self, vocabulary: int, settings: Settings, active: Active, *, rngs: nnx.Rngs):
    self.dtype = settings.dtype
    self.table = nnx.Param(width_lib.draw(
        rngs.params(), (vocabulary, settings.d_model), scale=inverse_root(active.d_model),
        active=(None, active.d_model), dtype=settings.param_dtype))

  def __call__(self, tokens: jax.Array, count) -> jax.Array:
    """tokens int ``[..., T]`` to ``[..., T, D]``; an id outside the table is an error, or NaN."""
    rows = self.table.shape[0]
    tokens = _align.numbers(tokens, "tokens")
    known = _numerics.known(tokens)
    if known is not None and known.size and not 0 <= known.min() <= known.max() < rows:
      raise _errors.value_error("tokens", f"ids {known.min()} to {known.max()}",
                                f"ids in [0, {rows})", "Build the model with a larger vocabulary")
    tokens = jnp.asarray(tokens)
    x = jnp.take(self.table[...], jnp.where(tokens < 0, rows, tokens), axis=0, mode="fill",
                 fill_value=math.nan)
    return x.astype(self.dtype) * root(count).astype(self.dtype)

  def logits(self, x: jax.Array) -> jax.Array:
    """x ``[..., T, D]`` times the table: ``[..., T, V]`` in float32 at least."""
    return to_logits(x, self.table[...].T)


class Head(nnx.Module):
  """The output table of a model that does not reuse its embedding's.

  Args:
    vocabulary: V.
    settings: sizes and dtypes.
    active: counts in use.
    rngs: keys of the parameters.
  """

  def __init__(self, vocabulary: int, settings: Settings, active: Active, *, rngs: nnx.Rngs):
    self.kernel = nnx.Param(width_lib.draw(
        rngs.params(), (settings.d_model, vocabulary), scale=inverse_root(active.d_model),
        active=(active.d_model, None), dtype=settings.param_dtype))

  def logits(self, x: jax.Array) -> jax.Array:
    """x ``[..., T, D]`` to ``[..., T, V]`` in float32 at least."""
    return to_logits(x, self.kernel[...])


def to_logits(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """x ``[..., D]`` times ``[D, V]``, summed and returned in float32 at least."""
  return times(x, kernel.astype(x.dtype), preferred_element_type=_numerics.wide(x))


def times(x: jax.Array, kernel: jax.Array, **options) -> jax.Array:
  """x ``[..., D]`` times ``[D, F]`` as one matrix of rows; options go to ``jnp.matmul``.

  With batch axes kept, JAX 0.7 cannot sum bfloat16 in float32 on CPUs, and the kernel's gradient
  under vmap takes XLA twice as long.
  """
  rows = x.reshape(math.prod(x.shape[:-1]), x.shape[-1])
  return jnp.matmul(rows, kernel, **options).reshape(*x.shape[:-1], kernel.shape[-1])


def root(count) -> jax.Array:
  """sqrt of a count, known or traced, in float32."""
  return jnp.sqrt(jnp.asarray(count, jnp.float32))


def inverse_root(count):
  """1 / sqrt of a count: the scale of a draw with that fan-in."""
  if isinstance(count, int):
    return 1 / math.sqrt(count)
  return jax.lax.rsqrt(jnp.asarray(count, jnp.float32))

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Norms over the last axis: LayerNorm, and RMSNorm with a gain of w or of 1 + w."""

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _numerics
from posenc_jax.nn import width as width_lib
from posenc_jax.nn.settings import Active, Settings


def layer_norm(x: jax.Array, scale: jax.Array, bias: jax.Array | None, *, count=None,
               epsilon: float = 1e-6) -> jax.Array:
  """scale * (x - mean) / sqrt(variance + epsilon) + bias over the last axis, in float32 at least.

  Args:
    x: ``[..., D]``.
    scale, bias: ``[D]``, or the last axes of x; bias may be None.
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
  y = x.astype(_numerics.wide(x))
  y = y - _mean(y, count)
  y = y * jax.lax.rsqrt(_mean(y * y, count) + jnp.asarray(epsilon, y.dtype))
  y = y * _row(scale, y)
  return (y if bias is None else y + _row(bias, y)).astype(x.dtype)


def rms_norm(x: jax.Array, gain: jax.Array, *, count=None, epsilon: float = 1e-6) -> jax.Array:
  """gain * x / sqrt(mean of x^2 + epsilon) over the last axis, in float32 at least.

  Args:
    x: ``[..., D]``.
    gain: ``[D]``.
    count: as in ``layer_norm``; columns beyond it must be zero in x.
    epsilon: added to the mean square.

  Returns:
    Like x.

  Example:
    >>> rms_norm(jnp.array([3.0, -3.0]), jnp.ones(2)).tolist()
    [1.0, -1.0]

  References:
    Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", arXiv 1910.07467, equation 4.
  """
  y = x.astype(_numerics.wide(x))
  y = y * jax.lax.rsqrt(_mean(y * y, count) + jnp.asarray(epsilon, y.dtype))
  return (y * _row(gain, y)).astype(x.dtype)


def _mean(y, count):
  """The mean over the first ``count`` columns, known or traced."""
  if count is None or (isinstance(count, int) and count == y.shape[-1]):
    return jnp.mean(y, axis=-1, keepdims=True)
  used = jax.lax.broadcasted_iota(jnp.int32, y.shape, y.ndim - 1) < count
  return jnp.sum(jnp.where(used, y, 0), axis=-1, keepdims=True) / jnp.asarray(count, y.dtype)


def _row(w, y):
  return w.reshape((1,) * (y.ndim - w.ndim) + w.shape).astype(y.dtype)


class LayerNorm(nnx.Module):
  """``layer_norm`` with its scale and, if the settings say so, its bias.

  Args:
    settings: sizes and dtypes.
    active: counts in use.
  """

  def __init__(self, settings: Settings, active: Active):
    d, dtype = settings.d_model, settings.param_dtype
    self.epsilon = settings.norm_epsilon
    self.scale = nnx.Param(width_lib.keep(jnp.ones((d,), dtype), (active.d_model,)))
    self.bias = nnx.Param(jnp.zeros((d,), dtype)) if settings.norm_bias else None

  def __call__(self, x: jax.Array, count=None) -> jax.Array:
    bias = None if self.bias is None else self.bias[...]
    return layer_norm(x, self.scale[...], bias, count=count, epsilon=self.epsilon)


class RMSNorm(nnx.Module):
  """``rms_norm`` with its gain, w or 1 + w.

  Args:
    size: of the axis.
    one: whether the gain is 1 + w, with w zero at first.
    epsilon: added to the mean square.
    dtype: of w.
    active: how many of the columns are in use; None for all.
  """

  def __init__(self, size: int, *, one: bool, epsilon: float, dtype, active=None):
    self.one, self.epsilon = one, epsilon
    w = (jnp.zeros if one else jnp.ones)((size,), dtype)
    self.scale = nnx.Param(w if active is None else width_lib.keep(w, (active,)))

  def __call__(self, x: jax.Array, count=None) -> jax.Array:
    w = self.scale[...]
    gain = w.astype(_numerics.wide(x)) + 1 if self.one else w
    return rms_norm(x, gain, count=count, epsilon=self.epsilon)


def make_norm(settings: Settings, active: Active) -> LayerNorm | RMSNorm:
  """A norm over D of the settings' kind."""
  if settings.norm_kind == "layer":
    return LayerNorm(settings, active)
  return RMSNorm(settings.d_model, one=settings.norm_kind == "rms_one",
                 epsilon=settings.norm_epsilon, dtype=settings.param_dtype, active=active.d_model)

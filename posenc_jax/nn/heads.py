# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Encoders with outputs: masked tokens (Devlin et al. 2018, arXiv 1810.04805), classes, numbers."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _errors
from posenc_jax.nn import layers as layers_lib
from posenc_jax.nn import tokens as tokens_lib
from posenc_jax.nn import width as width_lib
from posenc_jax.nn.draws import next_key
from posenc_jax.nn.held import EncodingLike
from posenc_jax.nn.lm import TransformerEncoder
from posenc_jax.nn.norms import make_norm
from posenc_jax.nn.settings import ACTIVATIONS, Active, Settings, check_size, make_settings

POOLS = ("mean", "first", "last")


class Linear(nnx.Module):
  """x W + b, computed in the settings' dtype.

  Args:
    outputs: columns of W.
    settings: sizes and dtypes.
    active: counts in use.
    used: how many of the outputs are in use; None for all.
    rngs: keys of the parameters.
  """

  def __init__(self, outputs: int, settings: Settings, active: Active, *, used=None,
               rngs: nnx.Rngs):
    self.dtype = settings.dtype
    self.kernel = nnx.Param(width_lib.draw(
        next_key(rngs, "params"), (settings.d_model, outputs),
        scale=layers_lib.inverse_root(active.d_model), active=(active.d_model, used),
        dtype=settings.param_dtype))
    self.bias = nnx.Param(jnp.zeros((outputs,), settings.param_dtype))

  def __call__(self, x: jax.Array) -> jax.Array:
    y = layers_lib.times(x, self.kernel[...].astype(self.dtype))
    return layers_lib.add_row(y, self.bias[...].astype(self.dtype))


class MaskedLM(nnx.Module):
  """p(token | the tokens around it): an encoder, a layer on its states, logits of the same table.

  Args:
    vocabulary, d_model, num_layers, num_heads, encoding, token_types, active_width, rngs,
      **settings: as in ``TransformerEncoder``. BERT has norm="post", embedding_norm=True,
      activation="gelu_exact", token_types=2.

  Example:
    >>> model = MaskedLM(11, 16, 1, 2, norm="post", rngs=nnx.Rngs(0))
    >>> model(jnp.array([[1, 2, 3]])).shape
    (1, 3, 11)
  """

  def __init__(self, vocabulary: int, d_model: int, num_layers: int, num_heads: int | None = None,
               *, encoding: EncodingLike = None, token_types: int | None = None, active_width=None,
               rngs: nnx.Rngs, **settings):
    vocabulary = check_size("vocabulary", vocabulary)
    s = make_settings("MaskedLM", d_model, num_layers, num_heads, settings)
    active = s.active(active_width)
    self.encoder = TransformerEncoder(vocabulary, d_model, num_layers, num_heads,
                                      encoding=encoding, token_types=token_types,
                                      active_width=active_width, rngs=rngs, **settings)
    self.transform = Linear(s.d_model, s, active, used=active.d_model, rngs=rngs)
    self.norm, self.activation = make_norm(s, active), s.activation
    self.bias = nnx.Param(jnp.zeros((vocabulary,), s.param_dtype))

  def __call__(self, tokens: jax.Array, positions=None, **options: Any) -> jax.Array:
    """Logits ``[..., T, V]`` at every token; arguments as in ``TransformerEncoder``."""
    x = self.encoder(tokens, positions, **options)
    x = ACTIVATIONS[self.activation](self.transform(x))
    x = self.norm(x, self.encoder.stack.count)
    assert self.encoder.embedding is not None, "built with a vocabulary"
    logits = self.encoder.embedding.logits(x)
    return layers_lib.add_row(logits, self.bias[...].astype(logits.dtype))


class Classifier(nnx.Module):
  """Numbers for a whole sequence: logits of classes, or outputs=1 for regression.

  Args:
    outputs: how many.
    vocabulary, d_model, num_layers, num_heads, encoding, token_types, active_width, rngs,
      **settings: as in ``TransformerEncoder``.
    pool: what is read: the "mean" of the states of real tokens, the "first" or the "last" of them.
    causal: as in ``TransformerEncoder``, for pool="last".

  Raises:
    ValueError, TypeError: as ``TransformerEncoder``; an unknown pool.

  Example:
    >>> model = Classifier(3, 11, 16, 1, 2, rngs=nnx.Rngs(0))
    >>> model(jnp.array([[1, 2, 0]]), mask=jnp.array([[True, True, False]])).shape
    (1, 3)
  """

  def __init__(self, outputs: int, vocabulary: int | None, d_model: int, num_layers: int,
               num_heads: int | None = None, *, pool: str = "mean", causal: bool = False,
               encoding: EncodingLike = None, token_types: int | None = None, active_width=None,
               rngs: nnx.Rngs, **settings):
    _errors.check_choice("pool", pool, POOLS)
    outputs = check_size("outputs", outputs)
    s = make_settings("Classifier", d_model, num_layers, num_heads, settings)
    self.pool = pool
    self.encoder = TransformerEncoder(vocabulary, d_model, num_layers, num_heads, causal=causal,
                                      encoding=encoding, token_types=token_types,
                                      active_width=active_width, rngs=rngs, **settings)
    self.out = Linear(outputs, s, s.active(active_width), rngs=rngs)

  def __call__(self, tokens: jax.Array, positions=None, *, mask: jax.Array | None = None,
               **options: Any) -> jax.Array:
    """``[..., outputs]``; arguments as in ``TransformerEncoder``."""
    x = self.encoder(tokens, positions, mask=mask, **options)
    _, real = tokens_lib.check_tokens(x.shape[:-1], None, mask)
    return self.out(pooled(x, real, self.pool))


def pooled(x: jax.Array, mask: jax.Array | None, pool: str) -> jax.Array:
  """One of the states ``[..., T, D]`` of real tokens, or their mean: ``[..., D]``.

  Example:
    >>> x = jnp.array([[1.0], [2.0], [5.0]])
    >>> [pooled(x, jnp.array([False, True, True]), p).tolist() for p in POOLS]
    [[3.5], [2.0], [5.0]]
  """
  if mask is None:
    mask = jnp.ones(x.shape[:-1], bool)
  if pool == "mean":
    real = mask[..., None].astype(x.dtype)
    return jnp.sum(x * real, axis=-2) / jnp.maximum(jnp.sum(real, axis=-2), 1)
  if pool == "first":
    at = jnp.argmax(mask, axis=-1)
  else:
    at = mask.shape[-1] - 1 - jnp.argmax(jnp.flip(mask, axis=-1), axis=-1)
  return jnp.take_along_axis(x, at[..., None, None], axis=-2)[..., 0, :]

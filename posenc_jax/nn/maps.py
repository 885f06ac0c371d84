# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Attention maps: which tokens each head of each layer looks at, for pictures."""

from typing import Any

import jax
from flax import nnx

from posenc_jax import _errors
from posenc_jax.nn.attention import MultiHeadAttention
from posenc_jax.nn.block import Stack


class _Watched:
  """Self-attention of a layer that also notes its weights."""

  def __init__(self, attention: MultiHeadAttention, found: list[jax.Array]):
    self.attention, self.found = attention, found

  def __call__(self, x: jax.Array, **options: Any) -> Any:
    known = {k: v for k, v in options.items() if k not in ("cache", "deterministic", "rngs")}
    self.found.append(self.attention.weights(x, **known))
    return self.attention(x, **options)


def attention_maps(model: nnx.Module, tokens: jax.Array, positions: Any = None, **options: Any
                   ) -> tuple[jax.Array, ...]:
  """The weights of the self-attention of each layer while the model reads the tokens.

  Args:
    model: a ``TransformerLM`` or ``TransformerEncoder``; it stays as it is.
    tokens, positions, **options: as the model takes them, without a cache.

  Returns:
    ``[..., N, T, T]`` for each layer, see ``posenc_jax.attention_weights``.

  Raises:
    ValueError: a cache.
    TypeError: another model. What the model raises.

  Example:
    >>> import jax.numpy as jnp
    >>> from posenc_jax import nn
    >>> model = nn.TransformerLM(11, 16, 2, 2, rngs=nnx.Rngs(0))
    >>> [weights.shape for weights in attention_maps(model, jnp.array([1, 2, 3]))]
    [(2, 3, 3), (2, 3, 3)]
  """
  if not isinstance(getattr(model, "stack", None), Stack):
    raise _errors.type_error("model", type(model).__name__, "a TransformerLM or TransformerEncoder",
                             "Ask the weights() of a MultiHeadAttention for another model's")
  if options.get("cache") is not None:
    raise _errors.value_error("cache", "a cache", "None", "Pass all tokens at once")
  found: list[jax.Array] = []
  copy: Any = nnx.merge(*nnx.split(model))  # Its layers are replaced, under a trace too.
  copy.stack.scan = copy.stack.remat = False  # layers are watched one by one
  for layer in copy.stack.layers:
    layer.attention = _Watched(layer.attention, found)
  copy(tokens, positions, **options)
  return tuple(found)

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The same weights under another encoding: to measure what a trained model makes of it."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _errors
from posenc_jax.base import Encoding
from posenc_jax.nn.attention import MultiHeadAttention
from posenc_jax.nn.block import Stack
from posenc_jax.nn.heads import Classifier, MaskedLM
from posenc_jax.nn.held import EncodingLike, HeldEncoding, LayerEncodings
from posenc_jax.nn.seq2seq import Seq2SeqTransformer


def with_encoding(model: Any, encoding: EncodingLike, *, decoder_encoding: EncodingLike = None,
                  rngs: nnx.Rngs | None = None) -> Any:
  """A model with the weights of another one and this encoding in place of its own.

  Args:
    model: a ``TransformerLM``, ``TransformerEncoder``, ``MaskedLM``, ``Classifier``,
      ``Seq2SeqTransformer``, ``Stack`` or ``MultiHeadAttention``; it stays as it is.
    encoding: as its class takes it: one for all layers, a list, a factory, or None for none.
    decoder_encoding: of a ``Seq2SeqTransformer``, as its class takes it; its attention to the
      source keeps what it has.
    rngs: keys for a factory, stream ``params``.

  Returns:
    A model of the same class. Its weights are the same arrays, and training it moves its own.

  Raises:
    TypeError: another kind of model, no encoding.
    ValueError: an encoding that does not fit: made for other heads or widths, a list of another
      length, one direction in layers of both; a factory without rngs.

  Example:
    >>> import posenc_jax as px
    >>> from posenc_jax import nn
    >>> model = nn.TransformerLM(11, 16, 2, 2, encoding=px.Rotary(8), rngs=nnx.Rngs(0))
    >>> other = with_encoding(model, px.Alibi(2))
    >>> other(jnp.array([1, 2, 3])).shape, other.stack.encodings.encodings()
    ((3, 11), [Alibi(slopes=f32[2])])
  """
  both = isinstance(model, Seq2SeqTransformer)
  if decoder_encoding is not None and not both:
    raise _errors.value_error("decoder_encoding", f"one for {_errors.describe(model)}", "None",
                              "It is for a Seq2SeqTransformer")
  layer = isinstance(model, MultiHeadAttention)
  if not (both or layer or _stack(model) is not None):
    raise _errors.type_error("model", _errors.describe(model),
                             "a model, a Stack or a MultiHeadAttention of posenc_jax.nn",
                             "Give a model of your own its encoding when it is built")
  copy: Any = nnx.merge(*nnx.split(model))
  if both:
    _replace(copy.encoder, encoding, rngs)
    _replace(copy.decoder, encoding if decoder_encoding is None else decoder_encoding, rngs)
  elif layer:
    one: Any = encoding
    copy.encoding = one if isinstance(one, HeldEncoding | None) else HeldEncoding(one)
    _try_layer(copy, None if copy.encoding is None else copy.encoding.encoding)
  else:
    _replace(_stack(copy), encoding, rngs)
  return copy


def _stack(model: Any) -> Any:
  model = model.encoder if isinstance(model, MaskedLM | Classifier) else model
  found = model if isinstance(model, Stack) else getattr(model, "stack", None)
  return found if isinstance(found, Stack) else None


def _replace(stack: Stack, encoding: EncodingLike, rngs: nnx.Rngs | None) -> None:
  """Puts the encoding into a stack that is nobody else's."""
  made = callable(encoding) and not isinstance(encoding, Encoding | HeldEncoding)
  if made and rngs is None:
    raise _errors.value_error("rngs", None, "keys for the factory of the encodings",
                              "Pass rngs=nnx.Rngs(0)")
  count = len(stack.layers)
  stack.encodings = LayerEncodings(encoding, count, rngs=nnx.Rngs(0) if rngs is None else rngs)
  if not stack.layers[0].attention.causal:
    stack.encodings.check_both_ways()
  _try_inputs(stack)
  for layer, e in zip(stack.layers, stack.encodings.by_layer(stack.encodings.encodings()),
                      strict=True):
    _try_layer(layer.attention, e)


def _example(encoding, length: int):
  """Positions of tokens as this encoding reads them."""
  line, axes = jnp.arange(length, dtype=jnp.int32), encoding.position_axes
  return jnp.stack([line] * axes, axis=-1) if axes else line


def _try_inputs(stack: Stack) -> None:
  """Raises what the hooks of a whole model say of embeddings of this width."""
  for e in stack.encodings.encodings():
    if e.has("inputs"):
      x = jax.ShapeDtypeStruct((2, stack.d_model), jnp.float32)
      jax.eval_shape(lambda x, e=e: e.inputs(x, _example(e, 2)), x)


def _try_layer(attention: MultiHeadAttention, encoding) -> None:
  """Raises what a layer says of the encoding, from shapes alone."""
  if encoding is None:
    return
  x = jax.ShapeDtypeStruct((2, attention.d_model), jnp.float32)
  run = lambda x: attention(x, positions=_example(encoding, 2), encoding=encoding,
                            applied=("positions", "inputs"))
  jax.eval_shape(run, x)

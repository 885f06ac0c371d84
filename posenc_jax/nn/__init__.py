# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Transformers in Flax NNX that take any encoding, at every layer's choice.

Only this part of the package needs flax (``pip install posenc_jax[flax]``).

Example:
  >>> import jax, jax.numpy as jnp, posenc_jax as px
  >>> from flax import nnx
  >>> from posenc_jax import nn
  >>> model = nn.TransformerLM(11, 16, 2, 2, encoding=px.Alibi(2), rngs=nnx.Rngs(0))
  >>> graphdef, params, rest = nnx.split(model, nnx.Param, ...)  # slopes are in rest: not learned
  >>> logits = nnx.merge(graphdef, params, rest)(jnp.array([[1, 2, 3]]))
  >>> logits.shape
  (1, 3, 11)

Many seeds at once; a ``Param`` or ``Hyper`` of the model is swept in the same way:

  >>> def init(key):
  ...   return nnx.split(nn.TransformerLM(11, 16, 2, 2, rngs=nnx.Rngs(key)), nnx.Param, ...)
  >>> graphdef, params, rest = jax.jit(jax.vmap(init))(jax.random.split(jax.random.key(0), 4))
  >>> call = lambda p, r: nnx.merge(graphdef, p, r)(jnp.array([1, 2, 3]))
  >>> jax.jit(jax.vmap(call))(params, rest).shape
  (4, 3, 11)
"""

# ruff: noqa: E402 - a missing flax is told before a module asks for it
from posenc_jax import _errors

_errors.check_installed("posenc_jax.nn", ["flax"], "pip install 'posenc_jax[flax]'")

from posenc_jax.nn import serialize as serialize
from posenc_jax.nn.absolute import AbsolutePositionalEncoding as AbsolutePositionalEncoding
from posenc_jax.nn.attention import MultiHeadAttention as MultiHeadAttention
from posenc_jax.nn.cache import Cache as Cache
from posenc_jax.nn.generate import Generated as Generated
from posenc_jax.nn.generate import generate as generate
from posenc_jax.nn.heads import Classifier as Classifier
from posenc_jax.nn.heads import MaskedLM as MaskedLM
from posenc_jax.nn.held import HeldEncoding as HeldEncoding
from posenc_jax.nn.held import Hyper as Hyper
from posenc_jax.nn.linen_bridge import to_linen as to_linen
from posenc_jax.nn.lm import TransformerEncoder as TransformerEncoder
from posenc_jax.nn.lm import TransformerLM as TransformerLM
from posenc_jax.nn.load import load_hf as load_hf
from posenc_jax.nn.maps import attention_maps as attention_maps
from posenc_jax.nn.sampling import sample as sample
from posenc_jax.nn.seq2seq import DecoderCache as DecoderCache
from posenc_jax.nn.seq2seq import Memory as Memory
from posenc_jax.nn.seq2seq import Seq2SeqTransformer as Seq2SeqTransformer
from posenc_jax.nn.settings import Settings as Settings
from posenc_jax.nn.sharding import axis_names as axis_names
from posenc_jax.nn.sharding import partition_specs as partition_specs
from posenc_jax.nn.swap import with_encoding as with_encoding

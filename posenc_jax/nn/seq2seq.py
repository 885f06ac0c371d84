# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The encoder-decoder: a source read both ways, a target written left to right.

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762, section 3.
"""

import dataclasses
from typing import Any

import jax
from flax import nnx

from posenc_jax import _errors
from posenc_jax.nn import keywords
from posenc_jax.nn import layers as layers_lib
from posenc_jax.nn import tokens as tokens_lib
from posenc_jax.nn.block import Stack, position_key
from posenc_jax.nn.cache import Cache, check_caches
from posenc_jax.nn.held import EncodingLike
from posenc_jax.nn.settings import NAMES, check_size, make_settings


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Memory:
  """An encoded source.

  Attributes:
    states: ``[..., S, D]``.
    positions: of the source's tokens.
    segments: None or int32 ``[..., S]``, ``PADDING_SEGMENT`` on padding.
    packed: static; whether the source came with segments, so that the target must, too.
  """

  states: jax.Array
  positions: Any
  segments: jax.Array | None
  packed: bool = dataclasses.field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DecoderCache:
  """What the decoder remembers: its own tokens, and each layer's keys and values of the source."""

  layers: tuple[Cache, ...]
  memories: tuple[Cache, ...]
  packed: bool = dataclasses.field(metadata={"static": True})

  def crop(self, n: Any) -> "DecoderCache":
    """The cache when it held n tokens of the target; see ``Cache.crop``."""
    return dataclasses.replace(self, layers=tuple(c.crop(n) for c in self.layers))

  def take(self, rows: Any) -> "DecoderCache":
    """The cache of these rows, with their sources; see ``Cache.take``."""
    return dataclasses.replace(self, layers=tuple(c.take(rows) for c in self.layers),
                               memories=tuple(c.take(rows) for c in self.memories))

  def repeat(self, n: int) -> "DecoderCache":
    """The cache with every row n times, with their sources; see ``Cache.repeat``."""
    return dataclasses.replace(self, layers=tuple(c.repeat(n) for c in self.layers),
                               memories=tuple(c.repeat(n) for c in self.memories))


@keywords.checked(*NAMES)
class Seq2SeqTransformer(nnx.Module):
  """p(next target token | source, target so far).

  Args:
    vocabulary: V, token ids of the source; and of the target, which then shares the table
      (Vaswani et al., section 3.4), unless there is a target_vocabulary.
    d_model: D.
    num_layers: layers of the encoder.
    decoder_layers: layers of the decoder; None for as many.
    num_heads: N; None takes D // head_dim.
    target_vocabulary: None, or the number of the target's token ids, which then get a second table.
    encoding: of the encoder's self-attention and, without ``decoder_encoding``, of the decoder's;
      the two do not share parameters. See ``TransformerLM``.
    decoder_encoding: of the decoder's self-attention; None takes ``encoding``, ``[None] *
      num_layers`` is none.
    cross_encoding: of the attention to the source, over the positions of target and source; None
      for none, as Vaswani et al.
    tied, active_width, rngs, **settings: as in ``TransformerLM``.

  Raises:
    ValueError, TypeError: as ``TransformerLM``.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> model = Seq2SeqTransformer(11, 16, 1, 2, encoding=px.Sinusoidal(16), rngs=nnx.Rngs(0))
    >>> source, target = jnp.array([[5, 6, 7, 0]]), jnp.array([[1, 2, 3]])
    >>> model(source, target, source_mask=source != 0).shape
    (1, 3, 11)
    >>> cache = model.init_cache(model.encode(source, mask=source != 0), 8)
    >>> logits, cache = model.decode(target, cache=cache)
    >>> logits.shape
    (1, 3, 11)
  """

  def __init__(self, vocabulary: int, d_model: int, num_layers: int, num_heads: int | None = None,
               *, target_vocabulary: int | None = None, encoding: EncodingLike = None,
               decoder_encoding: EncodingLike = None, cross_encoding: EncodingLike = None,
               decoder_layers: int | None = None, tied: bool = True, active_width=None,
               rngs: nnx.Rngs, **settings):
    s = make_settings(d_model, num_layers, num_heads, settings)
    below = s if decoder_layers is None else dataclasses.replace(
        s, num_layers=check_size("decoder_layers", decoder_layers))
    active = s.active(active_width)
    vocabulary = check_size("vocabulary", vocabulary)
    self.embedding = layers_lib.Embedding(vocabulary, s, active, rngs=rngs)
    written, target = vocabulary, None
    if target_vocabulary is not None:
      written = check_size("target_vocabulary", target_vocabulary)
      target = layers_lib.Embedding(written, s, active, rngs=rngs)
    self.target_embedding = target
    self.encoder = Stack(s, causal=False, encoding=encoding, active_width=active_width, rngs=rngs)
    decoder_encoding = encoding if decoder_encoding is None else decoder_encoding
    self.decoder = Stack(below, causal=True, cross=True, encoding=decoder_encoding,
                         cross_encoding=cross_encoding, active_width=active_width, rngs=rngs)
    self.head = None if tied else layers_lib.Head(written, s, active, rngs=rngs)

  def __call__(self, source: jax.Array, target: jax.Array, *, source_positions=None,
               target_positions=None, source_segments=None, target_segments=None,
               source_mask=None, target_mask=None, deterministic: bool | None = None,
               rngs: nnx.Rngs | None = None) -> jax.Array:
    """Logits of the target token after each target token.

    Args:
      source: int ``[..., S]``.
      target: int ``[..., T]``: the target so far, beginning with a start symbol.
      source_positions, target_positions: as ``positions`` of ``TransformerLM``.
      source_segments, target_segments: both or neither; a target sees only the source of its id.
      source_mask: bool ``[..., S]``, True on real tokens.
      target_mask: bool ``[..., T]``.
      deterministic, rngs: as in ``TransformerLM``.

    Returns:
      ``[..., T, V]``, float32 at least.

    Raises:
      ValueError: shapes that do not fit, ids outside a table, segments of one side alone.
      TypeError: dtypes of tokens, positions, segments or masks.
    """
    memory = self.encode(source, source_positions, segments=source_segments, mask=source_mask,
                         deterministic=deterministic, rngs=rngs)
    return self.decode(target, memory, target_positions, segments=target_segments,
                       mask=target_mask, deterministic=deterministic, rngs=rngs)

  def encode(self, source: jax.Array, positions=None, *, segments=None, mask=None,
             deterministic: bool | None = None, rngs: nnx.Rngs | None = None) -> Memory:
    """Reads the source int ``[..., S]``; arguments as in ``TransformerLM``."""
    shape = tokens_lib.token_shape(source, "source")
    segments, mask = tokens_lib.check_tokens(shape, segments, mask,
                                             ("source_segments", "source_mask"))
    if positions is None:
      positions = tokens_lib.count_positions(shape, segments, mask)
    seen = tokens_lib.visible_segments(shape, segments, mask)
    x, _ = self.encoder(self.embedding(source, self.encoder.count), positions, segments=seen,
                        mask=mask, key=position_key(self.encoder.encodings, rngs),
                        deterministic=deterministic, rngs=rngs)
    return Memory(x, positions, None if seen is None else seen[1], segments is not None)

  def decode(self, target: jax.Array, memory: Memory | None = None, positions=None, *,
             segments=None, mask=None, cache: DecoderCache | None = None,
             deterministic: bool | None = None, rngs: nnx.Rngs | None = None) -> Any:
    """Logits for the target int ``[..., T]``, given what ``encode`` or ``init_cache`` returned.

    Args:
      target: the whole target; with a cache, the tokens that follow those in it.
      memory: from ``encode``; with a cache None.
      positions, segments, mask, deterministic, rngs: as in ``TransformerLM``.
      cache: None, or from ``init_cache`` or the previous call.

    Returns:
      ``[..., T, V]``; with a cache (logits, new cache).
    """
    if (memory is None) == (cache is None):
      raise _errors.value_error("memory, cache", "both" if cache else "neither", "one of them",
                                "A cache already holds what it needs of the memory")
    shape = tokens_lib.token_shape(target, "target")
    if cache is not None:
      check_caches(cache.layers, len(self.decoder.layers), shape[:-1])
    segments, mask = tokens_lib.check_tokens(shape, segments, mask,
                                             ("target_segments", "target_mask"))
    source: Any = memory if cache is None else cache
    packed = source.packed
    if packed != (segments is not None):
      raise _errors.value_error(
          "target_segments", "none" if packed else "some", "segments of both sides or of neither",
          "A target sees the part of the source that has its segment id")
    if positions is None:
      positions = tokens_lib.count_positions(shape, segments, mask, cache and cache.layers[0])
    memories = source.memories if cache else self.decoder.remember(
        source.states, source.positions, source.segments)
    embedding = self.embedding if self.target_embedding is None else self.target_embedding
    x, layers = self.decoder(
        embedding(target, self.decoder.count), positions,
        segments=tokens_lib.visible_segments(shape, segments, mask), mask=mask,
        caches=cache and cache.layers, memories=memories, cross_positions=positions,
        cross_segments=segments,
        key=position_key(self.decoder.encodings, rngs), deterministic=deterministic, rngs=rngs)
    logits = (embedding if self.head is None else self.head).logits(x)
    return logits if cache is None else (logits, dataclasses.replace(cache, layers=layers))

  def init_cache(self, memory: Memory, length: int, dtype=None, *, positions=None,
                 rollback: int = 0) -> DecoderCache:
    """A cache for targets of up to ``length`` tokens to one memory.

    Args:
      memory: from ``encode``.
      length: T, padding included.
      dtype: of the target's keys and values; None takes the model's dtype.
      positions: an example of one target token's positions; see ``TransformerLM.init_cache``.
      rollback: the most tokens that ``crop`` takes back; see ``TransformerLM.init_cache``.

    Returns:
      A PyTree, for ``cache=``.
    """
    layers = self.decoder.init_cache(memory.states.shape[:-2], length, dtype, positions=positions,
                                     rollback=rollback)
    memories = self.decoder.remember(memory.states, memory.positions, memory.segments)
    return DecoderCache(layers, memories, memory.packed)

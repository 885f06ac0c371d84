# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A Transformer layer, and a stack of them with its encodings.

Vaswani et al. 2017, arXiv 1706.03762, section 3.1 and figure 1. Differs from the paper: by
default norms stand inside the residual branches (Xiong et al. 2020, arXiv 2002.04745);
``norm="post"`` is the paper's.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _errors
from posenc_jax.nn import layers as layers_lib
from posenc_jax.nn import width as width_lib
from posenc_jax.nn.attention import ONCE_A_MODEL, MultiHeadAttention, check_cross
from posenc_jax.nn.cache import Cache
from posenc_jax.nn.draws import has_stream, next_key
from posenc_jax.nn.experts import Experts
from posenc_jax.nn.held import EncodingLike, Hyper, LayerEncodings, module_list
from posenc_jax.nn.norms import make_norm
from posenc_jax.nn.scanned import scan_layers
from posenc_jax.nn.settings import Settings


class Block(nnx.Module):
  """Self-attention, attention to a memory if ``cross``, and feed-forward, each added to x.

  Args:
    settings: sizes and choices.
    causal: of the self-attention.
    cross: whether there is attention to a memory.
    layer: its place in the stack, from 0.
    active_width: how many of the D columns are in use; None for all of them.
    rngs: keys of the parameters.
  """

  def __init__(self, settings: Settings, *, causal: bool, cross: bool = False, layer: int = 0,
               active_width=None, rngs: nnx.Rngs):
    s, active = settings, settings.active(active_width)
    self.norms, self.branches = s.norm, s.branches
    self.rate = layers_lib.hold_rate(s.dropout)
    if cross and s.branches != "serial":
      raise _errors.value_error("branches", repr(s.branches), "'serial' in layers that attend to a "
                                "memory", "Leave it out for encoder-decoders")
    shared: dict[str, Any] = dict(
        head_dim=s.head_dim, kv_heads=s.kv_heads, scale=s.scale, dtype=s.dtype,
        param_dtype=s.param_dtype, implementation=s.implementation, bias=s.attention_bias,
        qk_norm=s.qk_norm, qk_norm_place=s.qk_norm_place, qk_norm_one=s.norm_kind == "rms_one",
        norm_epsilon=s.norm_epsilon, soft_cap=s.soft_cap, active_width=active_width, rngs=rngs)
    norm = lambda wanted=True: make_norm(s, active) if wanted else None
    after = s.norm == "sandwich"
    self.attention = MultiHeadAttention(
        s.d_model, s.num_heads, causal=causal, window=s.window_of(layer), sinks=s.sinks,
        dropout=s.attention_dropout, **shared)
    self.attention_norm, self.attention_after = norm(), norm(after)
    self.cross = MultiHeadAttention(s.d_model, s.num_heads, **shared) if cross else None
    self.cross_norm, self.cross_after = norm(cross), norm(cross and after)
    if s.experts is not None and active_width is not None:
      raise _errors.value_error("active_width", "one with experts", "None",
                                "Narrow models in a wide one have one feed-forward a layer")
    self.feed_forward = (layers_lib.FeedForward(s, active, rngs=rngs) if s.experts is None
                         else Experts(s, rngs=rngs))
    self.feed_forward_norm = norm(s.branches != "shared")
    self.feed_forward_after = norm(after)

  def __call__(self, x: jax.Array, *, count, encoding=None, positions=None, segments=None,
               cache: Cache | None = None, memory: Cache | None = None, cross_encoding=None,
               cross_positions=None, cross_segments=None, prefix=None, deterministic: bool = True,
               rngs: nnx.Rngs | None = None):
    """x ``[..., T, D]`` to (x, cache); see ``MultiHeadAttention`` for the arguments."""
    kept = []

    def attend_self(y):
      out = self.attention(y, positions=positions, segments=segments, prefix=prefix, cache=cache,
                           encoding=encoding, applied=ONCE_A_MODEL, deterministic=deterministic,
                           rngs=rngs)
      out, new = out if cache is not None else (out, None)
      kept.append(new)
      return out

    def attend_memory(y):
      assert self.cross is not None
      return self.cross(y, memory, positions=cross_positions, segments=cross_segments,
                        encoding=cross_encoding)

    branches: list[tuple[Any, Any, Any]] = [
        (attend_self, self.attention_norm, self.attention_after)]
    if self.cross is not None:
      branches.append((attend_memory, self.cross_norm, self.cross_after))
    branches.append((self.feed_forward, self.feed_forward_norm or self.attention_norm,
                     self.feed_forward_after))
    start = x
    for branch, norm, after in branches:
      read = x if self.branches == "serial" else start
      x = x + layers_lib.maybe_dropout(self._branch(branch, norm, after, read, count), self.rate,
                                       deterministic, rngs)
      x = norm(x, count) if self.norms == "post" else x
    return x, kept[0]

  def _branch(self, branch, norm, after, x, count):
    """What a branch adds to x, with the norms before and after it."""
    y = branch(norm(x, count) if self.norms in ("pre", "sandwich") else x)
    after = norm if self.norms == "branch" else after
    return y if after is None else after(y, count)


class Stack(nnx.Module):
  """Layers with their encodings: the part of a model between its embeddings and its outputs.

  Args:
    settings: sizes and choices.
    causal: of the self-attention.
    cross: whether the layers attend to a memory.
    encoding: of the self-attention; see ``LayerEncodings``.
    cross_encoding: of the attention to the memory, the same for all layers.
    active_width: how many of the D columns are in use; None for all of them.
    rngs: keys of the parameters.
  """

  def __init__(self, settings: Settings, *, causal: bool, cross: bool = False,
               encoding: EncodingLike = None, cross_encoding: EncodingLike = None,
               active_width=None, rngs: nnx.Rngs):
    count = settings.num_layers
    active = settings.active(active_width)
    self.rate, self.d_model = layers_lib.hold_rate(settings.dropout), settings.d_model
    self.remat, self.scan = settings.remat, settings.scan
    self.active_width = None if active_width is None else Hyper(
        jnp.asarray(active_width, jnp.int32))
    self.layers = module_list([
        Block(settings, causal=causal, cross=cross, layer=i, active_width=active_width, rngs=rngs)
        for i in range(count)])
    self.encodings = LayerEncodings(encoding, count, rngs=rngs)
    if not causal:
      self.encodings.check_both_ways()
    self.deterministic = True  # train() and eval() of NNX set it
    self.cross_encodings = LayerEncodings(cross_encoding, count, rngs=rngs) if cross else None
    if self.cross_encodings is not None:
      _check_cross(self.cross_encodings)
    self.norm = None if settings.norm == "post" else make_norm(settings, active)
    self.embedding_norm = make_norm(settings, active) if settings.embedding_norm else None

  @property
  def count(self):
    """How many columns are in use."""
    return self.d_model if self.active_width is None else self.active_width[...]

  def enter(self, x, positions, *, mask=None, key=None, deterministic=True, rngs=None):
    """Encodings and dropout on embeddings: (x, for each layer None or (encoding, positions))."""
    x, entered = self.encodings.enter(x, positions, mask=mask, key=key)
    if self.active_width is not None:
      x = width_lib.keep(x, (None,) * (x.ndim - 1) + (self.count,))
    if self.embedding_norm is not None:
      x = self.embedding_norm(x, self.count)
    return layers_lib.maybe_dropout(x, self.rate, deterministic, rngs), entered

  def __call__(self, x: jax.Array, positions, *, segments=None, mask=None, prefix=None,
               caches=None, memories=None, cross_positions=None, cross_segments=None, key=None,
               deterministic: bool | None = None, rngs: nnx.Rngs | None = None):
    """x ``[..., T, D]`` of embeddings to (x, caches).

    Args:
      x: embeddings.
      positions: of the tokens.
      segments: None or (of the queries, of the keys), int ``[..., T]`` each.
      mask: None or bool ``[..., T]``, True on real tokens: positions of the others are not used.
      prefix: None, or how many first real tokens every token sees; see ``TransformerLM``.
      caches: None or one ``Cache`` a layer.
      memories: one ``Cache`` a layer, from ``remember``, if the layers attend to a memory.
      cross_positions, cross_segments: of the queries, for the attention to the memory.
      key: for the encodings' ``positions``.
      deterministic, rngs: for dropout; None is what ``train()`` or ``eval()`` said last.
    """
    deterministic = self.deterministic if deterministic is None else deterministic
    x, entered = self.enter(x, positions, mask=mask, key=key, deterministic=deterministic,
                            rngs=rngs)
    if prefix is not None:
      self.encodings.check_both_ways()
    crossing = [None] * len(self.layers)
    if self.cross_encodings is not None:
      crossing = self.cross_encodings.by_layer(self.cross_encodings.encodings())
    shared: dict[str, Any] = dict(
        count=self.count, segments=segments, prefix=prefix, cross_positions=cross_positions,
        cross_segments=cross_segments, deterministic=deterministic)
    if self.scan:
      x, kept = self._scan(x, rngs, entered, crossing, caches=caches, memories=memories, **shared)
    else:
      kept = []
      for i, layer in enumerate(self.layers):
        encoding, at = entered[i] or (None, None)
        x, cache = self._run(
            layer, x, rngs, encoding=encoding, positions=at, cross_encoding=crossing[i],
            cache=None if caches is None else caches[i],
            memory=None if memories is None else memories[i], **shared)
        kept.append(cache)
    x = x if self.norm is None else self.norm(x, self.count)
    return x, None if caches is None else tuple(kept)

  def _run(self, layer, x, rngs, **options):
    """A layer's (x, cache); what it computed on the way is not kept if the settings say so."""
    if not self.remat:
      return layer(x, rngs=rngs, **options)
    return nnx.remat(lambda layer, x, rngs: layer(x, rngs=rngs, **options))(layer, x, rngs)

  def _scan(self, x, rngs, entered, crossing, **options):
    """The same of all layers, in one loop."""
    for stack in (self.encodings, self.cross_encodings):
      if stack is not None and len(set(stack.layers)) > 1:
        raise _errors.value_error("scan", "encodings that differ by layer", "one for all layers",
                                  "Leave out scan, or give all layers the same encoding")
    encoding, at = entered[0] or (None, None)
    return scan_layers(self.layers, x, rngs, encoding=encoding, positions=at, remat=self.remat,
                       cross_encoding=crossing[0], **options)

  def remember(self, memory: jax.Array, positions, segments) -> tuple[Cache, ...]:
    """Each layer's keys and values of a memory ``[..., S, D]``."""
    assert self.cross_encodings is not None, "built with cross=True"
    crossing = self.cross_encodings.by_layer(self.cross_encodings.encodings())
    return tuple(layer.cross.remember(memory, positions, segments=segments, encoding=encoding)
                 for layer, encoding in zip(self.layers, crossing, strict=True))

  def init_cache(self, batch, length: int, dtype=None, *, positions=None, rollback: int = 0
                 ) -> tuple[Cache, ...]:
    """An empty cache for each layer; see ``MultiHeadAttention.init_cache``."""
    caches, by_layer = [], self.encodings.by_layer(self.encodings.encodings())
    for i, layer in enumerate(self.layers):
      e = by_layer[i]
      at = positions
      if e is not None and e.has("positions"):
        at = _mapped_example(e, positions)
      caches.append(layer.attention.init_cache(batch, length, dtype, positions=at, encoding=e,
                                               rollback=rollback))
    return tuple(caches)


def _mapped_example(encoding, positions):
  """Zeros of the shape and dtype that ``encoding.positions`` makes of one token's positions."""
  one = jnp.zeros(1, jnp.int32) if positions is None else jnp.asarray(positions)
  made = jax.eval_shape(lambda: encoding.positions(one, key=jax.random.key(0)))
  return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), made)


def _check_cross(encodings: LayerEncodings) -> None:
  for e in encodings.encodings():
    check_cross(e, "cross_encoding")
    for hook in ONCE_A_MODEL:
      if e.has(hook):
        raise _errors.value_error(
            "cross_encoding", f"{type(e).__name__}, which answers {hook}",
            "an encoding that acts on queries and keys",
            "Put it into encoding: it acts on the embeddings of the source and of the target")


def position_key(encodings: LayerEncodings, rngs: nnx.Rngs | None) -> jax.Array | None:
  """One key for the encodings' ``positions``, from the stream ``positions`` if there is one."""
  if rngs is None or not any(e.has("positions") for e in encodings.encodings()):
    return None
  return next_key(rngs, "positions") if has_stream(rngs, "positions") else None

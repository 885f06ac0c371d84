# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The decoder-only language model and the encoder, with any encoding.

Vaswani et al. 2017, arXiv 1706.03762; Radford et al. 2018, "Improving Language Understanding by
Generative Pre-Training" (decoder only); Devlin et al. 2018, arXiv 1810.04805 (encoder only).
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _errors
from posenc_jax.nn import keywords
from posenc_jax.nn import layers as layers_lib
from posenc_jax.nn import tokens as tokens_lib
from posenc_jax.nn.block import Stack, position_key
from posenc_jax.nn.cache import Cache, check_caches
from posenc_jax.nn.held import EncodingLike
from posenc_jax.nn.settings import NAMES, check_size, make_settings


@keywords.checked(*NAMES)
class TransformerLM(nnx.Module):
  """p(next token | tokens so far): embeddings, causal layers, logits.

  Args:
    vocabulary: V, the number of token ids.
    d_model: D.
    num_layers: how many layers.
    num_heads: N; None takes D // head_dim.
    encoding: None; one for all layers (its parameters shared, as T5 shares them); a list with one
      entry a layer, None allowed; or a factory ``(layer, key) -> encoding``. What acts on the
      embeddings (Sinusoidal, Learned, also inside a chain) acts once.
    tied: whether logits use the embedding's table (Vaswani et al., section 3.4).
    active_width: how many of the D columns are in use, an int or traced; None for all of them. See
      ``posenc_jax.nn.width``.
    rngs: keys of the parameters, stream ``params``.
    **settings: see ``Settings``: head_dim, kv_heads, d_ff, norm, activation, dropout, window,
      scale, implementation, dtype, param_dtype and what released models choose.

  Raises:
    ValueError: sizes that do not divide, unknown names, lists of a wrong length.
    TypeError: not an encoding, sizes that are not ints.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> model = TransformerLM(11, 16, 2, 2, encoding=px.Rotary(8), rngs=nnx.Rngs(0))
    >>> tokens = jnp.array([[1, 2, 3, 4]])
    >>> model(tokens).shape
    (1, 4, 11)
    >>> cache = model.init_cache(1, 8)                       # prefill, then one token
    >>> first, cache = model(tokens[:, :3], cache=cache)
    >>> last, cache = model(tokens[:, 3:], cache=cache)
    >>> bool(abs(last - model(tokens)[:, 3:]).max() < 1e-5)
    True
  """

  def __init__(self, vocabulary: int, d_model: int, num_layers: int, num_heads: int | None = None,
               *, encoding: EncodingLike = None, tied: bool = True, active_width=None,
               rngs: nnx.Rngs,
               **settings):
    vocabulary = check_size("vocabulary", vocabulary)
    s = make_settings(d_model, num_layers, num_heads, settings)
    active = s.active(active_width)
    self.embedding = layers_lib.Embedding(vocabulary, s, active, rngs=rngs)
    self.stack = Stack(s, causal=True, encoding=encoding, active_width=active_width, rngs=rngs)
    self.head = None if tied else layers_lib.Head(vocabulary, s, active, rngs=rngs)

  def __call__(self, tokens: jax.Array, positions=None, *, segments: jax.Array | None = None,
               mask: jax.Array | None = None, prefix: Any = None,
               cache: tuple[Cache, ...] | None = None, deterministic: bool | None = None,
               rngs: nnx.Rngs | None = None):
    """Logits of the token after each token.

    Args:
      tokens: int ``[..., T]``.
      positions: ``[..., T]`` (or what the encoding takes); None counts the real tokens of the
        same segment that came before, those in the cache included.
      segments: int ``[..., T]``: packed documents do not see each other.
      mask: bool ``[..., T]``, True on real tokens: padding, on either side, is not seen.
      prefix: None, or int ``[...]`` or one for all rows: so many first real tokens see each other
        both ways, as a prefix-LM reads its input (Raffel et al. 2020, arXiv 1910.10683, section
        3.2.1). With a cache the first call has the whole prefix, and later ones say it again.
      cache: None, or what ``init_cache`` or the previous call returned.
      deterministic: False turns dropout on; None is what ``model.train()`` or ``model.eval()`` said
        last, and off before.
      rngs: keys, made inside the trace: stream ``dropout``, and stream ``positions`` for encodings
        that draw positions (one key for all layers).

    Returns:
      ``[..., T, V]``, float32 at least; with a cache (logits, new cache). Rows of padding mean
      nothing.

    Raises:
      ValueError: shapes that do not fit, ids outside the table, a full cache, missing rngs.
      TypeError: dtypes of tokens, positions, segments or mask.
    """
    shape = tokens_lib.token_shape(tokens)
    check_caches(cache, len(self.stack.layers), shape[:-1])
    if prefix is not None:
      prefix = tokens_lib.check_prefix(shape, prefix, segments)
    segments, mask = tokens_lib.check_tokens(shape, segments, mask)
    if positions is None:
      first = None if cache is None else cache[0]
      positions = tokens_lib.count_positions(shape, segments, mask, first)
    x, cache = self.stack(
        self.embedding(tokens, self.stack.count), positions,
        segments=tokens_lib.visible_segments(shape, segments, mask), mask=mask, prefix=prefix,
        caches=cache, key=position_key(self.stack.encodings, rngs), deterministic=deterministic,
        rngs=rngs)
    logits = (self.embedding if self.head is None else self.head).logits(x)
    return logits if cache is None else (logits, cache)

  def init_cache(self, batch: int | tuple[int, ...], length: int, dtype=None, *,
                 positions=None, rollback: int = 0) -> tuple[Cache, ...]:
    """An empty cache for ``length`` tokens, padding included; one ``Cache`` a layer.

    Args:
      batch: size or sizes of the batch axes; () for none.
      length: S.
      dtype: of keys and values; None takes the model's dtype.
      positions: an example of one token's positions ``[1]`` or ``[1, P]``, if they will be given
        and are not int32 ``[..., T]``.
      rollback: the most tokens that ``Cache.crop`` takes back; see
        ``MultiHeadAttention.init_cache``.

    Returns:
      A PyTree, for ``cache=``.
    """
    return self.stack.init_cache(batch, length, dtype, positions=positions, rollback=rollback)


@keywords.checked(*NAMES)
class TransformerEncoder(nnx.Module):
  """Every token sees every token, unless ``causal``: embeddings and layers, no logits.

  Args:
    vocabulary: V; None if the model is called with embeddings instead of tokens.
    causal: whether later tokens are hidden, as in a decoder of given embeddings.
    token_types: None, or how many kinds of tokens there are, each with a learned row that is added
      to the embeddings of its tokens (BERT's first and second sentence).
    d_model, num_layers, num_heads, encoding, active_width, rngs: as in ``TransformerLM``.
    **settings: as in ``TransformerLM``.

  Example:
    >>> import jax.numpy as jnp, posenc_jax as px
    >>> model = TransformerEncoder(11, 16, 2, 2, encoding=px.Sinusoidal(16), rngs=nnx.Rngs(0))
    >>> model(jnp.array([[1, 2, 0]]), mask=jnp.array([[True, True, False]])).shape
    (1, 3, 16)
  """

  def __init__(self, vocabulary: int | None, d_model: int, num_layers: int,
               num_heads: int | None = None, *, encoding: EncodingLike = None,
               causal: bool = False, token_types: int | None = None, active_width=None,
               rngs: nnx.Rngs, **settings):
    causal = _errors.check_bool("causal", causal, "It shapes the program: pass a Python bool")
    s = make_settings(d_model, num_layers, num_heads, settings)
    if vocabulary is not None:
      vocabulary = check_size("vocabulary", vocabulary)
    self.embedding = None if vocabulary is None else layers_lib.Embedding(
        vocabulary, s, s.active(active_width), rngs=rngs)
    self.stack = Stack(s, causal=causal, encoding=encoding, active_width=active_width, rngs=rngs)
    self.dtype = s.dtype
    self.types = None if token_types is None else layers_lib.TokenTypes(
        token_types, s, s.active(active_width), rngs=rngs)

  def __call__(self, tokens: jax.Array, positions=None, *, segments: jax.Array | None = None,
               mask: jax.Array | None = None, token_types: jax.Array | None = None,
               deterministic: bool | None = None, rngs: nnx.Rngs | None = None) -> jax.Array:
    """States ``[..., T, D]`` of tokens ``[..., T]``, or of embeddings ``[..., T, D]``.

    Args:
      tokens: int ids, or embeddings if the model has no vocabulary.
      positions, segments, mask, deterministic, rngs: as in ``TransformerLM``.
      token_types: int ``[..., T]``, the kind of each token; None is 0 for all.
    """
    if self.embedding is None:
      x = _check_embeddings(tokens, self.stack.d_model).astype(self.dtype)
    else:
      x = self.embedding(tokens, self.stack.count)
    shape = x.shape[:-1]
    segments, mask = tokens_lib.check_tokens(shape, segments, mask)
    if self.types is not None:
      x = self.types(x, token_types)
    elif token_types is not None:
      raise _errors.value_error("token_types", "some", "None, as the model has one type of tokens",
                                "Build it with token_types=2")
    if positions is None:
      positions = tokens_lib.count_positions(shape, segments, mask)
    x, _ = self.stack(x, positions, segments=tokens_lib.visible_segments(shape, segments, mask),
                      mask=mask, key=position_key(self.stack.encodings, rngs),
                      deterministic=deterministic, rngs=rngs)
    return x


def _check_embeddings(x, d_model: int):
  wanted = f"embeddings, floats [..., T, {d_model}]"
  mend = "A model with vocabulary=None takes embeddings; else give its size"
  if not hasattr(x, "ndim"):
    raise _errors.type_error("tokens", _errors.describe(x), wanted, mend)
  if x.ndim < 2 or x.shape[-1] != d_model:
    raise _errors.value_error("tokens", f"shape {x.shape}", wanted, mend)
  if not jnp.issubdtype(x.dtype, jnp.floating):  # tokens, of rows as long as an embedding
    raise _errors.type_error("tokens", _errors.describe(x), wanted, mend)
  return x

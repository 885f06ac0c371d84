# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Multi-head attention with any encoding: to itself, to a memory, and with a cache.

Vaswani et al. 2017, "Attention Is All You Need", arXiv 1706.03762, section 3.2.2.
"""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _align, _errors
from posenc_jax.attention import IMPLEMENTATIONS, attend, attention_weights, prepare
from posenc_jax.attention.arguments import check_applied, check_names
from posenc_jax.base import MODEL_HOOKS, PREPARED, Encoding, check_encoding_argument
from posenc_jax.chain import chain
from posenc_jax.encodings.softmax.sink import Sink
from posenc_jax.nn import cache as cache_lib
from posenc_jax.nn import rollback as rollback_lib
from posenc_jax.nn import scoring
from posenc_jax.nn import settings as settings_lib
from posenc_jax.nn import width as width_lib
from posenc_jax.nn.cache import Cache
from posenc_jax.nn.draws import next_key
from posenc_jax.nn.held import HeldEncoding, Hyper
from posenc_jax.nn.layers import add_row, dropout_key, hold_rate, inverse_root
from posenc_jax.nn.tokens import both_segments, default_positions, of_keys, token_positions

# Hooks that a model runs once, before any layer.
ONCE_A_MODEL = ("positions", "inputs")


class MultiHeadAttention(nnx.Module):
  """out_h = softmax(scale (x W_q)(m W_k)^T + bias)(m W_v), joined by W_o; m is x or a memory.

  This module runs the encoding's hooks of a layer. It does not run ``positions`` and ``inputs``,
  which act once in a model: an encoding that answers them is refused, unless the call says by
  ``applied`` that they have been run.

  Args:
    d_model: D.
    num_heads: N; head_dim: H; kv_heads: K. As in ``Settings``.
    encoding: an encoding, a ``HeldEncoding``, or None.
    causal: whether tokens later in order are hidden.
    window, scale, implementation, dtype, param_dtype, qk_norm, qk_norm_place, soft_cap, sinks,
      norm_epsilon: as in ``Settings``.
    memory_dim: width of the memory; None for D, as in attention to itself.
    value_dim: width of the values of each head; None for H.
    bias: ``attention_bias`` of ``Settings``.
    qk_norm_one: whether gains of the norms of q and k are 1 + w.
    dropout: ``attention_dropout`` of ``Settings``.
    active_width: how many of the D columns are in use, an int or traced; None for all of them.
      See ``posenc_jax.nn.width``.
    rngs: keys of the parameters, stream ``params``.

  Raises:
    ValueError: heads that do not divide, unknown names.
    TypeError: not an encoding, sizes that are not ints.

  Example:
    >>> import posenc_jax as px
    >>> mha = MultiHeadAttention(16, 2, encoding=px.Rotary(8), causal=True, rngs=nnx.Rngs(0))
    >>> mha(jnp.ones((3, 5, 16))).shape
    (3, 5, 16)
    >>> cache = mha.init_cache(3, 8)
    >>> out, cache = mha(jnp.ones((3, 2, 16)), cache=cache)
    >>> int(cache.index)
    2
  """

  def __init__(self, d_model: int, num_heads: int | None = None, *, head_dim: int | None = None,
               kv_heads: int | None = None, encoding: Encoding | HeldEncoding | None = None,
               causal: bool = False, window=None, scale: float | None = None,
               implementation: str = "auto", dtype=None, param_dtype=jnp.float32,
               memory_dim: int | None = None, value_dim: int | None = None,
               bias: str = "none", qk_norm: str = "none", qk_norm_place: str = "before",
               qk_norm_one: bool = False, norm_epsilon: float = 1e-6,
               soft_cap: float | None = None, sinks: bool = False, dropout: Any = 0.0,
               active_width=None, rngs: nnx.Rngs):
    d_model = settings_lib.check_size("d_model", d_model)
    n, h, k = settings_lib.resolve_heads(d_model, num_heads, head_dim, kv_heads)
    self.dtype, param_dtype = settings_lib.resolve_dtypes(dtype, param_dtype)
    active = settings_lib.active_counts(active_width, d_model, n, k, d_model)
    self.d_model, self.causal = d_model, causal
    self.window = settings_lib.check_window(window)
    _errors.check_choice("implementation", implementation, IMPLEMENTATIONS)
    self.scale, self.implementation = scale, implementation
    self.active_width = None if active_width is None else Hyper(
        jnp.asarray(active_width, jnp.int32))
    done = isinstance(encoding, HeldEncoding | None)
    self.encoding = encoding if done else HeldEncoding(encoding)

    self.memory_dim, other = d_model, active.d_model
    if memory_dim is not None:
      self.memory_dim = other = settings_lib.check_size("memory_dim", memory_dim)
    hv = h if value_dim is None else settings_lib.check_size("value_dim", value_dim)

    def project(heads, used, width, rows, active_rows):
      return nnx.Param(width_lib.draw(
          next_key(rngs, "params"), (rows, heads, width), scale=inverse_root(active_rows),
          active=(active_rows, used, None), dtype=param_dtype))

    self.query = project(n, active.num_heads, h, d_model, active.d_model)
    self.key = project(k, active.kv_heads, h, self.memory_dim, other)
    self.value = project(k, active.kv_heads, hv, self.memory_dim, other)
    self.out = nnx.Param(width_lib.draw(
        next_key(rngs, "params"), (n, hv, d_model), scale=inverse_root(active.num_heads * hv),
        active=(active.num_heads, None, active.d_model), rows=2, dtype=param_dtype))
    for name, value, choices in (("bias", bias, settings_lib.BIASES),
                                 ("qk_norm", qk_norm, settings_lib.QK_NORMS),
                                 ("qk_norm_place", qk_norm_place, settings_lib.PLACES)):
      _errors.check_choice(name, value, choices)
    settings_lib.check_rate("dropout", dropout)
    zeros = lambda *shape: nnx.Param(jnp.zeros(shape, param_dtype))
    some = bias != "none"
    self.query_bias = zeros(n, h) if some else None
    self.key_bias, self.value_bias = (zeros(k, h), zeros(k, hv)) if some else (None, None)
    self.out_bias = zeros(d_model) if bias == "all" else None
    self.qk_norm = None if qk_norm == "none" else scoring.QKNorm(
        qk_norm, n, k, h, one=qk_norm_one, epsilon=norm_epsilon, dtype=param_dtype)
    self.norm_after, self.soft_cap = qk_norm_place == "after", soft_cap
    self.sinks = zeros(n) if sinks else None
    self.rate = hold_rate(dropout)
    self.deterministic = True  # train() and eval() of NNX set it

  def __call__(self, x: jax.Array, memory: jax.Array | Cache | None = None, *, positions=None,
               memory_positions=None, segments=None, mask: jax.Array | None = None, prefix=None,
               cache: Cache | None = None, encoding: Encoding | None = None,
               applied: tuple[str, ...] = (), deterministic: bool | None = None,
               rngs: nnx.Rngs | None = None):
    """Attends from x to x, to a memory, or to x and what a cache holds.

    Args:
      x: ``[..., T, D]``.
      memory: None; ``[..., S, D]``; or what ``remember`` made of one.
      positions: ``[..., T]`` or what the encoding takes; None is 0, 1, .. (after the cache). An
        encoding that reads no positions needs none.
      memory_positions: ``[..., S]``; None is 0, 1, ..
      segments: int ``[..., T]`` or a pair for T and S; see ``attend``. With a cache the pair is
        (of the queries, of the new keys), where ``PADDING_SEGMENT`` marks padding.
      mask: bool ``[..., 1 or N, T, S]``, True where visible; S counts the slots of a cache. A mask
        ``[B, T, S]`` is refused, also where B is N: write ``mask[:, None]``.
      prefix: None or int ``[...]``: so many first tokens that are no padding, those in the cache
        included, are visible to every query, whatever ``causal`` and ``window`` say.
      cache: None, or a cache that the new tokens are appended to.
      encoding: takes the place of the module's own.
      applied: which of the encoding's ``positions`` and ``inputs`` the caller has run.
      deterministic, rngs: for dropout of the weights of attention to itself, as in
        ``TransformerLM``; None is what ``train()`` or ``eval()`` said last.

    Returns:
      ``[..., T, D]``, and the new cache if there was one.

    Raises:
      ValueError: shapes that do not fit, positions of a wrong length, a full cache, an encoding
        whose heads do not match, one with hooks that nobody has run, one that answers ``layer``
        in attention to a memory.
    """
    x = self._checked(x, "x")
    encoding = self._chosen(encoding, applied)
    cache_lib.check_memory_arguments(memory, memory_positions, segments)
    if memory is None and self.memory_dim != self.d_model:
      raise _errors.value_error("memory", None, f"[..., S, {self.memory_dim}]",
                                "Attention to itself reads d_model columns: leave out memory_dim")
    if memory is None:
      encoding = self._dropped(encoding, deterministic, rngs)
      if cache is None:
        return self._attend_whole(x, encoding, positions, segments, mask, prefix)
      return self._attend_cached(x, encoding, positions, segments, mask, prefix, cache)
    if prefix is not None:
      raise _errors.value_error("prefix", "one with a memory", "None", "A memory is seen whole")
    if cache is not None:
      raise _errors.value_error("cache", "a cache and a memory", "one of them",
                                "A memory is kept by remember(memory)")
    if not isinstance(memory, Cache):
      if segments is not None and not isinstance(segments, tuple):
        raise _errors.value_error("segments", "one array", "a pair (queries, memory)",
                                  "Pass segments=(.., ..)")
      memory = self._remember(memory, encoding, memory_positions,
                              None if segments is None else segments[1])
    return self._attend_memory(x, encoding, positions, segments, mask, memory)

  def weights(self, x: jax.Array, *, positions=None, segments=None, mask: jax.Array | None = None,
              prefix=None, encoding: Encoding | None = None, applied: tuple[str, ...] = ()
              ) -> jax.Array:
    """The weights of attention from x to itself, dense: ``[..., N, T, T]``, for pictures.

    Args:
      x, positions, segments, mask, prefix, encoding, applied: as in the call.

    Raises:
      ValueError: as the call.

    Example:
      >>> from flax import nnx
      >>> attention = MultiHeadAttention(8, 2, causal=True, rngs=nnx.Rngs(0))
      >>> attention.weights(jnp.ones((3, 8)))[0].round(2).tolist()
      [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.33, 0.33, 0.33]]
    """
    x, encoding = self._checked(x, "x"), self._chosen(encoding, applied)
    positions = default_positions(x.shape[-2]) if positions is None else positions
    order = self._whole_order(x, segments, prefix)
    x, at, _ = self._run_layer(encoding, x, positions, None, of_keys(segments))
    q, k, _ = self._prepared(*self._project(x), encoding, at, at)
    options = self._options((at, at), (order, order), segments, mask, PREPARED)
    return attention_weights(q, k, encoding, prefix=prefix, **options)

  def remember(self, memory: jax.Array, positions=None, *, segments: jax.Array | None = None,
               encoding: Encoding | None = None, applied: tuple[str, ...] = ()) -> Cache:
    """Keys and values of a memory, made once for all the steps of a decoder.

    Args:
      memory: ``[..., S, D]``.
      positions: ``[..., S]``; None is 0, 1, ..
      segments: None or int ``[..., S]``.
      encoding: takes the place of the module's own.
      applied: as in the call.

    Returns:
      A full cache, to pass as ``memory``.

    Raises:
      ValueError: a shape that does not fit; an encoding as in the call.
    """
    return self._remember(memory, self._chosen(encoding, applied), positions, segments)

  def init_cache(self, batch: int | tuple[int, ...], length: int, dtype=None, *, positions=None,
                 encoding: Encoding | None = None, rollback: int = 0) -> Cache:
    """An empty cache.

    Args:
      batch: size or sizes of the batch axes; () for none.
      length: S, the most tokens it can hold, padding included.
      dtype: of keys and values; None takes the module's dtype.
      positions: an example of one token's positions ``[1]`` or ``[1, P]``; None for int32 ``[1]``.
      encoding: takes the place of the module's own.
      rollback: the most tokens that ``crop`` takes back at once. It matters to encodings that carry
        a state from token to token, which then read the last ``rollback`` tokens of every call one
        by one; all others can be cut anywhere.

    Returns:
      A ``Cache``.
    """
    batch = cache_lib.batch_axes(batch)
    rollback = _errors.check_int("rollback", rollback, "an int, at least 0",
                                 "It is how many tokens crop may take back", least=0)
    length = settings_lib.check_size("length", length)
    encoding = self._chosen(encoding, ONCE_A_MODEL)
    positions = default_positions(1) if positions is None else positions

    def one(x):
      x, at, carry = self._run_layer(encoding, x, positions, None, None)
      _, k, v = self._prepared(*self._project(x), encoding, at, at)
      k, v = (y.astype(dtype or self.dtype) for y in (k, v))
      return Cache(k, v, jax.tree.map(jnp.asarray, at), None, jnp.int32(0), carry)

    shapes = jax.eval_shape(one, jax.ShapeDtypeStruct((*batch, 1, self.d_model), self.dtype))
    return cache_lib.empty_cache(shapes, batch, length, rollback)

  def _attend_whole(self, x, encoding, positions, segments, mask, prefix):
    """x to itself, no token before it."""
    positions = default_positions(x.shape[-2]) if positions is None else positions
    order = self._whole_order(x, segments, prefix)
    x, at, _ = self._run_layer(encoding, x, positions, None, of_keys(segments))
    qkv, applied = self._project(x), ()
    if self.qk_norm is not None and self.norm_after:
      qkv, applied = self._prepared(*qkv, encoding, at, at), PREPARED
    out = self._attend(*qkv, encoding, (at, at), (order, order), segments, mask, applied, prefix)
    return self._join(out)

  @staticmethod
  def _whole_order(x, segments, prefix):
    """The order of x's tokens; padding counts nothing where a prefix is counted."""
    if prefix is not None and isinstance(segments, tuple):
      return cache_lib.real_order(jnp.asarray(segments[1]))
    return default_positions(x.shape[-2])

  def _attend_cached(self, x, encoding, positions, segments, mask, prefix, cache):
    """x to itself and to the tokens in a cache: (out, the cache with x appended)."""
    t = x.shape[-2]
    cache_lib.check_batch(cache, x.shape[:-2])
    if positions is None:
      positions = cache.index + default_positions(t)
    x, at, carry, *before = self._run_layer(encoding, x, positions, cache.carry,
                                            of_keys(segments), cache.history)
    q, k, v = self._prepared(*self._project(x), encoding, at, at)
    q_segments, k_segments = both_segments(segments, x.shape[:-1])
    cache = cache_lib.append(cache, k, v, at, k_segments, carry, *before)
    order = cache_lib.slot_order(cache, t, count=self.window is not None or prefix is not None)
    out = self._attend(q, cache.keys.astype(q.dtype), cache.values.astype(q.dtype), encoding,
                       (at, cache.positions), order, (q_segments, cache.segments), mask,
                       PREPARED, prefix)
    out = cache_lib.poison_overflow(cache, self._join(out))
    return out if prefix is None else cache_lib.poison_prefix(cache, prefix, out), cache

  def _attend_memory(self, x, encoding, positions, segments, mask, memory):
    """x to a remembered memory."""
    check_cross(encoding, "encoding")
    order = default_positions(x.shape[-2]), default_positions(memory.length)
    positions = order[0] if positions is None else positions
    at = token_positions(encoding, positions, x.ndim - 2, x.shape[-2])
    q = self._queries(x)
    k, v = memory.keys.astype(q.dtype), memory.values.astype(q.dtype)
    # The keys were transformed by ``remember``, so zeros stand in their place here.
    keys = jnp.zeros((*q.shape[:-2], k.shape[-2], q.shape[-1]), q.dtype)
    q, _, _ = self._prepared(q, keys, keys, encoding, at, at)
    queries = segments[0] if isinstance(segments, tuple) else segments
    if memory.segments is None and queries is not None:
      raise _errors.value_error("segments", "ids of the queries alone", "a pair (queries, memory)",
                                "Pass segments=(.., ..), or segments= to remember")
    if memory.segments is not None:
      queries = jnp.zeros(x.shape[:-1], jnp.int32) if queries is None else queries
      segments = (queries, memory.segments)
    out = self._attend(q, k, v, encoding, (at, memory.positions), order, segments, mask,
                       applied=PREPARED)
    return self._join(out)

  def _remember(self, memory, encoding, positions, segments) -> Cache:
    memory = self._checked(memory, "memory", self.memory_dim)
    check_cross(encoding, "encoding")
    s = memory.shape[-2]
    positions = default_positions(s) if positions is None else positions
    at = token_positions(encoding, positions, memory.ndim - 2, s)
    k, v = self._keys(memory), self._heads(memory, self.value, self.value_bias)
    # Keys are transformed before any query is known, so zeros stand in the place of the queries.
    queries = jnp.zeros((*k.shape[:-2], self.query.shape[-2], k.shape[-1]), k.dtype)
    _, k, v = self._prepared(queries, k, v, encoding, at, at)
    if segments is not None:
      segments = jnp.asarray(_align.numbers(segments, "segments"))
    return Cache(k, v, at, segments, jnp.int32(s), None)

  def _run_layer(self, encoding, x, positions, carry, segments, history=None):
    """(x, positions, carry) after the encoding's ``layer``; positions () where none are read.

    With a history of carries, what was carried before each of the last tokens follows.
    """
    positions = token_positions(encoding, positions, x.ndim - 2, x.shape[-2])
    if not encoding.has("layer"):
      return x, positions, carry
    if segments is not None:
      segments = _align.align_array(segments, x.ndim - 2, x.shape[-2], 0, "segments", real=False)
    before: list[Any] = []
    if history is None:
      x, positions, carry = encoding.layer(x, positions, carry=carry, segments=segments)
    else:
      x, positions, carry, *before = rollback_lib.run(encoding, x, positions, carry, segments,
                                                      history)
    if self.active_width is not None:  # else surplus rows of the kernels would get gradients
      x = width_lib.keep(x, (None,) * (x.ndim - 1) + (self.active_width[...],))
    return x.astype(self.dtype), positions, carry, *before

  def _chosen(self, encoding, applied) -> Encoding:
    """The encoding of a call, refused if it has hooks that were not run."""
    if encoding is None:
      encoding = Encoding() if self.encoding is None else self.encoding.encoding
    encoding = check_encoding_argument(encoding)
    applied = check_names(applied)
    for name in applied:
      _errors.check_choice("applied", name, ONCE_A_MODEL)
    check_applied(encoding, (*applied, "layer"))
    more: list[Encoding] = [] if self.soft_cap is None else [scoring.SoftCap(self.soft_cap)]
    if self.sinks is not None:
      more.append(Sink(self.sinks[...]))
    return chain(encoding, *more) if more else encoding

  def _dropped(self, encoding, deterministic, rngs) -> Encoding:
    """The encoding with dropout of its weights, if there is any."""
    deterministic = self.deterministic if deterministic is None else deterministic
    rate = self.rate[...] if isinstance(self.rate, Hyper) else self.rate
    if deterministic or (isinstance(rate, int | float) and not rate):
      return encoding
    return scoring.DroppedWeights(encoding, rate, dropout_key(rngs))

  def _checked(self, x, argument, width=None):
    width, name = (self.d_model, "d_model") if width in (None, self.d_model) else (
        width, "memory_dim")
    if not hasattr(x, "ndim") or not jnp.issubdtype(x.dtype, jnp.floating):
      raise _errors.type_error(argument, _errors.describe(x), f"floats [..., T, {width}]",
                               "Embed tokens first; convert lists with jnp.asarray")
    if x.ndim < 2 or x.shape[-1] != width:
      raise _errors.value_error(argument, f"shape {x.shape}", f"[..., T, {width}]",
                                f"The module was built with {name}={width}")
    return x.astype(self.dtype)

  def _project(self, x):
    return self._queries(x), self._keys(x), self._heads(x, self.value, self.value_bias)

  def _queries(self, x):
    q = self._heads(x, self.query, self.query_bias)
    norm = None if self.norm_after else self.qk_norm
    return q if norm is None else norm.of_queries(q, self._used(q))

  def _keys(self, x):
    k = self._heads(x, self.key, self.key_bias)
    norm = None if self.norm_after else self.qk_norm
    return k if norm is None else norm.of_keys(k, self._used(k))

  def _prepared(self, q, k, v, encoding, q_positions, k_positions):
    """``prepare`` and the norms that stand after it."""
    q, k, v = prepare(q, k, v, encoding, q_positions, k_positions)
    if self.qk_norm is None or not self.norm_after:
      return q, k, v
    return (self.qk_norm.of_queries(q, self._used(q)), self.qk_norm.of_keys(k, self._used(k)), v)

  def _used(self, x):
    """How many columns of all heads are in use; None for all."""
    if self.active_width is None:
      return None
    return self.active_width[...] * (x.shape[-2] * x.shape[-1]) // self.d_model

  def _heads(self, x, kernel, bias):
    y = jnp.einsum("...td,dnh->...tnh", x, kernel[...].astype(self.dtype))
    return y if bias is None else add_row(y, bias[...].astype(self.dtype))

  def _join(self, out):
    if self.active_width is not None:
      # An encoding may put values of its own into surplus heads (Shaw): their rows must stay zero.
      count = self.active_width[...] * out.shape[-2] // self.d_model
      out = width_lib.keep(out, (None,) * (out.ndim - 2) + (count, None))
    y = jnp.einsum("...tnh,nhd->...td", out, self.out[...].astype(self.dtype))
    return y if self.out_bias is None else add_row(y, self.out_bias[...].astype(self.dtype))

  def _attend(self, q, k, v, encoding, positions, order, segments, mask, applied=(), prefix=None):
    whole = isinstance(encoding, scoring.DroppedWeights)
    return attend(q, k, v, encoding, implementation="reference" if whole else self.implementation,
                  prefix=prefix, **self._options(positions, order, segments, mask, applied))

  def _options(self, positions, order, segments, mask, applied) -> dict[str, Any]:
    return dict(q_positions=positions[0], k_positions=positions[1], q_order=order[0],
                k_order=order[1], causal=self.causal, window=self.window, segments=segments,
                mask=mask, scale=self.scale, applied=MODEL_HOOKS + applied)


def check_cross(encoding: Encoding, argument: str) -> None:
  """Refuses what attention to a memory cannot run.

  ``layer`` acts on one sequence and carries its state from chunk to chunk; queries and memory are
  two sequences, and a decoder keeps no state of the queries for its attention to the memory.

  Raises:
    ValueError: an encoding that answers ``layer``.
  """
  if encoding.has("layer"):
    acts = next(type(e).__name__ for e, _, _ in encoding.parts() if e.has("layer"))
    raise _errors.value_error(argument, f"{acts}, which answers layer, with a memory",
                              "an encoding that acts on queries and keys alone",
                              "Use it in self-attention")

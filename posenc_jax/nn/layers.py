# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The small parts of a Transformer besides attention: embedding, feed-forward, dropout, logits."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from posenc_jax import _align, _errors, _numerics
from posenc_jax.encodings import _checks
from posenc_jax.nn import width as width_lib
from posenc_jax.nn.draws import next_key
from posenc_jax.nn.held import Hyper
from posenc_jax.nn.settings import ACTIVATIONS, Active, Settings


def dropout(x: jax.Array, rate: Any, key: jax.Array) -> jax.Array:
  """Zeroes a share ``rate`` of x and divides the rest by 1 - rate.

  Args:
    x: any array.
    rate: in [0, 1), may be traced.
    key: a PRNG key.

  Returns:
    Like x; its expectation is x.

  Raises:
    TypeError, ValueError: no PRNG key, several of them.

  Example:
    >>> sorted(set(dropout(jnp.ones(64), 0.5, jax.random.key(0)).tolist()))
    [0.0, 2.0]
  """
  _checks.key(key)
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
  return dropout(x, rate, dropout_key(rngs))


def dropout_key(rngs: nnx.Rngs | None) -> jax.Array:
  """The next key of the stream ``dropout``."""
  if rngs is None:
    raise _errors.value_error("rngs", None, "keys for dropout, as deterministic=False or after "
                              "train()", "Pass rngs=nnx.Rngs(dropout=key)")
  return next_key(rngs, "dropout")


@dataclasses.dataclass(frozen=True)
class Gate:
  """What stands between the two products of a feed-forward.

  Args:
    activation, gated, clip: ``activation``, ``gated`` and ``gate_clip`` of ``Settings``.

  Example:
    >>> Gate("relu", True)(jnp.array([3.0, 3.0]), jnp.array([2.0, -1.0])).tolist()
    [6.0, 0.0]
  """

  activation: str
  gated: bool
  clip: float | None = None

  def __call__(self, up: jax.Array, gate: jax.Array | None) -> jax.Array:
    act = ACTIVATIONS[self.activation]
    if gate is None:
      return act(up)
    if self.clip is None:
      return act(gate) * up
    c = jnp.asarray(self.clip, up.dtype)
    return act(jnp.minimum(gate, c)) * (jnp.clip(up, -c, c) + jnp.asarray(1, up.dtype))


class FeedForward(nnx.Module):
  """activation(x W_1 + b_1) W_2 + b_2 (Vaswani et al. 2017, equation 2), or gated.

  Gated it is (activation(x W_g) * (x W_1)) W_2 (Shazeer 2020, arXiv 2002.05202, equation 6), with
  biases where the settings have them.

  Args:
    settings: sizes, activation and dtypes.
    active: counts in use.
    rngs: keys of the parameters.
  """

  def __init__(self, settings: Settings, active: Active, *, rngs: nnx.Rngs):
    d, f, dtype = settings.d_model, settings.d_ff, settings.param_dtype
    self.act, self.dtype = Gate(settings.activation, settings.gated,
                                settings.gate_clip), settings.dtype
    biased = settings.feed_forward_bias

    def widen():
      return nnx.Param(width_lib.draw(
          next_key(rngs, "params"), (d, f), scale=inverse_root(active.d_model),
          active=(active.d_model, active.d_ff), dtype=dtype))

    def bias(size):
      return nnx.Param(jnp.zeros((size,), dtype)) if biased else None

    self.up, self.up_bias = widen(), bias(f)
    self.down = nnx.Param(width_lib.draw(
        next_key(rngs, "params"), (f, d), scale=inverse_root(active.d_ff),
        active=(active.d_ff, active.d_model), dtype=dtype))
    self.down_bias = bias(d)
    self.gate = widen() if settings.gated else None
    self.gate_bias = bias(f) if settings.gated else None

  def __call__(self, x: jax.Array) -> jax.Array:
    gate = None if self.gate is None else self._affine(x, self.gate, self.gate_bias)
    hidden = self.act(self._affine(x, self.up, self.up_bias), gate)
    return self._affine(hidden, self.down, self.down_bias)

  def _affine(self, x, kernel, bias):
    y = times(x, kernel[...].astype(self.dtype))
    return y if bias is None else add_row(y, bias[...].astype(self.dtype))


class Embedding(nnx.Module):
  """A row of a table for each token, times sqrt(D) (Vaswani et al. 2017, section 3.4) or a scale.

  Args:
    vocabulary: V, the number of token ids.
    settings: sizes and dtypes.
    active: counts in use.
    rngs: keys of the parameters.
  """

  def __init__(self, vocabulary: int, settings: Settings, active: Active, *, rngs: nnx.Rngs):
    self.dtype, self.scale = settings.dtype, settings.embedding_scale
    self.finish = Logits(settings.logit_scale, settings.logit_cap)
    self.table = nnx.Param(width_lib.draw(
        next_key(rngs, "params"), (vocabulary, settings.d_model),
        scale=inverse_root(active.d_model), active=(None, active.d_model),
        dtype=settings.param_dtype))

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
    scale = root(count) if self.scale is None else jnp.asarray(self.scale)
    return x.astype(self.dtype) * scale.astype(self.dtype)

  def logits(self, x: jax.Array) -> jax.Array:
    """x ``[..., T, D]`` times the table: ``[..., T, V]`` in float32 at least."""
    return self.finish(to_logits(x, self.table[...].T))


class TokenTypes(nnx.Module):
  """A learned row for each type of token, added to its embedding (Devlin et al. 2018, figure 2).

  Args:
    types: how many.
    settings: sizes and dtypes.
    active: counts in use.
    rngs: keys of the parameters.
  """

  def __init__(self, types: int, settings: Settings, active: Active, *, rngs: nnx.Rngs):
    types = _errors.check_int("token_types", types, "an int, at least 1", "BERT has 2", least=1)
    self.table = nnx.Param(width_lib.draw(
        next_key(rngs, "params"), (types, settings.d_model), scale=0.02,
        active=(None, active.d_model), dtype=settings.param_dtype))

  def __call__(self, x: jax.Array, types: jax.Array | None) -> jax.Array:
    """x ``[..., T, D]`` and types int ``[..., T]`` to x; a type out of the table is NaN."""
    table = self.table[...].astype(x.dtype)
    if types is None:
      return add_row(x, table[0])
    kinds: Any = _align.numbers(types, "token_types")
    if kinds.shape != x.shape[:-1]:
      raise _errors.value_error("token_types", f"shape {kinds.shape}", f"{x.shape[:-1]}",
                                "Give one for every token")
    known = _numerics.known(kinds)
    if known is not None and known.size and not 0 <= known.min() <= known.max() < len(table):
      raise _errors.value_error("token_types", f"{known.min()} to {known.max()}",
                                f"types in [0, {len(table)})", "BERT has 0 and 1")
    kinds = jnp.where(jnp.asarray(kinds) < 0, len(table), jnp.asarray(kinds))
    return x + jnp.take(table, kinds, axis=0, mode="fill", fill_value=math.nan)


class Head(nnx.Module):
  """The output table of a model that does not reuse its embedding's.

  Args:
    vocabulary: V.
    settings: sizes and dtypes.
    active: counts in use.
    rngs: keys of the parameters.
  """

  def __init__(self, vocabulary: int, settings: Settings, active: Active, *, rngs: nnx.Rngs):
    self.finish = Logits(settings.logit_scale, settings.logit_cap)
    self.kernel = nnx.Param(width_lib.draw(
        next_key(rngs, "params"), (settings.d_model, vocabulary),
        scale=inverse_root(active.d_model), active=(active.d_model, None),
        dtype=settings.param_dtype))

  def logits(self, x: jax.Array) -> jax.Array:
    """x ``[..., T, D]`` to ``[..., T, V]`` in float32 at least."""
    return self.finish(to_logits(x, self.kernel[...]))


@dataclasses.dataclass(frozen=True)
class Logits:
  """What becomes of logits after the product: a factor (Cohere), and c tanh(logits / c) (Gemma 2).

  Args:
    scale: the factor.
    cap: c, or None.
  """

  scale: float
  cap: float | None

  def __call__(self, logits: jax.Array) -> jax.Array:
    if self.scale != 1.0:
      logits = logits * jnp.asarray(self.scale, logits.dtype)
    return logits if self.cap is None else soft_cap(logits, self.cap)


def soft_cap(x: jax.Array, cap: float) -> jax.Array:
  """c tanh(x / c): nearly x for small x, never beyond c.

  Example:
    >>> soft_cap(jnp.array([0.0, 1e6]), 30.0).tolist()
    [0.0, 30.0]
  """
  c = jnp.asarray(cap, x.dtype)
  return c * jnp.tanh(x / c)


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


def add_row(x: jax.Array, row: jax.Array) -> jax.Array:
  """x ``[..., D]`` plus a row ``[D]``, without promotion of ranks."""
  return x + row.reshape((1,) * (x.ndim - row.ndim) + row.shape)


def root(count) -> jax.Array:
  """sqrt of a count, known or traced, in float32."""
  return jnp.sqrt(jnp.asarray(count, jnp.float32))


def inverse_root(count):
  """1 / sqrt of a count: the scale of a draw with that fan-in."""
  if isinstance(count, int):
    return 1 / math.sqrt(count)
  return jax.lax.rsqrt(jnp.asarray(count, jnp.float32))

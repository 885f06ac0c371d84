# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""The next token from logits: the likeliest, or a draw among the likely ones.

Fan et al. 2018, arXiv 1805.04833 (top k); Holtzman et al. 2019, arXiv 1904.09751 (top p).
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.encodings import _checks


def check_sampling(key: Any, temperature: Any, top_k: Any, top_p: Any, vocabulary: int | None = None
                   ) -> bool:
  """Whether to take the likeliest token instead of drawing one; raises unless the choices fit.

  Raises:
    TypeError: a top_k that is no int, a temperature or top_p that is no number, no PRNG key.
    ValueError: a draw without a key, several keys, numbers out of range, choices that would
      not be used.
  """
  for name, value in (("temperature", temperature), ("top_p", top_p)):
    if value is not None and (isinstance(value, bool | str) or jnp.ndim(value)):
      raise _errors.type_error(name, _errors.describe(value), "a number", "Pass one for all rows")
  heat, share = _numerics.known(temperature), None if top_p is None else _numerics.known(top_p)
  if heat is not None and not (np.isfinite(heat) and heat >= 0):
    raise _errors.value_error("temperature", temperature, "a finite number, at least 0",
                              "0 takes the likeliest token")
  if share is not None and not 0 < share <= 1:
    raise _errors.value_error("top_p", top_p, "a share in (0, 1]", "Holtzman et al. use 0.9")
  if top_k is not None:
    _errors.check_int("top_k", top_k, "an int, at least 1", "Fan et al. use 10", least=1)
    if vocabulary is not None and top_k > vocabulary:
      raise _errors.value_error("top_k", top_k, f"at most the {vocabulary} tokens there are",
                                "None draws among all")
  if key is not None:
    _checks.key(key)
  if heat is None or heat > 0:
    if key is None:
      raise _errors.value_error("key", None, "a PRNG key, as tokens are drawn",
                                "Pass key=jax.random.key(seed), or temperature=0 for the likeliest")
    return False
  for name, value in (("top_k", top_k), ("top_p", top_p)):
    if value is not None:
      raise _errors.value_error(name, f"{value} at temperature 0", "None",
                                "The likeliest token is always taken: raise the temperature")
  return True


def sample(logits: jax.Array, *, key: jax.Array | None = None, temperature: Any = 1.0,
           top_k: int | None = None, top_p: Any = None) -> jax.Array:
  """A token for each row of logits.

  Args:
    logits: ``[..., V]``.
    key: a PRNG key; None only at temperature 0.
    temperature: divides the logits; 0 takes the likeliest token. May be traced, if above 0.
    top_k: None, or how many of the likeliest tokens are drawn from; ties with the last one count.
    top_p: None, or draws from the fewest tokens whose probabilities reach this sum, after top_k.

  Returns:
    int32 ``[...]``; -1, which is no token, for a row of which a logit is NaN.

  Raises:
    TypeError, ValueError: choices out of range, missing, or of no effect.

  Example:
    >>> logits = jnp.log(jnp.array([0.5, 0.3, 0.2]))
    >>> int(sample(logits, temperature=0))
    0
    >>> keys = jax.random.split(jax.random.key(0), 64)
    >>> sorted({int(sample(logits, key=key, top_p=0.7)) for key in keys})
    [0, 1]
  """
  if not hasattr(logits, "ndim") or not jnp.issubdtype(logits.dtype, jnp.floating) or (
      not logits.ndim):
    raise _errors.type_error("logits", _errors.describe(logits), "floats [..., V]",
                             "Pass what the model returned")
  if check_sampling(key, temperature, top_k, top_p, logits.shape[-1]):
    token = jnp.argmax(logits, axis=-1)
  else:
    assert key is not None, "check_sampling has seen to it"
    token = jax.random.categorical(key, _likely(logits, temperature, top_k, top_p), axis=-1)
  return jnp.where(jnp.isnan(logits).any(axis=-1), jnp.int32(-1), token.astype(jnp.int32))


def _likely(logits, temperature, top_k, top_p) -> jax.Array:
  """Logits at this temperature, -inf on tokens that are not drawn from."""
  logits = logits.astype(_numerics.wide(logits))
  logits = logits / jnp.asarray(temperature, logits.dtype)
  if top_k is not None:
    least = jax.lax.top_k(logits, top_k)[0][..., -1:]
    logits = jnp.where(logits < least, -jnp.inf, logits)
  if top_p is not None:
    logits = _nucleus(logits, jnp.asarray(top_p, logits.dtype))
  return logits


def _nucleus(logits: jax.Array, share: jax.Array) -> jax.Array:
  """-inf on tokens before which, in order of likelihood, ``share`` has been reached."""
  order = jnp.argsort(-logits, axis=-1)
  p = jax.nn.softmax(jnp.take_along_axis(logits, order, axis=-1), axis=-1)
  before = jnp.cumsum(p, axis=-1) - p
  rank = jnp.argsort(order, axis=-1)
  return jnp.where(jnp.take_along_axis(before, rank, axis=-1) < share, logits, -jnp.inf)

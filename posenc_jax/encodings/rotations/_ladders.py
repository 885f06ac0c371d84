# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""Edits of frequencies that keep exact ones exact, and traced ones traced."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, phases


def kept(frequencies: Any, keep: Any) -> Any:
  """The frequencies where ``keep`` is True, 0 elsewhere; words of exact ones stay as they are."""
  if isinstance(frequencies, phases.Frequencies):
    return jax.tree.map(lambda words: np.where(keep, words, np.uint32(0)), frequencies)
  return jnp.where(keep, frequencies, jnp.zeros((), frequencies.dtype))


def scaled(frequencies: Any, factors: Any) -> Any:
  """The frequencies times known factors that broadcast against them."""
  if isinstance(frequencies, phases.Frequencies):
    return phases.frequencies(frequencies.radians * factors)
  return frequencies * jnp.asarray(factors, frequencies.dtype)


def joined(parts: list) -> Any:
  """Frequencies one after the other along the last axis."""
  if all(isinstance(f, phases.Frequencies) for f in parts):
    return jax.tree.map(lambda *words: np.concatenate(words, axis=-1), *parts)
  return jnp.concatenate([
    jnp.asarray(f.float32() if isinstance(f, phases.Frequencies) else f) for f in parts], axis=-1)


def turns_within(frequencies: Any, length: Any) -> Any:
  """Whether each pair completes more than one turn within ``length`` positions."""
  _errors.check_positive("train_length", length, "Pass the length of training sequences")
  exact = isinstance(frequencies, phases.Frequencies)
  return (frequencies.radians if exact else frequencies) > 2 * math.pi / length

# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""A tiny attention layer (random projections, two examples, eight tokens) around an encoding."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax.attention import attend, prepare
from posenc_jax.base import MODEL_HOOKS, PREPARED, Encoding

ALL_HOOKS = (*MODEL_HOOKS, *PREPARED)


def _same(index):
  return index


@dataclasses.dataclass(frozen=True)
class Case:
  """An encoding and the sizes at which it is tried.

  Attributes:
    encoding: for ``heads`` query heads of ``head_dim`` dims and embeddings of ``d_model`` columns.
    heads, kv_heads, head_dim, d_model: N, K, H and D.
    make_positions: maps token positions int32 ``[..., T]`` to what the encoding takes, for
      instance three axes; identity by default.
    key: passed to the ``positions`` hook.
    causal: whether to test with causal attention; False for encodings of both directions.
    tolerance: of float32 runs that must agree.
    far: whether the encoding takes any position; False for tables of few rows.
  """

  encoding: Encoding
  heads: int = 4
  kv_heads: int = 2
  head_dim: int = 8
  d_model: int = 16
  make_positions: Callable[[Any], Any] = _same
  key: jax.Array | None = None
  causal: bool = True
  tolerance: float = 1e-5
  far: bool = True

  batch = 2
  length = 8

  def with_encoding(self, encoding: Encoding) -> "Case":
    """The same sizes for another encoding."""
    return dataclasses.replace(self, encoding=encoding)

  def numbers(self, name: str, *shape: int) -> np.ndarray:
    """Standard normal numbers in float32, different for each name."""
    return np.random.default_rng(list(name.encode())).standard_normal(shape).astype(np.float32)

  def inputs(self) -> np.ndarray:
    return self.numbers("x", self.batch, self.length, self.d_model)

  def weights(self) -> dict[str, np.ndarray]:
    """Projections: q ``[D, N, H]``, k and v ``[D, K, H]``."""
    sizes = {"q": self.heads, "k": self.kv_heads, "v": self.kv_heads}
    return {n: self.numbers(n, self.d_model, h, self.head_dim) / np.float32(self.d_model**0.5)
            for n, h in sizes.items()}


def embed(case: Case, encoding, x, index, *, shift: int = 0):
  """What a model does once a call: positions of all layers and position-aware embeddings.

  ``shift`` is added to the positions that are made, not to the index they are made from.
  """
  positions = jax.tree.map(lambda p: p + shift if shift else p, case.make_positions(index))
  positions = encoding.positions(positions, key=case.key)
  positions = encoding.align_tokens(positions, 1, x.shape[1])
  return encoding.inputs(jnp.asarray(x), positions), positions


def project(case: Case, encoding, weights, x, positions, *, carry=None, segments=None):
  """What a layer does on write: its input, driven positions and prepared q, k, v."""
  x, positions, carry = encoding.layer(x, positions, carry=carry, segments=segments)
  q, k, v = (jnp.einsum("btd,dnh->btnh", x, jnp.asarray(weights[n]).astype(x.dtype))
             for n in "qkv")
  return *prepare(q, k, v, encoding, positions, positions), positions, carry


def layer(case: Case, encoding, weights, x, index, *, segments=None, seen=None, shift: int = 0,
          **options):
  """One attention layer over whole sequences: ``[B, T, N, H]``.

  Args:
    case: sizes.
    encoding: the encoding (may differ from the case's in its leaves).
    weights: as ``case.weights()``.
    x: ``[B, T, D]``.
    index: int32 ``[B, T]``, token positions.
    segments: None or ``[B, T]``.
    seen: None or bool ``[B, T]``, True on real tokens.
    shift: added to all positions.
    **options: for ``attend``.
  """
  x, positions = embed(case, encoding, x, index, shift=shift)
  q, k, v, positions, _ = project(case, encoding, weights, x, positions, segments=segments)
  order = np.arange(x.shape[1], dtype=np.int32)
  mask = None if seen is None else seen[:, None, None, :]
  return attend(q, k, v, encoding, q_positions=positions, k_positions=positions, q_order=order,
                k_order=order, causal=case.causal, segments=segments, mask=mask, applied=ALL_HOOKS,
                **options)


def index_of(case: Case, rows: int | None = None, length: int | None = None) -> jax.Array:
  """0, 1, .. for some rows, ``[rows, length]``."""
  shape = (case.batch if rows is None else rows, case.length if length is None else length)
  return jnp.broadcast_to(jnp.arange(shape[1], dtype=jnp.int32), shape)


def once(case: Case, x, index, encoding=None, **options) -> jax.Array:
  """The dense layer as one program: a call alone would compile each of its operations."""
  encoding = case.encoding if encoding is None else encoding
  options = {"implementation": "reference", **options}
  arrays = {n: options.pop(n) for n in ("segments", "seen") if n in options}
  run = jax.jit(lambda e, x, index, arrays: layer(case, e, case.weights(), x, index, **arrays,
                                                  **options))
  return run(encoding, x, index, arrays)


def full(case: Case, encoding=None, x=None, **options) -> jax.Array:
  """The layer over whole sequences, dense unless told otherwise: what other runs must equal."""
  x = case.inputs() if x is None else x
  return once(case, x, index_of(case, x.shape[0]), encoding, **options)


def near(name: str, got, wanted, tolerance: float) -> None:
  """Raises an AssertionError unless two results agree, relative to 1 + their size."""
  got, wanted = np.asarray(got, np.float64), np.asarray(wanted, np.float64)
  assert got.shape == wanted.shape, f"{name}: shape {got.shape}, wanted {wanted.shape}"
  assert np.isfinite(got).all(), f"{name}: not finite"
  worst = np.max(np.abs(got - wanted) / (1 + np.abs(wanted)), initial=0.0)
  assert worst <= tolerance, f"{name}: off by {worst:.3g}, allowed {tolerance:.3g}"

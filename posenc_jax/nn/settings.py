# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the layers of a model share: sizes, norms, dropout and dtypes, checked once."""

import dataclasses
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from posenc_jax import _errors, _numerics
from posenc_jax.attention import IMPLEMENTATIONS
from posenc_jax.attention.hiding import check_window as check_window

ACTIVATIONS = {"gelu": jax.nn.gelu, "relu": jax.nn.relu, "silu": jax.nn.silu}
NORMS = ("pre", "post")


class Active(NamedTuple):
  """How many columns, heads, key heads and hidden units are in use; ints, or traced."""

  d_model: Any
  num_heads: Any
  kv_heads: Any
  d_ff: Any


@dataclasses.dataclass(frozen=True)
class Settings:
  """Sizes and choices shared by the layers of a model.

  Args:
    d_model: D.
    num_layers: how many blocks.
    num_heads: N; None takes D // head_dim.
    head_dim: H; None takes D // num_heads.
    kv_heads: K, of which N is a multiple; None takes N.
    d_ff: hidden units of the feed-forward; None takes 4 D.
    norm: "pre" (norms inside the residual branches and at the end) or "post" (Vaswani et al. 2017).
    activation: of the feed-forward: "gelu" (its tanh form), "relu" (as Vaswani et al.) or "silu".
    dropout: rate on the embeddings' sum and on every residual branch (Vaswani et al., section 5.4);
      may be traced.
    window: None, w or (left, right): as in ``attend``, in every self-attention.
    scale: multiplies q k^T; None is 1 / sqrt(H) (T5 uses 1.0).
    implementation: as in ``attend``.
    dtype: what is computed in; None takes param_dtype. Norms, softmax and logits use at least
      float32.
    param_dtype: of the parameters.

  Raises:
    ValueError: sizes that do not divide or are not positive, unknown names, a rate outside [0, 1).
    TypeError: sizes that are not ints, dtypes that are not floating.

  Example:
    >>> Settings(64, num_layers=2, head_dim=16).num_heads
    4
  """

  d_model: int
  num_layers: int
  # Ints after __post_init__.
  num_heads: int = None  # type: ignore[assignment]
  head_dim: int = None  # type: ignore[assignment]
  kv_heads: int = None  # type: ignore[assignment]
  d_ff: int = None  # type: ignore[assignment]
  norm: str = "pre"
  activation: str = "gelu"
  dropout: Any = 0.0
  window: int | tuple[int, int] | None = None
  scale: float | None = None
  implementation: str = "auto"
  dtype: Any = None
  param_dtype: Any = jnp.float32

  def __post_init__(self):
    d_model = check_size("d_model", self.d_model)
    heads = resolve_heads(d_model, self.num_heads, self.head_dim, self.kv_heads)
    d_ff = 4 * d_model if self.d_ff is None else check_size("d_ff", self.d_ff)
    _errors.check_choice("norm", self.norm, NORMS)
    _errors.check_choice("activation", self.activation, tuple(ACTIVATIONS))
    _errors.check_choice("implementation", self.implementation, IMPLEMENTATIONS)
    if _numerics.known(self.dropout) is not None and not 0 <= self.dropout < 1:
      raise _errors.value_error("dropout", self.dropout, "a rate in [0, 1)",
                                "Vaswani et al. use 0.1")
    dtype, param_dtype = resolve_dtypes(self.dtype, self.param_dtype)
    num_heads, head_dim, kv_heads = heads
    layers, window = check_size("num_layers", self.num_layers), check_window(self.window)
    for name, value in dict(d_model=d_model, num_layers=layers, num_heads=num_heads,
                            head_dim=head_dim, kv_heads=kv_heads, d_ff=d_ff, dtype=dtype,
                            param_dtype=param_dtype, window=window).items():
      object.__setattr__(self, name, value)

  def active(self, active_width=None) -> Active:
    """The counts in use at an active width; None is all of D.

    Raises:
      ValueError: a known width that is too large or does not hold whole heads.
    """
    return active_counts(active_width, self.d_model, self.num_heads, self.kv_heads, self.d_ff)


def make_settings(model: str, d_model, num_layers, num_heads, options: dict) -> Settings:
  """The ``Settings`` of a model's keyword arguments.

  Raises:
    TypeError: a keyword that is no setting; the nearest one, or its new name, is offered.
    ValueError: as ``Settings``.
  """
  names = [f.name for f in dataclasses.fields(Settings)][2:]  # without d_model, num_layers
  _errors.refuse_unknown(model, options, names, {"width": "active_width"})
  return Settings(d_model, num_layers, num_heads, **options)


def check_size(name: str, value: Any) -> int:
  """The value as a Python int; an error unless it is an int of at least 1."""
  return _errors.check_int(name, value, "an int, at least 1", "Sizes shape the program", least=1)


def resolve_heads(d_model: int, num_heads, head_dim, kv_heads) -> tuple[int, int, int]:
  """(N, H, K) from whichever of the head counts and the head dim are given."""
  if num_heads is None and head_dim is None:
    raise _errors.value_error("num_heads, head_dim", "neither", "at least one of them",
                              "Give the number of heads or the dim of each")
  num_heads, head_dim, kv_heads = (
      None if value is None else check_size(name, value) for name, value in
      (("num_heads", num_heads), ("head_dim", head_dim), ("kv_heads", kv_heads)))
  if num_heads is None:
    num_heads = _divide(d_model, head_dim, "head_dim", "num_heads")
  if head_dim is None:
    head_dim = _divide(d_model, num_heads, "num_heads", "head_dim")
  kv_heads = num_heads if kv_heads is None else kv_heads
  if num_heads % kv_heads:
    raise _errors.value_error("kv_heads", f"{kv_heads} for num_heads={num_heads}",
                              "a divisor of the number of query heads", "Change one of the two")
  return num_heads, head_dim, kv_heads


def _divide(d_model, value, name, other) -> int:
  if d_model % value:
    below = max(d_model - d_model % value, value)
    raise _errors.value_error(
        f"d_model, {name}", f"{d_model} and {value}", f"a d_model that {name} divides",
        f"Use d_model={below} or {below + value}, another {name}, or give {other} as well")
  return d_model // value


def resolve_dtypes(dtype, param_dtype):
  """(compute dtype, parameter dtype), both floating."""
  param_dtype = jnp.dtype(param_dtype)
  dtype = param_dtype if dtype is None else jnp.dtype(dtype)
  for name, value in (("param_dtype", param_dtype), ("dtype", dtype)):
    if not jnp.issubdtype(value, jnp.floating):
      raise _errors.type_error(name, value.name, "a floating dtype", "Use float32 or bfloat16")
  return dtype, param_dtype


def active_counts(active_width, d_model, num_heads, kv_heads, d_ff) -> Active:
  """Every size scaled by active_width / d_model; known widths must give whole numbers."""
  if active_width is None:
    return Active(d_model, num_heads, kv_heads, d_ff)
  known = _numerics.known(active_width)
  if known is not None:
    if not (known.ndim == 0 and known.dtype.kind in "iu" and 1 <= known <= d_model):
      raise _errors.value_error("active_width", active_width,
                                f"an int in [1, {d_model}], the active part of d_model={d_model}",
                                "Build the model with the widest d_model")
    for name, size in (("num_heads", num_heads), ("kv_heads", kv_heads), ("d_ff", d_ff)):
      if int(known) * size % d_model:
        raise _errors.value_error(
            "active_width", int(known), f"whole {name} at active_width / d_model of {size}",
            f"Use a multiple of {d_model // math.gcd(d_model, size)}")
  static = isinstance(active_width, int | np.integer)
  width = int(active_width) if static else jnp.asarray(active_width, jnp.int32)
  return Active(width, *(width * size // d_model for size in (num_heads, kv_heads, d_ff)))

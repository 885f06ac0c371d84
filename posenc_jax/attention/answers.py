# Copyright 2026 The posenc_jax Authors.
# SPDX-License-Identifier: Apache-2.0
"""What the hooks of an encoding return, checked before anything casts or broadcasts it."""

from typing import Any

import jax.numpy as jnp

from posenc_jax import _errors
from posenc_jax._heads import check_heads
from posenc_jax.base import Encoding


def bias(encoding: Encoding, found: Any, shape: tuple[int, ...]) -> Any:
  """The answer to ``bias``: None or real numbers ``[..., N, T, S]``, 1 in place of shared axes.

  Args:
    encoding: whose answer it is.
    found: what it returned.
    shape: of the scores ``[..., N, T, S]``.

  Raises:
    TypeError: no array, bools, complex numbers.
    ValueError: axes that are missing, or of other sizes; another number of heads.
  """
  return _of_pairs(encoding, "bias", found, shape, _is_real, "numbers",
                   "A mask belongs to visible(tile), as bools", (shape[-3],))


def visible(encoding: Encoding, found: Any, shape: tuple[int, ...]) -> Any:
  """The answer to ``visible``: None or bool ``[..., 1 or N, T, S]``; else as ``bias``."""
  return _of_pairs(encoding, "visible", found, shape, lambda d: d == jnp.bool_,
                   "bool, True where visible", "Compare, as in distance <= 4", (1, shape[-3]))


def same(encoding: Encoding, hook: str, new: Any, old: Any) -> Any:
  """The answer to a hook that keeps the shape of what it got: floats of that shape."""
  _check_floats(encoding, hook, new)
  if new.shape != old.shape:
    raise _errors.value_error(f"encoding.{hook}", f"shape {new.shape}", f"{old.shape}",
                              "Build the encoding for the query heads of q, and keep all axes")
  return new


def kept(encoding: Encoding, hook: str, new: Any, old: Any) -> Any:
  """The answer to a hook that may change the last axis alone: floats with the others kept."""
  _check_floats(encoding, hook, new)
  if new.shape[:-1] != old.shape[:-1]:
    raise _errors.value_error(f"encoding.{hook}", f"shape {new.shape}",
                              f"{old.shape}, as was given",
                              "Build the encoding for these heads, and keep all axes")
  return new


def pair(encoding: Encoding, hook: str, found: Any, q: Any, k: Any) -> tuple[Any, Any]:
  """The answer to ``qk`` or ``expand``: (q, k), whose last axes may change, to one size."""
  if not isinstance(found, tuple | list) or len(found) != 2:
    came = f"{len(found)} of them" if isinstance(found, tuple | list) else _errors.describe(found)
    raise _errors.type_error(_name(encoding, hook), came, "a pair (q, k)",
                             "Return both, the one that does not change as well")
  a, b = kept(encoding, hook, found[0], q), kept(encoding, hook, found[1], k)
  if a.shape[-1] != b.shape[-1]:
    raise _errors.value_error(f"encoding.{hook}", f"shapes {a.shape} and {b.shape}",
                              "last axes of equal size",
                              "The last axis must change by the same number for q and k")
  return a, b


def _name(encoding, hook):
  return f"encoding {type(encoding).__name__}, {hook}"


def _is_real(dtype) -> bool:
  return jnp.issubdtype(dtype, jnp.floating) or jnp.issubdtype(dtype, jnp.integer)


def _check_floats(encoding, hook, x):
  """Raises unless x is an array of floats."""
  if not hasattr(x, "shape") or not hasattr(x, "dtype") or not jnp.issubdtype(x.dtype,
                                                                              jnp.floating):
    raise _errors.type_error(_name(encoding, hook), _errors.describe(x), "an array of floats",
                             "Return what the hook got, changed or not")


def _of_pairs(encoding, hook, x, shape, fits, wanted, mend, heads):
  """An answer for every pair of a query and a key, or None."""
  if x is None:
    return None
  where = _name(encoding, hook)
  axes = f"[..., {'1 or ' if heads[0] == 1 else ''}N, T, S]"
  if not hasattr(x, "shape") or not hasattr(x, "dtype"):
    raise _errors.type_error(where, _errors.describe(x), f"None or an array {axes}",
                             "Build it from tile.distance(), which has the axes of the tile")
  if not fits(x.dtype):
    raise _errors.type_error(where, x.dtype.name, wanted, mend)
  fit = len(x.shape) == len(shape) and all(
      a in (1, b) for i, (a, b) in enumerate(zip(x.shape, shape, strict=True))
      if i != len(shape) - 3)
  if not fit:
    raise _errors.value_error(where, f"shape {x.shape}", f"{axes}: {shape}, or 1 for a shared axis",
                              "Write out the axes of examples and heads: x[None] for all examples")
  if x.shape[-3] not in heads:
    check_heads(encoding, hook, x.shape, -3, shape[-3])
  return x
